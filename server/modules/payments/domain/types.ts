import type { Id } from "../../../kernel/ids.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { ClientInstruction, PaymentMethod } from "../plug.ts";

export type PaymentId = Id<"Payment">;
export type AttemptId = Id<"PaymentAttempt">;
export type RefundId = Id<"Refund">;
export type ChannelAccountId = Id<"ChannelAccount">;

export type PaymentState = "open" | "closing" | "paid" | "closed";
export type AttemptState = "preparing" | "awaiting" | "closing" | "paid" | "closed" | "failed";
export type RefundState = "requested" | "processing" | "refunded" | "failed" | "abnormal";
export type RefundCause = "requested" | "surplus" | "late";

/** Times are epoch milliseconds, amounts minor units. */
export interface Payment {
  readonly id: PaymentId;
  readonly reference: string;
  readonly description: string;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly createdAt: number;
  state: PaymentState;
  paidAttemptId: AttemptId | undefined;
  paidAt: number | undefined;
}

export interface Attempt {
  readonly id: AttemptId;
  readonly paymentId: PaymentId;
  readonly number: string;
  readonly accountId: ChannelAccountId;
  readonly channel: string;
  readonly method: PaymentMethod;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly payerId: string | undefined;
  readonly payerIp: string | undefined;
  readonly returnUrl: string | undefined;
  readonly expiresAt: number;
  readonly createdAt: number;
  state: AttemptState;
  instruction: ClientInstruction | undefined;
  usableUntil: number | undefined;
  channelTradeNumber: string | undefined;
  paidAt: number | undefined;
  surplus: boolean;
  failure: string | undefined;
  /** When the channel is asked next; undefined when nothing is left to ask. */
  nextActionAt: number | undefined;
  /** How often it was asked since the state last changed: the step of the schedule. */
  asked: number;
}

export interface Refund {
  readonly id: RefundId;
  readonly number: string;
  readonly attemptId: AttemptId;
  readonly reference: string;
  readonly cause: RefundCause;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly reason: string;
  readonly requestedBy: string;
  readonly createdAt: number;
  state: RefundState;
  channelRefundNumber: string | undefined;
  refundedAt: number | undefined;
  failure: string | undefined;
  nextActionAt: number | undefined;
  asked: number;
}

/** A line of the trade log: what was asked of the channel, or told by it [PAY-23]. */
export interface LogEntry {
  readonly attemptId: AttemptId;
  readonly refundId?: RefundId;
  readonly what: "prepare" | "query" | "close" | "refund" | "query_refund" | "notice" | "decision";
  readonly outcome: string;
  readonly detail?: string;
}

/** Of the channel account, what a notice or an answer is compared with. */
export interface AccountIdentity {
  readonly id: ChannelAccountId;
  readonly channel: string;
  readonly merchantId: string;
  readonly appId: string;
}
