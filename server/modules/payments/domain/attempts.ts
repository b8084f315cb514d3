/** Opening attempts, closing payments, and what channels answer to both. Pure. */
import { assert } from "../../../kernel/assert.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { secondMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { ChannelAnswer, ChannelCapabilities, PaymentMethod, Prepared } from "../plug.ts";
import { wordAnswer } from "./answers.ts";
import { attemptStepMs, preparingMs } from "./schedules.ts";
import type {
  Attempt,
  AttemptId,
  ChannelAccountId,
  LogEntryId,
  Payment,
  PaymentId,
  PaymentsWorld,
} from "./types.ts";
import {
  attemptIn,
  attemptsOf,
  isOpen,
  moveAttempt,
  movePayment,
  noteAttempt,
  openAttemptsOf,
  paymentOf,
} from "./world.ts";

/** The account over which an attempt goes, and what its channel can do. */
export interface ChosenChannel {
  readonly accountId: ChannelAccountId;
  readonly channel: string;
  readonly capabilities: ChannelCapabilities;
}

/** Ids and numbers are new; they are used when the attempt is. */
export interface OpenAttempt {
  readonly paymentId: PaymentId;
  readonly attemptId: AttemptId;
  readonly number: string;
  /** The order that is paid. */
  readonly reference: string;
  /** What the payer reads, 1 to 127 characters. */
  readonly description: string;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly chosen: ChosenChannel;
  readonly method: PaymentMethod;
  readonly payerId: string | undefined;
  readonly payerIp: string | undefined;
  readonly returnUrl: string | undefined;
  /** After this instant (epoch ms) the channel must not take money. */
  readonly expiresAt: number;
}

export type OpenAttemptOutcome =
  /** To be prepared at the channel unless it is `awaiting` already. */
  | { readonly kind: "attempt"; readonly payment: Payment; readonly attempt: Attempt }
  /** Another attempt is open and is being closed: try again when that is done. */
  | { readonly kind: "close_first"; readonly payment: Payment; readonly attempt: Attempt }
  | Refusal;

/**
 * Every attempt is a trade at the channel, and each step of a payment loads them all. A payer who
 * tries every channel and method, and each again, begins a dozen.
 */
export const attemptsPerPaymentMax = 50;
/** An instruction about to go stale is of no use to somebody who has yet to find a phone. */
const usableMsMin = 30 * secondMs;

/**
 * At most one attempt of a payment is open, so that a payer cannot pay twice in the ordinary way
 * [PAY-07]; asking again in the same way gives the same attempt [PAY-16].
 */
export function decideOpenAttempt(
  world: PaymentsWorld,
  command: OpenAttempt,
  now: number,
): OpenAttemptOutcome {
  const payment = world.payments.get(command.reference);
  if (payment?.state === "paid") return refuse("order_already_paid");
  if (payment !== undefined && payment.state !== "open") {
    return refuse("payment_not_open", { state: payment.state });
  }
  const notOffered = checkMethod(command);
  if (notOffered !== undefined) return notOffered;
  if (command.expiresAt <= now) return refuse("payment_time_over");
  if (payment !== undefined) {
    assert(
      payment.amountMinor === command.amountMinor && payment.currency === command.currency,
      "what is to be paid for an order does not change",
    );
    const [open] = openAttemptsOf(world, payment);
    if (open !== undefined && isUsable(open, command, now)) {
      return { kind: "attempt", payment, attempt: open };
    }
    if (attemptsOf(world, payment).length >= attemptsPerPaymentMax) {
      return refuse("too_many_attempts", { max: attemptsPerPaymentMax });
    }
    if (open !== undefined) {
      startClosing(world, open, now);
      return { kind: "close_first", payment, attempt: open };
    }
  }

  // From here on the attempt must be opened.
  const paid = payment ?? newPayment(world, command, now);
  const attempt = newAttempt(paid, command, now);
  world.attempts.set(attempt.id, attempt);
  world.written.newAttempts.add(attempt);
  return { kind: "attempt", payment: paid, attempt };
}

function checkMethod({
  chosen,
  method,
  currency,
  payerId,
  payerIp,
}: OpenAttempt): Refusal | undefined {
  const { channel, capabilities } = chosen;
  if (!capabilities.methods.includes(method)) {
    return refuse("payment_method_not_offered", {
      channel,
      method,
      offered: capabilities.methods.join(", "),
    });
  }
  if (!capabilities.currencies.includes(currency)) {
    return refuse("currency_not_offered", { channel, currency });
  }
  if (payerId === undefined && capabilities.payerIdMethods.includes(method)) {
    return refuse("payer_missing", { channel, method, field: "payerId" });
  }
  if (payerIp === undefined && capabilities.payerIpMethods.includes(method)) {
    return refuse("payer_missing", { channel, method, field: "payerIp" });
  }
  return undefined;
}

/** A payer's id is part of the instruction: another payer cannot use it. */
function isUsable(attempt: Attempt, command: OpenAttempt, now: number): boolean {
  if (attempt.accountId !== command.chosen.accountId) return false;
  if (attempt.method !== command.method || attempt.payerId !== command.payerId) return false;
  if (attempt.expiresAt <= now) return false;
  // Preparing the same attempt twice is one trade at the channel.
  if (attempt.state === "preparing") return true;
  return attempt.state === "awaiting" && (attempt.usableUntil ?? 0) >= now + usableMsMin;
}

function newPayment(world: PaymentsWorld, command: OpenAttempt, now: number): Payment {
  const { paymentId: id, reference, description, amountMinor, currency } = command;
  const payment: Payment = {
    id,
    reference,
    description,
    amountMinor,
    currency,
    createdAt: now,
    state: "open",
    paidAttemptId: undefined,
    paidAt: undefined,
  };
  world.payments.set(reference, payment);
  world.written.newPayments.add(payment);
  return payment;
}

function newAttempt(payment: Payment, command: OpenAttempt, now: number): Attempt {
  const { attemptId: id, number, chosen, method, payerId, payerIp, returnUrl } = command;
  return {
    id,
    paymentId: payment.id,
    number,
    accountId: chosen.accountId,
    channel: chosen.channel,
    method,
    amountMinor: payment.amountMinor,
    currency: payment.currency,
    payerId,
    payerIp,
    returnUrl,
    expiresAt: command.expiresAt,
    createdAt: now,
    state: "preparing",
    instruction: undefined,
    usableUntil: undefined,
    channelTradeNumber: undefined,
    paidAt: undefined,
    surplus: false,
    failure: undefined,
    nextActionAt: now + preparingMs,
    asked: 0,
  };
}

export type ClosePaymentOutcome =
  /** Nobody can pay any more; `payment` is absent when nobody ever tried. */
  | { readonly kind: "closed"; readonly payment: Payment | undefined }
  /** The channels are being asked; `payment_closed` or `payment_paid` tells the end. */
  | { readonly kind: "closing"; readonly payment: Payment }
  | { readonly kind: "paid"; readonly payment: Payment };

/** A payment that closes at once tells it by the outcome and by its event. */
export function decideClosePayment(
  world: PaymentsWorld,
  reference: string,
  now: number,
): ClosePaymentOutcome {
  const payment = world.payments.get(reference);
  if (payment === undefined) return { kind: "closed", payment: undefined };
  if (payment.state === "paid") return { kind: "paid", payment };
  if (payment.state === "closed") return { kind: "closed", payment };
  if (payment.state === "closing") return { kind: "closing", payment };

  for (const attempt of openAttemptsOf(world, payment)) startClosing(world, attempt, now);
  movePayment(world, payment, "closing");
  endClosing(world, payment);
  return { kind: isClosed(payment) ? "closed" : "closing", payment };
}

export interface RecordPrepared {
  readonly attemptId: AttemptId;
  readonly answer: ChannelAnswer<Prepared>;
  /** How long after it the channel is asked for the first time [PAY-10]. */
  readonly firstQueryMs: number;
  readonly logId: LogEntryId;
}

/**
 * An answer that comes when the attempt is being closed already is kept in the log alone: nobody
 * sees its instruction, so nobody pays with it, and the trade expires by itself.
 */
export function decideRecordPrepared(
  world: PaymentsWorld,
  { attemptId, answer, firstQueryMs, logId }: RecordPrepared,
  now: number,
): Attempt {
  const attempt = attemptIn(world, attemptId);
  world.written.log.push({ id: logId, attemptId, what: "prepare", ...wordAnswer(answer) });
  const { state } = attempt;
  if (state !== "preparing" && state !== "awaiting") return attempt;
  if (answer.kind === "ok") {
    attempt.instruction = answer.value.instruction;
    attempt.usableUntil = answer.value.usableUntil;
    if (state === "preparing") moveAttempt(world, attempt, "awaiting", now + firstQueryMs);
    else noteAttempt(world, attempt);
    return attempt;
  }
  if (answer.kind === "unknown" || state === "awaiting") return attempt;
  if (answer.reason === "already_paid") {
    startClosing(world, attempt, now);
    return attempt;
  }
  attempt.failure = `${answer.channelCode}: ${answer.channelMessage}`;
  moveAttempt(world, attempt, "failed");
  endClosing(world, paymentOf(world, attempt));
  return attempt;
}

/** For attempts whose preparation nobody answered, or whose time is over. */
export function decideStartClosing(
  world: PaymentsWorld,
  { attemptId }: { readonly attemptId: AttemptId },
  now: number,
): Attempt {
  const attempt = attemptIn(world, attemptId);
  startClosing(world, attempt, now);
  return attempt;
}

export interface RecordClosed {
  readonly attemptId: AttemptId;
  readonly answer: ChannelAnswer<"closed">;
  readonly logId: LogEntryId;
}

/** Anything but a clear word leaves the attempt closing, to be asked about again. */
export function decideRecordClosed(
  world: PaymentsWorld,
  { attemptId, answer, logId }: RecordClosed,
  now: number,
): Attempt {
  const attempt = attemptIn(world, attemptId);
  world.written.log.push({ id: logId, attemptId, what: "close", ...wordAnswer(answer) });
  if (isClosedAnswer(answer)) closeAttempt(world, attempt);
  else askAgain(world, attempt, now, answer);
  return attempt;
}

function isClosedAnswer(answer: ChannelAnswer<"closed">): boolean {
  if (answer.kind !== "refused") return answer.kind === "ok";
  return answer.reason === "already_closed" || answer.reason === "not_found";
}

/** The channel says that nobody can pay it any more. */
export function closeAttempt(world: PaymentsWorld, attempt: Attempt): void {
  if (!isOpen(attempt.state)) return;
  moveAttempt(world, attempt, "closed");
  endClosing(world, paymentOf(world, attempt));
}

export function startClosing(world: PaymentsWorld, attempt: Attempt, now: number): void {
  if (attempt.state !== "preparing" && attempt.state !== "awaiting") return;
  moveAttempt(world, attempt, "closing", now);
}

/** Sets when an attempt that was asked about in vain is asked about again. */
export function askAgain(
  world: PaymentsWorld,
  attempt: Attempt,
  now: number,
  answer: ChannelAnswer<unknown>,
): void {
  if (!isOpen(attempt.state)) return;
  const atLeast = answer.kind === "unknown" ? (answer.retryAfterMs ?? 0) : 0;
  attempt.nextActionAt = now + Math.max(attemptStepMs(attempt), atLeast);
  noteAttempt(world, attempt);
}

/** A payment that waits for its attempts to close is closed with the last of them. */
function endClosing(world: PaymentsWorld, payment: Payment): void {
  if (payment.state !== "closing" || openAttemptsOf(world, payment).length > 0) return;
  movePayment(world, payment, "closed");
  const data = { paymentId: payment.id, reference: payment.reference };
  world.written.events.push({ type: "payment_closed", data });
}

function isClosed(payment: Payment): boolean {
  return payment.state === "closed";
}
