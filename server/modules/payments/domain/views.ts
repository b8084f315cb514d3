/** How payments leave the API. */
import type { MoneyView } from "../../../kernel/money.ts";
import { money, moneyView } from "../../../kernel/money.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type { ChannelAccountRecord } from "./channel-accounts.ts";
import { noticePathOf } from "./channel-accounts.ts";
import type { NoticeLine } from "./notices.ts";
import type { Attempt, LogEntry, Payment, Refund } from "./types.ts";

export interface ChannelAccountView {
  id: string;
  channel: string;
  merchantId: string;
  appId: string;
  label: string;
  active: boolean;
  noticePath: string;
  createdAt: string;
}

/** Without the configuration: what is sealed does not leave. */
export function channelAccountView(
  tenantId: string,
  account: ChannelAccountRecord,
): ChannelAccountView {
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

export interface PaymentView {
  id: string;
  reference: string;
  description: string;
  amount: MoneyView;
  state: Payment["state"];
  paidAttemptId?: string;
  paidAt?: string;
  createdAt: string;
}

export function paymentView(payment: Payment): PaymentView {
  const { amountMinor, currency, paidAttemptId } = payment;
  return {
    id: payment.id,
    reference: payment.reference,
    description: payment.description,
    amount: moneyView(money(amountMinor, currency)),
    state: payment.state,
    ...(paidAttemptId === undefined ? {} : { paidAttemptId }),
    ...optionalTime("paidAt", payment.paidAt),
    createdAt: formatInstant(payment.createdAt),
  };
}

export interface AttemptView {
  id: string;
  number: string;
  accountId: string;
  channel: string;
  method: Attempt["method"];
  amount: MoneyView;
  state: Attempt["state"];
  payerId?: string;
  channelTradeNumber?: string;
  paidAt?: string;
  surplus: boolean;
  failure?: string;
  expiresAt: string;
  createdAt: string;
}

/** Without the instruction: who has it can pay with it, or look like the one who does. */
export function attemptView(attempt: Attempt): AttemptView {
  const { payerId, channelTradeNumber, failure } = attempt;
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
    ...optionalTime("paidAt", attempt.paidAt),
    surplus: attempt.surplus,
    ...(failure === undefined ? {} : { failure }),
    expiresAt: formatInstant(attempt.expiresAt),
    createdAt: formatInstant(attempt.createdAt),
  };
}

export interface RefundView {
  id: string;
  number: string;
  attemptId: string;
  reference: string;
  cause: Refund["cause"];
  amount: MoneyView;
  reason: string;
  state: Refund["state"];
  channelRefundNumber?: string;
  refundedAt?: string;
  failure?: string;
  requestedBy: string;
  createdAt: string;
}

export function refundView(refund: Refund): RefundView {
  const { channelRefundNumber, failure } = refund;
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
    ...optionalTime("refundedAt", refund.refundedAt),
    ...(failure === undefined ? {} : { failure }),
    requestedBy: refund.requestedBy,
    createdAt: formatInstant(refund.createdAt),
  };
}

/** A line of the trade log as it was kept. */
export interface KeptLogEntry extends LogEntry {
  readonly at: number;
}

export interface LogEntryView {
  id: string;
  at: string;
  attemptId: string;
  refundId?: string;
  what: LogEntry["what"];
  outcome: string;
  detail?: string;
}

export function logEntryView({ at, ...entry }: KeptLogEntry): LogEntryView {
  return { ...entry, at: formatInstant(at) };
}

export interface NoticeView {
  id: string;
  accountId: string;
  channelNoticeId?: string;
  receivedAt: string;
  verdict: string;
  attemptNumber?: string;
  refundNumber?: string;
  deliveries: number;
}

export function noticeView(notice: NoticeLine): NoticeView {
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

function optionalTime<Name extends string>(
  name: Name,
  epochMs: number | undefined,
): { [Key in Name]?: string } {
  const times: { [Key in Name]?: string } = {};
  if (epochMs !== undefined) times[name] = formatInstant(epochMs);
  return times;
}
