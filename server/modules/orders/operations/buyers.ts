import { required } from "../../../kernel/assert.ts";
import type { BloomFilter } from "../../../kernel/bloom-filter.ts";
import { createBloomFilter } from "../../../kernel/bloom-filter.ts";
import type { SaleId } from "../../sales/index.ts";
import type { OrderId } from "../domain/types.ts";
import type { PlacedInSale } from "../store/buyers.ts";

/** What the first part of them is read from. */
export interface BuyerReads {
  /** Who has ordered in the sale, by the ids of the orders: the first `limit` after one. */
  buyers(
    tenantId: string,
    wanted: {
      readonly saleId: SaleId;
      readonly after: OrderId | undefined;
      readonly limit: number;
    },
  ): Promise<readonly PlacedInSale[]>;
  /** The number of the tenant's newest event; 0 before the first. */
  newestEvent(tenantId: string): Promise<bigint>;
}

/**
 * Members who may have an order in a sale: nobody who has one is ever missing, and of the others
 * one in 400 is taken for a buyer. First they are read from the orders, page by page, then from
 * the log of events, in which nothing is committed behind a reader's back.
 */
export type Buyers = ReturnType<typeof createBuyers>;

/** 2 MiB of filter. Of a sale with more of them, the buyers are not kept any more. */
const buyersMax = 1_000_000;
/** Some 15 ms of the database; so many pages a poll that other sales are not kept waiting long. */
const pageMax = 10_000;
const pagesPerPoll = 10;

/** Of a sale of which nothing is known yet. */
export function createBuyers(
  reads: BuyerReads,
  { tenantId, saleId }: { readonly tenantId: string; readonly saleId: SaleId },
) {
  let state: "loading" | "known" | "too_many" = "loading";
  let filter: BloomFilter | undefined;
  let read = 0;
  let lastOrderId: OrderId | undefined;
  let seq: bigint | undefined;

  return {
    /** Once they are `known`, all are that have ordered up to `followedTo`. `too_many` stays. */
    state: () => state,

    /** Only while they are known does a no mean anything. */
    mayHave: (memberId: string): boolean => filter === undefined || filter.mayHave(memberId),

    /** One who was seen in this process, or in the log. Before the first page it will be read. */
    add(memberId: string): void {
      filter?.add(memberId);
    },

    /** The number of the last event whose buyer was added, if it had one. */
    followedTo: (): bigint => required(seq, "buyers are followed once they are loaded"),

    noteFollowed(to: bigint): void {
      seq = to;
    },

    /** Reads on where the last call has stopped: at most a tenth of those that can be kept. */
    async load(): Promise<void> {
      // The log is followed from before the first page: what is placed meanwhile is in one of them.
      seq ??= await reads.newestEvent(tenantId);
      for (let page = 0; page < pagesPerPoll && state === "loading"; page += 1) {
        const wanted = { saleId, after: lastOrderId, limit: pageMax };
        const placed = await reads.buyers(tenantId, wanted);
        const isLast = placed.length < pageMax;
        filter ??= createBloomFilter(isLast ? 2 * pageMax : buyersMax);
        for (const { memberId } of placed) filter.add(memberId);
        read += placed.length;
        lastOrderId = placed.at(-1)?.orderId;
        if (isLast) state = "known";
        else if (read >= buyersMax) state = "too_many";
      }
    },
  };
}
