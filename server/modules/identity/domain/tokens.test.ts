import { expect, test } from "vitest";
import { dayMs, hourMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import { scopes, scopesOfKind } from "./principals.ts";
import type { Tenant, TenantId } from "./tenants.ts";
import type { IssueToken, Standing, TokenGrant, TokenId } from "./tokens.ts";
import {
  claimsOf,
  clockToleranceMs,
  decideIssueToken,
  decideUseToken,
  grantOf,
  onceLifeMaxMs,
  refuseStanding,
  refuseTimes,
} from "./tokens.ts";

const now = Date.parse("2025-11-21T03:42:00.123Z");
const tenant: Tenant = {
  id: "019aa4ab-6d2c-7a94-a3c1-c3f3f5b3e0a1" as TenantId,
  name: "Harbour Mall",
  timeZone: "Asia/Shanghai",
  currency: "CNY",
  active: true,
  createdAt: now,
};
const tokenId = "019aa4ab-6d2c-7a94-a3c1-c3f3f5b3e0b2" as TokenId;
const operator = { kind: "operator", subject: "operator" } as const;
const admin = { kind: "admin", subject: "admin:li", scopes } as const;
const asked: IssueToken = {
  id: tokenId,
  by: admin,
  kind: "member",
  name: "m-1",
  scopes: undefined,
  lifeMs: undefined,
  once: false,
  keyId: "key",
};

test("a token carries ids and scopes, and lives a day unless less is asked for", () => {
  expect(decideIssueToken({ tenant }, asked, now)).toEqual({
    kind: "issued",
    keyId: "key",
    by: "admin:li",
    grant: {
      id: tokenId,
      tenantId: tenant.id,
      subject: "member:m-1",
      kind: "member",
      memberId: "m-1",
      scopes: scopesOfKind.member,
      issuedAt: now,
      expiresAt: Math.floor((now + 24 * hourMs) / 1000) * 1000,
      once: false,
    },
  });
});

/** In order of precedence: each row would also be refused by the rows below it. */
const refusalTable: {
  code: string;
  world: { tenant: Tenant | undefined };
  change: Partial<IssueToken>;
}[] = [
  { code: "not_found", world: { tenant: undefined }, change: { kind: "admin" } },
  {
    code: "tenant_inactive",
    world: { tenant: { ...tenant, active: false } },
    change: { kind: "admin" },
  },
  { code: "token_kind_not_grantable", world: { tenant }, change: { kind: "admin", name: "" } },
  {
    code: "token_kind_not_grantable",
    world: { tenant },
    change: { by: { kind: "service", subject: "service:till", scopes }, name: "" },
  },
  {
    code: "invalid_request",
    world: { tenant },
    change: { name: "m 1", scopes: ["system:write"] },
  },
  {
    code: "scope_not_grantable",
    world: { tenant },
    change: { scopes: ["refunds:write"], lifeMs: 0 },
  },
  { code: "token_life_not_allowed", world: { tenant }, change: { lifeMs: 999 } },
  { code: "token_life_not_allowed", world: { tenant }, change: { lifeMs: 30 * dayMs + 1 } },
  {
    code: "token_life_not_allowed",
    world: { tenant },
    change: { once: true, lifeMs: onceLifeMaxMs + 1 },
  },
];

test.each(refusalTable)("issuing is refused: $code ($change)", ({ code, world, change }) => {
  expect(decideIssueToken(world, { ...asked, ...change }, now)).toMatchObject({
    kind: "refused",
    code,
  });
});

test("nobody gives away a scope that he does not have", () => {
  const by = {
    kind: "admin",
    subject: "admin:wu",
    scopes: ["tenant:write", "orders:read"],
  } as const;
  const given = decideIssueToken({ tenant }, { ...asked, by }, now);
  expect(given).toMatchObject({ grant: { scopes: ["orders:read"] } });
  const wanted = decideIssueToken({ tenant }, { ...asked, by, scopes: ["orders:write"] }, now);
  expect(wanted).toMatchObject({
    code: "scope_not_grantable",
    facts: { scope: "orders:write", allowed: ["orders:read"] },
  });
});

test("an operator gives staff their tokens", () => {
  const command: IssueToken = { ...asked, by: operator, kind: "admin", name: "li" };
  expect(decideIssueToken({ tenant }, command, now)).toMatchObject({
    grant: { subject: "admin:li", scopes, memberId: undefined },
  });
});

test("a token for one request lives five minutes [IAM-04]", () => {
  const outcome = decideIssueToken({ tenant }, { ...asked, once: true }, now);
  expect(outcome).toMatchObject({ grant: { once: true } });
  const { grant } = outcome as { grant: TokenGrant };
  expect(grant.expiresAt - now).toBeLessThanOrEqual(5 * minuteMs);
  expect(grant.expiresAt - now).toBeGreaterThan(5 * minuteMs - secondMs);
});

const grant: TokenGrant = {
  id: tokenId,
  tenantId: tenant.id,
  subject: "member:m-1",
  kind: "member",
  memberId: "m-1",
  scopes: ["orders:read"],
  issuedAt: now,
  expiresAt: now - 123 + hourMs,
  once: false,
};

test("claims say what was granted, to the millisecond", () => {
  expect(grantOf(claimsOf(grant))).toEqual(grant);
  expect(grantOf(claimsOf({ ...grant, once: true }))).toEqual({ ...grant, once: true });
});

test("claims hold ids only, no profile and no balance [IAM-02, IAM-17]", () => {
  expect(Object.keys(claimsOf(grant)).toSorted()).toEqual(
    ["exp", "iat", "jti", "kind", "memberId", "scope", "sub", "tid"].toSorted(),
  );
});

test.each([
  { jti: undefined },
  { jti: "1" },
  { tid: "mall" },
  { tid: undefined },
  { sub: 7 },
  { kind: "root" },
  { memberId: undefined },
  { memberId: 1 },
  { kind: "service" },
  { scope: ["orders:read"] },
  { iat: "1" },
  { exp: undefined },
  { once: "yes" },
])("claims that are not of our making say nothing: %o", (change) => {
  expect(grantOf({ ...claimsOf(grant), ...change })).toBeUndefined();
});

test("a scope that the kind may not have is dropped, signed or not", () => {
  const claims = { ...claimsOf(grant), scope: "orders:read system:write fly" };
  expect(grantOf(claims)?.scopes).toEqual(["orders:read"]);
});

const good: Standing = { tenantActive: true, tokenRevoked: false, subjectRevokedAt: undefined };

test.each<{ standing: Partial<Standing>; code: string | undefined }>([
  { standing: {}, code: undefined },
  { standing: { tenantActive: undefined, tokenRevoked: true }, code: "not_signed_in" },
  { standing: { tokenRevoked: true, tenantActive: false }, code: "token_revoked" },
  { standing: { subjectRevokedAt: now, tenantActive: false }, code: "token_revoked" },
  { standing: { subjectRevokedAt: now - 1 }, code: undefined },
  { standing: { tenantActive: false }, code: "tenant_inactive" },
])("standing $standing gives $code", ({ standing, code }) => {
  expect(refuseStanding(grant, { ...good, ...standing })?.code).toBe(code);
});

test("a token from the future is refused beyond the tolerance of clocks", () => {
  expect(refuseTimes(grant, now - clockToleranceMs)).toBeUndefined();
  expect(refuseTimes(grant, now - clockToleranceMs - 1)).toMatchObject({
    code: "not_signed_in",
    facts: { why: "not_yet_valid" },
  });
});

test("a token for one request with a longer window is refused, also when we have signed it", () => {
  const once = { ...grant, once: true, expiresAt: now + onceLifeMaxMs };
  expect(refuseTimes(once, now)).toBeUndefined();
  const longer = { ...once, expiresAt: now + onceLifeMaxMs + clockToleranceMs + 1 };
  expect(refuseTimes(longer, now)).toMatchObject({ facts: { why: "window_too_long" } });
});

test("the second use in one batch is refused, that of another token is not [IAM-04]", () => {
  const world = { used: new Set<TokenId>() };
  const other = { ...grant, id: "019aa4ab-6d2c-7a94-a3c1-c3f3f5b3e0c3" as TokenId };
  expect(decideUseToken(world, grant).kind).toBe("used");
  expect(decideUseToken(world, grant)).toMatchObject({ code: "token_replayed" });
  expect(decideUseToken(world, other).kind).toBe("used");
});
