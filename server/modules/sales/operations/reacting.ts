import type { Tx } from "../../../kernel/database.ts";
import type { StoredEvent } from "../../../kernel/events.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Operation } from "../../../kernel/operation.ts";
import { execute } from "../../../kernel/operation.ts";
import { decideEndDueSale, decideOpenDueSale, decideReturnUnits } from "../domain/decisions.ts";
import type { ReturnUnits, SaleId, SaleSku, SalesWorld } from "../domain/types.ts";
import { forgetTickets } from "../store/forgetting.ts";
import {
  loadSalesWorld,
  saveSales,
  selectEndedSales,
  takeSalesToEnd,
  takeSalesToOpen,
} from "../store/world.ts";

/** Sweeps and subscriptions bring batches of their own size; none is longer than this. */
const batchMax = 512;

/** What the reactions call: by the clock, and after events of orders. */
export function createReacting({ ids }: { readonly ids: Ids }) {
  return {
    /** Writes down that up to `limit` sales have opened; gives how many were looked at. */
    async openDueSales(tx: Tx, limit: number): Promise<number> {
      const due = await takeSalesToOpen(tx, limit);
      await execute(tx, openDueSales, due);
      return due.length;
    },

    /** Ends up to `limit` sales that are over; gives how many were looked at. */
    async endDueSales(tx: Tx, limit: number): Promise<number> {
      const due = await takeSalesToEnd(tx, limit);
      await execute(tx, endDueSales, due);
      return due.length;
    },

    /** Deletes up to `limit` tickets of sales that ended a week ago; gives how many. */
    forgetTickets: (tx: Tx, limit: number): Promise<number> => forgetTickets(tx, limit),

    /**
     * Puts units that orders gave back to a sale after its end on the shelf. Those that came back
     * before it went there with the end: the balance was locked when it was read. Only the goods
     * of those orders are looked at.
     */
    async returnUnits(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
      const bySale = Map.groupBy(events.flatMap(goodsIn), ({ saleId }) => saleId);
      if (bySale.size === 0) return;
      const ended = await selectEndedSales(tx, [...bySale.keys()]);
      const commands = ended.map((saleId) => {
        const items = bySale.get(saleId) ?? [];
        return { saleId, items, bundleId: ids.next<"Bundle">() };
      });
      await execute(tx, returnUnits, commands);
    },
  };
}

interface OrderData {
  readonly saleId: SaleId;
  readonly lines: readonly Pick<SaleSku, "skuId">[];
}

/** The goods of an order of a sale that an event is about; most are about orders of none. */
function goodsIn({ data }: StoredEvent): SaleSku[] {
  if (typeof data !== "object" || data === null || !("saleId" in data)) return [];
  // Orders writes them, from an order's row.
  const { saleId, lines } = data as OrderData;
  return lines.map(({ skuId }) => ({ saleId, skuId }));
}

const openDueSales: Operation<SaleId, SalesWorld, void> = {
  name: "sales.open_due_sales",
  batchMax,
  // Of its goods nothing changes, so none are read.
  load: (tx, sales) => loadSalesWorld(tx, { sales, items: [] }),
  decide: decideOpenDueSale,
  save: saveSales,
};

const endDueSales: Operation<SaleId, SalesWorld, void> = {
  name: "sales.end_due_sales",
  batchMax,
  load: (tx, sales) => loadSalesWorld(tx, { sales, stock: true }),
  decide: decideEndDueSale,
  save: saveSales,
};

const returnUnits: Operation<
  ReturnUnits & { readonly items: readonly SaleSku[] },
  SalesWorld,
  void
> = {
  name: "sales.return_units",
  batchMax,
  load: (tx, commands) =>
    loadSalesWorld(tx, {
      sales: commands.map(({ saleId }) => saleId),
      items: commands.flatMap(({ items }) => items),
      stock: true,
    }),
  decide: decideReturnUnits,
  save: saveSales,
};
