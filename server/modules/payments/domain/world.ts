/** How decisions change the world: each change is also noted for `save`. */
import { required } from "../../../kernel/assert.ts";
import { assertMove } from "../../../kernel/machine.ts";
import { minorToNumber } from "../../../kernel/money.ts";
import { attemptMachine, paymentMachine, refundMachine } from "./machines.ts";
import type {
  Attempt,
  AttemptId,
  AttemptState,
  Payment,
  PaymentsWorld,
  PaymentState,
  Refund,
  RefundId,
  RefundState,
  RefundTold,
} from "./types.ts";

export function emptyWorld(): PaymentsWorld {
  return {
    payments: new Map(),
    attempts: new Map(),
    refunds: new Map(),
    written: {
      newPayments: new Set(),
      changedPayments: new Set(),
      newAttempts: new Set(),
      changedAttempts: new Set(),
      newRefunds: new Set(),
      changedRefunds: new Set(),
      log: [],
      events: [],
    },
  };
}

export function attemptIn(world: PaymentsWorld, id: AttemptId): Attempt {
  return required(world.attempts.get(id), `attempt ${id}`);
}

export function refundIn(world: PaymentsWorld, id: RefundId): Refund {
  return required(world.refunds.get(id), `refund ${id}`);
}

export function paymentOf(world: PaymentsWorld, attempt: Attempt): Payment {
  const found = world.payments.values().find(({ id }) => id === attempt.paymentId);
  return required(found, `the payment of attempt ${attempt.id}`);
}

export function attemptsOf(world: PaymentsWorld, payment: Payment): Attempt[] {
  const { id } = payment;
  return [...world.attempts.values().filter(({ paymentId }) => paymentId === id)];
}

/** Those that may still bring money in the ordinary way. */
export function openAttemptsOf(world: PaymentsWorld, payment: Payment): Attempt[] {
  return attemptsOf(world, payment).filter(({ state }) => isOpen(state));
}

export function isOpen(state: AttemptState): boolean {
  return state === "preparing" || state === "awaiting" || state === "closing";
}

/** Money may still go back after a failure, but nobody is asked about it any more. */
export function isOver({ state }: Refund): boolean {
  return state === "refunded" || state === "failed";
}

export function movePayment(world: PaymentsWorld, payment: Payment, to: PaymentState): void {
  assertMove(paymentMachine, payment.state, to);
  payment.state = to;
  noteChanged(payment, world.written.newPayments, world.written.changedPayments);
}

/** A new state is asked about from the start; `nextActionAt` is absent for those at rest. */
export function moveAttempt(
  world: PaymentsWorld,
  attempt: Attempt,
  to: AttemptState,
  nextActionAt?: number,
): void {
  assertMove(attemptMachine, attempt.state, to);
  attempt.state = to;
  attempt.asked = 0;
  attempt.nextActionAt = nextActionAt;
  noteAttempt(world, attempt);
}

export function noteAttempt(world: PaymentsWorld, attempt: Attempt): void {
  noteChanged(attempt, world.written.newAttempts, world.written.changedAttempts);
}

export function moveRefund(
  world: PaymentsWorld,
  refund: Refund,
  to: RefundState,
  nextActionAt?: number,
): void {
  assertMove(refundMachine, refund.state, to);
  refund.state = to;
  refund.asked = 0;
  refund.nextActionAt = nextActionAt;
  noteRefund(world, refund);
}

export function noteRefund(world: PaymentsWorld, refund: Refund): void {
  noteChanged(refund, world.written.newRefunds, world.written.changedRefunds);
}

export function refundTold(refund: Refund): RefundTold {
  const { id: refundId, reference, attemptId, amountMinor, currency, cause } = refund;
  const amount = minorToNumber(amountMinor);
  return { refundId, reference, attemptId, amountMinor: amount, currency, cause };
}

/** What is inserted in this transaction needs no update. */
function noteChanged<Row>(row: Row, inserted: ReadonlySet<Row>, changed: Set<Row>): void {
  if (!inserted.has(row)) changed.add(row);
}
