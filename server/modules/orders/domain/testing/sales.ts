/** How tests of orders come to sales: the decisions of sales, on the same shelves. */
import type { SalesWorld } from "../../../sales/domain/testing/door.ts";
import type { Sale, SaleId } from "../../../sales/index.ts";
import { addBought } from "../bought.ts";
import type { OrdersWorld } from "../types.ts";

/** The world of sales beside that of orders; `sales` is the map that orders see. */
export function salesWorldOf({ skus, ledger }: OrdersWorld, sales: Map<SaleId, Sale>): SalesWorld {
  return {
    sales,
    skus,
    ledger,
    written: {
      newSales: new Map(),
      changedSales: new Map(),
      changedItems: new Set(),
      raisedItems: new Map(),
      events: [],
    },
  };
}

/** What the store would read now: each command is a batch of its own. */
export function countBought({ orders, bought }: OrdersWorld): void {
  bought.clear();
  for (const { saleId, memberId, state, lines } of orders.values()) {
    if (saleId === undefined || state === "closed" || state === "refunded") continue;
    addBought(bought, { saleId, memberId }, lines);
  }
}
