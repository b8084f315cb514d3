import { decodeProtectedHeader } from "jose";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { isRefusal } from "../../../kernel/refusal.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, dayMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import { keyAgeMaxMs, publishedBeforeSigningMs } from "../domain/signing-keys.ts";
import { platformTenantId } from "../domain/tenants.ts";
import { tenantsWithKeysDue } from "../store/signing-keys.ts";
import type { Identity } from "./identity.ts";
import { createTestTenant, issue, startProcess } from "./testing/platform.ts";

const { url } = await testDatabase();
const observer = new pg.Client({ connectionString: url });
await observer.connect();
afterAll(() => observer.end());

/** Keys belong to the platform: each test begins without any, with processes that know none. */
async function startPlatform() {
  await observer.query("delete from identity.signing_keys");
  const clock = createManualClock(Date.UTC(2026, 0, 31, 12));
  const processes = [startProcess({ url, clock }), startProcess({ url, clock })] as const;
  const [{ identity, database }, { identity: other }] = processes;
  return { clock, identity, database, other, tenantId: await createTestTenant(identity) };
}

async function passes(identity: Identity, token: string): Promise<boolean> {
  const request = { headers: { authorization: `Bearer ${token}` } };
  try {
    await identity.authenticate(request as Parameters<Identity["authenticate"]>[0]);
    return true;
  } catch {
    return false;
  }
}

function kidOf({ token }: { readonly token: string }): string | undefined {
  return decodeProtectedHeader(token).kid;
}

async function publishedIds(identity: Identity): Promise<string[]> {
  return (await identity.publishedKeys()).map(({ kid }) => kid);
}

test("the first token makes the first key, once for all processes", async () => {
  const { identity, other, tenantId } = await startPlatform();
  expect(await identity.publishedKeys()).toEqual([]);
  const tokens = await Promise.all(
    [identity, other, identity, other].map((one) => issue(one, { tenantId })),
  );
  expect(new Set(tokens.map(kidOf)).size).toBe(1);
  const { rows } = await observer.query("select id from identity.signing_keys");
  expect(rows).toHaveLength(1);
});

test("the published keys hold no private part [IAM-05]", async () => {
  const { identity, tenantId } = await startPlatform();
  const token = await issue(identity, { tenantId });
  const keys = await identity.publishedKeys();
  expect(keys).toEqual([
    {
      kty: "OKP",
      crv: "Ed25519",
      x: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      kid: kidOf(token),
      alg: "EdDSA",
      use: "sig",
    },
  ]);
  const { rows } = await observer.query("select * from identity.signing_keys");
  expect(rows[0]?.sealed_private_key).toMatch(/^v1\./);
  expect(JSON.stringify(rows)).not.toContain('"d":');
});

test("a rotation overlaps: tokens of both keys pass, and new ones change over [IAM-05]", async () => {
  const { clock, identity, other, tenantId } = await startPlatform();
  const before = await issue(identity, { tenantId, lifeMs: dayMs });
  const rotated = await identity.rotateSigningKey("request");
  expect(rotated).toMatchObject({ kind: "rotated" });
  expect(await publishedIds(identity)).toHaveLength(2);
  const between = await issue(identity, { tenantId, lifeMs: dayMs });
  expect(kidOf(between)).toBe(kidOf(before));
  clock.advance(publishedBeforeSigningMs);
  const after = await issue(other, { tenantId, lifeMs: dayMs });
  expect(kidOf(after)).not.toBe(kidOf(before));
  for (const { token } of [before, between, after]) {
    expect(await passes(identity, token)).toBe(true);
    expect(await passes(other, token)).toBe(true);
  }
});

test("a second rotation waits for the first", async () => {
  const { identity, tenantId } = await startPlatform();
  await issue(identity, { tenantId });
  await identity.rotateSigningKey("request");
  expect(await identity.rotateSigningKey("request")).toMatchObject({
    code: "key_rotation_under_way",
  });
});

test("after a compromise no old token passes: here at once, elsewhere in a minute", async () => {
  const { clock, identity, other, tenantId } = await startPlatform();
  const stolen = await issue(identity, { tenantId });
  // The other process verifies it at the last moment at which it holds the old keys for good.
  await publishedIds(other);
  expect(await passes(identity, stolen.token)).toBe(true);
  await identity.rotateSigningKey("compromise");
  expect(await publishedIds(identity)).toEqual([kidOf(await issue(identity, { tenantId }))]);
  clock.advance(29 * secondMs);
  await passes(other, stolen.token);
  expect(await passes(identity, stolen.token)).toBe(false);
  clock.advance(31 * secondMs);
  expect(await passes(other, stolen.token)).toBe(false);
  expect(await passes(other, (await issue(identity, { tenantId })).token)).toBe(true);
});

test("a process learns of a key that it does not know, for all who wait at once", async () => {
  const { identity, other, tenantId } = await startPlatform();
  await issue(identity, { tenantId });
  await publishedIds(other);
  await identity.rotateSigningKey("compromise");
  const fresh = await issue(identity, { tenantId });
  const again = await issue(identity, { tenantId, name: "m-2" });
  const all = Promise.all([fresh, again, fresh, again].map(({ token }) => passes(other, token)));
  expect(await all).toEqual([true, true, true, true]);
});

test("a process that has just looked in vain for a key does not look again for five seconds", async () => {
  const { clock, identity, other, tenantId } = await startPlatform();
  const { token } = await issue(identity, { tenantId });
  const [, payload = "", signature = ""] = token.split(".");
  const header = JSON.stringify({ alg: "EdDSA", typ: "at+jwt", kid: "made-up" });
  const madeUp = `${Buffer.from(header).toString("base64url")}.${payload}.${signature}`;
  expect(await passes(other, madeUp)).toBe(false);
  await identity.rotateSigningKey("compromise");
  const fresh = await issue(identity, { tenantId });
  clock.advance(5 * secondMs - 1);
  expect(await passes(other, fresh.token)).toBe(false);
  clock.advance(1);
  expect(await passes(other, fresh.token)).toBe(true);
});

test("a key is rotated by its age and dropped when its last token is dead", async () => {
  const { clock, identity, database, tenantId } = await startPlatform();
  const first = await issue(identity, { tenantId });
  const isDue = async () => {
    const now = new Date(clock.now()).toISOString();
    return (await observer.query(tenantsWithKeysDue.text, [now])).rows;
  };
  const sweep = () =>
    database.transaction(platformTenantId, (tx) => identity.maintainSigningKeys(tx));
  expect(await isDue()).toEqual([]);
  expect(await sweep()).toBe(0);
  clock.advance(keyAgeMaxMs);
  expect(await publishedIds(identity)).toHaveLength(1);
  expect(await isDue()).toEqual([{ tenant_id: platformTenantId }]);
  expect(await sweep()).toBe(1);
  expect(await isDue()).toEqual([]);
  expect(await publishedIds(identity)).toHaveLength(2);
  expect(kidOf(await issue(identity, { tenantId }))).toBe(kidOf(first));
  clock.advance(publishedBeforeSigningMs + 90 * dayMs + minuteMs);
  // The second one has grown old meanwhile, and the first one has ended.
  expect(await sweep()).toBe(2);
  expect(await publishedIds(identity)).not.toContain(kidOf(first));
  expect(isRefusal(await identity.rotateSigningKey("request"))).toBe(true);
});
