import { secondMs } from "../../../kernel/time.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { SaleId } from "../../sales/index.ts";
import type { KnownSale } from "../domain/known-sale.ts";
import type { WantedInSale } from "../domain/types.ts";
import type { BuyerReads, Buyers } from "./buyers.ts";
import { createBuyers } from "./buyers.ts";

/** A sale whose orders are refused in great numbers. Times are epoch milliseconds. */
export interface RememberedSale {
  readonly tenantId: string;
  readonly saleId: SaleId;
  readonly buyers: Buyers;
  /** As the last poll has read it; undefined before the first, or when there is no such sale. */
  known: KnownSale | undefined;
  /** The goods of orders that found units missing, and when each was last asked for. */
  readonly polledSkus: Map<SkuId, number>;
  askedAt: number;
}

/** Sales remembered at a time; with at most 2 MiB of buyers each. */
const salesMax = 32;
/**
 * SKUs that are polled, of all those sales together: 25 us each, of this process and the database
 * (all of a sale of 1,000: 17 ms four times a second). Orders of the others go the whole way.
 */
const polledSkusMax = 100;
/** A sale or a SKU that nobody has asked for in this time is forgotten. */
const forgetAfterMs = 10 * secondMs;

export type RememberedSales = ReturnType<typeof createRememberedSales>;

/** Which sales and goods a process remembers: those that were asked for lately, so many at most. */
export function createRememberedSales(reads: BuyerReads) {
  const sales = new Map<string, RememberedSale>();

  return {
    count: () => sales.size,

    byTenant: (): Map<string, RememberedSale[]> =>
      Map.groupBy(sales.values(), ({ tenantId }) => tenantId),

    find: (tenantId: string, saleId: SaleId): RememberedSale | undefined =>
      sales.get(keyOf(tenantId, saleId)),

    /** Undefined when there is no room for one more. */
    remember(tenantId: string, saleId: SaleId, now: number): RememberedSale | undefined {
      const key = keyOf(tenantId, saleId);
      const found = sales.get(key);
      if (found !== undefined || sales.size >= salesMax) return found;
      const buyers = createBuyers(reads, { tenantId, saleId });
      const fresh = { tenantId, saleId, buyers, known: undefined, polledSkus: new Map() };
      const sale: RememberedSale = { ...fresh, askedAt: now };
      sales.set(key, sale);
      return sale;
    },

    /** From now on the goods of the order are polled, as long as there is room for them. */
    pollGoods({ polledSkus }: RememberedSale, { lines }: WantedInSale, now: number): void {
      let polled = sales.values().reduce((sum, sale) => sum + sale.polledSkus.size, 0);
      for (const { skuId } of lines) {
        if (polledSkus.has(skuId) || polled >= polledSkusMax) continue;
        polledSkus.set(skuId, now);
        polled += 1;
      }
    },

    forgetUnasked(now: number): void {
      const isUnasked = (askedAt: number) => Math.abs(now - askedAt) >= forgetAfterMs;
      for (const [key, { askedAt, polledSkus }] of sales) {
        if (isUnasked(askedAt)) sales.delete(key);
        for (const [skuId, at] of polledSkus) if (isUnasked(at)) polledSkus.delete(skuId);
      }
    },
  };
}

/** Called with every order of the sale, in microseconds. */
export function noteAsked(sale: RememberedSale, { lines }: WantedInSale, now: number): void {
  const { polledSkus } = sale;
  sale.askedAt = now;
  for (const { skuId } of lines) if (polledSkus.has(skuId)) polledSkus.set(skuId, now);
}

function keyOf(tenantId: string, saleId: SaleId): string {
  return `${tenantId} ${saleId}`;
}
