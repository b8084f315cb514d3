/** Giving money back: never more than was paid, and booked once whoever tells it. Pure. */
import { assert } from "../../../kernel/assert.ts";
import { derivedId } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { dayMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { LedgerWorld } from "../../ledger/index.ts";
import { available, canMove, hold, move, post, release } from "../../ledger/index.ts";
import type { ChannelAnswer, ChannelCapabilities, ChannelRefund } from "../plug.ts";
import { capturedAccount, channelLedgerAccount } from "./ledger-accounts.ts";
import { wordAnswer } from "./answers.ts";
import { differencesOf, fieldsOf } from "./differences.ts";
import { refundStepMs, refundWithoutFundsMs } from "./schedules.ts";
import type {
  AccountIdentity,
  Attempt,
  Difference,
  LogEntryId,
  LogWhat,
  PaymentsWorld,
  Refund,
  RefundCause,
  RefundId,
} from "./types.ts";
import { attemptIn, isOver, moveRefund, noteRefund, refundIn, refundTold } from "./world.ts";

/** What each channel can do, by its code. */
export type ChannelTable = ReadonlyMap<string, ChannelCapabilities>;

export interface RequestRefund {
  readonly refundId: RefundId;
  readonly number: string;
  /** The order whose payment goes back, wholly or in part. */
  readonly reference: string;
  readonly cause: RefundCause;
  readonly amountMinor: bigint;
  /** 1 to 80 characters; the payer may read it. */
  readonly reason: string;
  readonly requestedBy: string;
  readonly channels: ChannelTable;
}

export interface RefundRequested {
  readonly kind: "requested";
  readonly refund: Refund;
}

/** Of what was paid for an order, what is neither refunded nor on its way back. */
export function refundableOf(world: PaymentsWorld, ledger: LedgerWorld, reference: string): bigint {
  const attemptId = world.payments.get(reference)?.paidAttemptId;
  return attemptId === undefined ? 0n : available(ledger, capturedAccount(attemptId));
}

/** Holds the amount, so that refunds asked for at once never exceed what was paid [REF-15]. */
export function decideRequestRefund(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  command: RequestRefund,
  now: number,
): RefundRequested | Refusal {
  assert(command.amountMinor > 0n, "the route takes amounts above zero");
  assert(!world.refunds.has(command.refundId), "a refund's id is new");
  const { reference, amountMinor, channels } = command;
  const attemptId = world.payments.get(reference)?.paidAttemptId;
  if (attemptId === undefined) return refuse("payment_not_paid");
  const attempt = attemptIn(world, attemptId);
  const left = refundableOf(world, ledger, reference);
  if (amountMinor > left) return refuse("refund_exceeds_paid", { left, wanted: amountMinor });
  const outside = checkChannel(world, { attempt, amountMinor, channels }, now);
  if (outside !== undefined) return outside;

  return { kind: "requested", refund: openRefund(world, ledger, { ...command, attempt }, now) };
}

/** What the channel would refuse is refused here, before anything is held. */
function checkChannel(
  world: PaymentsWorld,
  wanted: { attempt: Attempt; amountMinor: bigint; channels: ChannelTable },
  now: number,
): Refusal | undefined {
  const { attempt, amountMinor } = wanted;
  const { channel } = attempt;
  const capabilities = wanted.channels.get(channel);
  if (capabilities === undefined) return refuse("channel_not_available", { channel });
  if (!capabilities.partialRefund && amountMinor < attempt.amountMinor) {
    return refuse("partial_refund_not_offered", { channel });
  }
  const earlier = [...world.refunds.values()].filter(({ attemptId }) => attemptId === attempt.id);
  const max = capabilities.refundsPerPaymentMax;
  if (earlier.length >= max) return refuse("too_many_refunds", { channel, max });
  const days = capabilities.refundWindowDays;
  if (now > (attempt.paidAt ?? now) + days * dayMs) {
    return refuse("refund_window_over", { channel, days });
  }
  return undefined;
}

export interface NewRefund {
  readonly refundId: RefundId;
  readonly number: string;
  readonly attempt: Attempt;
  readonly reference: string;
  readonly cause: RefundCause;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly requestedBy: string;
}

/** The caller has checked that the amount is there. */
export function openRefund(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  wanted: NewRefund,
  now: number,
): Refund {
  const { refundId: id, number, attempt, reference, cause, amountMinor, reason } = wanted;
  const refund: Refund = {
    id,
    number,
    attemptId: attempt.id,
    reference,
    cause,
    amountMinor,
    currency: attempt.currency,
    reason,
    requestedBy: wanted.requestedBy,
    createdAt: now,
    state: "requested",
    channelRefundNumber: undefined,
    refundedAt: undefined,
    failure: undefined,
    nextActionAt: now,
    asked: 0,
  };
  hold(ledger, { id, legs: [legOf(refund, attempt)], reference, reason: "refund requested" });
  world.refunds.set(id, refund);
  world.written.newRefunds.add(refund);
  world.written.events.push({ type: "refund_requested", data: refundTold(refund) });
  return refund;
}

export interface RecordRefund {
  readonly refundId: RefundId;
  readonly answer: ChannelAnswer<ChannelRefund>;
  readonly account: AccountIdentity;
  readonly what: LogWhat;
  readonly logId: LogEntryId;
}

export type RefundOutcome =
  | {
      readonly kind:
        | "refunded"
        | "failed"
        | "processing"
        | "abnormal"
        | "told_before"
        | "no_answer";
      readonly refund: Refund;
    }
  /** To be sent: the channel has never heard of it. */
  | { readonly kind: "not_sent"; readonly refund: Refund }
  | {
      readonly kind: "mismatch";
      readonly refund: Refund;
      readonly differences: readonly Difference[];
    };

export function decideRecordRefund(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  command: RecordRefund,
  now: number,
): RefundOutcome {
  const refund = refundIn(world, command.refundId);
  const attempt = attemptIn(world, refund.attemptId);
  const outcome = bookRefund(world, ledger, { ...command, refund, attempt }, now);
  const { answer, what, logId: id } = command;
  const line = wordAnswer(answer, wordRefund(outcome));
  const entry = { id, attemptId: attempt.id, refundId: refund.id, what };
  world.written.log.push({ ...entry, ...line });
  return outcome;
}

interface Told extends RecordRefund {
  readonly refund: Refund;
  readonly attempt: Attempt;
}

function bookRefund(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  told: Told,
  now: number,
): RefundOutcome {
  const { answer, refund, attempt, account, what } = told;
  if (answer.kind === "unknown") {
    askRefundAgain(world, refund, now + Math.max(refundStepMs(refund), answer.retryAfterMs ?? 0));
    return { kind: "no_answer", refund };
  }
  if (answer.kind === "refused") return bookRefused(world, ledger, told, now);

  const differences = compareRefund(refund, attempt, account, answer.value);
  if (differences.length > 0) {
    if (what !== "notice") askRefundAgain(world, refund, now + refundStepMs(refund));
    tellMismatch(world, refund, `the channel tells another ${fieldsOf(differences)}`);
    return { kind: "mismatch", refund, differences };
  }
  refund.channelRefundNumber ??= answer.value.channelRefundNumber;
  noteRefund(world, refund);
  switch (answer.value.state) {
    case "refunded":
      return bookRefunded(world, ledger, { ...told, told: answer.value }, now);
    case "closed":
      return failRefund(world, ledger, refund, { why: "closed by the channel" });
    case "abnormal":
      return bookAbnormal(world, refund, now);
    case "processing":
      return bookProcessing(world, refund, now, { atOnce: false });
  }
}

/** As with trades; an amount that is not told is asked for before anything is booked. */
export function compareRefund(
  refund: Refund,
  attempt: Attempt,
  account: AccountIdentity,
  told: ChannelRefund,
): Difference[] {
  return differencesOf([
    ["account", attempt.accountId, account.id],
    ["refund_number", refund.number, told.refundNumber],
    ["attempt_number", attempt.number, told.attemptNumber],
    ["amount", refund.amountMinor, told.refundMinor],
    ["currency", refund.currency, told.currency],
    ["merchant", account.merchantId, told.merchantId],
    ["app", account.appId, told.appId],
  ]);
}

function bookRefused(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  { answer, refund, what }: Told,
  now: number,
): RefundOutcome {
  assert(answer.kind === "refused");
  // A late no to what a notice has settled by now.
  if (isOver(refund)) return { kind: "no_answer", refund };
  const why = `${answer.channelCode}: ${answer.channelMessage}`;
  if (what === "query_refund") {
    // A question that is refused says nothing about the refund, except that there is none yet.
    if (answer.reason === "not_found" && refund.state === "requested") {
      return { kind: "not_sent", refund };
    }
    askRefundAgain(world, refund, now + refundStepMs(refund));
    return { kind: "no_answer", refund };
  }
  if (answer.reason === "not_enough_funds" || answer.reason === "not_authorized") {
    // Somebody tops up the account or repairs its keys; the refund then goes on by itself.
    refund.failure = why;
    askRefundAgain(world, refund, now + refundWithoutFundsMs);
    return { kind: "no_answer", refund };
  }
  // What was sent before may have been taken: then only a query says how it ended.
  if (refund.state !== "requested") {
    askRefundAgain(world, refund, now + refundStepMs(refund));
    return { kind: "no_answer", refund };
  }
  return failRefund(world, ledger, refund, { why });
}

/** Alipay's replies and notices of refunds name no amount: only a query completes those. */
function bookRefunded(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  told: Told & { readonly told: ChannelRefund },
  now: number,
): RefundOutcome {
  const { refund, attempt, what } = told;
  if (refund.state === "refunded") return { kind: "told_before", refund };
  const isAmountTold = told.told.refundMinor !== undefined;
  if (refund.state === "failed") {
    if (!isAmountTold || !takeAgain(ledger, refund, attempt)) {
      tellMismatch(world, refund, "refunded after it had failed");
      return { kind: "told_before", refund };
    }
  } else {
    if (!isAmountTold)
      return bookProcessing(world, refund, now, { atOnce: what !== "query_refund" });
    post(ledger, { bundleId: refund.id, reason: "refunded" });
  }
  refund.refundedAt = told.told.refundedAt ?? now;
  refund.failure = undefined;
  moveRefund(world, refund, "refunded");
  world.written.events.push({ type: "refund_succeeded", data: refundTold(refund) });
  return { kind: "refunded", refund };
}

/** The hold was released when the channel said no; its yes moves the money after all. */
function takeAgain(ledger: LedgerWorld, refund: Refund, attempt: Attempt): boolean {
  const leg = legOf(refund, attempt);
  if (!canMove(ledger, [leg])) return false;
  const id = derivedId(`${refund.id} refunded after it had failed`);
  move(ledger, { id, legs: [leg], reference: refund.reference, reason: "refunded after all" });
  return true;
}

function failRefund(
  world: PaymentsWorld,
  ledger: LedgerWorld,
  refund: Refund,
  { why }: { readonly why: string },
): RefundOutcome {
  if (isOver(refund)) return { kind: "told_before", refund };
  release(ledger, { bundleId: refund.id, reason: "refund failed" });
  refund.failure = why;
  moveRefund(world, refund, "failed");
  tellTrouble(world, "refund_failed", refund, why);
  return { kind: "failed", refund };
}

function bookAbnormal(world: PaymentsWorld, refund: Refund, now: number): RefundOutcome {
  if (isOver(refund)) return { kind: "told_before", refund };
  if (refund.state === "abnormal") {
    askRefundAgain(world, refund, now + refundStepMs(refund));
    return { kind: "abnormal", refund };
  }
  moveRefund(world, refund, "abnormal");
  refund.nextActionAt = now + refundStepMs(refund);
  tellTrouble(world, "refund_abnormal", refund, "the payer's account could not take it");
  return { kind: "abnormal", refund };
}

/** Its end is asked for by the schedule of its new state, or at once. */
function bookProcessing(
  world: PaymentsWorld,
  refund: Refund,
  now: number,
  { atOnce }: { readonly atOnce: boolean },
): RefundOutcome {
  if (isOver(refund)) return { kind: "told_before", refund };
  if (refund.state === "requested") moveRefund(world, refund, "processing", now);
  askRefundAgain(world, refund, atOnce ? now : now + refundStepMs(refund));
  return { kind: "processing", refund };
}

function askRefundAgain(world: PaymentsWorld, refund: Refund, at: number): void {
  if (isOver(refund)) return;
  refund.nextActionAt = at;
  noteRefund(world, refund);
}

/** Told once, however often the channel repeats it. */
function tellMismatch(world: PaymentsWorld, refund: Refund, why: string): void {
  if (refund.failure === why) return;
  refund.failure = why;
  noteRefund(world, refund);
  tellTrouble(world, "refund_mismatch", refund, why);
}

function tellTrouble(
  world: PaymentsWorld,
  type: "refund_failed" | "refund_abnormal" | "refund_mismatch",
  refund: Refund,
  why: string,
): void {
  world.written.events.push({ type, data: { ...refundTold(refund), why } });
}

function legOf(refund: Refund, attempt: Attempt) {
  return {
    debit: capturedAccount(attempt.id),
    credit: channelLedgerAccount(attempt.accountId),
    amount: refund.amountMinor,
  };
}

/** "mismatch: amount" */
export function wordRefund(outcome: RefundOutcome): string {
  if (outcome.kind !== "mismatch") return outcome.kind;
  return `mismatch: ${fieldsOf(outcome.differences)}`;
}
