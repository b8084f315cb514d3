import type { Tx } from "../../../kernel/database.ts";
import type { StoredEvent } from "../../../kernel/events.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Operation } from "../../../kernel/operation.ts";
import { execute } from "../../../kernel/operation.ts";
import { decideEndDueSale, decideOpenDueSale, decideReturnUnits } from "../domain/decisions.ts";
import type { ReturnUnits, SaleId, SalesWorld } from "../domain/types.ts";
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

    /**
     * Puts units that orders gave back to a sale after its end on the shelf. Those that came back
     * before it went there with the end: the balance was locked when it was read.
     */
    async returnUnits(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
      const sales = new Set(events.flatMap(({ data }) => saleIn(data)));
      if (sales.size === 0) return;
      const ended = await selectEndedSales(tx, [...sales]);
      const commands = ended.map((saleId) => ({ saleId, bundleId: ids.next<"Bundle">() }));
      await execute(tx, returnUnits, commands);
    },
  };
}

/** The sale that an event of orders is about; most are about none. */
function saleIn(data: unknown): SaleId[] {
  if (typeof data !== "object" || data === null || !("saleId" in data)) return [];
  // Orders writes it, from an order's row.
  return [data.saleId as SaleId];
}

const openDueSales: Operation<SaleId, SalesWorld, void> = {
  name: "sales.open_due_sales",
  batchMax,
  load: (tx, sales) => loadSalesWorld(tx, { sales }),
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

const returnUnits: Operation<ReturnUnits, SalesWorld, void> = {
  name: "sales.return_units",
  batchMax,
  load: (tx, commands) =>
    loadSalesWorld(tx, { sales: commands.map(({ saleId }) => saleId), stock: true }),
  decide: decideReturnUnits,
  save: saveSales,
};
