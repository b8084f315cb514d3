import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { required } from "../../server/kernel/assert.ts";
import type { EmbeddedPostgres } from "../../server/kernel/embedded-postgres.ts";
import { isNumber } from "../../server/kernel/numbers.ts";
import { testDatabase } from "../../server/kernel/testing/database.ts";
import { auditLedger, fillShop } from "../shop.ts";
import { startPlatform } from "../stage.ts";
import { fillYear } from "./fill.ts";
import { markdownOf, wordsOf } from "./report.ts";
import { runScale } from "./run.ts";

const home = mkdtempSync(join(tmpdir(), "tongbao-scale-test-"));
chmodSync(home, 0o755);
const { url } = await testDatabase();
const client = new pg.Client({ connectionString: url });
await client.connect();
const postgreses: EmbeddedPostgres[] = [];
afterAll(async () => {
  for (const postgres of postgreses) await postgres.stop();
  await client.end();
  rmSync(home, { recursive: true, force: true });
});

/** Everything that belongs to an order, with what differs from order to order blanked out. */
async function shapeOf(tenantId: string, orderId: string): Promise<string> {
  const read = async (text: string) => (await client.query(text, [tenantId, orderId])).rows;
  const rows = [
    await read("select * from orders.orders where tenant_id = $1 and id = $2"),
    await read("select * from orders.history where tenant_id = $1 and order_id = $2 order by step"),
    await read(
      `select t.*, d.code as debit, c.code as credit from ledger.transfers t
       join ledger.accounts d on d.tenant_id = $1 and d.id = t.debit_account_id
       join ledger.accounts c on c.tenant_id = $1 and c.id = t.credit_account_id
       where t.tenant_id = $1 and t.bundle_id = $2 order by t.leg`,
    ),
    await read(
      `select at, type, data::text from kernel.events
       where tenant_id = $1 and data ->> 'orderId' = $2::uuid::text order by seq`,
    ),
    await read(
      `select split_part(key, ' ', 1) as of, length(body_hash) as hashed, answered_at, status, body
       from kernel.idempotency_keys
       where tenant_id = $1 and body like '{"id":"' || $2::uuid || '%'
         and body like '%"state":"pending_payment"%'`,
    ),
  ];
  return JSON.stringify(rows, undefined, 1)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id")
    .replaceAll(/\bT\d{24}\b/g, "number")
    .replaceAll(/\bm-\w+\b/g, "member")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "time")
    .replaceAll(/Bench mug 1, number \d+/g, "mug");
}

test("a drafted order has the rows that the platform writes, and the ledger is sound", async () => {
  let platform = await startPlatform({ home, databaseUrl: url });
  const shop = await fillShop({ address: platform.address, home, skus: 3 });
  await platform.stop();
  const { tenantId } = shop;
  const year = {
    orders: 20_000,
    tenantId,
    now: Date.now(),
    skus: 3,
    channelAccountId: "01a1fece-88ed-71f6-8030-eea1d6d81e69",
  };
  const { rows } = await fillYear({ url, year, say: () => undefined });
  expect(rows["orders.orders"]).toBe(20_000);

  platform = await startPlatform({ home, databaseUrl: url });
  const address = platform.address;
  const post = async (path: string, body?: object) => {
    const reply = await fetch(`${address}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${shop.token}`,
        "idempotency-key": path.replaceAll(/\W/g, ""),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await reply.json()) as { id: string };
  };
  const lines = shop.skuIds.slice(0, 2).map((skuId) => ({ skuId, quantity: 1 }));
  const placed = await post("/v1/orders", { memberId: "m-1", lines });
  await post(`/v1/orders/${placed.id}/cancel`);
  const drafted = await client.query<{ id: string; number: string }>(
    `select o.id, o.number from orders.orders o
     join orders.history h on h.tenant_id = $1 and h.order_id = o.id and h.reason = 'cancelled'
     where o.tenant_id = $1 and o.id <> $2 and json_array_length(o.lines) = 2 and o.sale_id is null
       and o.lines::text not like '%"n":2%' and o.placed_at > now() - interval '6 days'
     order by o.id desc limit 1`,
    [tenantId, placed.id],
  );
  const { id, number } = required(drafted.rows[0], "a drafted order of this week");
  expect(await shapeOf(tenantId, id)).toBe(await shapeOf(tenantId, placed.id));
  expect(isNumber(number, "T")).toBe(true);
  expect(await auditLedger({ ...shop, address })).toMatchObject({ sound: true });
  await platform.stop();
});

test("a run fills, compares and asks, and keeps what PostgreSQL did for it", async () => {
  const runHome = join(home, "run");
  const said: string[] = [];
  mkdirSync(runHome);
  const result = await runScale({
    orders: 3_000,
    skus: 4,
    rounds: 1,
    seconds: 1,
    warmupSeconds: 1,
    connections: 4,
    requests: 5,
    home: runHome,
    say: (line) => said.push(line),
    onPostgres: (postgres) => postgreses.push(postgres),
  });
  expect(result.filled.rows["orders.orders"]).toBe(3_000);
  expect(result.throughput.fullPerSecond).toBeGreaterThan(0);
  const plansOf = (name: string) =>
    result.answered.find((answer) => answer.name === name)?.plans.join("\n") ?? "";
  for (const { name, requests, plans } of result.answered) {
    expect(requests, name).toBeGreaterThan(0);
    expect(plans.join("\n"), name).toMatch(/Query Text: [^]*Buffers: shared/);
  }
  // Whatever the plan, a state that no order is in must not be looked for in every order.
  expect(plansOf("closing orders")).not.toContain("Rows Removed by Filter");
  expect(plansOf("refunded orders, last page")).toContain("using orders_by_state");
  expect(plansOf("a sale's orders, deep")).toContain("using orders_of_sale");
  const machine = {
    cores: 2,
    processor: "one",
    memoryGb: 1,
    system: "any",
    node: "24",
    nodeOptions: undefined,
    loadBefore: 0,
  };
  const report = { at: "2026-11-21T00:00:00Z", machine, ...result };
  expect(wordsOf(report)).toContain("3,000 orders");
  expect(markdownOf(report)).toContain("| refunded orders, last page | 5 |");
}, 240_000);
