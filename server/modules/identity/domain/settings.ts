import type { Static, TSchema } from "typebox";
import { assert } from "../../../kernel/assert.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { formatInstant } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";

/** Something that each tenant may choose for itself. Its module declares it, once. */
export interface TenantSetting<Schema extends TSchema = TSchema> {
  /** `orders.close_after_minutes`: the module and what it is, in snake case with its unit. */
  readonly name: string;
  readonly schema: Schema;
  /** Holds for every tenant that has not chosen. */
  readonly platformDefault: Static<Schema>;
  /** One sentence for the tenant's staff. */
  readonly meaning: string;
}

const settingNamePattern = /^[a-z]+\.[a-z][a-z0-9_]{0,80}$/;

export function defineTenantSetting<Schema extends TSchema>(
  setting: TenantSetting<Schema>,
): TenantSetting<Schema> {
  assert(settingNamePattern.test(setting.name), `${setting.name} is no name of a tenant setting`);
  return setting;
}

export type SettingValue = unknown;

/** Null is how forms, -1 is how older clients say "as the platform has it" [TEN-02]. */
export function meansDefault(value: SettingValue): boolean {
  return value === null || value === -1;
}

export interface SettingChange {
  readonly id: Id<"SettingChange">;
  readonly name: string;
  /** Undefined: back to the platform's default. */
  readonly value: SettingValue;
}

export interface ChangeSettings {
  readonly changes: readonly SettingChange[];
  /** The subject who asked for it. */
  readonly by: string;
}

export interface SettingsWorld {
  readonly tenantExists: boolean;
  /** What the tenant has chosen. */
  readonly chosen: Map<string, SettingValue>;
}

/** One line of the history: who, when, what it was and what it became [TEN-02]. */
export interface RecordedChange {
  readonly id: Id<"SettingChange">;
  readonly name: string;
  readonly oldValue: SettingValue;
  readonly newValue: SettingValue;
  readonly by: string;
  readonly at: number;
}

/** As the API tells it: null is the platform's default. */
export function settingChangeView(change: RecordedChange) {
  return {
    id: change.id,
    name: change.name,
    oldValue: change.oldValue ?? null,
    newValue: change.newValue ?? null,
    changedBy: change.by,
    changedAt: formatInstant(change.at),
  };
}

export type ChangeSettingsOutcome =
  | { readonly kind: "changed"; readonly changes: readonly RecordedChange[] }
  | Refusal;

/** Values have been checked against their schemas. What stays as it was leaves no history. */
export function decideChangeSettings(
  world: SettingsWorld,
  command: ChangeSettings,
  now: number,
): ChangeSettingsOutcome {
  if (!world.tenantExists) return refuse("not_found", { what: "tenant" });
  const changes: RecordedChange[] = [];
  for (const { id, name, value } of command.changes) {
    const oldValue = world.chosen.get(name);
    if (JSON.stringify(oldValue) === JSON.stringify(value)) continue;
    changes.push({ id, name, oldValue, newValue: value, by: command.by, at: now });
    if (value === undefined) world.chosen.delete(name);
    else world.chosen.set(name, value);
  }
  return { kind: "changed", changes };
}
