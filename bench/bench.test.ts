import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { assert } from "../server/kernel/assert.ts";
import { testDatabase } from "../server/kernel/testing/database.ts";
import { checkBooks } from "./books.ts";
import { findClosingFaults, heldUnits, measureClosing } from "./closing.ts";
import { ways } from "./figures.ts";
import { findGenerator, runGenerator, runLoad } from "./load/load.ts";
import { createOrderTexts, listText } from "./load/requests.ts";
import { findNoticeFaults } from "./notices/books.ts";
import { measureNotices } from "./notices/notices.ts";
import { measureOverload } from "./overload.ts";
import { runBench } from "./run.ts";
import { fillShop } from "./shop.ts";
import { note, openSite, placedBy } from "./site.ts";
import { measureSoak } from "./soak.ts";
import { startEcho, startNaive, startPlatform } from "./stage.ts";

const home = mkdtempSync(join(tmpdir(), "tongbao-bench-test-"));
chmodSync(home, 0o755);
const { url } = await testDatabase();
const client = new pg.Client({ connectionString: url });
await client.connect();
const platform = await startPlatform({ home, databaseUrl: url });
const units = 40;
const shop = await fillShop({ address: platform.address, home, skus: 3, units });
const { tenantId, token, skuIds } = shop;
const [plenty = "", scarceOfNaive = "", scarceOfTuned = ""] = skuIds;
const given = { databaseUrl: url, poolMax: 4, tenantId, token };
const naive = await startNaive(home, { ...given, way: "naive", subject: "service:naive" });
const tuned = await startNaive(home, { ...given, way: "tuned", subject: "service:tuned" });
const opponents = [
  { way: "naive", program: naive, scarce: scarceOfNaive },
  { way: "tuned", program: tuned, scarce: scarceOfTuned },
];
afterAll(async () => {
  await naive.stop();
  await tuned.stop();
  await platform.stop();
  await client.end();
  rmSync(home, { recursive: true, force: true });
});

let keys = 0;
async function place(
  { address }: { readonly address: string },
  lines: readonly { readonly skuId: string; readonly quantity: number }[],
  key = `key-${(keys += 1)}`,
) {
  const reply = await fetch(`${address}/v1/orders`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "idempotency-key": key,
    },
    body: JSON.stringify({ memberId: "m-1", lines }),
  });
  const text = await reply.text();
  return { status: reply.status, text, json: JSON.parse(text) };
}

/** What differs from order to order, blanked out. */
function shapeOf(text: string): string {
  return text
    .replace(/"id":"[0-9a-f-]{36}"/, '"id":""')
    .replace(/"number":"T\d{24}"/, '"number":""')
    .replaceAll(/At":"[0-9T:.-]+Z"/g, 'At":""');
}

test.each(opponents)("$way answers what the platform answers", async ({ program, scarce }) => {
  const lines = [
    { skuId: plenty, quantity: 2 },
    { skuId: scarce, quantity: 1 },
    { skuId: plenty, quantity: 1 },
  ];
  const ours = await place(platform, lines);
  const theirs = await place(program, lines);
  expect([ours.status, theirs.status]).toEqual([201, 201]);
  expect(shapeOf(theirs.text)).toBe(shapeOf(ours.text));
  const rows = await rowsOf(ours.json.id);
  expect(Object.values(rows).map(({ length }) => length)).toEqual([1, 3, 1, 1]);
  expect(await rowsOf(theirs.json.id), "and writes the same rows").toEqual(rows);
});

/** What was written for an order, but for what differs from order to order. */
async function rowsOf(orderId: string) {
  const rows = async (text: string) => (await client.query(text, [tenantId, orderId])).rows;
  const kept = await rows(
    `select status, body from kernel.idempotency_keys
     where tenant_id = $1 and body::json ->> 'id' = $2`,
  );
  return {
    orders: await rows(
      `select member_id, state, lines, total, currency, close_due_at - placed_at as life
       from orders.orders where tenant_id = $1 and id = $2`,
    ),
    transfers: await rows(
      `select leg, phase, debit_account_id, credit_account_id, amount, reason, indexed
       from ledger.transfers where tenant_id = $1 and bundle_id = $2 order by leg`,
    ),
    events: await rows(
      `select type, (data::jsonb - 'orderId') - 'number' as data from kernel.events
       where tenant_id = $1 and data ->> 'orderId' = $2`,
    ),
    answers: kept.map(({ status, body }) => ({ status, shape: shapeOf(body) })),
  };
}

test.each(opponents)("$way sells no unit twice", async ({ program, scarce }) => {
  const before = await unitsHeld(scarce);
  const replies = await Promise.all(
    Array.from({ length: units + 10 }, () => place(program, [{ skuId: scarce, quantity: 1 }])),
  );
  const placed = replies.filter(({ status }) => status === 201);
  expect(placed).toHaveLength(units - before);
  expect(replies.filter(({ json }) => json.code === "sold_out")).toHaveLength(10 + before);
  expect(await unitsHeld(scarce)).toBe(units);
});

test.each(opponents)("of $way one key is one order", async ({ way, program }) => {
  const before = await unitsHeld(plenty);
  const key = `one-key-of-${way}`;
  const line = { skuId: plenty, quantity: 1 };
  const replies = await Promise.all(Array.from({ length: 5 }, () => place(program, [line], key)));
  expect(replies.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
  expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  expect(await unitsHeld(plenty)).toBe(before + 1);
  const other = await place(program, [{ ...line, quantity: 2 }], key);
  expect([other.status, other.json.code]).toEqual([422, "idempotency_key_reused"]);
});

async function unitsHeld(skuId: string): Promise<number> {
  const { rows } = await client.query<{ held: number }>(
    `select b.pending_debits::integer as held
     from ledger.balances b join ledger.accounts a on a.tenant_id = $1 and a.id = b.account_id
     where b.tenant_id = $1 and a.code = $2`,
    [tenantId, `stock.on_hand.${skuId}`],
  );
  return rows[0]?.held ?? 0;
}

const options = { seconds: 0.3, rounds: 1, connections: [4], notices: 12, orders: 20 };

async function siteOf(name: string) {
  const database = await testDatabase();
  const folder = mkdtempSync(join(home, name));
  return {
    generator: findGenerator(),
    home: folder,
    databaseUrl: database.url,
    postgresPid: undefined,
    manySkus: 3,
    say: () => undefined,
  };
}

test("a run of orders finds every order again, and would miss one that is gone", async () => {
  const site = await siteOf("run-");
  const { measured } = await runBench({
    ...site,
    options: { ...options, mode: { kind: "parts", parts: ["many"] } },
    poolSizes: [2],
    warmupSeconds: 0,
    sampleEveryMs: 50,
  });
  assert(measured.kind === "parts", "a run of parts");
  const books = new pg.Client({ connectionString: site.databaseUrl });
  await books.connect();
  const [cell] = measured.cells;
  expect(cell).toMatchObject({ goods: "many", skus: 3, connections: 4 });
  expect(cell?.poolMax).toEqual({ naive: 2, tuned: 2 });
  expect(cell?.figures.platform.batch).toBeGreaterThan(0);
  for (const way of ways) expect(cell?.figures[way].perSecond).toBeGreaterThan(0);
  expect(cell?.figures.tuned.walBytes).toBeGreaterThan(100);

  const { rows } = await books.query<{ tenant_id: string; placed_by: string; count: number }>(
    `select tenant_id, placed_by, count(*)::integer as count
     from orders.orders group by tenant_id, placed_by order by placed_by`,
  );
  expect(rows.map(({ placed_by }) => placed_by)).toEqual([
    "service:demo",
    "service:naive",
    "service:tuned",
  ]);
  const tenant = rows[0]?.tenant_id ?? "";
  const check = (change: number) =>
    checkBooks(
      books,
      tenant,
      rows.map(({ placed_by: placedBy, count }) => ({
        placedBy,
        created: count + change,
        sent: count + change,
      })),
    );
  const placed = rows.reduce((sum, { count }) => sum + count, 0);
  expect(placed).toBeGreaterThanOrEqual(measured.ordersProven);
  expect(await check(0)).toEqual([]);
  expect(await check(1)).toEqual(
    [/demo: \d+ orders were acknowledged/, /naive/, /tuned/].map(matching),
  );
  expect(await check(-1)).toEqual([/demo: \d+ orders were sent/, /naive/, /tuned/].map(matching));
  await books.query(
    `delete from orders.orders where tenant_id = $1 and id =
       (select id from orders.orders where tenant_id = $1 limit 1)`,
    [tenant],
  );
  const findings = (await check(0)).join("\n");
  await books.end();
  for (const what of ["were acknowledged", "units held", "events order_placed"])
    expect(findings).toContain(what);
});

function matching(pattern: RegExp) {
  return expect.stringMatching(pattern);
}

const site = await openSite(await siteOf("site-"));
afterAll(() => site.close());
const books = site.client;

test("an overload is offered whatever the answers are, and what was taken is found", async () => {
  const measured = await measureOverload(site, { options, factors: [1, 3], warmupSeconds: 0.1 });
  const { peaks, figures, ordersProven } = measured;
  expect(peaks.map(({ processes }) => processes)).toEqual([1, 2]);
  for (const { processes, perSecond } of peaks) {
    const [sustained, thrice] = figures.filter((row) => row.processes === processes);
    expect(perSecond).toBeGreaterThan(0);
    expect(sustained?.offeredPerSecond).toBeLessThan(perSecond);
    expect(thrice?.offeredPerSecond).toBeGreaterThan(perSecond);
    expect(thrice?.acceptedPerSecond).toBeGreaterThan(0);
  }
  expect(ordersProven).toBeGreaterThan(0);
});

test.each([
  ["of callers who wait", {}],
  ["at a fixed rate", { perSecond: 100 }],
])("a load %s goes to several processes alike", async (_, rate) => {
  const { platform: first, shop: goods, home: folder } = site;
  const second = await startPlatform({ home: folder, databaseUrl: site.databaseUrl });
  const addresses = [first.address, second.address];
  const before = await ordersPlacedAt(first.address);
  const orders = { token: goods.token, skuIds: goods.skuIds.slice(0, 1) };
  const load = { ...orders, run: site.nextRun("spread"), address: first.address, addresses };
  const counts = await runGenerator({ ...load, ...rate, connections: 4, seconds: 0.4 }, folder);
  note(site, placedBy.platform, counts);
  const ofFirst = (await ordersPlacedAt(first.address)) - before;
  const ofSecond = await ordersPlacedAt(second.address).finally(second.stop);
  expect(ofFirst + ofSecond).toBe(counts.created);
  expect(Math.min(ofFirst, ofSecond)).toBeGreaterThan(counts.created / 5);
});

/** Commands to place an order that one process has committed; it says nothing before the first. */
async function ordersPlacedAt(address: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const line = /^tongbao_batch_size_sum\{operation="orders.place_order"\} (\d+)/m.exec(text);
  return Number(line?.[1] ?? 0);
}

test.runIf(process.platform === "linux")("a soak tells how much memory is held", async () => {
  const measured = await measureSoak(site, { minutes: 0.01, connections: 4, sampleEveryMs: 50 });
  expect(measured.memory.maxMb).toBeGreaterThan(50);
  expect(measured.samples.length).toBeGreaterThan(3);
  expect(measured.ordersProven).toBeGreaterThan(0);
});

test("notices of both channels are booked once, and a missing booking would be seen", async () => {
  const [cell] = await measureNotices(site, options);
  expect(cell).toMatchObject({ connections: 4, notices: 12 });
  expect(cell?.figures.perSecond).toBeGreaterThan(0);
  expect(cell?.figures.ordersPaidPerSecond).toBeGreaterThan(0);
  expect(cell?.figures.batch).toBeGreaterThan(0);
  const { rows } = await books.query<OpenAttemptRow>(
    `select a.tenant_id, a.id, a.number, a.channel, p.reference
     from payments.attempts a
     join payments.payments p on p.tenant_id = a.tenant_id and p.id = a.payment_id`,
  );
  const byChannel = Map.groupBy(rows, ({ channel }) => channel);
  // Three warm up and twelve are measured; the shop's accounts take turns.
  expect([...byChannel.keys()].toSorted()).toEqual(["alipay", "wechatpay"]);
  expect([...byChannel.values()].map(({ length }) => length).toSorted()).toEqual([7, 8]);
  const told = rows.map(({ id, number, reference }) => ({
    attemptId: id,
    number,
    orderId: reference,
  }));
  const tenant = rows[0]?.tenant_id ?? "";
  expect(await findNoticeFaults(books, tenant, told)).toEqual([]);
  await books.query("update payments.notices set deliveries = 2 where attempt_number = $1", [
    told[0]?.number,
  ]);
  await books.query("delete from orders.history where order_id = $1", [told[1]?.orderId]);
  const faults = await findNoticeFaults(books, tenant, told);
  expect(faults).toEqual([
    "15 notices were acknowledged, but there are 14 notices kept as paid, each delivered once",
    "15 notices were acknowledged, but there are 14 steps to paid",
  ]);
});

interface OpenAttemptRow {
  tenant_id: string;
  id: string;
  number: string;
  channel: string;
  reference: string;
}

test("orders past their time are closed with their units back, or the bench says what is missing", async () => {
  const [round] = await measureClosing(site, options);
  expect(round).toMatchObject({ orders: 20, batches: 1, ordersPerBatch: 20 });
  expect(round?.perSecond).toBeGreaterThan(0);
  expect(round?.p99Ms).toBeGreaterThan(0);
  const { rows } = await books.query<{ tenant_id: string; id: string }>(
    "select tenant_id, id from orders.orders where state = 'closed'",
  );
  expect(rows).toHaveLength(20);
  const given = { tenantId: rows[0]?.tenant_id ?? "", orderIds: rows.map(({ id }) => id) };
  const held = await heldUnits(books, given.tenantId);
  expect(await findClosingFaults(books, { ...given, heldBefore: held + 20 })).toEqual([]);
  const faults = await findClosingFaults(books, {
    ...given,
    orderIds: [...given.orderIds, randomUUID()],
    heldBefore: held + 20,
  });
  expect(faults).toHaveLength(5);
  expect(faults).toContain("21 orders were due, but there are 20 units back");
});

test.each([findGenerator(), "own" as const])(
  "%s counts what it sent and what came back",
  async (generator) => {
    const echo = await startEcho(home);
    const load = { token, skuIds, connections: 4, seconds: 1 };
    const { address } = echo;
    const good = await runLoad(generator, { ...load, address, run: "good" }, home);
    expect(good.created).toBeGreaterThan(0);
    expect(good.created).toBe(good.answered);
    expect(good.sent).toBeGreaterThanOrEqual(good.answered);
    expect(good.p99Ms).toBeGreaterThanOrEqual(good.p50Ms);
    await echo.stop();
    const strange = { ...load, token: "nobody", address: platform.address, run: "strange" };
    const refused = await runLoad(generator, strange, home);
    expect(refused.answered).toBeGreaterThan(0);
    expect(refused.created).toBe(0);
  },
);

test("prepared requests are sent once each, and the ids in the answers are kept", async () => {
  const { address } = platform;
  const orders = { address, token, skuIds: [plenty], run: "list" };
  const requestsPath = join(home, "requests");
  const idsPath = join(home, "ids");
  // The third one repeats the second.
  const texts = [1, 2, 2, 3, 4].map(createOrderTexts(orders));
  writeFileSync(requestsPath, listText(texts));
  const before = await unitsHeld(plenty);
  const counts = await runGenerator({ ...orders, connections: 2, requestsPath, idsPath }, home);
  expect(counts).toMatchObject({ sent: 5, answered: 5, created: 5, broken: 0, shed: 0 });
  expect(await unitsHeld(plenty)).toBe(before + 4);
  const ids = readFileSync(idsPath, "utf8").trim().split("\n");
  expect(ids).toHaveLength(5);
  expect(new Set(ids).size).toBe(4);
});
