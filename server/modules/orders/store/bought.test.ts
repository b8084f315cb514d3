import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { planningConnection, uuids } from "../../../kernel/testing/planning.ts";
import { createManualClock, dayMs, hourMs, minuteMs } from "../../../kernel/time.ts";
import type { SaleId } from "../../sales/index.ts";
import { boughtBy } from "../domain/bought.ts";
import { loadBought, selectBought } from "./bought.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const database = createDatabase({ url, clock });
const ids = createIds({ clock });
const client = await planningConnection(url, selectBought);
afterAll(async () => {
  await client.end();
  await database.close();
});

const tenantId = ids.next<"Tenant">();
const skuId = ids.next<"Sku">();
const otherSku = ids.next<"Sku">();
const before = ids.next<"Sale">();
await client.planAfter("analyze orders.orders");
await client.explain(`'${tenantId}'`, "array['m-1']", uuids([before]), uuids([before]));
/** Of the member whose past is long. */
const pastOrders = 2_000;
await insertOrders("m-1", { count: pastOrders, saleId: before });
await insertOrders("m-1", { count: pastOrders, saleId: undefined });
clock.advance(30 * dayMs);
const saleId = ids.next<"Sale">();
const otherSale = ids.next<"Sale">();

async function insertOrders(
  memberId: string,
  made: { count: number; saleId: SaleId | undefined; state?: string; quantity?: number },
): Promise<void> {
  const all = Array.from({ length: made.count }, () => ids.next<"Order">());
  const lines = JSON.stringify([
    { sku: skuId, title: "Mug", n: made.quantity ?? 1, price: 100 },
    { sku: otherSku, title: "Tea", n: 1, price: 100 },
  ]);
  const at = new Date(clock.now());
  await client.query(
    `insert into orders.orders
       (tenant_id, id, number, member_id, sale_id, state, lines, total, currency, placed_by,
        placed_at, close_due_at, changed_at, paid_at)
     select $1, o, o::text, $3, $4, $5, $6, 200, 'CNY', 'test', $7, $7, $7, $7
     from unnest($2::uuid[]) as o`,
    [tenantId, all, memberId, made.saleId ?? null, made.state ?? "paid", lines, at],
  );
}

const load = (buyers: readonly { saleId: SaleId; memberId: string }[]) =>
  database.transaction(tenantId, (tx) => loadBought(tx, buyers));

describe("the units that a member has bought in a sale [FLS-07]", () => {
  beforeAll(async () => {
    clock.advance(hourMs);
    await insertOrders("m-1", { count: 2, saleId, quantity: 3 });
    await insertOrders("m-1", { count: 1, saleId, state: "pending_payment" });
    await insertOrders("m-1", { count: 4, saleId: otherSale });
    await insertOrders("m-1", { count: 5, saleId: undefined });
    await insertOrders("m-2", { count: 1, saleId });
    await insertOrders("m-3", { count: 3, saleId, state: "closed" });
    await insertOrders("m-3", { count: 3, saleId, state: "refunded" });
    await insertOrders("m-6", { count: 2_000, saleId });
  });

  test("are those of orders that are neither closed nor refunded, of this sale alone", async () => {
    const members = ["m-1", "m-2", "m-3", "m-4", "m-1"];
    const bought = await load(members.map((memberId) => ({ saleId, memberId })));
    const units = (memberId: string, sku = skuId) => boughtBy(bought, { saleId, memberId }, sku);
    expect(["m-1", "m-2", "m-3", "m-4"].map((id) => units(id))).toEqual([7, 1, 0, 0]);
    expect(units("m-1", otherSku)).toBe(3);
    expect(boughtBy(bought, { saleId, memberId: "m-1" })).toBe(10);
    expect(boughtBy(bought, { saleId: otherSale, memberId: "m-1" })).toBe(0);
  });

  test("count also where the order's maker had a clock that is behind", async () => {
    const now = clock.now();
    const late = createIds({ clock: createManualClock(now + 40 * minuteMs) }).next<"Sale">();
    await insertOrders("m-5", { count: 1, saleId: late });
    const bought = await load([{ saleId: late, memberId: "m-5" }]);
    expect(boughtBy(bought, { saleId: late, memberId: "m-5" })).toBe(2);
  });

  test("are nobody's at another tenant's", async () => {
    const bought = await database.transaction(ids.next<"Tenant">(), (tx) =>
      loadBought(tx, [{ saleId, memberId: "m-1" }]),
    );
    expect(bought.size).toBe(0);
  });
});

const explain = () =>
  client.explain(
    `'${tenantId}'`,
    "array['m-1', 'm-2']",
    uuids([saleId, saleId]),
    uuids([saleId, saleId]),
  );

/** Two members: three levels of the index for each, and the rows of some fourteen orders. */
const blocksMax = 20;

describe("the plan of a committer's connection", () => {
  test("that was made on an empty table reads the member's orders since the sale, no more", async () => {
    expect((await explain()).indexes[0]).toBe("orders_of_member");
    expect((await explain()).blocks).toBeLessThan(blocksMax);
  });

  test.each([
    ["on a table that nobody has analysed", "select 1"],
    ["on an analysed table", "analyze orders.orders"],
  ])("that was made %s does the same", async (_name, prepare) => {
    await client.planAfter(prepare);
    expect((await explain()).indexes[0]).toBe("orders_of_member");
    expect((await explain()).blocks).toBeLessThan(blocksMax);
  });
});
