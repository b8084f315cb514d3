import { afterAll, describe, expect, test } from "vitest";
import { refusals } from "../../refusals.ts";
import { testDatabase } from "../../kernel/testing/database.ts";
import { createTestHttp } from "../../kernel/testing/http.ts";
import { identityRoutes } from "./api.ts";
import {
  closeAfterMinutes,
  createTestTenant,
  ids,
  issue,
  lateMoney,
  startProcess,
} from "./operations/testing/platform.ts";

const { url } = await testDatabase();
const { clock, database, identity } = startProcess({ url });
const { http } = await createTestHttp({ refusals, clock });
http.registerAuthentication(identity.authenticate);
identityRoutes(http.app, identity);
await http.app.ready();
afterAll(() => http.stop());

const tenantId = await createTestTenant(identity);
const admin = await issue(identity, { tenantId, kind: "admin", name: "li" });
const service = await issue(identity, { tenantId, kind: "service", name: "till" });
const member = await issue(identity, { tenantId, name: "m-1" });

interface Call {
  readonly token?: string | undefined;
  readonly key?: string;
  readonly body?: unknown;
}

async function call(method: "GET" | "POST" | "PUT", path: string, given: Call = {}) {
  const { token = admin.token, key = ids.next(), body } = given;
  const reply = await http.app.inject({
    method,
    url: path,
    headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
    ...(body === undefined ? {} : { payload: body as object }),
  });
  return { status: reply.statusCode, headers: reply.headers, text: reply.body, json: reply.json() };
}

test("anybody gets the keys that verify tokens [IAM-05]", async () => {
  const reply = await http.app.inject({ method: "GET", url: "/.well-known/jwks.json" });
  expect(reply.statusCode).toBe(200);
  expect(reply.headers["cache-control"]).toBe("public, max-age=300");
  expect(reply.json()).toEqual({ keys: await identity.publishedKeys() });
});

test("a page is opened with a submit token for whom the caller acts [ORD-02]", async () => {
  const open = async (token: string, body: object = {}) => {
    const { status, json } = await call("POST", "/v1/submit-tokens", { token, body });
    return { status, json };
  };
  const expiresAt = new Date(clock.now() + 1_800_000).toISOString();
  const given = { token: expect.any(String), memberId: "m-1", expiresAt };
  expect(await open(member.token)).toEqual({ status: 201, json: given });
  const forMember = await open(service.token, { memberId: "m-1" });
  expect(forMember).toEqual({ status: 201, json: given });
  const by = { tenantId, memberId: "m-1" };
  const first = identity.submitKey(forMember.json.token, by);
  expect(first).toHaveProperty("bodyHash");
  expect(identity.submitKey((await open(member.token)).json.token, by)).not.toEqual(first);

  const unnamed = await open(service.token);
  expect([unnamed.status, unnamed.json.code]).toEqual([400, "invalid_request"]);
  const other = await open(member.token, { memberId: "m-2" });
  expect([other.status, other.json.code]).toEqual([403, "other_member"]);
  const reader = await issue(identity, { tenantId, name: "m-1", scopes: ["orders:read"] });
  const forbidden = await open(reader.token);
  expect([forbidden.status, forbidden.json.code]).toEqual([403, "not_allowed"]);
});

describe("giving out tokens", () => {
  test("a member's token works and says what it may", async () => {
    const body = { kind: "member", memberId: "m-7", scopes: ["orders:read"], lifeSeconds: 600 };
    const { status, json } = await call("POST", "/v1/tokens", { body });
    expect(status).toBe(201);
    expect(json).toEqual({
      id: expect.any(String),
      token: expect.any(String),
      kind: "member",
      subject: "member:m-7",
      memberId: "m-7",
      scopes: ["orders:read"],
      once: false,
      issuedAt: new Date(clock.now()).toISOString(),
      expiresAt: new Date(clock.now() + 600_000).toISOString(),
    });
    const { status: refused, json: problem } = await call("GET", "/v1/tenant", json);
    expect([refused, problem.code, problem.facts]).toEqual([
      403,
      "not_allowed",
      { scope: "tenant:read" },
    ]);
  });

  test("a service's token has what services may have", async () => {
    const body = { kind: "service", name: "erp" };
    const { json } = await call("POST", "/v1/tokens", { body });
    expect(json.scopes).toEqual(service.grant.scopes);
    expect((await call("GET", "/v1/tenant", json)).status).toBe(200);
  });

  test("a token that is good once is good once [IAM-04]", async () => {
    const body = { kind: "service", name: "erp", once: true };
    const { json } = await call("POST", "/v1/tokens", { body });
    expect((await call("GET", "/v1/tenant", json)).status).toBe(200);
    const second = await call("GET", "/v1/tenant", json);
    expect([second.status, second.json.code]).toEqual([401, "token_replayed"]);
  });

  test("a repeated request gets the same token, and no token lies in the database", async () => {
    const body = { kind: "member", memberId: "m-8" };
    const first = await call("POST", "/v1/tokens", { key: "same", body });
    const again = await call("POST", "/v1/tokens", { key: "same", body });
    expect(again.text).toBe(first.text);
    const [, , signature = ""] = first.json.token.split(".");
    const kept = await database.read<{ body: string }>(
      tenantId,
      { name: "test.kept", text: "select body from kernel.idempotency_keys where tenant_id = $1" },
      [tenantId],
    );
    expect(kept.length).toBeGreaterThan(0);
    expect(JSON.stringify(kept)).not.toContain(signature);
    const other = await call("POST", "/v1/tokens", { key: "same", body: { ...body, once: true } });
    expect([other.status, other.json.code]).toEqual([422, "idempotency_key_reused"]);
  });

  test.each([
    [{ kind: "admin", name: "li" }, "invalid_request", "kind"],
    [{ kind: "member", name: "m-1" }, "invalid_request", "memberId"],
    [{ kind: "member", memberId: "m 1" }, "invalid_request", "memberId"],
    [{ kind: "service", name: "erp", scopes: ["fly"] }, "invalid_request", "scopes[0]"],
    [{ kind: "service", name: "erp", lifeSeconds: 0 }, "invalid_request", "lifeSeconds"],
  ])("%o is refused and the wrong field named", async (body, code, field) => {
    const { status, json } = await call("POST", "/v1/tokens", { body });
    expect([status, json.code]).toEqual([400, code]);
    expect(json.errors.map((error: { field: string }) => error.field)).toContain(field);
  });

  test.each([
    [{ kind: "member", memberId: "m-1", scopes: ["refunds:write"] }, "scope_not_grantable"],
    [{ kind: "member", memberId: "m-1", lifeSeconds: 31 * 86_400 }, "token_life_not_allowed"],
    [{ kind: "service", name: "erp", once: true, lifeSeconds: 301 }, "token_life_not_allowed"],
  ])("%o is refused with what is allowed", async (body, code) => {
    const { status, json } = await call("POST", "/v1/tokens", { body });
    expect([status, json.code]).toEqual([422, code]);
  });

  test("needs staff, and an Idempotency-Key", async () => {
    const body = { kind: "member", memberId: "m-1" };
    for (const { token } of [service, member]) {
      const { status, json } = await call("POST", "/v1/tokens", { token, body });
      expect([status, json.code]).toEqual([403, "not_allowed"]);
    }
    const reply = await http.app.inject({
      method: "POST",
      url: "/v1/tokens",
      headers: { authorization: `Bearer ${admin.token}` },
      payload: body,
    });
    expect(reply.json().code).toBe("idempotency_key_missing");
  });
});

describe("revoking tokens", () => {
  test("ends one token", async () => {
    const { token, grant } = await issue(identity, { tenantId, kind: "service", name: "old" });
    expect((await call("GET", "/v1/tenant", { token })).status).toBe(200);
    const body = { tokenId: grant.id, reason: "the machine was sold" };
    const { status, json } = await call("POST", "/v1/token-revocations", { body });
    expect(status).toBe(201);
    expect(json).toEqual({ ...body, revokedAt: new Date(clock.now()).toISOString() });
    expect((await call("GET", "/v1/tenant", { token })).json.code).toBe("token_revoked");
  });

  test("ends all tokens of a subject", async () => {
    const { token } = await issue(identity, { tenantId, kind: "service", name: "older" });
    const body = { subject: "service:older", reason: "the machine was sold" };
    expect((await call("POST", "/v1/token-revocations", { body })).json).toMatchObject(body);
    expect((await call("GET", "/v1/tenant", { token })).json.code).toBe("token_revoked");
  });

  test.each([
    [{ reason: "-" }],
    [{ subject: "older", reason: "-" }],
    [{ tokenId: "1", reason: "-" }],
    [{ subject: "service:older" }],
  ])("%o is refused", async (body) => {
    const { status, json } = await call("POST", "/v1/token-revocations", { body });
    expect([status, json.code]).toEqual([400, "invalid_request"]);
  });
});

describe("the tenant and its settings", () => {
  test("a token reads its own tenant [TEN-01]", async () => {
    const { json } = await call("GET", "/v1/tenant", { token: service.token });
    expect(json).toEqual({
      id: tenantId,
      name: "Harbour Mall",
      timeZone: "Asia/Shanghai",
      currency: "CNY",
      active: true,
      createdAt: new Date(clock.now()).toISOString(),
    });
  });

  test("what may be chosen is listed with what holds, and a choice shows [TEN-02]", async () => {
    const item = {
      name: closeAfterMinutes.name,
      meaning: closeAfterMinutes.meaning,
      value: 30,
      isDefault: true,
      platformDefault: 30,
      allowed: "a whole number from 1 to 10080",
    };
    const before = await call("GET", "/v1/tenant/settings");
    expect(before.json.items[0]).toEqual(item);
    const body = { values: { [closeAfterMinutes.name]: 15 } };
    const changed = await call("PUT", "/v1/tenant/settings", { body });
    expect(changed.status).toBe(200);
    const changedAt = new Date(clock.now()).toISOString();
    const change = { id: expect.any(String), name: item.name, changedBy: "admin:li", changedAt };
    expect(changed.json).toEqual({ changes: [{ ...change, oldValue: null, newValue: 15 }] });
    const after = await call("GET", "/v1/tenant/settings");
    const choice = { value: 15, isDefault: false, changedBy: "admin:li", changedAt };
    expect(after.json.items[0]).toEqual({ ...item, ...choice });
    expect(after.json.items[1]).toMatchObject({ name: lateMoney.name, isDefault: true });
  });

  test("the history of a setting is read page by page [TEN-02]", async () => {
    const path = `/v1/tenant/settings/${lateMoney.name}/changes`;
    for (const value of ["revive", null, "revive"]) {
      const body = { values: { [lateMoney.name]: value } };
      await call("PUT", "/v1/tenant/settings", { body });
    }
    const first = await call("GET", `${path}?limit=2`);
    expect(first.json.items).toMatchObject([
      { oldValue: null, newValue: "revive" },
      { oldValue: "revive", newValue: null },
    ]);
    const rest = await call("GET", `${path}?limit=2&cursor=${first.json.nextCursor}`);
    expect(rest.json).toMatchObject({ items: [{ oldValue: null, newValue: "revive" }] });
    expect(rest.json.nextCursor).toBeUndefined();
    for (const key of [[1], ["x"]]) {
      const cursor = Buffer.from(JSON.stringify(key)).toString("base64url");
      const wrong = await call("GET", `${path}?cursor=${cursor}`);
      expect([wrong.status, wrong.json.code]).toEqual([400, "invalid_request"]);
    }
    const unknown = await call("GET", "/v1/tenant/settings/orders.none/changes");
    expect([unknown.status, unknown.json.code]).toEqual([404, "not_found"]);
  });

  test.each([
    [{ [closeAfterMinutes.name]: 0 }, "a whole number from 1 to 10080"],
    [{ [closeAfterMinutes.name]: "15" }, "a whole number from 1 to 10080"],
    [{ [lateMoney.name]: "keep" }, "refund, revive"],
    [{ "orders.none": 1 }, "orders.close_after_minutes, payments.late_money"],
    [{}, undefined],
  ])("%o is refused, and what is allowed is said", async (values, allowed) => {
    const { status, json } = await call("PUT", "/v1/tenant/settings", { body: { values } });
    expect([status, json.code]).toEqual([400, "invalid_request"]);
    if (allowed !== undefined) expect(json.errors[0].allowed).toContain(allowed);
  });

  test("a service reads and does not change them, a member does neither", async () => {
    const body = { values: { [closeAfterMinutes.name]: 15 } };
    const { token } = service;
    expect((await call("GET", "/v1/tenant/settings", { token })).status).toBe(200);
    expect((await call("PUT", "/v1/tenant/settings", { token, body })).status).toBe(403);
    expect((await call("GET", "/v1/tenant/settings", { token: member.token })).status).toBe(403);
  });
});

test("another tenant's settings, history and tokens are out of reach [TEN-01]", async () => {
  const elsewhere = await createTestTenant(identity);
  const { token } = await issue(identity, { tenantId: elsewhere, kind: "admin", name: "zhao" });
  const settings = await call("GET", "/v1/tenant/settings", { token });
  expect(settings.json.items).toMatchObject([{ isDefault: true }, { isDefault: true }]);
  const path = `/v1/tenant/settings/${closeAfterMinutes.name}/changes`;
  expect((await call("GET", path, { token })).json.items).toEqual([]);
  expect((await call("GET", "/v1/tenant", { token })).json.id).toBe(elsewhere);
  const body = { subject: "service:till", reason: "not mine" };
  await call("POST", "/v1/token-revocations", { token, body });
  expect((await call("GET", "/v1/tenant", { token: service.token })).status).toBe(200);
});

// The last one: it ends the tokens of all others.
test("a repeated request after the key was withdrawn gets no dead token", async () => {
  const body = { kind: "member", memberId: "m-8" };
  await identity.rotateSigningKey("request");
  const before = await issue(identity, { tenantId, kind: "admin", name: "wu" });
  await call("POST", "/v1/tokens", { token: before.token, key: "withdrawn", body });
  await identity.rotateSigningKey("compromise");
  const after = await issue(identity, { tenantId, kind: "admin", name: "wu" });
  const again = await call("POST", "/v1/tokens", { token: after.token, key: "withdrawn", body });
  expect([again.status, again.json.code]).toEqual([401, "token_revoked"]);
});
