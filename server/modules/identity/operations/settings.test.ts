import { randomBytes } from "node:crypto";
import pg from "pg";
import Type from "typebox";
import { expect, test } from "vitest";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { secondMs } from "../../../kernel/time.ts";
import { defineTenantSetting } from "../domain/settings.ts";
import { createIdentity } from "./identity.ts";
import {
  closeAfterMinutes,
  createTestTenant,
  ids,
  lateMoney,
  secrets,
  startProcess,
} from "./testing/platform.ts";

const { url } = await testDatabase();
const { clock, identity, ...deps } = startProcess({ url });
const { identity: other } = startProcess({ url, clock });

function change(tenantId: string, values: Record<string, unknown>) {
  const key = { key: `admin:li ${ids.next()}`, bodyHash: randomBytes(32) };
  return identity.changeSettings(tenantId, key, { values, by: "admin:li" });
}

test("a tenant has the platform's default until it chooses, and again after [TEN-02]", async () => {
  const tenantId = await createTestTenant(identity);
  const name = closeAfterMinutes.name;
  expect(await identity.setting(tenantId, closeAfterMinutes)).toBe(30);
  await change(tenantId, { [name]: 15, [lateMoney.name]: "revive" });
  expect(await identity.setting(tenantId, closeAfterMinutes)).toBe(15);
  expect(await identity.setting(tenantId, lateMoney)).toBe("revive");
  await change(tenantId, { [name]: -1 });
  expect(await identity.setting(tenantId, closeAfterMinutes)).toBe(30);
  await change(tenantId, { [lateMoney.name]: null });
  expect(await identity.setting(tenantId, lateMoney)).toBe("refund");
});

test("what one tenant chooses does not hold for another", async () => {
  const [one, two] = [await createTestTenant(identity), await createTestTenant(identity)];
  await change(one, { [closeAfterMinutes.name]: 15 });
  expect(await identity.setting(two, closeAfterMinutes)).toBe(30);
  expect(await identity.readSettingChanges(two, pageOf(10))).toEqual([]);
});

test("another process sees a change within five seconds", async () => {
  const tenantId = await createTestTenant(identity);
  expect(await other.setting(tenantId, closeAfterMinutes)).toBe(30);
  await change(tenantId, { [closeAfterMinutes.name]: 15 });
  expect(await identity.setting(tenantId, closeAfterMinutes)).toBe(15);
  clock.advance(5 * secondMs + 1);
  expect(await other.setting(tenantId, closeAfterMinutes)).toBe(15);
});

test("who changed what and when is kept, newest first, page by page [TEN-02]", async () => {
  const tenantId = await createTestTenant(identity);
  for (const value of [10, 20, -1, 40]) {
    await change(tenantId, { [closeAfterMinutes.name]: value });
  }
  const first = await identity.readSettingChanges(tenantId, pageOf(3));
  expect(first.map(({ oldValue, newValue }) => [oldValue, newValue])).toEqual([
    [undefined, 40],
    [20, undefined],
    [10, 20],
  ]);
  expect(first[0]).toMatchObject({ by: "admin:li", at: clock.now() });
  const rest = await identity.readSettingChanges(tenantId, pageOf(3, first[2]?.id));
  expect(rest.map(({ newValue }) => newValue)).toEqual([10]);
});

function pageOf(limit: number, before?: string) {
  return { name: closeAfterMinutes.name, before, limit };
}

test("a change waits for one under way elsewhere and records what that one left", async () => {
  const tenantId = await createTestTenant(identity);
  // Two connections: inside of a transaction pg_stat_activity stands still.
  const [elsewhere, observer] = [new pg.Client(url), new pg.Client(url)];
  await Promise.all([elsewhere.connect(), observer.connect()]);
  await elsewhere.query("begin");
  await elsewhere.query("select from identity.tenants where tenant_id = $1 for no key update", [
    tenantId,
  ]);
  await elsewhere.query(
    "insert into identity.tenant_settings values ($1, $2, '10', '2026-01-31', 'admin:wu')",
    [tenantId, closeAfterMinutes.name],
  );
  const changing = change(tenantId, { [closeAfterMinutes.name]: 20 });
  const waiting =
    "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  while ((await observer.query(waiting)).rowCount === 0);
  await elsewhere.query("commit");
  await Promise.all([elsewhere.end(), observer.end(), changing]);
  const changes = await identity.readSettingChanges(tenantId, pageOf(20));
  expect(changes).toMatchObject([{ oldValue: 10, newValue: 20 }]);
});

test("a choice that is not allowed any more counts as none", async () => {
  const tenantId = await createTestTenant(identity);
  await change(tenantId, { [closeAfterMinutes.name]: 15 });
  const longer = { ...closeAfterMinutes, schema: Type.Integer({ minimum: 20 }) };
  const newer = createIdentity({ ...deps, clock, ids, secrets, tenantSettings: [longer] });
  expect(await newer.setting(tenantId, longer)).toBe(30);
  expect(await newer.readSettings(tenantId)).toMatchObject([{ value: 30, chosen: undefined }]);
});

test("a setting that was not declared is a bug, and so is a default that does not fit", async () => {
  const stranger = defineTenantSetting({
    name: "orders.stranger",
    schema: Type.Integer(),
    platformDefault: 1,
    meaning: "-",
  });
  await expect(identity.setting(ids.next(), stranger)).rejects.toThrow("not declared");
  const make = (tenantSettings: (typeof stranger)[]) =>
    createIdentity({ ...deps, clock, ids, secrets, tenantSettings });
  expect(() => make([stranger, stranger])).toThrow("one name");
  expect(() => make([{ ...stranger, schema: Type.Integer({ minimum: 2 }) }])).toThrow("fit");
});

test("making a tenant twice gives the same tenant [TEN-01]", async () => {
  const id = ids.next<"Tenant">();
  const made = await identity.createTenant({ id, name: "Harbour Mall" });
  expect(made).toMatchObject({ kind: "created", tenant: { timeZone: "Asia/Shanghai" } });
  expect(await identity.createTenant({ id, name: "Another" })).toMatchObject({
    kind: "created_before",
    tenant: { name: "Harbour Mall", currency: "CNY" },
  });
  expect(await identity.readTenant(id)).toMatchObject({ name: "Harbour Mall", active: true });
  expect(await identity.readTenant(ids.next())).toBeUndefined();
});

test.each([{ name: " " }, { name: "x".repeat(101) }, { name: "Harbour Mall", timeZone: "+08:00" }])(
  "a tenant with $name and $timeZone is refused",
  async (command) => {
    const id = ids.next<"Tenant">();
    expect(await identity.createTenant({ id, ...command })).toMatchObject({
      code: "invalid_request",
    });
  },
);

test("a tenant that does not exist cannot be changed", async () => {
  const id = ids.next<"Tenant">();
  expect(await identity.setTenantActive({ id, active: false })).toMatchObject({
    code: "not_found",
  });
  expect(await change(id, { [closeAfterMinutes.name]: 15 })).toMatchObject({ code: "not_found" });
});
