import type { BloomFilter } from "../../../kernel/bloom-filter.ts";
import { createBloomFilter } from "../../../kernel/bloom-filter.ts";
import type { Database } from "../../../kernel/database.ts";
import { OverloadFault } from "../../../kernel/database.ts";
import type { EventsSince } from "../../../kernel/events-since.ts";
import { newestEvent, readEventsSince } from "../../../kernel/events-since.ts";
import type { CacheFigures } from "../../../kernel/metrics.ts";
import type { Answer } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import { readSkus } from "../../catalog/index.ts";
import type { SaleId, Sales, SaleSku, SaleWithUnits } from "../../sales/index.ts";
import { checkPlacing } from "../domain/placing.ts";
import { enterSale, worldOfSale } from "../domain/sale.ts";
import type { OrderId, PlacingWorld, WantedOrder } from "../domain/types.ts";
import type { PlacedInSale } from "../store/buyers.ts";
import { readBuyers } from "../store/buyers.ts";

/** What the memory is filled from. */
export interface SoldOutReads {
  /** With the goods that are named alone. */
  sales(
    tenantId: string,
    saleIds: readonly SaleId[],
    skus: readonly SaleSku[],
  ): Promise<readonly SaleWithUnits[]>;
  skus(tenantId: string, skuIds: readonly SkuId[]): Promise<ReadonlyMap<SkuId, Sku>>;
  /** Who has ordered in the sale, by the id of the order. */
  buyers(
    tenantId: string,
    wanted: {
      readonly saleId: SaleId;
      readonly after: OrderId | undefined;
      readonly limit: number;
    },
  ): Promise<readonly PlacedInSale[]>;
  newestEvent(tenantId: string): Promise<bigint>;
  placedSince(
    tenantId: string,
    wanted: { readonly after: bigint; readonly saleIds: readonly SaleId[] },
  ): Promise<EventsSince<PlacedInSale>>;
}

/** How soon a process knows of units that came back, and of orders that others have placed. */
export const soldOutPollMs = 250;
/** Nothing is told from memory that was read longer ago: three polls may fail. */
export const soldOutAgeMsMax = secondMs;
/** A sale or a SKU that nobody has asked for in this time is forgotten. */
const forgetAfterMs = 10 * secondMs;
/** Sales remembered at a time; with at most 2 MiB of buyers each. */
const rememberedMax = 32;
/**
 * SKUs that are polled, of all those sales together: 25 us each, of this process and the database
 * (all of a sale of 1,000: 17 ms four times a second). Orders of the others go the whole way.
 */
const polledSkusMax = 100;
/** Above this every order goes the whole way: the buyers of a sale are not kept any more. */
const buyersMax = 1_000_000;
/** Some 15 ms of the database; so many pages a poll that other sales are not kept waiting long. */
const buyersPageMax = 10_000;
const buyersPagesPerPoll = 10;

interface Remembered {
  readonly tenantId: string;
  readonly saleId: SaleId;
  askedAt: number;
  /** SKUs that orders were refused for, and when each was last asked for: these are polled. */
  readonly missed: Map<SkuId, number>;
  /** Members who may have an order in the sale. */
  buyers: BloomFilter | undefined;
  buyersRead: number;
  buyersState: "loading" | "known" | "too_many";
  /** The last order that was read while loading; all events up to `seq` are in `buyers`. */
  lastOrderId: OrderId | undefined;
  seq: bigint | undefined;
  /** Absent until the buyers are known. Of the goods it has those in `polled`. */
  world: PlacingWorld | undefined;
  polled: ReadonlySet<SkuId>;
  readAt: number;
}

/**
 * Most of those who come to a flash sale come too late. Once a decision has said so, this process
 * gives that answer from memory: the decision itself is asked, on what a poll has read a moment
 * ago, so that code and facts are the same, and who wants one unit is not refused because somebody
 * wanted five. Such a command never waits with those that may succeed. A poll reads the goods that
 * ran out and are still asked for: a sale may have a thousand others.
 *
 * An answer from memory must not tell a member whose order is placed that there was none: a
 * repeated Idempotency-Key gets its first answer. So members who may have an order in the sale, or
 * have one under way here, go the whole way. They are read from the orders when a sale is first
 * remembered, and then from the log of events, in which nothing is committed behind a reader's
 * back. Units are read before the log: whoever took the units that are missing is known. (Within
 * the age of a poll, only units that came back and were sold again elsewhere are not.)
 */
export function createSoldOut(deps: { readonly clock: Clock; readonly reads: SoldOutReads }) {
  const { clock, reads } = deps;
  const remembered = new Map<string, Remembered>();
  /** Commands of a member in a sale that are under way: as many as the edge lets in. */
  const underWay = new Map<string, number>();
  const counts = { hits: 0, misses: 0 };

  function remember(tenantId: string, saleId: SaleId): Remembered | undefined {
    const key = `${tenantId} ${saleId}`;
    const known = remembered.get(key);
    if (known !== undefined || remembered.size >= rememberedMax) return known;
    const fresh: Remembered = {
      tenantId,
      saleId,
      askedAt: clock.now(),
      missed: new Map(),
      buyers: undefined,
      buyersRead: 0,
      buyersState: "loading",
      lastOrderId: undefined,
      seq: undefined,
      world: undefined,
      polled: new Set(),
      readAt: Number.NEGATIVE_INFINITY,
    };
    remembered.set(key, fresh);
    return fresh;
  }

  function addMissed({ missed }: Remembered, { lines }: WantedInSale): void {
    const now = clock.now();
    let polled = remembered.values().reduce((sum, known) => sum + known.missed.size, 0);
    for (const { skuId } of lines) {
      if (missed.has(skuId) || polled >= polledSkusMax) continue;
      missed.set(skuId, now);
      polled += 1;
    }
  }

  /** The refusal that a decision would give; undefined when one has to be made. */
  function answerFromMemory(tenantId: string, wanted: WantedInSale): Refusal | undefined {
    const known = remembered.get(`${tenantId} ${wanted.saleId}`);
    if (known === undefined) return undefined;
    const now = clock.now();
    known.askedAt = now;
    for (const { skuId } of wanted.lines) if (known.missed.has(skuId)) known.missed.set(skuId, now);
    const refusal = refusalOf(known, wanted, now);
    if (refusal === undefined) counts.misses += 1;
    else counts.hits += 1;
    return refusal;
  }

  function refusalOf(known: Remembered, wanted: WantedInSale, now: number): Refusal | undefined {
    const { tenantId, saleId } = known;
    const { memberId } = wanted;
    const { world, readAt, buyers } = known;
    const age = now - readAt;
    if (world === undefined || age < 0 || age >= soldOutAgeMsMax) return undefined;
    if (buyers === undefined || buyers.mayHave(memberId)) return undefined;
    if (underWay.has(`${tenantId} ${saleId} ${memberId}`)) return undefined;
    // Of goods that were not read, only what holds for all of the sale can be told.
    const isPolled = wanted.lines.every(({ skuId }) => known.polled.has(skuId));
    const check = isPolled ? checkPlacing : enterSale;
    const refusal = check(world, wanted, now);
    if (!isRefusal(refusal)) return undefined;
    // What was not so when it was read may have let an order in since: the end of the sale.
    const then = check(world, wanted, readAt);
    if (!isRefusal(then) || then.code !== refusal.code) return undefined;
    return refusal;
  }

  function learn(tenantId: string, wanted: WantedInSale, result: Answer | Refusal): void {
    if (!isRefusal(result)) {
      addBuyer(tenantId, wanted);
      return;
    }
    if (!isAskedByMany(result)) return;
    const known = remember(tenantId, wanted.saleId);
    if (known !== undefined && result.code === "sold_out") addMissed(known, wanted);
  }

  function addBuyer(tenantId: string, { saleId, memberId }: WantedInSale): void {
    remembered.get(`${tenantId} ${saleId}`)?.buyers?.add(memberId);
  }

  async function wholeWay(tenantId: string, wanted: WantedInSale, run: PlaceRun) {
    const key = `${tenantId} ${wanted.saleId} ${wanted.memberId}`;
    underWay.set(key, (underWay.get(key) ?? 0) + 1);
    try {
      const result = await run();
      learn(tenantId, wanted, result);
      return result;
    } catch (error) {
      // Whether it was committed is unknown, unless it never was in the queue.
      if (!(error instanceof OverloadFault)) addBuyer(tenantId, wanted);
      throw error;
    } finally {
      const others = (underWay.get(key) ?? 0) - 1;
      if (others > 0) underWay.set(key, others);
      else underWay.delete(key);
    }
  }

  /** Reads on where the last poll has stopped. */
  async function loadBuyers(known: Remembered): Promise<void> {
    const { tenantId, saleId } = known;
    // The log is followed from before the first page: what is placed meanwhile is in one of them.
    known.seq ??= await reads.newestEvent(tenantId);
    for (let page = 0; page < buyersPagesPerPoll; page += 1) {
      const wanted = { saleId, after: known.lastOrderId, limit: buyersPageMax };
      const placed = await reads.buyers(tenantId, wanted);
      const isLast = placed.length < buyersPageMax;
      known.buyers ??= createBloomFilter(isLast ? 2 * buyersPageMax : buyersMax);
      for (const { memberId } of placed) known.buyers.add(memberId);
      known.buyersRead += placed.length;
      known.lastOrderId = placed.at(-1)?.orderId;
      if (isLast) known.buyersState = "known";
      else if (known.buyersRead >= buyersMax) known.buyersState = "too_many";
      if (known.buyersState !== "loading") return;
    }
  }

  async function refresh(tenantId: string, all: readonly Remembered[]): Promise<void> {
    const readAt = clock.now();
    const saleIds = all.map(({ saleId }) => saleId);
    const polled = new Map(all.map(({ saleId, missed }) => [saleId, new Set(missed.keys())]));
    const skus = [...polled].flatMap(([saleId, skuIds]) =>
      [...skuIds].map((skuId) => ({ saleId, skuId })),
    );
    const shown = await reads.sales(tenantId, saleIds, skus);
    const after = all.reduce(
      (least, { seq = 0n }) => (seq < least ? seq : least),
      all[0]?.seq ?? 0n,
    );
    const [goods, placed] = await Promise.all([
      reads.skus(tenantId, [...new Set(skus.map(({ skuId }) => skuId))]),
      reads.placedSince(tenantId, { after, saleIds }),
    ]);
    for (const { saleId, memberId } of placed.data) {
      remembered.get(`${tenantId} ${saleId}`)?.buyers?.add(memberId);
    }
    for (const known of all) {
      known.seq = placed.seq;
      // With more to read, somebody who has ordered may not be known yet.
      if (!placed.isAll) continue;
      const sale = shown.find((each) => each.sale.id === known.saleId);
      known.world = sale === undefined ? undefined : worldOfSale(sale, goods);
      known.polled = polled.get(known.saleId) ?? new Set();
      known.readAt = readAt;
    }
  }

  async function pollTenant(tenantId: string, all: readonly Remembered[]): Promise<void> {
    for (const known of all) if (known.buyersState === "loading") await loadBuyers(known);
    const known = all.filter(({ buyersState }) => buyersState === "known");
    if (known.length > 0) await refresh(tenantId, known);
  }

  return {
    /**
     * Answers from memory, or lets the command go the whole way by `run` and learns from what
     * comes back. Orders of no sale always go: who has ordered a SKU is not known as easily.
     */
    place(tenantId: string, wanted: WantedOrder, run: PlaceRun): Promise<Answer | Refusal> {
      const { saleId } = wanted;
      if (saleId === undefined) return run();
      const inSale = { ...wanted, saleId };
      const refusal = answerFromMemory(tenantId, inSale);
      return refusal === undefined ? wholeWay(tenantId, inSale, run) : Promise.resolve(refusal);
    },

    /** The beat of a pulse, every `soldOutPollMs`. Nothing is read while nothing is remembered. */
    async poll(): Promise<void> {
      const now = clock.now();
      const isForgotten = (askedAt: number) => Math.abs(now - askedAt) >= forgetAfterMs;
      for (const [key, { askedAt, missed }] of remembered) {
        if (isForgotten(askedAt)) remembered.delete(key);
        for (const [skuId, at] of missed) if (isForgotten(at)) missed.delete(skuId);
      }
      const byTenant = Map.groupBy(remembered.values(), ({ tenantId }) => tenantId);
      const polls = [...byTenant].map(([tenantId, all]) => pollTenant(tenantId, all));
      // All of them have ended before the next beat, also when one has failed.
      await Promise.allSettled(polls);
      await Promise.all(polls);
    },

    name: "orders.sold_out",
    /** Sales that are remembered; of their orders, those answered from memory and the others. */
    figures: (): CacheFigures => ({ entries: remembered.size, ...counts, joined: 0 }),
  };
}

type PlaceRun = () => Promise<Answer | Refusal>;
type WantedInSale = WantedOrder & { readonly saleId: SaleId };

/** Too late, or too early: what comes in thousands. */
function isAskedByMany({ code, facts }: Refusal): boolean {
  return code === "sold_out" || (code === "sale_not_open" && facts["state"] === "scheduled");
}

/** Each is one statement, or three: sales, their items, their units. */
export function soldOutReads(deps: {
  readonly database: Database;
  readonly sales: Pick<Sales, "readSales">;
}): SoldOutReads {
  const { database, sales } = deps;
  return {
    sales: sales.readSales,
    skus: (tenantId, skuIds) => readSkus(database, tenantId, skuIds),
    buyers: (tenantId, wanted) => readBuyers(database, tenantId, wanted),
    newestEvent: (tenantId) => newestEvent(database, tenantId),
    placedSince(tenantId, { after, saleIds }) {
      const wanted = { after, type: "order_placed", field: "saleId", values: saleIds };
      return readEventsSince<PlacedInSale>(database, tenantId, wanted);
    },
  };
}
