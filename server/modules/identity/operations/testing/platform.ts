import { randomBytes } from "node:crypto";
import Type from "typebox";
import { afterAll, expect } from "vitest";
import { createCommitters } from "../../../../kernel/batch.ts";
import { createDatabase } from "../../../../kernel/database.ts";
import { createIds } from "../../../../kernel/ids.ts";
import { createSecrets } from "../../../../kernel/secrets.ts";
import type { ManualClock } from "../../../../kernel/time.ts";
import { createManualClock, systemClock } from "../../../../kernel/time.ts";
import { defineTenantSetting } from "../../domain/settings.ts";
import type { TenantId } from "../../domain/tenants.ts";
import type { Identity } from "../identity.ts";
import { createIdentity } from "../identity.ts";
import type { IssuedToken, IssueTokenRequest } from "../tokens.ts";

export const closeAfterMinutes = defineTenantSetting({
  name: "orders.close_after_minutes",
  schema: Type.Integer({ minimum: 1, maximum: 10_080 }),
  platformDefault: 30,
  meaning: "When an unpaid order is closed.",
});

export const lateMoney = defineTenantSetting({
  name: "payments.late_money",
  schema: Type.Enum(["refund", "revive"]),
  platformDefault: "refund",
  meaning: "What happens to money that comes after the close.",
});

/** One master key, as all processes of a platform have. */
export const secrets = createSecrets([randomBytes(32)]);
export const ids = createIds({ clock: systemClock });

/** One process of the platform on this database, with a clock that the test moves. */
export function startProcess(options: { readonly url: string; readonly clock?: ManualClock }) {
  const clock = options.clock ?? createManualClock(Date.UTC(2026, 0, 31, 12));
  const database = createDatabase({ url: options.url, clock, poolMax: 6 });
  const committers = createCommitters({ database });
  const tenantSettings = [closeAfterMinutes, lateMoney];
  const identity = createIdentity({ database, committers, ids, clock, secrets, tenantSettings });
  afterAll(async () => {
    await committers.stop();
    await database.close();
  });
  return { clock, database, committers, identity };
}

export async function createTestTenant(identity: Identity): Promise<TenantId> {
  const id = ids.next<"Tenant">();
  expect(await identity.createTenant({ id, name: "Harbour Mall" })).toMatchObject({
    kind: "created",
  });
  return id;
}

/** A token as the tool of an operator gives it. */
export async function issue(
  identity: Identity,
  request: Partial<IssueTokenRequest> & { readonly tenantId: string },
): Promise<IssuedToken> {
  const issued = await identity.issueToken({
    by: { kind: "operator", subject: "operator" },
    kind: "member",
    name: "m-1",
    scopes: undefined,
    lifeMs: undefined,
    once: false,
    ...request,
  });
  if (issued.kind !== "issued") throw new Error(`refused: ${issued.code}`);
  return issued;
}
