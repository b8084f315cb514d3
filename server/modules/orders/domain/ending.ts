/** Closing unpaid orders and completing paid ones. Pure. */
import { assert, required } from "../../../kernel/assert.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import { release } from "../../ledger/index.ts";
import type { ClosePaymentOutcome } from "../../payments/index.ts";
import { decideClosePayment } from "../../payments/index.ts";
import { markPaid } from "./paying.ts";
import type { Order, OrderId, OrdersWorld } from "./types.ts";
import type { Cause } from "./world.ts";
import { moveOrder, visibleOrder } from "./world.ts";

/** The order as it is afterwards, moved by this or not. */
export interface OrderOutcome {
  readonly kind: "order";
  readonly order: Order;
}

export interface ChangeOrder {
  readonly orderId: OrderId;
  /** Present when a member asks: only this member's orders exist then. */
  readonly memberId?: string;
  readonly madeBy: string;
}

/**
 * Refuses when it has been paid. While somebody may be paying it waits in `closing` for the
 * channels' word; what is closed or closing stays so.
 */
export function decideCancelOrder(
  world: OrdersWorld,
  command: ChangeOrder,
  now: number,
): OrderOutcome | Refusal {
  const order = visibleOrder(world, command);
  if (order === undefined) return refuse("not_found", { what: "order" });
  if (order.state === "closed" || order.state === "closing") return { kind: "order", order };
  if (!isUnpaid(order)) return refuse("order_not_cancellable", { state: order.state });
  const { kind } = closeOrder(world, order, { madeBy: command.madeBy, reason: "cancelled" }, now);
  // The order hears of it in a moment.
  if (kind === "paid") return refuse("order_not_cancellable", { state: "paid" });
  return { kind: "order", order };
}

export interface CloseDueOrder {
  readonly orderId: OrderId;
  readonly completeAfterMs: number;
}

/** Checks the state first: an order that was paid or closed meanwhile is left alone [ORD-08]. */
export function decideCloseDueOrder(
  world: OrdersWorld,
  { orderId, completeAfterMs }: CloseDueOrder,
  now: number,
): void {
  const order = required(world.orders.get(orderId), "a due order");
  if (!isUnpaid(order) || now < order.closeDueAt) return;
  const cause = { madeBy: "deadline", reason: "not paid in time" };
  const { kind, payment } = closeOrder(world, order, cause, now);
  if (kind !== "paid") return;
  // Left as it is it would stay due, and stand in the way of others, until its event has come.
  const paidAt = payment.paidAt ?? now;
  markPaid(world, order, { paidAt, completeAfterMs, madeBy: "payments", reason: "paid" }, now);
}

/** Refuses unless it is paid. What is completed already stays so. */
export function decideCompleteOrder(
  world: OrdersWorld,
  command: ChangeOrder,
  now: number,
): OrderOutcome | Refusal {
  const order = visibleOrder(world, command);
  if (order === undefined) return refuse("not_found", { what: "order" });
  if (order.state === "completed") return { kind: "order", order };
  if (order.state !== "paid") return refuse("order_not_completable", { state: order.state });
  const cause = { madeBy: command.madeBy, reason: "completed" };
  moveOrder(world, order, { to: "completed", ...cause }, now);
  return { kind: "order", order };
}

export function decideCompleteDueOrder(world: OrdersWorld, orderId: OrderId, now: number): void {
  const order = required(world.orders.get(orderId), "a due order");
  if (order.state !== "paid" || now < (order.completeDueAt ?? now)) return;
  const cause = { madeBy: "deadline", reason: "the time for complaints is over" };
  moveOrder(world, order, { to: "completed", ...cause }, now);
}

/** Nobody can pay it any more: the units go back on sale in the same transaction. */
export function releaseClosed(world: OrdersWorld, order: Order, cause: Cause, now: number): void {
  const { reason } = cause;
  assert(release(world.ledger, { bundleId: order.stockBundleId, reason }), "its units are held");
  moveOrder(world, order, { to: "closed", ...cause }, now);
}

function isUnpaid({ state }: Order): boolean {
  return state === "pending_payment" || state === "paying";
}

function closeOrder(
  world: OrdersWorld,
  order: Order,
  cause: Cause,
  now: number,
): ClosePaymentOutcome {
  const outcome = decideClosePayment(world.payments, order.id, now);
  if (outcome.kind === "closed") releaseClosed(world, order, cause, now);
  if (outcome.kind === "closing") moveOrder(world, order, { to: "closing", ...cause }, now);
  return outcome;
}
