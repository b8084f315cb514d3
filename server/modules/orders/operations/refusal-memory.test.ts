import { afterAll, beforeEach, expect, test } from "vitest";
import { OverloadFault } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import type { Answer } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, hourMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { Sale, SaleId } from "../../sales/index.ts";
import { knownAgeMsMax } from "../domain/known-sale.ts";
import type { OrderId } from "../domain/types.ts";
import { createRefusalMemory, refusalPollMs } from "./refusal-memory.ts";
import type { SaleReads } from "./sale-polls.ts";
import type { Process } from "./testing/flash-sale.ts";
import { cancel, newKey, openFlashSale, order, startProcess } from "./testing/flash-sale.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11));
const here = startProcess({ url, clock });
const elsewhere = startProcess({ url, clock });
afterAll(async () => {
  await here.stop();
  await elsewhere.stop();
});
beforeEach(() => {
  // What earlier tests have left in memory is forgotten at the next poll.
  clock.advance(hourMs);
});

/** Everybody's timers beat, as they do four times a second. */
async function poll(...processes: Process[]): Promise<void> {
  clock.advance(refusalPollMs);
  for (const each of processes) await each.orders.refusals.poll();
}

/** A sale whose units are gone, as `by` has just been told. */
async function soldOutSale(by = here, terms: Parameters<typeof openFlashSale>[2] = {}) {
  const sale = await openFlashSale(by, clock, { units: 2, ...terms });
  const first = await order(by, sale, "winner-1");
  const second = await order(by, sale, "winner-2");
  expect([first, second]).toMatchObject([{ status: 201 }, { status: 201 }]);
  expect(await order(by, sale, "late")).toMatchObject({ code: "sold_out" });
  return { sale, first, second };
}

test("10,000 orders of what is sold out send no statement to the database [FLS-03, FLS-04]", async () => {
  const { sale } = await soldOutSale();
  const decided = await order(here, sale, "decided");
  await poll(here);
  here.taken();
  const before = here.orders.refusals.figures();
  for (let n = 0; n < 10_000; n += 1) {
    expect(await order(here, sale, `m-${n}`)).toEqual(decided);
  }
  expect(here.taken()).toEqual([]);
  const { hits, misses } = here.orders.refusals.figures();
  expect(hits - before.hits).toBe(10_000);
  expect(misses).toBe(before.misses);
});

test("sold out in one process, cancelled in another: for sale again after the next poll", async () => {
  const { sale, first } = await soldOutSale();
  await poll(here);
  expect(await order(here, sale, "m-1")).toMatchObject({ code: "sold_out", facts: { left: 0n } });
  await cancel(elsewhere, sale, first);
  await poll(here);
  expect(await order(here, sale, "m-1")).toMatchObject({ kind: "answered", status: 201 });
  expect(await order(here, sale, "m-2")).toMatchObject({ code: "sold_out" });
});

test("a lost reply that is repeated gets its first answer after the end of the units, here and elsewhere [ORD-04]", async () => {
  const sale = await openFlashSale(here, clock);
  const key = newKey(here.ids);
  const lost = await order(here, sale, "m-1", { key });
  expect(lost).toMatchObject({ status: 201 });
  await order(here, sale, "m-2");
  for (const each of [here, elsewhere]) await order(each, sale, "late");
  await poll(here, elsewhere);
  for (const each of [here, elsewhere]) {
    each.taken();
    expect(await order(each, sale, "m-3")).toMatchObject({ code: "sold_out" });
    expect(each.taken()).toEqual([]);
    const again = await order(each, sale, "m-1", { key });
    expect(again).toEqual({ ...lost, replayed: true });
  }
});

test("who wins a unit that came back is known at once here, and elsewhere after a poll [ORD-04]", async () => {
  const { sale, first } = await soldOutSale();
  await order(elsewhere, sale, "late");
  await poll(here, elsewhere);
  await cancel(elsewhere, sale, first);
  await poll(here);
  const key = newKey(here.ids);
  const won = await order(here, sale, "lucky", { key });
  expect(won).toMatchObject({ status: 201 });
  // Both have polled since, so both know again that nothing is left.
  await poll(here, elsewhere);
  for (const each of [here, elsewhere]) {
    each.taken();
    expect(await order(each, sale, "unlucky")).toMatchObject({ code: "sold_out" });
    expect(each.taken()).toEqual([]);
    expect(await order(each, sale, "lucky", { key })).toEqual({ ...won, replayed: true });
  }
});

test("who ordered before the process began to remember is found among many orders [ORD-04]", async () => {
  const sale = await openFlashSale(elsewhere, clock, { units: 300 });
  const keys = Array.from({ length: 300 }, () => newKey(here.ids));
  const placed = await Promise.all(keys.map((key, n) => order(elsewhere, sale, `m-${n}`, { key })));
  await order(here, sale, "late");
  await poll(here);
  const again = await Promise.all(keys.map((key, n) => order(here, sale, `m-${n}`, { key })));
  expect(again).toEqual(placed.map((first) => ({ ...first, replayed: true })));
});

test("two who repeat a key at the same moment get one answer, whatever is remembered", async () => {
  const { sale, first } = await soldOutSale();
  await poll(here);
  await cancel(here, sale, first);
  await poll(here);
  const key = newKey(here.ids);
  const [one, other] = await Promise.all([
    order(here, sale, "m-1", { key }),
    order(here, sale, "m-1", { key }),
  ]);
  expect(one).toMatchObject({ status: 201 });
  expect(other).toEqual({ ...one, replayed: true });
});

test("wanting one of two is not refused because somebody wanted five", async () => {
  const sale = await openFlashSale(here, clock, { units: 2 });
  const five = await order(here, sale, "m-1", { quantity: 5 });
  expect(five).toMatchObject({ code: "sold_out", facts: { wanted: 5, left: 2n } });
  await poll(here);
  here.taken();
  expect(await order(here, sale, "m-2", { quantity: 5 })).toEqual(five);
  expect(here.taken()).toEqual([]);
  expect(await order(here, sale, "m-3")).toMatchObject({ status: 201 });
});

test("the refusal is the one that a decision gives, in the same order of precedence", async () => {
  const { sale } = await soldOutSale(here, { limitPerMember: 3 });
  const other = { ...sale, skuId: here.ids.next<"Sku">() };
  const ask = async (by: Process) => [
    await order(by, sale, "m-1"),
    await order(by, sale, "m-1", { quantity: 3 }),
    await order(by, sale, "m-1", { quantity: 4 }),
    await order(by, other, "m-1"),
  ];
  await poll(here);
  const before = here.orders.refusals.figures();
  const remembered = await ask(here);
  // What the sale does not have was never read: that one went the whole way.
  const { hits, misses } = here.orders.refusals.figures();
  expect([hits - before.hits, misses - before.misses]).toEqual([3, 1]);
  const codes = remembered.map((answer) => (isRefusal(answer) ? answer.code : "placed"));
  expect(codes).toEqual(["sold_out", "sold_out", "sale_limit_reached", "sku_not_in_sale"]);
  expect(remembered).toEqual(await ask(elsewhere));
});

test("nothing is told from memory when the polls have failed for a second, or the clock went back", async () => {
  const { sale } = await soldOutSale();
  await poll(here);
  const asks = async () => {
    here.taken();
    expect(await order(here, sale, "m-1")).toMatchObject({ code: "sold_out" });
    return here.taken().length > 0;
  };
  clock.advance(knownAgeMsMax - 1);
  expect(await asks()).toBe(false);
  clock.advance(1);
  expect(await asks()).toBe(true);
  await here.orders.refusals.poll();
  expect(await asks()).toBe(false);
  clock.advance(-1);
  expect(await asks()).toBe(true);
});

test("before the opening it is told from memory when that is, and the first order gets through", async () => {
  const sale = await openFlashSale(here, clock, { opensInMs: 10_000 });
  const early = await order(here, sale, "m-1");
  expect(early).toMatchObject({ code: "sale_not_open", facts: { state: "scheduled" } });
  await poll(here);
  here.taken();
  const { hits } = here.orders.refusals.figures();
  expect(await order(here, sale, "m-2")).toEqual(early);
  expect(here.taken()).toEqual([]);
  expect(here.orders.refusals.figures().hits).toBe(hits + 1);
  clock.set(sale.opensAt - 1);
  await here.orders.refusals.poll();
  clock.set(sale.opensAt);
  expect(await order(here, sale, "m-2")).toMatchObject({ status: 201 });
});

test("an order of the last moment, placed elsewhere, is not told that the sale is over [ORD-04]", async () => {
  const sale = await openFlashSale(here, clock, { units: 2 });
  clock.set(sale.closesAt - 1);
  await order(here, sale, "m-1", { quantity: 5 });
  await here.orders.refusals.poll();
  const key = newKey(here.ids);
  const last = await order(elsewhere, sale, "m-2", { key });
  expect(last).toMatchObject({ status: 201 });
  clock.set(sale.closesAt);
  expect(await order(here, sale, "m-2", { key })).toEqual({ ...last, replayed: true });
});

test("a sale that was ended early is told as ended after the next poll", async () => {
  const { sale } = await soldOutSale();
  await poll(here);
  await elsewhere.sales.endSale(sale.tenantId, newKey(here.ids), sale.saleId);
  await poll(here);
  here.taken();
  expect(await order(here, sale, "m-1")).toMatchObject({
    code: "sale_not_open",
    facts: { state: "ended" },
  });
  expect(here.taken()).toEqual([]);
});

test("what nobody asks for any more is forgotten, and then nothing is read", async () => {
  const { sale } = await soldOutSale();
  await poll(here);
  expect(here.orders.refusals.figures().entries).toBe(1);
  clock.advance(9_000);
  await order(here, sale, "m-1");
  await poll(here);
  expect(here.orders.refusals.figures().entries).toBe(1);
  clock.advance(10_000);
  await poll(here);
  expect(here.orders.refusals.figures().entries).toBe(0);
  here.taken();
  await poll(here);
  expect(here.taken()).toEqual([]);
});

test("what is remembered is bounded, and one tenant's shortage is not another's", async () => {
  const sales = await Promise.all(Array.from({ length: 40 }, () => openFlashSale(here, clock)));
  for (const sale of sales) await order(here, sale, "m-1", { quantity: 5 });
  await poll(here);
  expect(here.orders.refusals.figures().entries).toBe(32);
  for (const sale of sales) expect(await order(here, sale, "m-2")).toMatchObject({ status: 201 });
});

/** One process over reads that a test writes down, with a sale of one SKU that has run out. */
function createMemory(given: Partial<SaleReads>) {
  const ids = createIds({ clock });
  const [tenantId, skuId] = [ids.next<"Tenant">(), ids.next<"Sku">()];
  const currency = "CNY" as const;
  const item = { skuId, priceMinor: 999n, currency, allotment: 1n, limitPerMember: undefined };
  const now = clock.now();
  const sale: Sale = {
    id: ids.next<"Sale">(),
    title: "Eleven eleven",
    state: "open",
    opensAt: now,
    closesAt: now + hourMs,
    limitPerMember: undefined,
    waitingRoom: false,
    ticketRules: undefined,
    items: new Map([[skuId, item]]),
    madeBy: "anna",
    createdAt: now,
    changedAt: now,
    scheduledAt: now,
    endedAt: undefined,
  };
  const productId = ids.next<"Product">();
  const sku = { id: skuId, productId, title: "Mug", priceMinor: 1_999n, currency, onSale: true };
  const refusals = createRefusalMemory({
    clock,
    reads: {
      sales: async () => [{ sale, left: new Map([[skuId, 0n]]) }],
      skus: async () => new Map([[skuId, sku]]),
      buyers: async () => [],
      newestEvent: async () => 0n,
      placedSince: async (_tenant, { after }) => ({ seq: after, isAll: true, data: [] }),
      ...given,
    },
  });
  return {
    saleId: sale.id,
    poll: refusals.poll,
    newId: () => ids.next<"Order">(),
    /** Whether the order went the whole way, which ends as given: sold out, as a rule. */
    async goesTheWholeWay(memberId: string, end: Ended = soldOutAnswer) {
      let went = false;
      const wanted = {
        memberId,
        saleId: sale.id,
        pass: undefined,
        lines: [{ skuId, quantity: 1 }],
      };
      const run = async () => {
        went = true;
        return end();
      };
      await refusals.place(tenantId, wanted, run).catch(() => undefined);
      return went;
    },
  };
}

type Ended = () => Answer | Refusal | Promise<Answer | Refusal>;
const soldOutAnswer = () => refuse("sold_out", { left: 0n });

test("until every page of buyers has been read, all orders go the whole way [ORD-04]", async () => {
  const reads: (OrderId | undefined)[] = [];
  const buyers = Array.from({ length: 250_000 }, (_, n) => ({
    orderId: `o-${String(n).padStart(6, "0")}` as OrderId,
    saleId: "" as SaleId,
    memberId: `m-${n}`,
  }));
  const { poll, goesTheWholeWay } = createMemory({
    async buyers(_tenant, { after, limit }) {
      reads.push(after);
      const from = after === undefined ? 0 : Number(after.slice(2)) + 1;
      return buyers.slice(from, from + limit);
    },
  });
  await goesTheWholeWay("late");
  for (const pages of [10, 20]) {
    await poll();
    expect(reads).toHaveLength(pages);
    expect(await goesTheWholeWay("late")).toBe(true);
  }
  await poll();
  expect(await goesTheWholeWay("late")).toBe(false);
  for (let n = 0; n < 250_000; n += 997) expect(await goesTheWholeWay(`m-${n}`)).toBe(true);
});

test("a sale with more buyers than are kept is never answered from memory", async () => {
  const placed = { orderId: "o-1" as OrderId, saleId: "" as SaleId, memberId: "m-1" };
  const page = Array.from({ length: 10_000 }, () => placed);
  let pages = 0;
  const { poll, goesTheWholeWay } = createMemory({
    async buyers() {
      pages += 1;
      return page;
    },
  });
  await goesTheWholeWay("late");
  for (let beat = 0; beat < 20; beat += 1) await poll();
  expect(pages).toBe(100);
  expect(await goesTheWholeWay("late")).toBe(true);
});

test("while the log has not been read to its end, all orders go the whole way [ORD-04]", async () => {
  const asked: bigint[] = [];
  const memory = createMemory({
    newestEvent: async () => 7n,
    async placedSince(_tenant, { after }) {
      asked.push(after);
      const placed = { orderId: memory.newId(), saleId: memory.saleId, memberId: "elsewhere" };
      return { seq: after + 10n, isAll: after > 20n, data: after === 17n ? [placed] : [] };
    },
  });
  await memory.goesTheWholeWay("late");
  for (let beat = 0; beat < 2; beat += 1) {
    await memory.poll();
    expect(await memory.goesTheWholeWay("late")).toBe(true);
  }
  await memory.poll();
  expect(asked).toEqual([7n, 17n, 27n]);
  expect(await memory.goesTheWholeWay("late")).toBe(false);
  expect(await memory.goesTheWholeWay("elsewhere")).toBe(true);
});

test("whose order is under way, was just placed or has failed goes the whole way [ORD-04]", async () => {
  const { poll, goesTheWholeWay } = createMemory({});
  await goesTheWholeWay("late");
  const slow = Promise.withResolvers<Refusal>();
  const under = goesTheWholeWay("slow", () => slow.promise);
  await poll();
  expect(await goesTheWholeWay("slow")).toBe(true);
  slow.resolve(soldOutAnswer());
  await under;
  expect(await goesTheWholeWay("slow")).toBe(false);
  const failed = () => {
    throw new Error("the connection was lost");
  };
  const placed = () => ({ kind: "answered", status: 201, body: "{}" }) as const;
  clock.advance(knownAgeMsMax);
  expect(await goesTheWholeWay("unlucky", failed)).toBe(true);
  expect(await goesTheWholeWay("lucky", placed)).toBe(true);
  await poll();
  expect(await goesTheWholeWay("lucky")).toBe(true);
  expect(await goesTheWholeWay("other")).toBe(false);
  expect(await goesTheWholeWay("unlucky")).toBe(true);
});

test("whom a full queue has sent off has placed nothing, and is answered from memory later", async () => {
  const { poll, goesTheWholeWay } = createMemory({});
  await goesTheWholeWay("late");
  await poll();
  const full = () => {
    throw new OverloadFault("too many commands are waiting");
  };
  // A poll that is late lets a crowd through: all of it together would fill what is kept.
  clock.advance(knownAgeMsMax);
  expect(await goesTheWholeWay("sent-off", full)).toBe(true);
  await poll();
  expect(await goesTheWholeWay("sent-off")).toBe(false);
});

test("a poll that fails says so, leaves what was read, and goes on with the next", async () => {
  let down = false;
  const { poll, goesTheWholeWay } = createMemory({
    async skus() {
      if (down) throw new Error("down");
      return new Map();
    },
  });
  await goesTheWholeWay("late");
  await poll();
  down = true;
  await expect(poll()).rejects.toThrow("down");
  expect(await goesTheWholeWay("late")).toBe(false);
  clock.advance(knownAgeMsMax);
  expect(await goesTheWholeWay("late")).toBe(true);
  down = false;
  await poll();
  expect(await goesTheWholeWay("late")).toBe(false);
});
