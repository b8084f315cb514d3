import { afterAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../kernel/database.ts";
import { createIds } from "../../kernel/ids.ts";
import { testDatabase } from "../../kernel/testing/database.ts";
import { createTestHttp } from "../../kernel/testing/http.ts";
import { createManualClock, dayMs, formatInstant, hourMs, systemClock } from "../../kernel/time.ts";
import { refusals } from "../../refusals.ts";
import { ledgerRoutes } from "./api.ts";
import type { AccountSpec } from "./index.ts";
import {
  accountIdOf,
  createLedger,
  hold,
  loadLedger,
  move,
  openAccounts,
  release,
  saveLedger,
} from "./index.ts";

const { url } = await testDatabase();
const startedAt = Date.UTC(2026, 0, 1);
const clock = createManualClock(startedAt);
const database = createDatabase({ url, clock });
const ids = createIds({ clock: systemClock });
const { http } = await createTestHttp({ refusals });
ledgerRoutes(http.app, createLedger({ database, clock }));
afterAll(async () => {
  await http.stop();
  await database.close();
});

const specs: AccountSpec[] = [
  { code: "source", asset: "CNY", guarded: false, indexed: true },
  { code: "wallet.1", asset: "CNY", guarded: true, indexed: true },
  { code: "shelf", asset: "piece", guarded: true, indexed: false },
];
const source = accountIdOf("source");
const wallet = accountIdOf("wallet.1");
const order = ids.next<"Order">();
const tenantId = await busyTenant();

/** Three payments of 1, 2 and 3 fen, an hour apart, then a hold that was given back. */
async function busyTenant(): Promise<string> {
  const tenant = ids.next<"Tenant">();
  await database.transaction(tenant, async (tx) => openAccounts(tx, specs));
  for (const amount of [1n, 2n, 3n]) {
    await database.transaction(tenant, async (tx) => {
      const world = await loadLedger(tx, { accounts: [source, wallet] });
      const legs = [{ debit: source, credit: wallet, amount }];
      move(world, { id: ids.next<"Bundle">(), legs, reference: order, reason: "payment" });
      saveLedger(tx, world);
    });
    clock.advance(hourMs);
  }
  await database.transaction(tenant, async (tx) => {
    const world = await loadLedger(tx, { accounts: [source, wallet] });
    const legs = [{ debit: wallet, credit: source, amount: 4n }];
    hold(world, { id: order, legs, reference: order, reason: "frozen" });
    release(world, { bundleId: order, reason: "thawed" });
    saveLedger(tx, world);
  });
  return tenant;
}

async function get(path: string, tenant = tenantId, scope = "ledger:read") {
  const reply = await http.app.inject({
    url: `/v1/ledger/${path}`,
    headers: { authorization: `Bearer ${tenant}/anna/${scope}` },
  });
  return { status: reply.statusCode, body: reply.json() };
}

test("accounts are listed by the beginning of their codes, page by page", async () => {
  const first = await get("accounts?limit=2");
  expect(first.body.items.map(({ code }: { code: string }) => code)).toEqual(["shelf", "source"]);
  const second = await get(`accounts?limit=2&cursor=${first.body.nextCursor}`);
  expect(second.body).toEqual({ items: [expect.objectContaining({ code: "wallet.1" })] });
  expect((await get("accounts?prefix=wal&asset=CNY")).body.items).toHaveLength(1);
  expect((await get("accounts?prefix=wal&asset=piece")).body.items).toHaveLength(0);
});

test("an account says what it is and what it holds", async () => {
  expect((await get(`accounts/${wallet}`)).body).toEqual({
    id: wallet,
    code: "wallet.1",
    asset: "CNY",
    guarded: true,
    indexed: true,
    openedAt: formatInstant(startedAt),
    balance: { posted: 6, pendingDebits: 0, pendingCredits: 0, available: 6 },
  });
});

test("a statement runs backwards through its pages with the balance", async () => {
  const seen: unknown[] = [];
  let cursor = "";
  do {
    const { body } = await get(`accounts/${wallet}/statement?limit=2${cursor}`);
    for (const { phase, amount, balance } of body.items) seen.push([phase, amount, balance]);
    cursor = body.nextCursor === undefined ? "" : `&cursor=${body.nextCursor}`;
  } while (cursor !== "");
  expect(seen).toEqual([
    ["release", -4, 6],
    ["pending", -4, 6],
    ["posted", 3, 6],
    ["posted", 2, 3],
    ["posted", 1, 1],
  ]);
});

test("a statement is cut to a time, and a past balance agrees", async () => {
  const from = formatInstant(startedAt + hourMs);
  const to = formatInstant(startedAt + 2 * hourMs);
  const { body } = await get(`accounts/${wallet}/statement?from=${from}&to=${to}`);
  expect(body.items).toMatchObject([{ amount: 2, balance: 3, other: { code: "source" } }]);
  const past = await get(`accounts/${wallet}/balance?at=${from}`);
  expect(past.body).toEqual({ posted: 3, pendingDebits: 0, pendingCredits: 0, available: 3 });
});

test("transfers of an order come oldest first, with how a hold ended", async () => {
  const first = await get(`transfers?reference=${order}&limit=4`);
  const second = await get(`transfers?reference=${order}&cursor=${first.body.nextCursor}`);
  const all = [...first.body.items, ...second.body.items];
  expect(all.map(({ phase, amount, leg }) => [phase, amount, leg])).toEqual([
    ["posted", 1, 1],
    ["posted", 2, 1],
    ["posted", 3, 1],
    ["pending", 4, 1],
    ["release", 4, 2],
  ]);
  expect(all.at(-1)).toMatchObject({ resolvesLeg: 1, reason: "thawed", asset: "CNY" });
});

test("audits asked for at once share two readings of the books", async () => {
  let readings = 0;
  const { audit } = createLedger({
    clock,
    database: {
      ...database,
      read(...asked) {
        readings += 1;
        return database.read(...asked);
      },
    },
  });
  const alone = await audit(tenantId);
  const readingsOfOne = readings;
  const many = await Promise.all(Array.from({ length: 20 }, () => audit(tenantId)));
  expect(new Set(many.map(({ transfers }) => transfers))).toEqual(new Set([alone.transfers]));
  expect(readings).toBe(readingsOfOne * 3);
  await audit(tenantId);
  expect(readings).toBe(readingsOfOne * 4);
});

test("the books add up, and the audit says so", async () => {
  expect((await get("trial-balance")).body.items).toMatchObject([
    { asset: "CNY", accounts: 2, posted: 0, balanced: true },
    { asset: "piece", accounts: 1, posted: 0, balanced: true },
  ]);
  expect((await get("audit")).body).toEqual({
    sound: true,
    accounts: 3,
    transfers: 5,
    unbalancedAssets: [],
    differences: [],
    wrongEndings: [],
  });
});

describe("refuses", () => {
  const cursorOf = (...key: unknown[]) => Buffer.from(JSON.stringify(key)).toString("base64url");
  const zero = "00000000-0000-0000-0000-000000000000";
  test.each([
    ["a time that is none", `accounts/${wallet}/balance?at=2026-02-30T00:00:00Z`],
    ["an account that is no id", "accounts/wallet.1"],
    ["a reference that is no id", "transfers?reference=x"],
    ["a forged bundle", `transfers?reference=${order}&cursor=${cursorOf(1, "x", 1)}`],
    ["a forged time", `transfers?reference=${order}&cursor=${cursorOf(1e300, zero, 1)}`],
    ["a forged leg", `transfers?reference=${order}&cursor=${cursorOf(1, zero, 99_999)}`],
    [
      "a forged balance",
      `accounts/${wallet}/statement?cursor=${cursorOf(1, zero, 1, "a", wallet)}`,
    ],
    [
      "a balance too large",
      `accounts/${wallet}/statement?cursor=${cursorOf(9e13, zero, 1, "9".repeat(16), wallet)}`,
    ],
    ["another account's", `accounts/${wallet}/statement?cursor=${cursorOf(1, zero, 1, "1", zero)}`],
  ])("%s", async (_name, path) => {
    expect(await get(path)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("more days at once than an account without an index can show", async () => {
    const shelf = accountIdOf("shelf");
    const from = formatInstant(clock.now() - 40 * dayMs);
    expect(await get(`accounts/${shelf}/statement?from=${from}`)).toMatchObject({
      status: 422,
      body: { code: "stretch_too_long", facts: { daysMax: 31 } },
    });
  });

  test("whoever lacks the scope, and other tenants as if nothing were there", async () => {
    expect(await get("accounts", tenantId, "catalog:read")).toMatchObject({ status: 403 });
    const stranger = ids.next<"Tenant">();
    const at = formatInstant(clock.now());
    for (const path of ["", "/statement", `/balance?at=${at}`]) {
      expect(await get(`accounts/${wallet}${path}`, stranger)).toMatchObject({ status: 404 });
    }
    for (const path of ["accounts", `transfers?reference=${order}`, "trial-balance"]) {
      expect(await get(path, stranger)).toMatchObject({ status: 200, body: { items: [] } });
    }
  });
});
