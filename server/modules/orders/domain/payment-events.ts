/** What payments tell about orders, applied in the order in which it happened. Pure. */
import { assert } from "../../../kernel/assert.ts";
import { derivedId } from "../../../kernel/ids.ts";
import { canMove, hold } from "../../ledger/index.ts";
import type {
  PaymentClosed,
  PaymentPaid,
  RefundId,
  RefundTold,
  RefundTrouble,
} from "../../payments/index.ts";
import { decideRequestRefund, refundableOf } from "../../payments/index.ts";
import { releaseClosed } from "./ending.ts";
import { markPaid } from "./paying.ts";
import { addRefund, recordRefundFailed, recordRefundSucceeded } from "./refunds.ts";
import type { Order, OrderId, OrdersWorld, PaidTerms } from "./types.ts";
import { noteOrder, stockLegsOf } from "./world.ts";

/** The events of payments that move orders. */
export type OrderPaymentEvent =
  | { readonly type: "payment_paid"; readonly data: PaymentPaid }
  | { readonly type: "payment_closed"; readonly data: PaymentClosed }
  | { readonly type: "refund_succeeded"; readonly data: RefundTold }
  | { readonly type: "refund_failed"; readonly data: RefundTrouble };

export const orderPaymentEventTypes = [
  "payment_paid",
  "payment_closed",
  "refund_succeeded",
  "refund_failed",
] as const satisfies readonly OrderPaymentEvent["type"][];

export interface RecordPaymentEvent {
  readonly event: OrderPaymentEvent;
  readonly terms: PaidTerms;
  /** For the refund of money that came too late; used only then. */
  readonly refundId: RefundId;
  readonly refundNumber: string;
}

const madeBy = "payments";

/** News that has been recorded before, or that is not about an order, changes nothing. */
export function decideRecordPaymentEvent(
  world: OrdersWorld,
  command: RecordPaymentEvent,
  now: number,
): void {
  const { event } = command;
  const order = findOrder(world, event.data.reference);
  if (order === undefined) return;
  switch (event.type) {
    case "payment_paid":
      return recordPaid(world, order, { ...command, paidAt: event.data.paidAt }, now);
    case "payment_closed":
      if (order.state !== "closing") return;
      return releaseClosed(world, order, { madeBy, reason: "nobody can pay it any more" }, now);
    case "refund_succeeded":
      return recordRefundSucceeded(world, order, event.data, now);
    case "refund_failed":
      return recordRefundFailed(world, order, event.data, now);
  }
}

interface Paid extends RecordPaymentEvent {
  readonly paidAt: number;
}

/** Whoever cancelled while the payer was paying has lost: the money is there. */
function recordPaid(world: OrdersWorld, order: Order, paid: Paid, now: number): void {
  const { paidAt, terms } = paid;
  const shared = { paidAt, completeAfterMs: terms.completeAfterMs, madeBy };
  switch (order.state) {
    case "pending_payment":
    case "paying":
      return markPaid(world, order, { ...shared, reason: "paid" }, now);
    case "closing":
      return markPaid(world, order, { ...shared, reason: "paid before it was closed" }, now);
    case "closed":
      return recordLate(world, order, paid, now);
    case "paid":
    case "completed":
    case "refunded":
    // Told before.
  }
}

/** Money for an order that is closed: the tenant has chosen what becomes of it. */
function recordLate(world: OrdersWorld, order: Order, paid: Paid, now: number): void {
  assert(world.payments.payments.has(order.id), "late money is told as late");
  // Somebody of the tenant's staff may have been quicker than this event.
  if (refundableOf(world.payments, world.ledger, order.id) < order.totalMinor) {
    const reason = "paid after the close; a refund has been asked for already";
    return noteOrder(world, order, { madeBy, reason }, now);
  }
  if (paid.terms.latePayment === "refund") {
    return refundLate(world, order, { ...paid, why: "paid after the close" }, now);
  }
  // Its units were for those who came in time, and so was its price.
  if (order.saleId !== undefined) {
    return refundLate(
      world,
      order,
      { ...paid, why: "paid after the close of a sale's order" },
      now,
    );
  }
  const legs = stockLegsOf(order);
  if (!canMove(world.ledger, legs)) {
    return refundLate(world, order, { ...paid, why: "paid after the close and sold out" }, now);
  }
  const id = derivedId(`${order.id} revived`);
  hold(world.ledger, { id, legs, reference: order.id, reason: "order revived" });
  order.stockBundleId = id;
  const { paidAt, terms } = paid;
  const reason = "paid after the close; its units were still there";
  const { completeAfterMs } = terms;
  markPaid(world, order, { paidAt, completeAfterMs, madeBy, reason }, now);
}

function refundLate(
  world: OrdersWorld,
  order: Order,
  { refundId, refundNumber: number, terms, why }: Paid & { readonly why: string },
  now: number,
): void {
  const asked = { refundId, number, reference: order.id, cause: "late" as const };
  const money = { amountMinor: order.totalMinor, reason: why, requestedBy: madeBy };
  const { channels } = terms;
  const outcome = decideRequestRefund(
    world.payments,
    world.ledger,
    { ...asked, ...money, channels },
    now,
  );
  if (outcome.kind === "refused") {
    const reason = `${why}; the money cannot be sent back: ${outcome.code}`;
    return noteOrder(world, order, { madeBy, reason }, now);
  }
  addRefund(world, order, { refund: outcome.refund, lines: [], restock: false }, now);
}

/** What others pay for is no order's id, and is not found. */
function findOrder(world: OrdersWorld, reference: string): Order | undefined {
  return world.orders.get(reference as OrderId);
}
