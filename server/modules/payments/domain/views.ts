/** How payments leave the API. */
import { money, moneyView } from "../../../kernel/money.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type { ChannelAccountRecord } from "./channel-accounts.ts";
import { noticePathOf } from "./channel-accounts.ts";
import type { NoticeLine } from "./notices.ts";
import type { Attempt, LogEntry, Payment, Refund } from "./types.ts";

/** Without the configuration: what is sealed does not leave. */
export function channelAccountView(tenantId: string, account: ChannelAccountRecord) {
  return {
    id: account.id,
    channel: account.channel,
    merchantId: account.merchantId,
    appId: account.appId,
    label: account.label,
    active: account.active,
    noticePath: noticePathOf(tenantId, account),
    createdAt: formatInstant(account.createdAt),
  };
}

export function paymentView(payment: Payment) {
  const { amountMinor, currency, paidAttemptId, paidAt } = payment;
  return {
    id: payment.id,
    reference: payment.reference,
    description: payment.description,
    amount: moneyView(money(amountMinor, currency)),
    state: payment.state,
    ...(paidAttemptId === undefined ? {} : { paidAttemptId }),
    ...(paidAt === undefined ? {} : { paidAt: formatInstant(paidAt) }),
    createdAt: formatInstant(payment.createdAt),
  };
}

/** Without the instruction: who has it can pay with it, or look like the one who does. */
export function attemptView(attempt: Attempt) {
  const { payerId, channelTradeNumber, paidAt, failure } = attempt;
  return {
    id: attempt.id,
    number: attempt.number,
    accountId: attempt.accountId,
    channel: attempt.channel,
    method: attempt.method,
    amount: moneyView(money(attempt.amountMinor, attempt.currency)),
    state: attempt.state,
    ...(payerId === undefined ? {} : { payerId }),
    ...(channelTradeNumber === undefined ? {} : { channelTradeNumber }),
    ...(paidAt === undefined ? {} : { paidAt: formatInstant(paidAt) }),
    surplus: attempt.surplus,
    ...(failure === undefined ? {} : { failure }),
    expiresAt: formatInstant(attempt.expiresAt),
    createdAt: formatInstant(attempt.createdAt),
  };
}

export function refundView(refund: Refund) {
  const { channelRefundNumber, refundedAt, failure } = refund;
  return {
    id: refund.id,
    number: refund.number,
    attemptId: refund.attemptId,
    reference: refund.reference,
    cause: refund.cause,
    amount: moneyView(money(refund.amountMinor, refund.currency)),
    reason: refund.reason,
    state: refund.state,
    ...(channelRefundNumber === undefined ? {} : { channelRefundNumber }),
    ...(refundedAt === undefined ? {} : { refundedAt: formatInstant(refundedAt) }),
    ...(failure === undefined ? {} : { failure }),
    requestedBy: refund.requestedBy,
    createdAt: formatInstant(refund.createdAt),
  };
}

/** A line of the trade log as it was kept. */
export interface KeptLogEntry extends LogEntry {
  readonly at: number;
}

export function logEntryView({ at, ...entry }: KeptLogEntry) {
  return { ...entry, at: formatInstant(at) };
}

export function noticeView(notice: NoticeLine) {
  const { channelNoticeId, attemptNumber, refundNumber } = notice;
  return {
    id: notice.id,
    accountId: notice.accountId,
    ...(channelNoticeId === undefined ? {} : { channelNoticeId }),
    receivedAt: formatInstant(notice.receivedAt),
    verdict: notice.verdict,
    ...(attemptNumber === undefined ? {} : { attemptNumber }),
    ...(refundNumber === undefined ? {} : { refundNumber }),
    deliveries: notice.deliveries,
  };
}
