/** What channels tell about trades: compared with our books, and booked once. Pure. */
import { minorToNumber } from "../../../kernel/money.ts";
import type { LedgerWorld } from "../../ledger/index.ts";
import { hasBundle, move, openAccount } from "../../ledger/index.ts";
import type { ChannelAnswer, ChannelTrade } from "../plug.ts";
import { accountSpecsOf, capturedAccount, channelLedgerAccount } from "./ledger-accounts.ts";
import { wordAnswer } from "./answers.ts";
import { askAgain, closeAttempt, startClosing } from "./attempts.ts";
import { differencesOf, fieldsOf } from "./differences.ts";
import { openRefund } from "./refunds.ts";
import type {
  AccountIdentity,
  Attempt,
  AttemptId,
  Difference,
  LogEntryId,
  LogWhat,
  Payment,
  PaymentsWorld,
  RefundId,
} from "./types.ts";
import {
  attemptIn,
  isOpen,
  moveAttempt,
  movePayment,
  noteAttempt,
  openAttemptsOf,
  paymentOf,
} from "./world.ts";

export interface RecordTrade {
  readonly attemptId: AttemptId;
  readonly answer: ChannelAnswer<ChannelTrade>;
  /** The account that was asked, or whose notice it is. */
  readonly account: AccountIdentity;
  readonly what: LogWhat;
  readonly logId: LogEntryId;
  /** For the refund of a second payment; used only then. */
  readonly refundId: RefundId;
  readonly refundNumber: string;
}

export type TradeOutcome =
  /** What was booked just now. */
  | { readonly kind: "paid" | "surplus"; readonly attempt: Attempt }
  /** The same was told before. */
  | { readonly kind: "paid_before"; readonly attempt: Attempt }
  | { readonly kind: "closed"; readonly attempt: Attempt }
  /** Nothing moves: a person looks at it. */
  | {
      readonly kind: "mismatch";
      readonly attempt: Attempt;
      readonly differences: readonly Difference[];
    }
  | { readonly kind: "unpaid" | "no_answer"; readonly attempt: Attempt };

/** Reply and notice both tell; whichever comes first under the attempt's lock books it. */
export function decideRecordTrade(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  command: RecordTrade,
  now: number,
): TradeOutcome {
  const attempt = attemptIn(world, command.attemptId);
  const outcome = bookTrade(world, ledger, { ...command, attempt }, now);
  const { answer, what, logId: id } = command;
  const line = wordAnswer(answer, wordTrade(outcome));
  world.written.log.push({ id, attemptId: attempt.id, what, ...line });
  return outcome;
}

function bookTrade(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  command: RecordTrade & { readonly attempt: Attempt },
  now: number,
): TradeOutcome {
  const { answer, attempt, account, what } = command;
  if (answer.kind !== "ok") {
    if (what === "query") askAgain(world, attempt, now, answer);
    return { kind: "no_answer", attempt };
  }
  const trade = answer.value;
  const differences = compareTrade(attempt, account, trade);
  if (differences.length > 0) {
    if (what === "query") askAgain(world, attempt, now, answer);
    tellMismatch(world, attempt, differences);
    return { kind: "mismatch", attempt, differences };
  }
  switch (trade.state) {
    case "paid":
      return bookPaid(world, ledger, { ...command, trade }, now);
    case "closed":
      if (isOpen(attempt.state)) closeAttempt(world, attempt);
      return { kind: "closed", attempt };
    case "failed":
      // Some channels let the payer try again under the same number: only a close ends it.
      startClosing(world, attempt, now);
      if (what === "query") askAgain(world, attempt, now, answer);
      return { kind: "unpaid", attempt };
    case "unpaid":
    case "paying":
      if (what === "query") askAgain(world, attempt, now, answer);
      return { kind: "unpaid", attempt };
  }
}

/**
 * Every field in which the channel's word differs from our books. What a channel does not tell at
 * all cannot differ, but for the amount of what is paid: without it nothing is known [PAY-13].
 */
export function compareTrade(
  attempt: Attempt,
  account: AccountIdentity,
  trade: ChannelTrade,
): Difference[] {
  const amount = trade.amountMinor;
  const isPaidFor = trade.state === "paid" || amount !== undefined;
  return differencesOf([
    ["account", attempt.accountId, account.id],
    ["attempt_number", attempt.number, trade.attemptNumber],
    ["amount", attempt.amountMinor, isPaidFor ? (amount ?? "not told") : undefined],
    ["currency", attempt.currency, trade.currency],
    ["merchant", account.merchantId, trade.merchantId],
    ["app", account.appId, trade.appId],
  ]);
}

interface Paid extends RecordTrade {
  readonly attempt: Attempt;
  readonly trade: ChannelTrade;
}

function bookPaid(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  command: Paid,
  now: number,
): TradeOutcome {
  const { attempt, trade } = command;
  if (attempt.state === "paid") return { kind: "paid_before", attempt };

  // From here on it must be booked: the money is there, whatever became of the order.
  const payment = paymentOf(world, attempt);
  attempt.paidAt = trade.paidAt ?? now;
  attempt.channelTradeNumber = trade.channelTradeNumber;
  attempt.failure = undefined;
  moveAttempt(world, attempt, "paid");
  capture(ledger, attempt, payment);
  if (payment.state === "paid") return bookSurplus(world, ledger, command, payment, now);
  for (const other of openAttemptsOf(world, payment)) startClosing(world, other, now);
  tellPaid(world, payment, attempt);
  return { kind: "paid", attempt };
}

function capture(ledger: LedgerWorld, attempt: Attempt, payment: Payment): void {
  for (const spec of accountSpecsOf(attempt)) openAccount(ledger, spec);
  if (hasBundle(ledger, attempt.id)) return;
  const debit = channelLedgerAccount(attempt.accountId);
  const credit = capturedAccount(attempt.id);
  move(ledger, {
    id: attempt.id,
    legs: [{ debit, credit, amount: attempt.amountMinor }],
    reference: payment.reference,
    reason: "payment captured",
  });
}

function tellPaid(world: PaymentsWorld, payment: Payment, attempt: Attempt): void {
  const late = payment.state === "closed";
  movePayment(world, payment, "paid");
  const paidAt = attempt.paidAt ?? payment.createdAt;
  payment.paidAttemptId = attempt.id;
  payment.paidAt = paidAt;
  const { id: paymentId, reference, currency } = payment;
  const amountMinor = minorToNumber(attempt.amountMinor);
  const data = { paymentId, reference, attemptId: attempt.id, amountMinor, currency, paidAt, late };
  world.written.events.push({ type: "payment_paid", data });
}

/** The second payment of one thing goes back by itself, whole [PAY-07, PAY-08, REF-16]. */
function bookSurplus(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  { attempt, refundId, refundNumber }: Paid,
  payment: Payment,
  now: number,
): TradeOutcome {
  attempt.surplus = true;
  noteAttempt(world, attempt);
  openSurplusRefund(world, ledger, { attempt, payment, refundId, refundNumber }, now);
  const { id: paymentId, reference, currency } = payment;
  const amountMinor = minorToNumber(attempt.amountMinor);
  const data = { paymentId, reference, attemptId: attempt.id, refundId, amountMinor, currency };
  world.written.events.push({ type: "payment_surplus", data });
  return { kind: "surplus", attempt };
}

export interface RefundSurplus {
  readonly attemptId: AttemptId;
  readonly refundId: RefundId;
  readonly refundNumber: string;
}

/**
 * For surplus money whose refund the channel has refused: it goes under a new number, unless a
 * refund is on its way or done by now [PAY-08].
 */
export function decideRefundSurplus(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  { attemptId, refundId, refundNumber }: RefundSurplus,
  now: number,
): void {
  const attempt = attemptIn(world, attemptId);
  const refunds = [...world.refunds.values()].filter((refund) => refund.attemptId === attemptId);
  if (!attempt.surplus || refunds.some(({ state }) => state !== "failed")) return;
  const payment = paymentOf(world, attempt);
  openSurplusRefund(world, ledger, { attempt, payment, refundId, refundNumber }, now);
}

function openSurplusRefund(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  surplus: Omit<RefundSurplus, "attemptId"> & { attempt: Attempt; payment: Payment },
  now: number,
): void {
  const { attempt, payment, refundId, refundNumber: number } = surplus;
  const { reference } = payment;
  const { amountMinor } = attempt;
  const why = { cause: "surplus", reason: "paid twice", requestedBy: "payments" } as const;
  openRefund(world, ledger, { refundId, number, attempt, reference, amountMinor, ...why }, now);
}

/** Told once, however often the channel repeats it. */
function tellMismatch(world: PaymentsWorld, attempt: Attempt, differences: Difference[]): void {
  const failure = `the channel tells another ${fieldsOf(differences)}`;
  if (attempt.failure === failure) return;
  attempt.failure = failure;
  noteAttempt(world, attempt);
  const { id: paymentId, reference } = paymentOf(world, attempt);
  const data = { paymentId, reference, attemptId: attempt.id, differences };
  world.written.events.push({ type: "payment_mismatch", data });
}

/** "mismatch: amount" */
export function wordTrade(outcome: TradeOutcome): string {
  if (outcome.kind !== "mismatch") return outcome.kind;
  return `mismatch: ${fieldsOf(outcome.differences)}`;
}
