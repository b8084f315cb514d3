import type { NewEvent } from "../../../kernel/events.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { ClientInstruction, PaymentMethod } from "../plug.ts";

export type PaymentId = Id<"Payment">;
export type AttemptId = Id<"PaymentAttempt">;
export type RefundId = Id<"Refund">;
export type ChannelAccountId = Id<"ChannelAccount">;

export type LogEntryId = Id<"TradeLogEntry">;

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

export type LogWhat = "prepare" | "query" | "close" | "refund" | "query_refund" | "notice";

/** A line of the trade log: what was asked of the channel, or told by it [PAY-23]. */
export interface LogEntry {
  readonly id: LogEntryId;
  readonly attemptId: AttemptId;
  readonly refundId?: RefundId;
  readonly what: LogWhat;
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

/** What decisions know of payments: whole payments with all their attempts and refunds, locked. */
export interface PaymentsWorld {
  /** By reference. */
  readonly payments: Map<string, Payment>;
  readonly attempts: Map<AttemptId, Attempt>;
  readonly refunds: Map<RefundId, Refund>;
  readonly written: Written;
}

/** What decisions did, for `save`. */
export interface Written {
  readonly newPayments: Set<Payment>;
  readonly changedPayments: Set<Payment>;
  readonly newAttempts: Set<Attempt>;
  readonly changedAttempts: Set<Attempt>;
  readonly newRefunds: Set<Refund>;
  readonly changedRefunds: Set<Refund>;
  readonly log: LogEntry[];
  readonly events: PaymentEvent[];
}

/** Amounts are minor units, times epoch milliseconds. */
export type PaymentEvent =
  | NewEvent<"payment_paid", PaymentPaid>
  | NewEvent<"payment_closed", PaymentClosed>
  | NewEvent<"payment_surplus", PaymentSurplus>
  | NewEvent<"payment_mismatch", PaymentMismatch>
  | NewEvent<"refund_requested" | "refund_succeeded", RefundTold>
  | NewEvent<"refund_failed" | "refund_abnormal" | "refund_mismatch", RefundTrouble>;

export interface PaymentPaid {
  readonly paymentId: PaymentId;
  readonly reference: string;
  readonly attemptId: AttemptId;
  readonly amountMinor: number;
  readonly currency: Currency;
  readonly paidAt: number;
  /** The payment was closed already: whoever asked for it no longer waits for the money. */
  readonly late: boolean;
}

export interface PaymentClosed {
  readonly paymentId: PaymentId;
  readonly reference: string;
}

/** A second payment of what was paid already; its refund is under way. */
export interface PaymentSurplus {
  readonly paymentId: PaymentId;
  readonly reference: string;
  readonly attemptId: AttemptId;
  readonly refundId: RefundId;
  readonly amountMinor: number;
  readonly currency: Currency;
}

/** The channel tells of a payment that is not ours in some field: a person looks, nothing moves. */
export interface PaymentMismatch {
  readonly paymentId: PaymentId;
  readonly reference: string;
  readonly attemptId: AttemptId;
  readonly differences: readonly Difference[];
}

export interface RefundTold {
  readonly refundId: RefundId;
  readonly reference: string;
  readonly attemptId: AttemptId;
  readonly amountMinor: number;
  readonly currency: Currency;
  readonly cause: RefundCause;
}

export interface RefundTrouble extends RefundTold {
  readonly why: string;
}

/** One field in which the channel's word differs from our books [PAY-13]. */
export interface Difference {
  readonly field:
    | "account"
    | "attempt_number"
    | "refund_number"
    | "amount"
    | "currency"
    | "merchant"
    | "app";
  readonly ours: string;
  readonly theirs: string;
}
