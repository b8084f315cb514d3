import { describe, expect, test } from "vitest";
import { derivedId } from "../../../kernel/ids.ts";
import { dayMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import type { ChannelAnswer, ChannelRefund } from "../plug.ts";
import { capturedAccount, channelLedgerAccount } from "./ledger-accounts.ts";
import type { ToldRefund } from "./testing/books.ts";
import {
  account,
  assertAskedAgain,
  balanceOf,
  channelRefundOf,
  closePayment,
  eventTypes,
  idOf,
  now,
  ok,
  order,
  paid,
  reasons,
  refundAt,
  refundOf,
  refused,
  requested,
  tellRefund,
  unknown,
} from "./testing/books.ts";
import type { RefundState } from "./types.ts";

const states: readonly RefundState[] = [
  "requested",
  "processing",
  "abnormal",
  "refunded",
  "failed",
];
const later = now + 10 * secondMs;

describe("what a channel tells of a refund", () => {
  type Told = ToldRefund | ChannelAnswer<ChannelRefund>;
  interface Telling {
    readonly name: string;
    readonly what: "refund" | "query_refund" | "notice";
    readonly told: Told;
    /** From state to state; others stay. */
    readonly moves: Partial<Record<RefundState, RefundState>>;
  }
  const unsettled = (to: RefundState) => ({ requested: to, processing: to, abnormal: to });
  const refunds = { ...unsettled("refunded"), failed: "refunded" } as const;
  const told = (name: string, answer: ToldRefund, moves: Telling["moves"]): Telling[] =>
    (["refund", "query_refund", "notice"] as const).map((what) => ({
      name,
      what,
      told: answer,
      moves,
    }));
  const waits = new Set(["not_enough_funds", "not_authorized"]);
  const tellings: Telling[] = [
    ...told("refunded", { state: "refunded" }, refunds),
    ...told("no amount", { refundMinor: undefined }, { requested: "processing" }),
    ...told("processing", { state: "processing" }, { requested: "processing" }),
    ...told("closed", { state: "closed" }, unsettled("failed")),
    ...told("abnormal", { state: "abnormal" }, { requested: "abnormal", processing: "abnormal" }),
    ...told("mismatch", { refundMinor: 1n }, {}),
    { name: "unknown", what: "refund", told: unknown(), moves: {} },
    { name: "unknown", what: "query_refund", told: unknown(), moves: {} },
    ...reasons.flatMap((reason): Telling[] => [
      // Only a refund that was not taken before is refused for good.
      {
        name: reason,
        what: "refund",
        told: refused(reason),
        moves: waits.has(reason) ? {} : { requested: "failed" },
      },
      { name: reason, what: "query_refund", told: refused(reason), moves: {} },
    ]),
  ];
  const rows = states.flatMap((state) =>
    tellings.map((telling) => {
      const { name, what, moves } = telling;
      return [name, what, state, moves[state] ?? state, telling.told] as const;
    }),
  );
  const held = { requested: 300n, processing: 300n, abnormal: 300n, refunded: 0n, failed: 0n };
  const eventOf: Partial<Record<RefundState, string>> = {
    refunded: "refund_succeeded",
    failed: "refund_failed",
    abnormal: "refund_abnormal",
  };
  test.each(rows)("%s by %s of one that is %s: %s", (name, what, state, after, answer) => {
    const { books, attemptId, refundId } = refundAt(state);
    const [logged, happened] = [books.log.length, books.events.length];
    tellRefund(books, refundId, answer, { what, at: later });
    expect(refundOf(books, refundId).state).toBe(after);
    assertAskedAgain(books);
    const entry = { attemptId, refundId, what };
    expect(books.log.slice(logged)).toMatchObject([entry]);
    const posted = after === "refunded" ? paid - 300n : paid;
    const money = balanceOf(books, capturedAccount(attemptId));
    expect(money).toEqual({ posted, held: held[after] });
    const isTrouble = name === "mismatch" || (name === "no amount" && state === "failed");
    const moved = state === after ? undefined : eventOf[after];
    const types = isTrouble ? ["refund_mismatch"] : moved === undefined ? [] : [moved];
    expect(eventTypes(books).slice(happened)).toEqual(types);
  });

  const settled = ["refunded", "failed"] as const;
  const silent = tellings.filter(({ name, moves }) =>
    settled.every((state) => moves[state] === undefined && name !== "mismatch"),
  );
  const rowsOfSettled = settled.flatMap((state) =>
    silent
      .filter(({ name }) => !(name === "no amount" && state === "failed"))
      .map(({ name, what, told }) => [name, what, state, told] as const),
  );
  test.each(rowsOfSettled)(
    "%s by %s leaves one that is %s as it is",
    (_name, what, state, told) => {
      const { books, refundId } = refundAt(state);
      const { channelRefundNumber: _number, ...before } = refundOf(books, refundId);
      const outcome = tellRefund(books, refundId, told, { what, at: later });
      expect(outcome.refund).toMatchObject(before);
      expect(refundOf(books, refundId)).toMatchObject(before);
    },
  );
});

describe("money that went back", () => {
  test("is booked once: out of captured, out of the channel [REF-11]", () => {
    const { books, attemptId, refundId } = refundAt("requested");
    const refundedAt = later - secondMs;
    const kinds = (["notice", "query_refund", "notice", "refund"] as const).map(
      (what) => tellRefund(books, refundId, { refundedAt }, { what, at: later }).kind,
    );
    expect(kinds).toEqual(["refunded", "told_before", "told_before", "told_before"]);
    expect(refundOf(books, refundId)).toMatchObject({
      state: "refunded",
      refundedAt,
      channelRefundNumber: channelRefundOf(books, refundId).channelRefundNumber,
      nextActionAt: undefined,
    });
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: 700n, held: 0n });
    expect(balanceOf(books, channelLedgerAccount(account.id)).posted).toBe(-700n);
    const data = { refundId, reference: order, attemptId, amountMinor: 300, currency: "CNY" };
    expect(books.events.slice(2)).toEqual([
      { type: "refund_succeeded", data: { ...data, cause: "requested" } },
    ]);
  });

  test("is dated by our clock when the channel tells no time", () => {
    const { books, refundId } = refundAt("processing");
    const { refundedAt: _untold, ...told } = channelRefundOf(books, refundId);
    tellRefund(books, refundId, ok(told), { at: later });
    expect(refundOf(books, refundId).refundedAt).toBe(later);
  });

  test("without an amount, as Alipay replies, is asked about at once and booked by a query", () => {
    const { books, refundId } = refundAt("requested");
    const untold = { refundMinor: undefined };
    const kind = tellRefund(books, refundId, untold, { what: "refund", at: later }).kind;
    expect(kind).toBe("processing");
    expect(refundOf(books, refundId)).toMatchObject({ state: "processing", nextActionAt: later });
    tellRefund(books, refundId, untold, { what: "notice", at: later + 1 });
    expect(refundOf(books, refundId).nextActionAt).toBe(later + 1);
    tellRefund(books, refundId, untold, { at: later });
    expect(refundOf(books, refundId).nextActionAt).toBe(later + secondMs);
    expect(tellRefund(books, refundId).kind).toBe("refunded");
    expect(eventTypes(books).filter((type) => type === "refund_succeeded")).toHaveLength(1);
  });

  test("after a no of the channel moves the money after all", () => {
    const { books, attemptId, refundId } = refundAt("failed");
    expect(tellRefund(books, refundId, {}, { what: "notice" }).kind).toBe("refunded");
    expect(tellRefund(books, refundId, {}, { what: "notice" }).kind).toBe("told_before");
    expect(refundOf(books, refundId).failure).toBeUndefined();
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: 700n, held: 0n });
    const bundle = books.bundles.get(derivedId(`${refundId} refunded after it had failed`));
    expect(bundle).toMatchObject([{ amount: 300n, phase: "posted", reference: order }]);
    expect(eventTypes(books).slice(2)).toEqual(["refund_failed", "refund_succeeded"]);
  });

  test("after a no, and held by another refund by now, is a person's: told once", () => {
    const { books, attemptId, refundId } = refundAt("failed");
    const other = requested(books, { amountMinor: paid });
    const happened = books.events.length;
    for (const what of ["notice", "notice"] as const) {
      expect(tellRefund(books, refundId, {}, { what }).kind).toBe("told_before");
    }
    expect(books.events.slice(happened)).toMatchObject([
      { type: "refund_mismatch", data: { refundId, why: "refunded after it had failed" } },
    ]);
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: paid, held: paid });
    // Once the other has failed, the money is there for the first.
    tellRefund(books, other, { state: "closed" });
    expect(tellRefund(books, refundId, {}, { what: "notice" }).kind).toBe("refunded");
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: 700n, held: 0n });
  });

  test("after a no, without an amount, is a person's", () => {
    const { books, attemptId, refundId } = refundAt("failed");
    tellRefund(books, refundId, { refundMinor: undefined }, { what: "notice" });
    expect(refundOf(books, refundId).state).toBe("failed");
    expect(balanceOf(books, capturedAccount(attemptId)).posted).toBe(paid);
  });
});

describe("every field that differs from our books is a mismatch [PAY-13]", () => {
  const other = { ...account, id: idOf<"ChannelAccount">(9) };
  const rows: [string, Partial<ChannelRefund>, string | undefined, string, typeof account][] = [
    ["account", {}, account.id, other.id, other],
    ["refund_number", { refundNumber: "R0" }, undefined, "R0", account],
    ["attempt_number", { attemptNumber: "A0" }, undefined, "A0", account],
    ["amount", { refundMinor: 299n }, "300", "299", account],
    ["currency", { currency: "HKD" }, "CNY", "HKD", account],
    ["merchant", { merchantId: "m-2" }, "m-1", "m-2", account],
    ["app", { appId: "a-2" }, "a-1", "a-2", account],
  ];
  test.each(rows)("%s: told once, and nothing moves", (field, told, ours, theirs, teller) => {
    const { books, attemptId, refundId } = refundAt("processing");
    const happened = books.events.length;
    const { nextActionAt } = refundOf(books, refundId);
    for (const what of ["notice", "notice", "query_refund"] as const) {
      const outcome = tellRefund(books, refundId, told, { what, account: teller, at: later });
      const difference = ours === undefined ? { field, theirs } : { field, ours, theirs };
      expect(outcome).toMatchObject({ kind: "mismatch", differences: [difference] });
      const asked = what === "notice" ? nextActionAt : later + secondMs;
      expect(refundOf(books, refundId).nextActionAt).toBe(asked);
    }
    const why = `the channel tells another ${field}`;
    expect(books.events.slice(happened)).toMatchObject([
      { type: "refund_mismatch", data: { why } },
    ]);
    expect(refundOf(books, refundId)).toMatchObject({ state: "processing", failure: why });
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: paid, held: 300n });
    expect(books.log.at(-1)?.outcome).toBe(`mismatch: ${field}`);
  });

  test("the right word after a wrong one is booked, and the failure is gone", () => {
    const { books, refundId } = refundAt("processing");
    tellRefund(books, refundId, { refundMinor: 1n });
    tellRefund(books, refundId);
    expect(refundOf(books, refundId)).toMatchObject({ state: "refunded", failure: undefined });
  });
});

describe("a refund that the channel refuses", () => {
  test("is sent only when the channel has never heard of it [REF-03]", () => {
    const { books, refundId } = refundAt("requested");
    const before = refundOf(books, refundId);
    expect(tellRefund(books, refundId, refused("not_found")).kind).toBe("not_sent");
    expect(refundOf(books, refundId)).toEqual(before);
  });

  const taken = ["processing", "abnormal"] as const;
  test.each(taken)("and that is %s is not sent again when it is not found", (state) => {
    const { books, refundId } = refundAt(state);
    expect(tellRefund(books, refundId, refused("not_found")).kind).toBe("no_answer");
    expect(refundOf(books, refundId).state).toBe(state);
  });

  test.each(["not_enough_funds", "not_authorized"] as const)(
    "for %s goes on by itself ten minutes later, under the same number",
    (reason) => {
      const { books, refundId } = refundAt("requested");
      tellRefund(books, refundId, refused(reason), { what: "refund", at: later });
      expect(refundOf(books, refundId)).toMatchObject({
        state: "requested",
        failure: `NO: ${reason}`,
        nextActionAt: later + 10 * minuteMs,
      });
      tellRefund(books, refundId, refused("not_found"), { at: later });
      tellRefund(books, refundId, { state: "processing" }, { what: "refund", at: later });
      expect(refundOf(books, refundId).state).toBe("processing");
    },
  );

  test("after all gives the money free, and says why", () => {
    const { books, refundId } = refundAt("requested");
    tellRefund(books, refundId, refused("rejected"), { what: "refund" });
    expect(refundOf(books, refundId)).toMatchObject({
      state: "failed",
      failure: "NO: rejected",
      nextActionAt: undefined,
    });
    expect(books.events.at(-1)).toMatchObject({
      type: "refund_failed",
      data: { refundId, amountMinor: 300, why: "NO: rejected" },
    });
    requested(books, { amountMinor: paid });
  });

  test("late, after a notice has told that it is done, is not believed", () => {
    const { books, refundId } = refundAt("refunded");
    const before = refundOf(books, refundId);
    for (const reason of reasons) {
      tellRefund(books, refundId, refused(reason), { what: "refund" });
      expect(refundOf(books, refundId)).toEqual(before);
    }
  });
});

describe("a refund that the payer's account could not take", () => {
  test("is told once and asked about once a day until a person has settled it", () => {
    const { books, refundId } = refundAt("abnormal");
    for (const days of [1, 2, 3]) {
      const at = now + days * dayMs;
      expect(tellRefund(books, refundId, { state: "abnormal" }, { at }).kind).toBe("abnormal");
      expect(refundOf(books, refundId).nextActionAt).toBe(at + dayMs);
    }
    tellRefund(books, refundId, unknown(), { at: later });
    expect(refundOf(books, refundId).nextActionAt).toBe(later + dayMs);
    expect(eventTypes(books).filter((type) => type === "refund_abnormal")).toHaveLength(1);
    expect(tellRefund(books, refundId).kind).toBe("refunded");
  });
});

describe("asked in vain, a refund is asked about again", () => {
  const seconds = [1, 2, 5, 10, 30, 60, 300, 600, 600];
  const rows = (["requested", "processing"] as const).flatMap((state) =>
    seconds.map((wait, index) => [state, index + 1, wait] as const),
  );
  test.each(rows)("being %s, after asking %i times: in %i s", (state, asked, wait) => {
    const { books, refundId } = refundAt(state);
    refundOf(books, refundId).asked = asked;
    tellRefund(books, refundId, unknown());
    const found = refundOf(books, refundId);
    expect(found).toMatchObject({ state, asked, nextActionAt: now + wait * secondMs });
  });

  const waits = [
    ["later when the channel says so", 45 * secondMs, 45],
    ["no sooner when the channel would let it", 500, 1],
  ] as const;
  test.each(waits)("%s", (_when, retryAfterMs, wait) => {
    const { books, refundId } = refundAt("processing");
    tellRefund(books, refundId, unknown(retryAfterMs));
    expect(refundOf(books, refundId).nextActionAt).toBe(now + wait * secondMs);
  });

  test("a new state begins its schedule anew", () => {
    const { books, refundId } = refundAt("requested");
    refundOf(books, refundId).asked = 8;
    tellRefund(books, refundId, { state: "processing" }, { what: "refund", at: later });
    expect(refundOf(books, refundId)).toMatchObject({ asked: 0, nextActionAt: later + secondMs });
  });
});

test("a payment that was paid is not closed by its refunds", () => {
  const { books } = refundAt("refunded");
  expect(closePayment(books)).toMatchObject({ kind: "paid" });
});
