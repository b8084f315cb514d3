import type { Database, Tx } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import type { Tenant, TenantId } from "../domain/tenants.ts";

interface TenantRow {
  tenant_id: TenantId;
  name: string;
  time_zone: string;
  currency: "CNY";
  active: boolean;
  created_at: number;
}

const selectTenant = statement(
  "identity.load_tenant",
  `select tenant_id, name, time_zone, currency, active, created_at
   from identity.tenants where tenant_id = $1`,
);

const lockTenant = statement(
  "identity.lock_tenant",
  `select tenant_id, name, time_zone, currency, active, created_at
   from identity.tenants where tenant_id = $1 for no key update`,
);

const insertTenant = statement(
  "identity.insert_tenant",
  `insert into identity.tenants (tenant_id, name, time_zone, currency, active, created_at)
   values ($1, $2, $3, $4, $5, $6)`,
);

const updateTenantActive = statement(
  "identity.update_tenant_active",
  `update identity.tenants set active = $2 where tenant_id = $1`,
);

/** A person is shown so many; more are not read by anybody. */
const listedTenantsMax = 20;

const selectTenantIds = statement(
  "identity.list_tenant_ids",
  `select tenant_id from identity.tenants order by tenant_id limit $1`,
);

/** Looks across tenants, to go on with one of them; oldest first. */
export async function readTenantIds(database: Database): Promise<TenantId[]> {
  const lists = await Promise.all(
    database
      .pools()
      .map((pool) => pool.query<{ tenant_id: TenantId }>(selectTenantIds.text, [listedTenantsMax])),
  );
  return lists.flatMap(({ rows }) => rows.map((row) => row.tenant_id));
}

export async function readTenant(
  database: Database,
  tenantId: string,
): Promise<Tenant | undefined> {
  const [row] = await database.read<TenantRow>(tenantId, selectTenant, [tenantId]);
  return row === undefined ? undefined : tenantOf(row);
}

/** Without a lock: for decisions that a change of the tenant in the same instant may miss. */
export async function loadTenant(tx: Tx): Promise<Tenant | undefined> {
  const [row] = await tx.rows<TenantRow>(selectTenant, [tx.tenantId]);
  return row === undefined ? undefined : tenantOf(row);
}

export async function loadTenantForChange(tx: Tx): Promise<Tenant | undefined> {
  const [row] = await tx.rows<TenantRow>(lockTenant, [tx.tenantId]);
  return row === undefined ? undefined : tenantOf(row);
}

export function saveNewTenant(tx: Tx, tenant: Tenant): void {
  tx.write(insertTenant, [
    tenant.id,
    tenant.name,
    tenant.timeZone,
    tenant.currency,
    tenant.active,
    timestamp(tenant.createdAt),
  ]);
}

export function saveTenantActive(tx: Tx, tenant: Tenant): void {
  tx.write(updateTenantActive, [tenant.id, tenant.active]);
}

function tenantOf(row: TenantRow): Tenant {
  return {
    id: row.tenant_id,
    name: row.name,
    timeZone: row.time_zone,
    currency: row.currency,
    active: row.active,
    createdAt: row.created_at,
  };
}
