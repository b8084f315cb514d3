import { afterAll, beforeEach, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, hourMs } from "../../../kernel/time.ts";
import type { SkuId } from "../../catalog/index.ts";
import { createRefusalMemory, refusalPollMs } from "./refusal-memory.ts";
import { saleReads } from "./sale-polls.ts";
import { newKey, openFlashSale, order, startProcess } from "./testing/flash-sale.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11));
const here = startProcess({ url, clock });
afterAll(() => here.stop());
beforeEach(async () => {
  // What earlier tests have left in memory is forgotten.
  clock.advance(hourMs);
  await poll();
});

async function poll(): Promise<void> {
  clock.advance(refusalPollMs);
  await here.orders.refusals.poll();
}

/** A sale of some goods, with one member who orders each of them in vain when they are gone. */
async function soldOutGoods(goods: number, gone: number) {
  const sale = await openFlashSale(here, clock, { goods, units: 1 });
  const each = sale.skuIds.map((skuId) => ({ ...sale, skuId }));
  const [out, rest] = [each.slice(0, gone), each.slice(gone)];
  for (const item of out) expect(await order(here, item, "winner")).toMatchObject({ status: 201 });
  for (const item of out) {
    expect(await order(here, item, "late")).toMatchObject({ code: "sold_out" });
  }
  return { sale, out, rest };
}

test("of a large sale only the goods that ran out are polled; the others are sold as ever", async () => {
  const { sale, out, rest } = await soldOutGoods(12, 3);
  const asked: number[] = [];
  const read = here.sales.readSales;
  const watched = createRefusalMemory({
    clock,
    reads: {
      ...saleReads(here),
      async sales(tenantId, saleIds, skus) {
        const found = await read(tenantId, saleIds, skus);
        asked.push(...found.map((each) => each.sale.items.size));
        return found;
      },
    },
  });
  const place = (skuId: SkuId, memberId: string) => {
    const { tenantId, saleId } = sale;
    const wanted = { memberId, saleId, pass: undefined, lines: [{ skuId, quantity: 1 }] };
    return watched.place(tenantId, wanted, () => order(here, { ...sale, skuId }, memberId));
  };
  for (const { skuId } of out) await place(skuId, "late");
  await watched.poll();
  expect(asked).toEqual([3]);
  const { hits } = watched.figures();
  for (const { skuId } of out) {
    expect(await place(skuId, "later")).toMatchObject({ code: "sold_out", facts: { skuId } });
  }
  expect(watched.figures().hits - hits).toBe(3);
  for (const { skuId } of rest) expect(await place(skuId, "buyer")).toMatchObject({ status: 201 });
  // Nobody asks for the second one any more: it is not read any more.
  clock.advance(9_000);
  for (const { skuId } of [out[0], out[2]].map((item) => required(item, "goods"))) {
    await place(skuId, "later");
  }
  clock.advance(2_000);
  await watched.poll();
  expect(asked).toEqual([3, 2]);
});

test("an order of two goods is told from memory once both have been read", async () => {
  const { sale, out, rest } = await soldOutGoods(3, 1);
  const [gone, left] = [required(out[0], "goods").skuId, required(rest[0], "goods").skuId];
  const both = () => {
    const lines = [gone, left].map((skuId) => ({ skuId, quantity: 1 }));
    const input = { memberId: "m-1", saleId: sale.saleId, lines, placedBy: "m-1" };
    return here.orders.placeOrder(sale.tenantId, newKey(here.ids), input);
  };
  await poll();
  here.taken();
  const decided = await both();
  expect(decided).toMatchObject({ code: "sold_out", facts: { skuId: gone } });
  expect(here.taken()).toContain("begin");
  await poll();
  here.taken();
  expect(await both()).toEqual(decided);
  expect(here.taken()).toEqual([]);
  expect(await order(here, { ...sale, skuId: left }, "m-2")).toMatchObject({ status: 201 });
});

test("the goods that are polled are bounded; what is beyond goes the whole way", async () => {
  const { sale, out } = await soldOutGoods(103, 102);
  await poll();
  const before = here.orders.refusals.figures();
  for (const item of out) {
    expect(await order(here, item, "later")).toMatchObject({ code: "sold_out" });
  }
  const { hits, misses } = here.orders.refusals.figures();
  expect([hits - before.hits, misses - before.misses]).toEqual([100, 2]);
  await here.sales.endSale(sale.tenantId, newKey(here.ids), sale.saleId);
});

test("before the opening of a large sale nothing of its goods is read, whatever is asked for", async () => {
  const sale = await openFlashSale(here, clock, { goods: 5, opensInMs: 10_000 });
  const early = await order(here, sale, "m-1");
  await poll();
  here.taken();
  for (const skuId of sale.skuIds) {
    expect(await order(here, { ...sale, skuId }, "m-2")).toEqual(early);
  }
  await here.orders.refusals.poll();
  expect(here.taken()).toEqual(["sales.read_sales", "kernel.events_since"]);
});
