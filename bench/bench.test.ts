import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { testDatabase } from "../server/kernel/testing/database.ts";
import { runBench } from "./bench.ts";
import { checkBooks } from "./books.ts";
import { ways } from "./figures.ts";
import { findGenerator, runLoad } from "./load/load.ts";
import { fillShop } from "./shop.ts";
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

test("a whole run finds every order again, and would miss one that is gone", async () => {
  const database = await testDatabase();
  const folder = mkdtempSync(join(home, "run-"));
  const result = await runBench({
    options: { seconds: 0.3, rounds: 1, connections: [4], goods: ["many"] },
    generator: "autocannon",
    home: folder,
    databaseUrl: database.url,
    postgresPid: undefined,
    manySkus: 3,
    poolSizes: [2],
    warmupSeconds: 0.2,
    say: () => undefined,
  });
  const [cell] = result.cells;
  expect(cell).toMatchObject({ goods: "many", skus: 3, connections: 4 });
  expect(cell?.poolMax).toEqual({ naive: 2, tuned: 2 });
  expect(cell?.figures.platform.batch).toBeGreaterThan(0);
  for (const way of ways) expect(cell?.figures[way].ordersPerSecond).toBeGreaterThan(0);

  const books = new pg.Client({ connectionString: database.url });
  await books.connect();
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
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(
    result.ordersProven,
  );
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

test("the generator of this machine counts what it sent and what came back", async () => {
  const echo = await startEcho(home);
  const load = { token, skuIds, connections: 4, seconds: 1 };
  const generator = findGenerator();
  const { address } = echo;
  const good = await runLoad(generator, { ...load, address, run: "good" }, home);
  expect(good.created).toBeGreaterThan(0);
  expect(good.created).toBe(good.answered);
  expect(good.sent).toBeGreaterThanOrEqual(good.answered);
  await echo.stop();
  const strange = { ...load, token: "nobody", address: platform.address, run: "strange" };
  const refused = await runLoad(generator, strange, home);
  expect(refused.answered).toBeGreaterThan(0);
  expect(refused.created).toBe(0);
});
