import { required } from "../../../kernel/assert.ts";
import type { Database } from "../../../kernel/database.ts";
import type { EventsSince } from "../../../kernel/events-since.ts";
import { newestEvent, readEventsSince } from "../../../kernel/events-since.ts";
import type { Clock } from "../../../kernel/time.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import { readSkus } from "../../catalog/index.ts";
import type { SaleId, Sales, SaleSku, SaleWithUnits } from "../../sales/index.ts";
import { knownSaleOf } from "../domain/known-sale.ts";
import type { PlacedInSale } from "../store/buyers.ts";
import { readBuyers } from "../store/buyers.ts";
import type { BuyerReads } from "./buyers.ts";
import type { RememberedSale } from "./remembered-sales.ts";

/** What remembered sales are read from, without locks. */
export interface SaleReads extends BuyerReads {
  /** With the goods that are named alone. */
  sales(
    tenantId: string,
    saleIds: readonly SaleId[],
    skus: readonly SaleSku[],
  ): Promise<readonly SaleWithUnits[]>;
  skus(tenantId: string, skuIds: readonly SkuId[]): Promise<ReadonlyMap<SkuId, Sku>>;
  /** Orders of the sales that were placed after the event of the number. */
  placedSince(
    tenantId: string,
    wanted: { readonly after: bigint; readonly saleIds: readonly SaleId[] },
  ): Promise<EventsSince<PlacedInSale>>;
}

/**
 * Reads what one tenant's sales are now: their goods that are polled, and who has ordered since the
 * last time. Five statements at most, however many sales and goods there are.
 */
export function createSalePolls(deps: { readonly clock: Clock; readonly reads: SaleReads }) {
  const { clock, reads } = deps;

  async function follow(tenantId: string, sales: readonly RememberedSale[]): Promise<void> {
    const readAt = clock.now();
    const saleIds = sales.map(({ saleId }) => saleId);
    const wanted = sales.flatMap(({ saleId, polledSkus }) =>
      [...polledSkus.keys()].map((skuId) => ({ saleId, skuId })),
    );
    // Units are read before the log: whoever took the units that are missing is known.
    const shown = await reads.sales(tenantId, saleIds, wanted);
    const after = sales
      .map(({ buyers }) => buyers.followedTo())
      .reduce((least, seq) => (seq < least ? seq : least));
    const [skus, placed] = await Promise.all([
      reads.skus(tenantId, [...new Set(wanted.map(({ skuId }) => skuId))]),
      reads.placedSince(tenantId, { after, saleIds }),
    ]);
    const byId = new Map(sales.map((sale) => [sale.saleId, sale]));
    for (const { saleId, memberId } of placed.data) {
      required(byId.get(saleId), "a sale that was asked for").buyers.add(memberId);
    }
    for (const sale of sales) sale.buyers.noteFollowed(placed.seq);
    // With more to read, somebody who has ordered may not be known yet.
    if (!placed.isAll) return;
    for (const sale of sales) {
      const ofSale = wanted.filter(({ saleId }) => saleId === sale.saleId);
      const skuIds = new Set(ofSale.map(({ skuId }) => skuId));
      const found = shown.find((each) => each.sale.id === sale.saleId);
      sale.known = found === undefined ? undefined : knownSaleOf(found, { skuIds, skus }, readAt);
    }
  }

  return {
    async poll(tenantId: string, sales: readonly RememberedSale[]): Promise<void> {
      for (const { buyers } of sales) if (buyers.state() === "loading") await buyers.load();
      const followed = sales.filter(({ buyers }) => buyers.state() === "known");
      if (followed.length > 0) await follow(tenantId, followed);
    },
  };
}

/** Each is one statement, or three: sales, their items, their units. */
export function saleReads(deps: {
  readonly database: Database;
  readonly sales: Pick<Sales, "readSales">;
}): SaleReads {
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
