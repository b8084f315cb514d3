import type { Database, Tx } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import type { RecordedChange, SettingsWorld, SettingValue } from "../domain/settings.ts";
import { loadTenantForChange } from "./tenants.ts";

export interface ChosenSetting {
  readonly name: string;
  readonly value: SettingValue;
  readonly changedAt: number;
  readonly changedBy: string;
}

interface ChosenRow {
  name: string;
  value: SettingValue;
  changed_at: number;
  changed_by: string;
}

interface ChangeRow {
  id: RecordedChange["id"];
  name: string;
  old_value: SettingValue;
  new_value: SettingValue;
  changed_at: number;
  changed_by: string;
}

const selectSettings = statement(
  "identity.load_settings",
  `select name, value, changed_at, changed_by
   from identity.tenant_settings where tenant_id = $1`,
);

const upsertSettings = statement(
  "identity.upsert_settings",
  `insert into identity.tenant_settings (tenant_id, name, value, changed_at, changed_by)
   select $1, s.name, s.value::jsonb, $2, s.changed_by
   from unnest($3::text[], $4::text[], $5::text[]) as s (name, value, changed_by)
   on conflict (tenant_id, name) do update
   set value = excluded.value, changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
);

const deleteSettings = statement(
  "identity.delete_settings",
  `delete from identity.tenant_settings where tenant_id = $1 and name = any($2::text[])`,
);

const insertSettingChanges = statement(
  "identity.insert_setting_changes",
  `insert into identity.tenant_setting_changes
     (tenant_id, name, id, old_value, new_value, changed_at, changed_by)
   select $1, c.name, c.id, c.old_value::jsonb, c.new_value::jsonb, $2, c.changed_by
   from unnest($3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
     as c (name, id, old_value, new_value, changed_by)`,
);

const selectSettingChanges = statement(
  "identity.list_setting_changes",
  `select id, name, old_value, new_value, changed_at, changed_by
   from identity.tenant_setting_changes
   where tenant_id = $1 and name = $2 and ($3::uuid is null or id < $3)
   order by id desc limit $4`,
);

export async function readSettings(
  database: Database,
  tenantId: string,
): Promise<ReadonlyMap<string, ChosenSetting>> {
  const rows = await database.read<ChosenRow>(tenantId, selectSettings, [tenantId]);
  return new Map(
    rows.map(({ name, value, changed_at, changed_by }) => [
      name,
      { name, value, changedAt: changed_at, changedBy: changed_by },
    ]),
  );
}

/** The tenant's row is the lock for all its settings: rows that do not exist cannot be locked. */
export async function loadSettings(tx: Tx): Promise<SettingsWorld> {
  const [tenant, rows] = await Promise.all([
    loadTenantForChange(tx),
    tx.rows<ChosenRow>(selectSettings, [tx.tenantId]),
  ]);
  return {
    tenantExists: tenant !== undefined,
    chosen: new Map(rows.map(({ name, value }) => [name, value])),
  };
}

export function saveSettings(tx: Tx, changes: readonly RecordedChange[]): void {
  const at = timestamp(tx.now);
  const chosen = changes.filter(({ newValue }) => newValue !== undefined);
  const dropped = changes.filter(({ newValue }) => newValue === undefined);
  if (chosen.length > 0) {
    tx.write(upsertSettings, [
      tx.tenantId,
      at,
      chosen.map(({ name }) => name),
      chosen.map(({ newValue }) => JSON.stringify(newValue)),
      chosen.map(({ by }) => by),
    ]);
  }
  if (dropped.length > 0) tx.write(deleteSettings, [tx.tenantId, dropped.map(({ name }) => name)]);
  tx.write(insertSettingChanges, [
    tx.tenantId,
    at,
    changes.map(({ name }) => name),
    changes.map(({ id }) => id),
    changes.map(({ oldValue }) => jsonOrNull(oldValue)),
    changes.map(({ newValue }) => jsonOrNull(newValue)),
    changes.map(({ by }) => by),
  ]);
}

/** Newest first; ids are made in time order. */
export async function readSettingChanges(
  database: Database,
  tenantId: string,
  page: { readonly name: string; readonly before: string | undefined; readonly limit: number },
): Promise<RecordedChange[]> {
  const values = [tenantId, page.name, page.before ?? null, page.limit];
  const rows = await database.read<ChangeRow>(tenantId, selectSettingChanges, values);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    oldValue: row.old_value ?? undefined,
    newValue: row.new_value ?? undefined,
    by: row.changed_by,
    at: row.changed_at,
  }));
}

/** Undefined is the platform's default and stands in the column as null. */
function jsonOrNull(value: SettingValue): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
