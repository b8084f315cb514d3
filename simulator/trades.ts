/**
 * What both channels agree on about a trade: when it can be paid, closed and refunded. The
 * decisions are pure; each channel says them in its own words and codes.
 */
import { sumMinor } from "./world.ts";
import type { Refund, Trade } from "./world.ts";

/** WeChat Pay's bound. Alipay publishes none and gets the same, so that no list grows for ever. */
export const refundsPerTradeMax = 50;

/** Time works without anybody asking: a trade that was not paid in time is closed. */
export function atTime(trade: Trade, now: number): Trade {
  const isOpen = trade.state === "prepared" || trade.state === "unpaid";
  if (!isOpen || now < trade.expiresAt) return trade;
  return { ...trade, state: "closed", closedAt: trade.expiresAt };
}

export type PayOutcome =
  | { readonly kind: "paid"; readonly trade: Trade }
  | { readonly kind: "paid_before" | "closed" };

export function decidePay(
  trade: Trade,
  payment: { readonly payerId: string; readonly transactionId: string; readonly at: number },
): PayOutcome {
  if (trade.state === "paid") return { kind: "paid_before" };
  if (trade.state === "closed") return { kind: "closed" };
  return {
    kind: "paid",
    trade: {
      ...trade,
      state: "paid",
      paidAt: payment.at,
      payerId: trade.payerId === "" ? payment.payerId : trade.payerId,
      transactionId: trade.transactionId === "" ? payment.transactionId : trade.transactionId,
    },
  };
}

export type CloseOutcome =
  | { readonly kind: "closed"; readonly trade: Trade }
  | { readonly kind: "closed_before" | "paid" };

export function decideClose(trade: Trade, now: number): CloseOutcome {
  if (trade.state === "paid") return { kind: "paid" };
  if (trade.state === "closed") return { kind: "closed_before" };
  return { kind: "closed", trade: { ...trade, state: "closed", closedAt: now } };
}

export type RefundOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "repeated"; readonly refund: Refund }
  | {
      readonly kind:
        | "number_reused"
        | "not_paid"
        | "window_over"
        | "total_differs"
        | "too_many"
        | "exceeds_total";
    };

/** A year after the payment, says WeChat Pay; twelve months, says Alipay. */
const refundWindowMs = 365 * 24 * 3_600_000;

export function decideRefund(
  trade: Trade,
  refunds: readonly Refund[],
  earlier: Refund | undefined,
  request: { readonly amountMinor: number; readonly totalMinor: number; readonly now: number },
): RefundOutcome {
  if (earlier !== undefined) {
    const isSame =
      earlier.tradeNumber === trade.number && earlier.amountMinor === request.amountMinor;
    return isSame ? { kind: "repeated", refund: earlier } : { kind: "number_reused" };
  }
  if (trade.paidAt === null) return { kind: "not_paid" };
  if (request.now - trade.paidAt > refundWindowMs) return { kind: "window_over" };
  if (request.totalMinor !== trade.totalMinor) return { kind: "total_differs" };
  if (refunds.length >= refundsPerTradeMax) return { kind: "too_many" };
  if (refundClaims(refunds) + request.amountMinor > trade.totalMinor)
    return { kind: "exceeds_total" };
  return { kind: "accepted" };
}

/** A closed refund gives its part back; one under way or abnormal still claims it. */
export const refundClaims = (refunds: readonly Refund[]): number =>
  sumMinor(refunds, ["processing", "success", "abnormal"]);
