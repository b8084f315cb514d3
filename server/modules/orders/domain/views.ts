import { required } from "../../../kernel/assert.ts";
import { minorToNumber, money, moneyView } from "../../../kernel/money.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type { Attempt } from "../../payments/index.ts";
import type { HistoryStep, Order, OrderRefund } from "./types.ts";

/** An order as it leaves the API. */
export function orderView(order: Order) {
  const { currency } = order;
  return {
    id: order.id,
    number: order.number,
    memberId: order.memberId,
    ...(order.saleId === undefined ? {} : { saleId: order.saleId }),
    state: order.state,
    lines: order.lines.map((line, at) => ({
      line: at + 1,
      skuId: line.skuId,
      title: line.title,
      quantity: line.quantity,
      unitPrice: moneyView(money(line.unitPriceMinor, currency)),
      total: moneyView(money(line.unitPriceMinor * BigInt(line.quantity), currency)),
    })),
    total: { amount: minorToNumber(order.totalMinor), currency },
    refunded: { amount: minorToNumber(order.refundedMinor), currency },
    refundsUnderWay: { amount: minorToNumber(order.refundingMinor), currency },
    placedAt: formatInstant(order.placedAt),
    closesAt: formatInstant(order.closeDueAt),
    ...(order.paidAt === undefined ? {} : { paidAt: formatInstant(order.paidAt) }),
    ...(order.completeDueAt === undefined
      ? {}
      : { completesAt: formatInstant(order.completeDueAt) }),
    changedAt: formatInstant(order.changedAt),
  };
}

/** An attempt that is ready, with what the client needs to let the payer pay. */
export function attemptView(attempt: Attempt) {
  const { paymentId, id, number, channel, method, amountMinor, currency } = attempt;
  return {
    paymentId,
    attemptId: id,
    attemptNumber: number,
    channel,
    method,
    amount: moneyView(money(amountMinor, currency)),
    instruction: required(attempt.instruction, "the instruction of a prepared attempt"),
    expiresAt: formatInstant(attempt.expiresAt),
  };
}

export function orderRefundView(refund: OrderRefund) {
  const { id, orderId, number, cause, state, amountMinor, currency, endedAt, failure } = refund;
  return {
    id,
    orderId,
    number,
    cause,
    state,
    amount: moneyView(money(amountMinor, currency)),
    lines: refund.lines.map(({ line, quantity }) => ({ line, quantity })),
    restock: refund.restock,
    reason: refund.reason,
    requestedBy: refund.requestedBy,
    requestedAt: formatInstant(refund.requestedAt),
    ...(endedAt === undefined ? {} : { endedAt: formatInstant(endedAt) }),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** The placing and everything after it: who, when, why. */
export function historyView(order: Order, steps: readonly HistoryStep[]) {
  return [
    {
      at: formatInstant(order.placedAt),
      from: null,
      to: "pending_payment" as const,
      madeBy: order.placedBy,
      reason: "placed",
    },
    ...steps.map(({ at, from, to, madeBy, reason }) => ({
      at: formatInstant(at),
      from,
      to,
      madeBy,
      reason,
    })),
  ];
}
