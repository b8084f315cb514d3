import type { Static, TSchema } from "typebox";
import { Check } from "typebox/value";
import { assert } from "../../../kernel/assert.ts";
import type { Committers } from "../../../kernel/batch.ts";
import { createCache } from "../../../kernel/cache.ts";
import type { Database } from "../../../kernel/database.ts";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Answer, KeyedOperation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import type {
  ChangeSettings,
  ChangeSettingsOutcome,
  RecordedChange,
  SettingsWorld,
  SettingValue,
  TenantSetting,
} from "../domain/settings.ts";
import { decideChangeSettings, meansDefault, settingChangeView } from "../domain/settings.ts";
import type { ChosenSetting } from "../store/settings.ts";
import { loadSettings, readSettingChanges, readSettings, saveSettings } from "../store/settings.ts";

/** Another process sees a change after this time at the latest, this one at once. */
const knownForMs = 5 * secondMs;
/** Tenants that one process serves within seconds; a few hundred bytes each. */
const knownTenantsMax = 10_000;

/** A setting as the tenant has it. */
export interface EffectiveSetting {
  readonly definition: TenantSetting;
  readonly value: SettingValue;
  /** Undefined when the tenant has not chosen and the platform's default holds. */
  readonly chosen: ChosenSetting | undefined;
}

type Chosen = ReadonlyMap<string, ChosenSetting>;

export function createSettings(deps: {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly definitions: readonly TenantSetting[];
}) {
  const { database, committers, ids, clock } = deps;
  const definitions = new Map(deps.definitions.map((setting) => [setting.name, setting]));
  assert(definitions.size === deps.definitions.length, "two tenant settings have one name");
  for (const setting of definitions.values()) {
    const fits = Check(setting.schema, setting.platformDefault);
    assert(fits, `the default of ${setting.name} does not fit its schema`);
  }
  const known = createCache<string, Chosen>({
    name: "tenant_settings",
    clock,
    max: knownTenantsMax,
    ttlMs: knownForMs,
    load: async (tenantId) => {
      const chosen = await readSettings(database, tenantId);
      return new Map([...chosen].filter(([name, { value }]) => isAllowed(name, value)));
    },
  });

  /** What a newer version does not allow any more counts as not chosen. */
  function isAllowed(name: string, value: SettingValue): boolean {
    const definition = definitions.get(name);
    return definition !== undefined && Check(definition.schema, value);
  }

  return {
    definitions: [...definitions.values()],
    cache: known,

    /** What holds for the tenant: what it has chosen, or the platform's default. */
    async setting<Schema extends TSchema>(
      tenantId: string,
      definition: TenantSetting<Schema>,
    ): Promise<Static<Schema>> {
      assert(definitions.get(definition.name) === definition, `${definition.name} is not declared`);
      const chosen = (await known.get(tenantId))?.get(definition.name);
      // Only values that fit the schema are known.
      return chosen === undefined ? definition.platformDefault : (chosen.value as Static<Schema>);
    },

    /** Read from the database, so that who has just changed one sees it. */
    async readSettings(tenantId: string): Promise<EffectiveSetting[]> {
      const chosen = await readSettings(database, tenantId);
      return [...definitions.values()].map((definition) => {
        const own = chosen.get(definition.name);
        const holds = own !== undefined && isAllowed(definition.name, own.value);
        return {
          definition,
          value: holds ? own.value : definition.platformDefault,
          chosen: holds ? own : undefined,
        };
      });
    },

    /** Takes names with values that fit their schemas; null or -1 is the platform's default. */
    async changeSettings(
      tenantId: string,
      key: IdempotencyKey,
      change: { readonly values: Readonly<Record<string, SettingValue>>; readonly by: string },
    ): Promise<Answer | Refusal> {
      const changes = Object.entries(change.values).map(([name, value]) => ({
        id: ids.next<"SettingChange">(),
        name,
        value: meansDefault(value) ? undefined : value,
      }));
      const command = { changes, by: change.by };
      const answer = await committers.runKeyed(changeSettings, tenantId, key, command);
      known.forget(tenantId);
      return answer;
    },

    readChanges: (
      tenantId: string,
      page: { readonly name: string; readonly before: string | undefined; readonly limit: number },
    ): Promise<RecordedChange[]> => readSettingChanges(database, tenantId, page),
  };
}

const changeSettings: KeyedOperation<ChangeSettings, SettingsWorld, ChangeSettingsOutcome> = {
  name: "identity.change_settings",
  batchMax: 1,
  load: (tx) => loadSettings(tx),
  decide: decideChangeSettings,
  save: (tx, _world, outcomes) => {
    const changes = outcomes.flatMap((outcome) =>
      outcome.kind === "changed" ? outcome.changes : [],
    );
    if (changes.length === 0) return;
    saveSettings(tx, changes);
    const names = changes.map(({ name }) => name);
    tx.emit([{ type: "tenant_settings_changed", data: { names } }]);
  },
  answer: (outcome) => {
    if (outcome.kind === "refused") return outcome;
    const body = JSON.stringify({ changes: outcome.changes.map(settingChangeView) });
    return { kind: "answered", status: 200, body };
  },
};
