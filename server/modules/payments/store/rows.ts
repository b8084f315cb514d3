import type { Currency } from "../../../kernel/money.ts";
import type {
  Attempt,
  AttemptId,
  AttemptState,
  ChannelAccountId,
  Payment,
  PaymentId,
  PaymentState,
  Refund,
  RefundCause,
  RefundId,
  RefundState,
} from "../domain/types.ts";
import type { ClientInstruction, PaymentMethod } from "../plug.ts";

/** Of each table, what its rows are read with. */
export const paymentColumns = `id, reference, description, amount, currency, state,
          paid_attempt_id, paid_at, created_at`;

export const attemptColumns = `id, payment_id, number, account_id, channel, method, amount, currency, state, payer_id,
          payer_ip, return_url, instruction, usable_until, expires_at, channel_trade_number,
          paid_at, surplus, failure, next_action_at, asked, created_at`;

export const refundColumns = `id, number, attempt_id, reference, cause, amount, currency, reason, state,
          channel_refund_number, refunded_at, failure, next_action_at, asked, requested_by,
          created_at`;

export interface PaymentRow {
  id: PaymentId;
  reference: string;
  description: string;
  amount: bigint;
  currency: Currency;
  state: PaymentState;
  paid_attempt_id: AttemptId | null;
  paid_at: number | null;
  created_at: number;
}

export interface AttemptRow {
  id: AttemptId;
  payment_id: PaymentId;
  number: string;
  account_id: ChannelAccountId;
  channel: string;
  method: PaymentMethod;
  amount: bigint;
  currency: Currency;
  state: AttemptState;
  payer_id: string | null;
  payer_ip: string | null;
  return_url: string | null;
  instruction: ClientInstruction | null;
  usable_until: number | null;
  expires_at: number;
  channel_trade_number: string | null;
  paid_at: number | null;
  surplus: boolean;
  failure: string | null;
  next_action_at: number | null;
  asked: number;
  created_at: number;
}

export interface RefundRow {
  id: RefundId;
  number: string;
  attempt_id: AttemptId;
  reference: string;
  cause: RefundCause;
  amount: bigint;
  currency: Currency;
  reason: string;
  state: RefundState;
  channel_refund_number: string | null;
  refunded_at: number | null;
  failure: string | null;
  next_action_at: number | null;
  asked: number;
  requested_by: string;
  created_at: number;
}

export function paymentOf(row: PaymentRow): Payment {
  return {
    id: row.id,
    reference: row.reference,
    description: row.description,
    amountMinor: row.amount,
    currency: row.currency,
    createdAt: row.created_at,
    state: row.state,
    paidAttemptId: row.paid_attempt_id ?? undefined,
    paidAt: row.paid_at ?? undefined,
  };
}

export function attemptOf(row: AttemptRow): Attempt {
  return {
    id: row.id,
    paymentId: row.payment_id,
    number: row.number,
    accountId: row.account_id,
    channel: row.channel,
    method: row.method,
    amountMinor: row.amount,
    currency: row.currency,
    payerId: row.payer_id ?? undefined,
    payerIp: row.payer_ip ?? undefined,
    returnUrl: row.return_url ?? undefined,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    state: row.state,
    instruction: row.instruction ?? undefined,
    usableUntil: row.usable_until ?? undefined,
    channelTradeNumber: row.channel_trade_number ?? undefined,
    paidAt: row.paid_at ?? undefined,
    surplus: row.surplus,
    failure: row.failure ?? undefined,
    nextActionAt: row.next_action_at ?? undefined,
    asked: row.asked,
  };
}

export function refundOf(row: RefundRow): Refund {
  return {
    id: row.id,
    number: row.number,
    attemptId: row.attempt_id,
    reference: row.reference,
    cause: row.cause,
    amountMinor: row.amount,
    currency: row.currency,
    reason: row.reason,
    requestedBy: row.requested_by,
    createdAt: row.created_at,
    state: row.state,
    channelRefundNumber: row.channel_refund_number ?? undefined,
    refundedAt: row.refunded_at ?? undefined,
    failure: row.failure ?? undefined,
    nextActionAt: row.next_action_at ?? undefined,
    asked: row.asked,
  };
}
