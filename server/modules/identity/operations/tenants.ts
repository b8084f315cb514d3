import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Operation } from "../../../kernel/operation.ts";
import type {
  CreateTenant,
  CreateTenantOutcome,
  SetTenantActive,
  SetTenantActiveOutcome,
  Tenant,
  TenantId,
  TenantsWorld,
} from "../domain/tenants.ts";
import { decideCreateTenant, decideSetTenantActive } from "../domain/tenants.ts";
import {
  loadTenantForChange,
  readTenant,
  readTenantIds,
  saveNewTenant,
  saveTenantActive,
} from "../store/tenants.ts";
import type { Authentication } from "./authentication.ts";

export function createTenants(deps: {
  readonly database: Database;
  readonly committers: Committers;
  readonly authentication: Authentication;
}) {
  const { database, committers, authentication } = deps;
  return {
    /** For the seed and for tools: no route makes tenants. Repeating it gives the same tenant. */
    createTenant: (command: CreateTenant): Promise<CreateTenantOutcome> =>
      committers.run(createTenant, command.id, command),

    /** Tokens of a tenant that is not active are refused, everywhere within half a minute. */
    async setTenantActive(command: SetTenantActive): Promise<SetTenantActiveOutcome> {
      const outcome = await committers.run(setTenantActive, command.id, command);
      authentication.forgetAll();
      return outcome;
    },

    listTenantIds: (): Promise<TenantId[]> => readTenantIds(database),

    readTenant: (tenantId: string): Promise<Tenant | undefined> => readTenant(database, tenantId),
  };
}

const createTenant: Operation<CreateTenant, TenantsWorld, CreateTenantOutcome> = {
  name: "identity.create_tenant",
  batchMax: 1,
  load: async (tx) => worldOf(await loadTenantForChange(tx)),
  decide: decideCreateTenant,
  save: (tx, _world, outcomes) => {
    for (const outcome of outcomes) {
      if (outcome.kind !== "created") continue;
      const { id, name, timeZone, currency } = outcome.tenant;
      saveNewTenant(tx, outcome.tenant);
      tx.emit([{ type: "tenant_created", data: { tenantId: id, name, timeZone, currency } }]);
    }
  },
};

const setTenantActive: Operation<SetTenantActive, TenantsWorld, SetTenantActiveOutcome> = {
  name: "identity.set_tenant_active",
  batchMax: 1,
  load: async (tx) => worldOf(await loadTenantForChange(tx)),
  decide: decideSetTenantActive,
  save: (tx, _world, outcomes) => {
    for (const outcome of outcomes) {
      if (outcome.kind !== "changed") continue;
      const { id, active } = outcome.tenant;
      saveTenantActive(tx, outcome.tenant);
      tx.emit([
        { type: active ? "tenant_activated" : "tenant_deactivated", data: { tenantId: id } },
      ]);
    }
  },
};

function worldOf(tenant: Tenant | undefined): TenantsWorld {
  return { tenants: new Map(tenant === undefined ? [] : [[tenant.id, tenant]]) };
}
