import { isZone, zoneDefault } from "../../../kernel/calendar.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";

export type TenantId = Id<"Tenant">;

/**
 * The platform itself, where rows belong to all tenants: the keys that sign tokens. It is no row of
 * `tenants`, so no token can ever name it.
 */
export const platformTenantId = "00000000-0000-7000-8000-000000000000" as TenantId;

/** A business that sells to members; everything it has carries its id [TEN-01]. */
export interface Tenant {
  readonly id: TenantId;
  readonly name: string;
  /** A name of the tz database; business days are counted in it. */
  readonly timeZone: string;
  readonly currency: "CNY";
  /** Tokens of a tenant that is not active are refused. */
  readonly active: boolean;
  readonly createdAt: number;
}

export interface CreateTenant {
  readonly id: TenantId;
  readonly name: string;
  readonly timeZone?: string;
}

export interface TenantsWorld {
  readonly tenants: Map<TenantId, Tenant>;
}

export type CreateTenantOutcome =
  | { readonly kind: "created"; readonly tenant: Tenant }
  | { readonly kind: "created_before"; readonly tenant: Tenant }
  | Refusal;

/** Repeating it changes nothing, so that a seed may run at every start. */
export function decideCreateTenant(
  world: TenantsWorld,
  command: CreateTenant,
  now: number,
): CreateTenantOutcome {
  const earlier = world.tenants.get(command.id);
  if (earlier !== undefined) return { kind: "created_before", tenant: earlier };
  const name = command.name.trim();
  if (name.length === 0 || name.length > tenantNameMax) {
    return refuse("invalid_request", {
      detail: `a tenant's name has 1 to ${tenantNameMax} letters`,
    });
  }
  const timeZone = command.timeZone ?? zoneDefault;
  if (!isZone(timeZone)) {
    return refuse("invalid_request", { detail: `${timeZone} is no time zone of the tz database` });
  }
  const { id } = command;
  const tenant: Tenant = { id, name, timeZone, currency: "CNY", active: true, createdAt: now };
  world.tenants.set(id, tenant);
  return { kind: "created", tenant };
}

/** Repeats the check of the table. */
const tenantNameMax = 100;

export interface SetTenantActive {
  readonly id: TenantId;
  readonly active: boolean;
}

export type SetTenantActiveOutcome =
  | { readonly kind: "changed" | "unchanged"; readonly tenant: Tenant }
  | Refusal;

export function decideSetTenantActive(
  world: TenantsWorld,
  command: SetTenantActive,
): SetTenantActiveOutcome {
  const tenant = world.tenants.get(command.id);
  if (tenant === undefined) return refuse("not_found", { what: "tenant" });
  if (tenant.active === command.active) return { kind: "unchanged", tenant };
  const changed = { ...tenant, active: command.active };
  world.tenants.set(tenant.id, changed);
  return { kind: "changed", tenant: changed };
}
