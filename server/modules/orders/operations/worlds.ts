import type { Tx } from "../../../kernel/database.ts";
import { stockAccounts } from "../../catalog/index.ts";
import { loadLedger, saveLedger } from "../../ledger/index.ts";
import { loadPayments, refundAccountsOf, savePayments } from "../../payments/index.ts";
import type { Order, OrderId, OrdersWorld } from "../domain/types.ts";
import { nothingWritten, shelfOf } from "../domain/world.ts";
import { loadRefunds } from "../store/refunds.ts";
import { loadOrders, loadSteps, saveOrders } from "../store/world.ts";

/** What an operation needs besides the orders themselves; what it does not name is not locked. */
export interface WantedWorld {
  readonly orders: readonly OrderId[];
  /** Orders whose payments may change, with their attempts and refunds. */
  readonly payments?: readonly string[];
  /** Whether money of those payments may be held for a refund. */
  readonly money?: boolean;
  readonly refunds?: boolean;
  /** Whether units may move. */
  readonly stock?: boolean;
}

/**
 * Locks go the same way everywhere: orders, payments with what belongs to them, balances. Those of
 * the first two leave in one flight.
 */
export async function loadWorld(tx: Tx, wanted: WantedWorld): Promise<OrdersWorld> {
  const [orders, payments, steps, refunds] = await Promise.all([
    loadOrders(tx, wanted.orders),
    loadPayments(tx, { references: wanted.payments ?? [] }),
    loadSteps(tx, wanted.orders),
    loadRefunds(tx, wanted.refunds === true ? wanted.orders : []),
  ]);
  const found = wanted.stock === true ? [...orders.values()] : [];
  const money = wanted.money === true ? refundAccountsOf(payments) : [];
  const ledger = await loadLedger(tx, {
    accounts: [...found.flatMap(stockAccountsOf), ...money],
    bundles: found.map(({ stockBundleId }) => stockBundleId),
  });
  const unasked = { skus: new Map(), sales: new Map(), bought: new Map() };
  return { orders, steps, refunds, ...unasked, payments, ledger, written: nothingWritten() };
}

/** Writes what decisions did, one statement a table. */
export function saveWorld(tx: Tx, world: OrdersWorld): void {
  saveOrders(tx, world);
  savePayments(tx, world.payments);
  saveLedger(tx, world.ledger);
}

function stockAccountsOf(order: Order) {
  return order.lines.flatMap(({ skuId }) => [shelfOf(order, skuId), stockAccounts(skuId).sold]);
}
