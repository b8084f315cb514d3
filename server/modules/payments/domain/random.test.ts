import { expect, test } from "vitest";
import { assert, required } from "../../../kernel/assert.ts";
import type { Machine } from "../../../kernel/machine.ts";
import type { SeededRandom } from "../../../kernel/testing/random.ts";
import { movesIn } from "../../../kernel/testing/moves.ts";
import { countSteps, withSeed } from "../../../kernel/testing/random.ts";
import { minuteMs } from "../../../kernel/time.ts";
import type { ChannelAnswer } from "../plug.ts";
import { capturedAccount, channelLedgerAccount } from "./ledger-accounts.ts";
import { attemptMachine, paymentMachine, refundMachine } from "./machines.ts";
import { leaseMs } from "./schedules.ts";
import type { Books } from "./testing/books.ts";
import {
  account,
  assertAskedAgain,
  attemptOf,
  capabilities,
  close,
  closePayment,
  emptyBooks,
  idOf,
  now,
  ok,
  open,
  prepare,
  preparedOk,
  reasons,
  refundOf,
  refundSurplus,
  refused,
  request,
  startClosing,
  tellRefund,
  tellTrade,
  unknown,
} from "./testing/books.ts";
import type { AccountIdentity, AttemptId, PaymentEvent, RefundId } from "./types.ts";
import { isOpen } from "./world.ts";

const livesTotal = 150;
const stepsPerLife = 90;
const orders = [idOf<"Order">(11), idOf<"Order">(12), idOf<"Order">(13)];
/** The same merchant's second contract with the channel. */
const accounts: readonly AccountIdentity[] = [account, { ...account, id: idOf(3) }];

interface Life {
  readonly books: Books;
  readonly random: SeededRandom;
  at: number;
  /** What channels have told so far: as many lines of the log. */
  told: number;
  steps: number;
  /** Of all lives: what has become what in one step, as "refund requested failed". */
  readonly moves: Set<string>;
}

/**
 * Three orders with everything that may happen to them, in any order and any number of times; the
 * channel tells what it likes, also what an honest one never would. In the end it is honest again.
 */
test("keeps every invariant whatever channels tell, in any order [PAY-07] [REF-15]", ({ task }) =>
  withSeed((random) => {
    const seen = new Map<string, number>();
    const moves = new Set<string>();
    let steps = 0;
    for (let life = 1; life <= livesTotal; life += 1) {
      const lived = { books: emptyBooks(), random, at: now, told: 0, steps: 0, moves };
      for (let step = 1; step <= stepsPerLife; step += 1) watched(lived, takeStep);
      settle(lived);
      steps += lived.steps;
      for (const name of lived.books.events.map(nameOf)) seen.set(name, (seen.get(name) ?? 0) + 1);
    }
    countSteps(task, "payments", steps);
    // The run did something of every kind, or it has proved nothing.
    expect([...moves].toSorted()).toEqual(machines.flatMap(movesIn).toSorted());
    const kinds = [
      "payment_paid",
      "payment_paid late",
      "payment_closed",
      "payment_surplus",
      "payment_mismatch",
      "refund_requested",
      "refund_succeeded",
      "refund_failed",
      "refund_abnormal",
      "refund_mismatch",
    ];
    for (const kind of kinds) expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(livesTotal / 10);
  }));

function nameOf({ type, data }: PaymentEvent): string {
  return "late" in data && data.late ? `${type} late` : type;
}

function takeStep(life: Life): void {
  const { random, books } = life;
  life.at += random.below(2 * minuteMs);
  if (random.chance(0.5)) sweep(life);
  const attemptId = pickFrom(random, [...books.attempts.keys()]);
  const refundId = pickFrom(random, [...books.refunds.keys()]);
  const kind = random.below(20);
  if (attemptId === undefined || kind < 3) return openSomething(life);
  if (kind < 5) return tellPrepared(life, attemptId);
  if (kind < 10) return tellOfTrade(life, attemptId);
  if (kind < 12) return tellClosed(life, attemptId);
  if (kind === 12 && random.chance(0.4))
    return void closePayment(books, random.pick(orders), life.at);
  if (kind === 13) return void startClosing(books, attemptId, life.at);
  if (kind === 14) return refundSurplus(books, attemptId, life.at);
  if (refundId === undefined || kind < 17) return requestSomething(life);
  tellOfRefund(life, refundId);
}

function pickFrom<T>(random: SeededRandom, choices: readonly T[]): T | undefined {
  return choices.length === 0 ? undefined : random.pick(choices);
}

/** What is due is taken under a lease, as the sweeps do. */
function sweep({ books, at }: Life): void {
  for (const row of [...books.attempts.values(), ...books.refunds.values()]) {
    if (row.nextActionAt === undefined || row.nextActionAt > at) continue;
    row.asked += 1;
    row.nextActionAt = at + leaseMs;
  }
}

function openSomething({ books, random, at }: Life): void {
  const { id: accountId, channel } = random.pick(accounts);
  const method = random.chance(0.8) ? "native" : "h5";
  const chosen = { accountId, channel, capabilities };
  open(books, { reference: random.pick(orders), chosen, method, payerIp: "192.0.2.1" }, at);
}

function tellPrepared(life: Life, attemptId: AttemptId): void {
  const { books, random, at } = life;
  life.told += 1;
  prepare(books, attemptId, random.chance(0.7) ? preparedOk(at + 5 * minuteMs) : no(random), at);
}

function tellClosed(life: Life, attemptId: AttemptId): void {
  const { books, random, at } = life;
  life.told += 1;
  close(books, attemptId, random.chance(0.6) ? ok("closed") : no(random), at);
}

function no(random: SeededRandom): ChannelAnswer<never> {
  if (random.chance(0.5)) return refused(random.pick(reasons));
  return random.chance(0.5) ? unknown() : unknown(random.below(minuteMs));
}

function tellOfTrade(life: Life, attemptId: AttemptId): void {
  const { books, random, at } = life;
  life.told += 1;
  const what = random.pick(["query", "notice"] as const);
  const telling = { what, at, account: tellerOf(life, attemptId) };
  if (what === "query" && random.chance(0.2)) {
    tellTrade(books, attemptId, no(random), telling);
    return;
  }
  const state = random.pick(["paid", "paid", "unpaid", "paying", "closed", "failed"] as const);
  const isWrong = random.chance(0.1);
  const wrong = isWrong ? { amountMinor: 1n } : {};
  const { kind } = tellTrade(books, attemptId, { state, ...wrong }, telling);
  const isOther = telling.account.id !== attemptOf(books, attemptId).accountId;
  assert((kind === "mismatch") === (isWrong || isOther), "what is not ours books nothing");
}

function tellerOf({ books, random }: Life, attemptId: AttemptId): AccountIdentity {
  if (random.chance(0.03)) return random.pick(accounts);
  const { accountId } = attemptOf(books, attemptId);
  return required(
    accounts.find(({ id }) => id === accountId),
    "its account",
  );
}

function requestSomething({ books, random, at }: Life): void {
  const amountMinor = BigInt(1 + random.below(random.chance(0.7) ? 500 : 1_000));
  const cause = random.pick(["requested", "late"] as const);
  request(books, { reference: random.pick(orders), amountMinor, cause }, at);
}

function tellOfRefund(life: Life, refundId: RefundId): void {
  const { books, random, at } = life;
  life.told += 1;
  const what = random.pick(["refund", "query_refund", "notice"] as const);
  const telling = { what, at, account: tellerOf(life, refundOf(books, refundId).attemptId) };
  if (what !== "notice" && random.chance(0.4)) {
    tellRefund(books, refundId, no(random), telling);
    return;
  }
  const state = random.pick(["refunded", "processing", "closed", "abnormal"] as const);
  const amounts = [{ refundMinor: undefined }, { refundMinor: 1_001n }];
  const wrong = random.chance(0.25) ? random.pick(amounts) : {};
  const { kind } = tellRefund(books, refundId, { state, ...wrong }, telling);
  const isOther = telling.account.id !== accountOf(books, refundId);
  const isWrong = "refundMinor" in wrong && wrong.refundMinor !== undefined;
  assert((kind === "mismatch") === (isWrong || isOther), "what is not ours books nothing");
}

function accountOf(books: Books, refundId: RefundId): AccountIdentity["id"] {
  return attemptOf(books, refundOf(books, refundId).attemptId).accountId;
}

/** From here on the channel is honest: everything comes to its end by what is due alone. */
function settle(life: Life): void {
  const { books } = life;
  const roundsMax = 4;
  for (let round = 1; round <= roundsMax; round += 1) {
    for (const { id, surplus } of books.attempts.values()) {
      if (surplus) watched(life, () => refundSurplus(books, id, life.at));
      watched(life, () => askHonestly(life, id));
    }
    for (const { id, state } of books.refunds.values()) {
      if (state === "refunded" || state === "failed") continue;
      life.told += 1;
      const teller = { ...account, id: accountOf(books, id) };
      watched(life, () => tellRefund(books, id, {}, { at: life.at, account: teller }));
    }
  }
  const rows = [...books.attempts.values(), ...books.refunds.values()];
  assert(
    rows.every(({ nextActionAt }) => nextActionAt === undefined),
    "nothing is left to ask",
  );
  for (const { state } of books.payments.values()) assert(state !== "closing", "every close ends");
  for (const { id, surplus } of books.attempts.values()) {
    assert(!surplus || postedOf(books, id) === 0n, "what was paid twice went back whole");
  }
}

function askHonestly(life: Life, attemptId: AttemptId): void {
  const { books, at } = life;
  const { state } = attemptOf(books, attemptId);
  if (state === "preparing" || state === "awaiting") startClosing(books, attemptId, at);
  if (state !== "closing") return;
  life.told += 1;
  close(books, attemptId, ok("closed"), at);
}

/** Takes a step and checks everything that must hold after it. */
function watched(life: Life, take: (life: Life) => void): void {
  const { books } = life;
  const before = statesOf(books);
  take(life);
  life.steps += 1;
  checkMoves(life, before, statesOf(books));
  checkPayments(books);
  checkMoney(books);
  checkRefunds(books);
  checkTellings(books);
  assertAskedAgain(books);
  assert(books.log.length === life.told, "every word of a channel is in the log, once");
}

interface At {
  readonly machine: Machine;
  readonly state: string;
}

function statesOf({ payments, attempts, refunds }: Books): Map<string, At> {
  const of = (machine: Machine) => (row: { readonly id: string; readonly state: string }) =>
    [row.id, { machine, state: row.state }] as const;
  return new Map([
    ...[...payments.values()].map(of(paymentMachine)),
    ...[...attempts.values()].map(of(attemptMachine)),
    ...[...refunds.values()].map(of(refundMachine)),
  ]);
}

const machines: readonly Machine[] = [paymentMachine, attemptMachine, refundMachine];

/** Where a state may lead in one step, written down a second time. */
const ways: Readonly<Record<string, RegExp>> = {
  open: /^(open|closing|closed|paid)$/,
  preparing: /^(preparing|awaiting|closing|closed|failed|paid)$/,
  awaiting: /^(awaiting|closing|closed|paid)$/,
  closing: /^(closing|closed|paid)$/,
  closed: /^(closed|paid)$/,
  failed: /^(failed|paid|refunded)$/,
  paid: /^paid$/,
  requested: /^(requested|processing|abnormal|refunded|failed)$/,
  processing: /^(processing|abnormal|refunded|failed)$/,
  abnormal: /^(abnormal|refunded|failed)$/,
  refunded: /^refunded$/,
};

function checkMoves(
  { moves }: Life,
  before: ReadonlyMap<string, At>,
  after: ReadonlyMap<string, At>,
): void {
  for (const [id, { machine, state }] of before) {
    const { state: next } = required(after.get(id), "nothing goes away");
    assert(ways[state]?.test(next), `${state} became ${next}`);
    if (next !== state) moves.add(`${machine.name} ${state} ${next}`);
  }
}

function checkPayments(books: Books): void {
  for (const { id, state, paidAttemptId, paidAt } of books.payments.values()) {
    const attempts = [...books.attempts.values()].filter(({ paymentId }) => paymentId === id);
    const openOnes = attempts.filter((attempt) => isOpen(attempt.state));
    const paying = attempts.filter((attempt) => attempt.state === "paid" && !attempt.surplus);
    const isPaid = state === "paid";
    assert(openOnes.length <= 1, "a payer cannot pay twice in the ordinary way");
    assert(paying.length === (isPaid ? 1 : 0), "one attempt paid it, or none");
    assert(paying[0]?.id === paidAttemptId, "and the payment names it");
    assert((paidAt !== undefined) === isPaid, "paid at a time when it is paid");
    const isOver = state === "closed";
    assert(!isOver || openOnes.length === 0, "a closed payment has no open attempt");
    const areClosing = openOnes.every((attempt) => attempt.state === "closing");
    assert(state === "open" || areClosing, "nothing is waited for any more");
    assert(state !== "closing" || openOnes.length === 1, "a close waits for something");
  }
  for (const { state, surplus, paidAt } of books.attempts.values()) {
    assert((paidAt !== undefined) === (state === "paid"), "an attempt is paid at a time");
    assert(!surplus || state === "paid", "only money can be too much");
  }
}

function postedOf({ accounts }: Books, attemptId: AttemptId): bigint {
  return accounts.get(capturedAccount(attemptId))?.posted ?? 0n;
}

function sumOf(amounts: Iterable<bigint>): bigint {
  return [...amounts].reduce((sum, amount) => sum + amount, 0n);
}

function checkMoney(books: Books): void {
  const replayed = new Map<string, bigint>();
  for (const { phase, debit, credit, amount } of [...books.bundles.values()].flat()) {
    if (phase === "pending" || phase === "release") continue;
    replayed.set(debit, (replayed.get(debit) ?? 0n) - amount);
    replayed.set(credit, (replayed.get(credit) ?? 0n) + amount);
  }
  for (const { id, posted } of books.accounts.values()) {
    assert(posted === (replayed.get(id) ?? 0n), "a balance is the sum of what was written");
  }
  const everything = [...books.accounts.values()];
  assert(sumOf(everything.map(({ posted }) => posted)) === 0n, "debits equal credits");

  for (const { id, state, amountMinor } of books.attempts.values()) {
    const own = [...books.refunds.values()].filter(({ attemptId }) => attemptId === id);
    const back = sumOf(own.filter((row) => row.state === "refunded").map((row) => row.amountMinor));
    const isSettled = (state: string) => state === "refunded" || state === "failed";
    const held = sumOf(own.filter((row) => !isSettled(row.state)).map((row) => row.amountMinor));
    const captured = books.accounts.get(capturedAccount(id));
    assert((captured !== undefined) === (state === "paid"), "money is where something was paid");
    if (captured === undefined) continue;
    assert(captured.posted === amountMinor - back, "captured is what was paid less what went back");
    assert(captured.pendingDebits === held, "held is what is on its way back");
    assert(back + held <= amountMinor, "never more goes back than was paid");
  }
  for (const { id } of accounts) {
    const own = [...books.attempts.values()].filter(({ accountId }) => accountId === id);
    const captured = sumOf(own.map((attempt) => postedOf(books, attempt.id)));
    const atChannel = books.accounts.get(channelLedgerAccount(id))?.posted ?? 0n;
    assert(atChannel === -captured, "the channel keeps what was captured");
  }
}

function checkRefunds(books: Books): void {
  for (const { id, surplus, amountMinor, paymentId } of books.attempts.values()) {
    const own = [...books.refunds.values()].filter(({ attemptId }) => attemptId === id);
    if (own.length === 0) {
      assert(!surplus, "what is too much goes back");
      continue;
    }
    const payment = [...books.payments.values()].find((row) => row.id === paymentId);
    assert(surplus || payment?.paidAttemptId === id, "only what was paid goes back");
    if (!surplus) continue;
    const isWhole = own.every((row) => row.cause === "surplus" && row.amountMinor === amountMinor);
    assert(isWhole, "what is too much goes back whole");
    const alive = own.filter(({ state }) => state !== "failed");
    assert(alive.length <= 1, "and once");
  }
}

/** Who subscribes hears of each end once, and of none that is not there. */
function checkTellings(books: Books): void {
  const told = new Map<string, number>();
  for (const { type, data } of books.events) {
    const isOfPayment = type === "payment_paid" || type === "payment_closed";
    const of = isOfPayment ? data.paymentId : "refundId" in data ? data.refundId : data.attemptId;
    const key = `${type} ${of}`;
    told.set(key, (told.get(key) ?? 0) + 1);
  }
  const times = (type: PaymentEvent["type"], id: string) => told.get(`${type} ${id}`) ?? 0;
  for (const { id, state } of books.payments.values()) {
    assert(times("payment_paid", id) === (state === "paid" ? 1 : 0), "paid is told once");
    const closed = times("payment_closed", id);
    assert(state === "closed" ? closed === 1 : closed <= (state === "paid" ? 1 : 0), "closed too");
  }
  for (const { id, state, cause } of books.refunds.values()) {
    assert(times("refund_requested", id) === 1, "requested is told once");
    const surplus = times("payment_surplus", id);
    assert(surplus <= (cause === "surplus" ? 1 : 0), "surplus is told with its first refund");
    assert(
      times("refund_succeeded", id) === (state === "refunded" ? 1 : 0),
      "refunded is told once",
    );
    const failed = times("refund_failed", id);
    assert(
      state === "failed" ? failed === 1 : failed <= (state === "refunded" ? 1 : 0),
      "failed too",
    );
    const abnormal = times("refund_abnormal", id);
    assert(state === "abnormal" ? abnormal === 1 : abnormal <= 1, "abnormal too");
  }
}
