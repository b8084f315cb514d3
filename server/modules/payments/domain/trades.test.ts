import { describe, expect, test } from "vitest";
import { dayMs, secondMs } from "../../../kernel/time.ts";
import type { ChannelAnswer, ChannelTrade } from "../plug.ts";
import { capturedAccount, channelLedgerAccount } from "./ledger-accounts.ts";
import {
  account,
  assertAskedAgain,
  attemptAt,
  attemptOf,
  balanceOf,
  close,
  closePayment,
  emptyBooks,
  eventTypes,
  idOf,
  now,
  ok,
  opened,
  order,
  paid,
  paidTwice,
  paymentOf,
  prepare,
  reasons,
  refundOf,
  refundSurplus,
  refused,
  tellRefund,
  tellTrade,
  tradeOf,
  unknown,
} from "./testing/books.ts";
import type { AttemptState, LogWhat, RefundState } from "./types.ts";

const states: readonly AttemptState[] = [
  "preparing",
  "awaiting",
  "closing",
  "paid",
  "closed",
  "failed",
];
const later = now + 10 * secondMs;
const paidAt = now - secondMs;
const stepOf = { preparing: 30, awaiting: 10, closing: 1 };

function isOpen(state: AttemptState): state is keyof typeof stepOf {
  return state in stepOf;
}

describe("what a channel tells of a trade", () => {
  type Told = Partial<ChannelTrade> | ChannelAnswer<ChannelTrade>;
  type Moves = Partial<Record<AttemptState, AttemptState>>;
  const closes: Moves = { preparing: "closed", awaiting: "closed", closing: "closed" };
  const takesBack: Moves = { preparing: "closing", awaiting: "closing" };
  const pays: Moves = {
    preparing: "paid",
    awaiting: "paid",
    closing: "paid",
    closed: "paid",
    failed: "paid",
  };
  /** What was told, the outcome's kind, and the moves; other states stay. */
  const tellings: [string, Told, string, Moves][] = [
    ["paid", { state: "paid" }, "paid", pays],
    ["unpaid", { state: "unpaid" }, "unpaid", {}],
    ["paying", { state: "paying" }, "unpaid", {}],
    ["closed", { state: "closed" }, "closed", closes],
    ["failed", { state: "failed" }, "unpaid", takesBack],
    ["another amount", { amountMinor: 1n }, "mismatch", {}],
    ["unknown", unknown(), "no_answer", {}],
    ...reasons.map((reason): [string, Told, string, Moves] => [
      reason,
      refused(reason),
      "no_answer",
      {},
    ]),
  ];
  const rows = states.flatMap((state) =>
    tellings.flatMap(([name, told, kind, moves]) =>
      (["query", "notice"] as const).map(
        (what) => [name, what, state, moves[state] ?? state, kind, told] as const,
      ),
    ),
  );
  test.each(rows)("%s by %s of one that is %s: %s", (name, what, state, after, kind, told) => {
    const { books, attemptId } = attemptAt(state);
    const before = attemptOf(books, attemptId);
    const [logged, happened] = [books.log.length, books.events.length];
    const outcome = tellTrade(books, attemptId, told, { what, at: later });
    const found = attemptOf(books, attemptId);
    const isRepeated = name === "paid" && state === "paid";
    expect(outcome).toMatchObject({ kind: isRepeated ? "paid_before" : kind });
    expect(found.state).toBe(after);
    assertAskedAgain(books);
    expect(books.log.slice(logged)).toMatchObject([{ attemptId, what }]);

    const types = eventTypes(books).slice(happened);
    const isPaidNow = after === "paid" && state !== "paid";
    const isMismatch = kind === "mismatch" && !isRepeated;
    expect(types).toEqual(isPaidNow ? ["payment_paid"] : isMismatch ? ["payment_mismatch"] : []);
    expect(paymentOf(books).state).toBe(after === "paid" ? "paid" : "open");
    // Only the asking itself sets the next time; a notice leaves the schedule as it is.
    if (!isOpen(after)) return;
    const asked = later + stepOf[after] * secondMs;
    const untouched = state === after ? before.nextActionAt : later;
    expect(found.nextActionAt).toBe(what === "query" ? asked : untouched);
  });
});

describe("money that came in", () => {
  test("is booked once: captured of the attempt against the channel [PAY-16]", () => {
    const { books, attemptId } = attemptAt("awaiting");
    const first = tellTrade(books, attemptId, { paidAt }, { what: "notice", at: later });
    for (const what of ["query", "notice", "notice"] as const) {
      expect(tellTrade(books, attemptId, {}, { what, at: later })).toMatchObject({
        kind: "paid_before",
      });
    }
    const { id: paymentId } = paymentOf(books);
    expect(first.kind).toBe("paid");
    expect(attemptOf(books, attemptId)).toMatchObject({
      paidAt,
      channelTradeNumber: tradeOf(books, attemptId).channelTradeNumber,
      surplus: false,
      nextActionAt: undefined,
    });
    expect(paymentOf(books)).toMatchObject({ state: "paid", paidAttemptId: attemptId, paidAt });
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: paid, held: 0n });
    expect(balanceOf(books, channelLedgerAccount(account.id))).toEqual({ posted: -paid, held: 0n });
    const told = { paymentId, reference: order, attemptId, amountMinor: 1_000, currency: "CNY" };
    expect(books.events).toEqual([
      { type: "payment_paid", data: { ...told, paidAt, late: false } },
    ]);
  });

  test("is dated by our clock when the channel tells no time", () => {
    const { books, attemptId } = attemptAt("awaiting");
    const { paidAt: _untold, ...trade } = tradeOf(books, attemptId);
    tellTrade(books, attemptId, ok(trade), { at: later });
    expect([attemptOf(books, attemptId).paidAt, paymentOf(books).paidAt]).toEqual([later, later]);
  });

  test("for a closed payment is late, and the payment is paid all the same", () => {
    const { books, attemptId } = attemptAt("awaiting");
    closePayment(books);
    close(books, attemptId);
    tellTrade(books, attemptId, {}, { what: "notice" });
    tellTrade(books, attemptId);
    expect(books.events).toMatchObject([
      { type: "payment_closed" },
      { type: "payment_paid", data: { late: true, attemptId } },
    ]);
    expect(paymentOf(books)).toMatchObject({ state: "paid", paidAttemptId: attemptId });
    expect(balanceOf(books, capturedAccount(attemptId)).posted).toBe(paid);
  });

  test("for a payment that is being closed is in time", () => {
    const { books, attemptId } = attemptAt("awaiting");
    closePayment(books);
    tellTrade(books, attemptId, {}, { what: "notice" });
    expect(books.events).toMatchObject([{ type: "payment_paid", data: { late: false } }]);
  });

  test("after the channel had refused to prepare counts, and its reason is forgotten", () => {
    const { books, attemptId } = attemptAt("failed");
    expect(attemptOf(books, attemptId).failure).toBe("NO: rejected");
    tellTrade(books, attemptId, {}, { what: "notice" });
    expect(attemptOf(books, attemptId)).toMatchObject({ state: "paid", failure: undefined });
    expect(paymentOf(books).paidAttemptId).toBe(attemptId);
  });

  test("over an older attempt takes the open one back at once [PAY-07]", () => {
    const { books, attemptId: first } = attemptAt("closed");
    const second = opened(books);
    prepare(books, second);
    tellTrade(books, first, {}, { what: "notice", at: later });
    expect(attemptOf(books, second)).toMatchObject({ state: "closing", nextActionAt: later });
    close(books, second);
    expect([attemptOf(books, second).state, paymentOf(books).state]).toEqual(["closed", "paid"]);
    expect(eventTypes(books)).toEqual(["payment_paid"]);
  });
});

describe("every field that differs from our books is a mismatch [PAY-13]", () => {
  const other = { ...account, id: idOf<"ChannelAccount">(9) };
  const rows: [string, Partial<ChannelTrade>, string, string, typeof account][] = [
    ["account", {}, account.id, other.id, other],
    ["attempt_number", { attemptNumber: "A0" }, "", "A0", account],
    ["amount", { amountMinor: 999n }, "1000", "999", account],
    ["currency", { currency: "HKD" }, "CNY", "HKD", account],
    ["merchant", { merchantId: "m-2" }, "m-1", "m-2", account],
    ["app", { appId: "a-2" }, "a-1", "a-2", account],
  ];
  test.each(rows)("%s: told once, and nothing moves", (field, told, ours, theirs, teller) => {
    const { books, attemptId } = attemptAt("awaiting");
    const { number, nextActionAt } = attemptOf(books, attemptId);
    const differences = [{ field, ours: ours === "" ? number : ours, theirs }];
    for (const what of ["notice", "notice", "query"] as const) {
      const outcome = tellTrade(books, attemptId, told, { what, account: teller, at: later });
      expect(outcome).toMatchObject({ kind: "mismatch", differences });
    }
    const { id: paymentId } = paymentOf(books);
    const data = { paymentId, reference: order, attemptId, differences };
    expect(books.events).toEqual([{ type: "payment_mismatch", data }]);
    expect(attemptOf(books, attemptId)).toMatchObject({
      state: "awaiting",
      failure: `the channel tells another ${field}`,
      nextActionAt: later + 10 * secondMs,
    });
    expect(nextActionAt).not.toBe(later + 10 * secondMs);
    expect(books.accounts.size).toBe(0);
    expect(books.log.at(-1)).toMatchObject({ outcome: `mismatch: ${field}` });
  });

  test("also before it is paid, and several at once in one order", () => {
    const { books, attemptId } = attemptAt("awaiting");
    const told = { state: "unpaid", amountMinor: 1n, merchantId: "m-2", appId: "a-2" } as const;
    tellTrade(books, attemptId, told);
    expect(books.log.at(-1)?.outcome).toBe("mismatch: amount, merchant, app");
    expect(attemptOf(books, attemptId).failure).toBe(
      "the channel tells another amount, merchant, app",
    );
  });

  test("another field later is told as well", () => {
    const { books, attemptId } = attemptAt("awaiting");
    tellTrade(books, attemptId, { amountMinor: 1n });
    tellTrade(books, attemptId, { appId: "a-2" });
    expect(eventTypes(books)).toEqual(["payment_mismatch", "payment_mismatch"]);
  });

  test("the right word after a wrong one is booked, and the failure is gone", () => {
    const { books, attemptId } = attemptAt("awaiting");
    tellTrade(books, attemptId, { amountMinor: 1n }, { what: "notice" });
    tellTrade(books, attemptId);
    expect(attemptOf(books, attemptId)).toMatchObject({ state: "paid", failure: undefined });
    expect(eventTypes(books)).toEqual(["payment_mismatch", "payment_paid"]);
  });

  test("paid without an amount is a mismatch: nothing is known", () => {
    const { books, attemptId } = attemptAt("awaiting");
    const { amountMinor: _untold, ...trade } = tradeOf(books, attemptId);
    const differences = [{ field: "amount", ours: "1000", theirs: "not told" }];
    expect(tellTrade(books, attemptId, ok(trade))).toMatchObject({ differences });
    expect(attemptOf(books, attemptId).state).toBe("awaiting");
  });

  const untold = ["unpaid", "paying", "closed", "failed"] as const;
  test.each(untold)("%s without any amount, as Alipay tells it, is none", (state) => {
    const { books, attemptId } = attemptAt("awaiting");
    const attemptNumber = attemptOf(books, attemptId).number;
    const outcome = tellTrade(books, attemptId, ok({ attemptNumber, state }));
    expect(outcome.kind).toBe(state === "closed" ? "closed" : "unpaid");
    expect(books.events).toEqual([]);
  });

  test("what is not told at all does not differ: number and amount are enough to be paid", () => {
    const { books, attemptId } = attemptAt("awaiting");
    const attemptNumber = attemptOf(books, attemptId).number;
    const trade: ChannelTrade = { attemptNumber, state: "paid", amountMinor: paid };
    expect(tellTrade(books, attemptId, ok(trade)).kind).toBe("paid");
    expect(attemptOf(books, attemptId).channelTradeNumber).toBeUndefined();
  });
});

describe("a second payment of one thing [PAY-07] [PAY-08] [REF-16]", () => {
  test("goes back whole by itself; the first stays", () => {
    const { books, first, attemptId, refundId } = paidTwice();
    expect(attemptOf(books, attemptId)).toMatchObject({ state: "paid", surplus: true });
    expect(attemptOf(books, first)).toMatchObject({ state: "paid", surplus: false });
    expect(paymentOf(books)).toMatchObject({ state: "paid", paidAttemptId: first });
    expect(refundOf(books, refundId)).toMatchObject({
      attemptId,
      cause: "surplus",
      reference: order,
      amountMinor: paid,
      state: "requested",
      requestedBy: "payments",
      nextActionAt: now,
    });
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: paid, held: paid });
    expect(balanceOf(books, capturedAccount(first))).toEqual({ posted: paid, held: 0n });
    expect(balanceOf(books, channelLedgerAccount(account.id)).posted).toBe(-2n * paid);
    expect(eventTypes(books)).toEqual(["payment_paid", "refund_requested", "payment_surplus"]);
    expect(books.events.at(-1)?.data).toEqual({
      paymentId: paymentOf(books).id,
      reference: order,
      attemptId,
      refundId,
      amountMinor: 1_000,
      currency: "CNY",
    });
  });

  test("told again opens no second refund", () => {
    const { books, attemptId } = paidTwice();
    const before = structuredClone(books.refunds);
    for (const what of ["notice", "query"] as const) {
      expect(tellTrade(books, attemptId, {}, { what })).toMatchObject({ kind: "paid_before" });
    }
    expect(books.refunds).toEqual(before);
    expect(eventTypes(books)).toHaveLength(3);
  });

  const nothing: [string, RefundState][] = [
    ["asked for", "requested"],
    ["on its way", "processing"],
    ["with a person", "abnormal"],
    ["done", "refunded"],
  ];
  test.each(nothing)("is not sent anew while its refund is %s: %s", (_what, state) => {
    const { books, attemptId, refundId } = paidTwice();
    if (state !== "requested" && state !== "failed") tellRefund(books, refundId, { state });
    expect(refundOf(books, refundId).state).toBe(state);
    refundSurplus(books, attemptId);
    expect(books.refunds.size).toBe(1);
  });

  test("goes back under a new number once its refund has failed", () => {
    const { books, attemptId, refundId } = paidTwice();
    tellRefund(books, refundId, refused("rejected"), { what: "refund" });
    refundSurplus(books, attemptId, now + dayMs);
    refundSurplus(books, attemptId, now + dayMs);
    const [failed, fresh] = [...books.refunds.values()];
    expect(books.refunds.size).toBe(2);
    expect(failed).toMatchObject({ state: "failed" });
    expect(fresh).toMatchObject({ cause: "surplus", amountMinor: paid, nextActionAt: now + dayMs });
    expect(fresh?.number).not.toBe(failed?.number);
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: paid, held: paid });
  });

  test("does not go back twice when the channel takes back its no", () => {
    const { books, attemptId, refundId } = paidTwice();
    tellRefund(books, refundId, refused("rejected"), { what: "refund" });
    tellRefund(books, refundId, {}, { what: "notice" });
    refundSurplus(books, attemptId);
    expect(books.refunds.size).toBe(1);
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: 0n, held: 0n });
  });

  test.each(states)("is not what a first attempt is that is %s: nothing goes back", (state) => {
    const { books, attemptId } = attemptAt(state);
    refundSurplus(books, attemptId);
    expect(books.refunds.size).toBe(0);
  });

  test("and a third goes back like the second", () => {
    const books = emptyBooks();
    const attempts = [1, 2, 3].map(() => {
      const attemptId = opened(books);
      tellTrade(books, attemptId, { state: "closed" });
      return attemptId;
    });
    const kinds = attempts.map((attemptId) => tellTrade(books, attemptId).kind);
    expect(kinds).toEqual(["paid", "surplus", "surplus"]);
    expect(books.refunds.size).toBe(2);
  });
});

test("every word of the channel is kept, also the one that moves nothing [PAY-23]", () => {
  const { books, attemptId } = attemptAt("awaiting");
  books.log.length = 0;
  const told: [LogWhat, Partial<ChannelTrade> | ChannelAnswer<ChannelTrade>][] = [
    ["query", unknown()],
    ["query", refused("not_found")],
    ["query", { state: "paying" }],
    ["notice", { amountMinor: 1n }],
    ["notice", {}],
    ["query", {}],
  ];
  for (const [what, trade] of told) tellTrade(books, attemptId, trade, { what });
  expect(books.log.map(({ what, outcome, detail }) => [what, outcome, detail])).toEqual([
    ["query", "unknown", "no reply within 8 seconds"],
    ["query", "refused: not_found", "NO not_found"],
    ["query", "unpaid", undefined],
    ["notice", "mismatch: amount", undefined],
    ["notice", "paid", undefined],
    ["query", "paid_before", undefined],
  ]);
});

test("a channel's text is cut to what a person reads", () => {
  const { books, attemptId } = attemptAt("awaiting");
  const answer = { ...refused("rejected"), channelMessage: "x".repeat(9_000) };
  tellTrade(books, attemptId, answer);
  expect(books.log.at(-1)?.detail).toBe(`NO ${"x".repeat(497)}…`);
});
