import { describe, expect, test } from "vitest";
import { hourMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import type { ChannelAnswer, Prepared } from "../plug.ts";
import type { OpenAttempt } from "./attempts.ts";
import { attemptsPerPaymentMax } from "./attempts.ts";
import { preparingMs } from "./schedules.ts";
import type { Books } from "./testing/books.ts";
import {
  account,
  assertAskedAgain,
  attemptAt,
  attemptOf,
  capabilities,
  close,
  closePayment,
  emptyBooks,
  eventTypes,
  firstQueryMs,
  idOf,
  instruction,
  now,
  ok,
  open,
  opened,
  order,
  paid,
  paymentOf,
  prepare,
  preparedOk,
  reasons,
  refused,
  startClosing,
  tellTrade,
  unknown,
} from "./testing/books.ts";
import type { AttemptState } from "./types.ts";

const states: readonly AttemptState[] = [
  "preparing",
  "awaiting",
  "closing",
  "paid",
  "closed",
  "failed",
];
const later = now + 10 * secondMs;

describe("opening an attempt", () => {
  const poor = { ...capabilities, currencies: [] };
  const overPoor = { accountId: account.id, channel: account.channel, capabilities: poor };
  const paidOrder = () => attemptAt("paid").books;
  const closingOrder = () => {
    const { books } = attemptAt("awaiting");
    closePayment(books);
    return books;
  };
  const closedOrder = () => {
    const { books } = attemptAt("closed");
    closePayment(books);
    return books;
  };
  // Each row is wrong in everything that the rows below it refuse.
  const last = { expiresAt: now };
  const noIp = { ...last, method: "app", payerId: "p-1" } as const;
  const noPayer = { ...last, method: "app" } as const;
  const noCurrency = { ...noPayer, chosen: overPoor };
  const all = { ...noCurrency, method: "page" } as const;
  const { channel } = account;
  const offered = "native, jsapi, h5, app";
  type Row = [string, string, object, () => Books, Partial<OpenAttempt>];
  const refusalsInOrder: Row[] = [
    ["what is paid already [PAY-07]", "order_already_paid", {}, paidOrder, all],
    ["what is being closed", "payment_not_open", { state: "closing" }, closingOrder, all],
    ["what is closed", "payment_not_open", { state: "closed" }, closedOrder, all],
    [
      "a method that the channel does not have",
      "payment_method_not_offered",
      { channel, method: "page", offered },
      emptyBooks,
      all,
    ],
    [
      "a currency that the channel does not take",
      "currency_not_offered",
      { channel, currency: "CNY" },
      emptyBooks,
      noCurrency,
    ],
    [
      "a method that needs the payer's id",
      "payer_missing",
      { channel, method: "app", field: "payerId" },
      emptyBooks,
      noPayer,
    ],
    [
      "a method that needs the payer's address",
      "payer_missing",
      { channel, method: "app", field: "payerIp" },
      emptyBooks,
      noIp,
    ],
    ["when the time is over", "payment_time_over", {}, emptyBooks, last],
  ];
  test.each(refusalsInOrder)("refuses %s: %s", (_what, code, facts, prepared, change) => {
    const books = prepared();
    const before = structuredClone(books);
    expect(open(books, change)).toEqual({ kind: "refused", code, facts });
    expect({ ...books, ids: before.ids }).toEqual(before);
  });

  test("gives a new attempt under its own number, whatever the order is called [PAY-06]", () => {
    const books = emptyBooks();
    const outcome = open(books, { number: "A7", method: "h5", payerIp: "192.0.2.1" });
    expect(outcome).toMatchObject({
      kind: "attempt",
      payment: { state: "open", amountMinor: paid, paidAttemptId: undefined, createdAt: now },
      attempt: {
        number: "A7",
        state: "preparing",
        method: "h5",
        amountMinor: paid,
        nextActionAt: now + preparingMs,
        surplus: false,
      },
    });
    expect([books.payments.size, books.attempts.size, books.events]).toEqual([1, 1, []]);
  });

  test.each(["closed", "failed"] as const)("begins anew after one that is %s [PAY-15]", (state) => {
    const { books, attemptId } = attemptAt(state);
    const second = opened(books);
    expect(second).not.toBe(attemptId);
    expect(attemptOf(books, second).paymentId).toBe(attemptOf(books, attemptId).paymentId);
    expect(attemptOf(books, attemptId).state).toBe(state);
  });
});

describe("asking to pay again", () => {
  type Again = [string, AttemptState, Partial<OpenAttempt>, number, "attempt" | "close_first"];
  const { channel } = account;
  const anotherAccount = { accountId: idOf<"ChannelAccount">(9), channel, capabilities };
  const again: Again[] = [
    ["while it is prepared", "preparing", {}, now, "attempt"],
    ["while its instruction is fresh", "awaiting", {}, now, "attempt"],
    ["for another page to return to", "awaiting", { returnUrl: "https://a" }, now, "attempt"],
    ["30 seconds before it is stale", "awaiting", {}, now + hourMs - 30_000, "attempt"],
    ["within 30 seconds of staleness", "awaiting", {}, now + hourMs - 29_999, "close_first"],
    ["when its own time is over", "preparing", {}, now + hourMs, "close_first"],
    ["in another way", "awaiting", { method: "h5", payerIp: "1" }, now, "close_first"],
    ["for another payer", "awaiting", { payerId: "p-2" }, now, "close_first"],
    ["over another account", "awaiting", { chosen: anotherAccount }, now, "close_first"],
    ["while it is being closed", "closing", {}, now, "close_first"],
  ];
  test.each(again)(
    "%s, it being %s: one attempt is open [PAY-16]",
    (_when, state, change, at, kind) => {
      const { books, attemptId } = attemptAt(state);
      const outcome = open(books, change, at);
      expect(outcome).toMatchObject({ kind, attempt: { id: attemptId } });
      expect(books.attempts.size).toBe(1);
      const isKept = kind === "attempt";
      const kept = attemptOf(attemptAt(state).books, attemptId);
      const closing = { ...kept, state: "closing", asked: 0, nextActionAt: at };
      expect(attemptOf(books, attemptId)).toEqual(isKept ? kept : closing);
    },
  );

  test("is refused when it was done too often, and leaves the open attempt as it is", () => {
    const books = emptyBooks();
    for (let count = 1; count < attemptsPerPaymentMax; count += 1) attemptAt("closed", books);
    const { attemptId } = attemptAt("awaiting", books);
    const facts = { max: attemptsPerPaymentMax };
    const another = open(books, { payerId: "p-2" });
    expect(another).toEqual({ kind: "refused", code: "too_many_attempts", facts });
    expect(open(books)).toMatchObject({ kind: "attempt", attempt: { id: attemptId } });
    startClosing(books, attemptId);
    close(books, attemptId);
    expect(open(books)).toMatchObject({ code: "too_many_attempts" });
  });

  test("is of the amount that the payment has, or it is a bug", () => {
    const { books } = attemptAt("awaiting");
    expect(() => open(books, { amountMinor: paid + 1n })).toThrow("does not change");
  });
});

describe("the answer to a preparation", () => {
  const answers: [string, ChannelAnswer<Prepared>][] = [
    ["ok", preparedOk(now + 2 * hourMs)],
    ["unknown", unknown(5 * minuteMs)],
    ...reasons.map((reason): [string, ChannelAnswer<Prepared>] => [reason, refused(reason)]),
  ];
  /** What becomes of an attempt; every other pair stays as it is. */
  const moves: Partial<Record<AttemptState, Record<string, AttemptState>>> = {
    preparing: {
      ok: "awaiting",
      already_paid: "closing",
      not_found: "failed",
      already_closed: "failed",
      number_reused: "failed",
      not_enough_funds: "failed",
      bad_request: "failed",
      not_authorized: "failed",
      rejected: "failed",
    },
  };
  const rows = states.flatMap((state) =>
    answers.map(([name, answer]) => [name, state, moves[state]?.[name] ?? state, answer] as const),
  );
  test.each(rows)("%s of one that is %s leaves it %s", (name, state, after, answer) => {
    const { books, attemptId } = attemptAt(state);
    const before = attemptOf(books, attemptId);
    const logged = books.log.length;
    prepare(books, attemptId, answer, later);
    const found = attemptOf(books, attemptId);
    expect(found.state).toBe(after);
    assertAskedAgain(books);
    expect(books.log.slice(logged)).toMatchObject([
      { attemptId, what: "prepare", outcome: expect.stringContaining(name) },
    ]);
    if (state === after && !(state === "awaiting" && name === "ok")) {
      expect(found).toEqual(before);
    }
    if (after === "closing" && state === "preparing") expect(found.nextActionAt).toBe(later);
    if (after === "failed" && state === "preparing") expect(found.failure).toBe(`NO: ${name}`);
    expect(paymentOf(books).state).toBe(state === "paid" ? "paid" : "open");
  });

  test("in time lets the payer pay, and is first asked about by the tenant's delay [PAY-10]", () => {
    const { books, attemptId } = attemptAt("preparing");
    prepare(books, attemptId, preparedOk(later + hourMs), later);
    expect(attemptOf(books, attemptId)).toMatchObject({
      state: "awaiting",
      instruction,
      usableUntil: later + hourMs,
      nextActionAt: later + firstQueryMs,
      asked: 0,
    });
  });

  test("that comes twice brings a fresh instruction and does not put off the asking", () => {
    const { books, attemptId } = attemptAt("awaiting");
    const { nextActionAt } = attemptOf(books, attemptId);
    prepare(books, attemptId, preparedOk(later + hourMs), later);
    expect(attemptOf(books, attemptId)).toMatchObject({
      state: "awaiting",
      usableUntil: later + hourMs,
      nextActionAt,
    });
  });

  test("after the notice of its payment changes nothing: notice before reply [PAY-09]", () => {
    const { books, attemptId } = attemptAt("preparing");
    tellTrade(books, attemptId, {}, { what: "notice" });
    const before = attemptOf(books, attemptId);
    prepare(books, attemptId, preparedOk(), later);
    expect(attemptOf(books, attemptId)).toEqual(before);
    expect(before).toMatchObject({ state: "paid", instruction: undefined });
  });
});

describe("the answer to a close", () => {
  const answers: [string, ChannelAnswer<"closed">, boolean][] = [
    ["ok", ok("closed"), true],
    ["unknown", unknown(), false],
    ...reasons.map((reason): [string, ChannelAnswer<"closed">, boolean] => [
      reason,
      refused(reason),
      reason === "already_closed" || reason === "not_found",
    ]),
  ];
  const stepOf = { preparing: 30, awaiting: 10, closing: 1 } as const;
  const rows = states.flatMap((state) =>
    answers.map(([name, answer, isClear]) => [name, state, isClear, answer] as const),
  );
  test.each(rows)("%s of one that is %s: closed is %s", (_name, state, isClear, answer) => {
    const { books, attemptId } = attemptAt(state);
    const before = attemptOf(books, attemptId);
    const logged = books.log.length;
    close(books, attemptId, answer, later);
    const after = attemptOf(books, attemptId);
    if (state === "paid" || state === "closed" || state === "failed") {
      expect(after).toEqual(before);
    } else if (isClear) {
      expect(after).toEqual({ ...before, state: "closed", asked: 0, nextActionAt: undefined });
    } else {
      expect(after).toEqual({ ...before, nextActionAt: later + stepOf[state] * secondMs });
    }
    assertAskedAgain(books);
    expect(books.log.slice(logged)).toMatchObject([{ attemptId, what: "close" }]);
    expect(eventTypes(books)).toEqual(state === "paid" ? ["payment_paid"] : []);
  });
});

describe("closing a payment", () => {
  test("that nobody ever tried to pay has nothing to close", () => {
    const books = emptyBooks();
    expect(closePayment(books)).toEqual({ kind: "closed", payment: undefined });
    expect([books.payments.size, books.events]).toEqual([0, []]);
  });

  const rows: [AttemptState, "closing" | "closed" | "paid"][] = [
    ["preparing", "closing"],
    ["awaiting", "closing"],
    ["closing", "closing"],
    ["paid", "paid"],
    ["closed", "closed"],
    ["failed", "closed"],
  ];
  test.each(rows)("with an attempt that is %s leaves it %s, asked twice too", (state, kind) => {
    const { books, attemptId } = attemptAt(state);
    const before = attemptOf(books, attemptId);
    const told = { closing: [], closed: ["payment_closed"], paid: ["payment_paid"] }[kind];
    for (const at of [later, later + minuteMs]) {
      expect(closePayment(books, order, at)).toMatchObject({ kind, payment: { state: kind } });
      expect(eventTypes(books)).toEqual(told);
    }
    const isTaken = state === "preparing" || state === "awaiting";
    const closing = { ...before, state: "closing", nextActionAt: later };
    expect(attemptOf(books, attemptId)).toEqual(isTaken ? closing : before);
    assertAskedAgain(books);
  });

  test("is told once, when its last attempt has closed, and stays closed", () => {
    const { books, attemptId } = attemptAt("awaiting");
    closePayment(books);
    close(books, attemptId, unknown());
    expect([paymentOf(books).state, eventTypes(books)]).toEqual(["closing", []]);
    close(books, attemptId);
    close(books, attemptId);
    const { id: paymentId, state } = paymentOf(books);
    expect(state).toBe("closed");
    expect(books.events).toEqual([
      { type: "payment_closed", data: { paymentId, reference: order } },
    ]);
  });

  test("ends when the trade is told to be closed, by query or notice", () => {
    for (const what of ["query", "notice"] as const) {
      const { books, attemptId } = attemptAt("awaiting");
      closePayment(books);
      tellTrade(books, attemptId, { state: "closed" }, { what });
      expect([paymentOf(books).state, eventTypes(books)]).toEqual(["closed", ["payment_closed"]]);
    }
  });

  test("takes the money that came before the close: paid, and no word of closed", () => {
    const { books, attemptId } = attemptAt("awaiting");
    closePayment(books);
    close(books, attemptId, refused("already_paid"));
    expect(attemptOf(books, attemptId).state).toBe("closing");
    tellTrade(books, attemptId);
    close(books, attemptId);
    expect(books.events).toMatchObject([{ type: "payment_paid", data: { late: false } }]);
    expect(closePayment(books)).toMatchObject({ kind: "paid" });
  });
});

test.each(states)("taking back an attempt that is %s moves it once at most", (state) => {
  const { books, attemptId } = attemptAt(state);
  const before = attemptOf(books, attemptId);
  startClosing(books, attemptId, later);
  const isTaken = state === "preparing" || state === "awaiting";
  const closing = { ...before, state: "closing", asked: 0, nextActionAt: later };
  expect(attemptOf(books, attemptId)).toEqual(isTaken ? closing : before);
  expect(paymentOf(books).state).toBe(state === "paid" ? "paid" : "open");
});

describe("asked in vain, an attempt is asked again", () => {
  const awaiting = [10, 20, 40, 60, 120, 300, 600, 600, 600];
  const closing = [1, 2, 4, 8, 16, 32, 60, 60, 60];
  const rows = [
    ...awaiting.map((seconds, index) => ["awaiting", index + 1, seconds] as const),
    ...closing.map((seconds, index) => ["closing", index + 1, seconds] as const),
    ["preparing", 1, 30] as const,
    ["preparing", 9, 30] as const,
  ];
  test.each(rows)("being %s, after asking %i times: in %i s [PAY-10]", (state, asked, seconds) => {
    const { books, attemptId } = attemptAt(state);
    const ask = state === "closing" ? close : tellTrade;
    attemptOf(books, attemptId).asked = asked;
    ask(books, attemptId, unknown());
    const found = attemptOf(books, attemptId);
    expect(found).toMatchObject({ state, asked, nextActionAt: now + seconds * secondMs });
  });

  const waits = [
    ["later when the channel says so", 45 * secondMs, 45],
    ["no sooner when the channel would let it", 2 * secondMs, 10],
  ] as const;
  test.each(waits)("%s", (_when, retryAfterMs, seconds) => {
    const { books, attemptId } = attemptAt("awaiting");
    tellTrade(books, attemptId, unknown(retryAfterMs));
    expect(attemptOf(books, attemptId).nextActionAt).toBe(now + seconds * secondMs);
    close(books, attemptId, unknown(retryAfterMs));
    expect(attemptOf(books, attemptId).nextActionAt).toBe(now + seconds * secondMs);
  });

  test("a new state begins its schedule anew", () => {
    const { books, attemptId } = attemptAt("awaiting");
    attemptOf(books, attemptId).asked = 6;
    startClosing(books, attemptId);
    close(books, attemptId, unknown());
    const found = attemptOf(books, attemptId);
    expect(found).toMatchObject({ asked: 0, nextActionAt: now + secondMs });
  });
});
