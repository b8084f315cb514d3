import { describe, expect, test } from "vitest";
import { dayMs, secondMs } from "../../../kernel/time.ts";
import { capturedAccount, channelLedgerAccount } from "./ledger-accounts.ts";
import type { RequestRefund } from "./refunds.ts";
import type { Books } from "./testing/books.ts";
import {
  account,
  attemptAt,
  balanceOf,
  capabilities,
  emptyBooks,
  now,
  order,
  paid,
  paidTwice,
  refundAt,
  refundOf,
  request,
  requested,
  tellRefund,
} from "./testing/books.ts";

const later = now + 10 * secondMs;

function only(change: Partial<typeof capabilities>) {
  return new Map([["plain", { ...capabilities, ...change }]]);
}

describe("asking for a refund", () => {
  const whole = () => attemptAt("paid").books;
  const paidOn = now - secondMs;
  const refundedOnce = () => {
    const books = whole();
    requested(books, { amountMinor: 100n });
    return books;
  };
  // Each row is wrong in everything that the rows below it refuse.
  const tooLate = { at: paidOn + 365 * dayMs + 1, channels: only({}) };
  const tooMany = { ...tooLate, channels: only({ refundsPerPaymentMax: 1 }) };
  const inPart = {
    ...tooLate,
    channels: only({ refundsPerPaymentMax: 1, partialRefund: false }),
  };
  const noChannel = { ...tooLate, channels: new Map() };
  const tooMuch = { ...noChannel, amountMinor: 901n };
  type Wrong = Partial<RequestRefund> & { readonly at: number };
  const refusalsInOrder: [string, string, object, () => Books, Wrong][] = [
    ["what nobody tried to pay", "payment_not_paid", {}, emptyBooks, tooMuch],
    ["what is not paid yet", "payment_not_paid", {}, () => attemptAt("awaiting").books, tooMuch],
    ["what was closed", "payment_not_paid", {}, () => attemptAt("closed").books, tooMuch],
    [
      "more than is left",
      "refund_exceeds_paid",
      { left: 900n, wanted: 901n },
      refundedOnce,
      tooMuch,
    ],
    [
      "what a channel took that is gone",
      "channel_not_available",
      { channel: "plain" },
      refundedOnce,
      noChannel,
    ],
    [
      "a part, of a channel that gives back all or nothing",
      "partial_refund_not_offered",
      { channel: "plain" },
      refundedOnce,
      inPart,
    ],
    [
      "more refunds than the channel makes",
      "too_many_refunds",
      { channel: "plain", max: 1 },
      refundedOnce,
      tooMany,
    ],
    [
      "what was paid longer ago than the channel refunds",
      "refund_window_over",
      { channel: "plain", days: 365 },
      refundedOnce,
      tooLate,
    ],
  ];
  test.each(refusalsInOrder)("refuses %s: %s", (_what, code, facts, prepared, wrong) => {
    const books = prepared();
    const before = structuredClone(books);
    const { at, ...change } = wrong;
    expect(request(books, change, at)).toEqual({ kind: "refused", code, facts });
    expect({ ...books, ids: before.ids }).toEqual(before);
  });

  test("holds the money, and the channel is asked at once", () => {
    const { books, attemptId } = attemptAt("paid");
    const refundId = requested(books, { amountMinor: 300n, cause: "late" }, later);
    expect(refundOf(books, refundId)).toMatchObject({
      attemptId,
      state: "requested",
      cause: "late",
      amountMinor: 300n,
      requestedBy: "anna",
      nextActionAt: later,
      asked: 0,
    });
    expect(balanceOf(books, capturedAccount(attemptId))).toEqual({ posted: paid, held: 300n });
    expect(balanceOf(books, channelLedgerAccount(account.id)).posted).toBe(-paid);
    expect(books.events.at(-1)).toEqual({
      type: "refund_requested",
      data: {
        refundId,
        reference: order,
        attemptId,
        amountMinor: 300,
        currency: "CNY",
        cause: "late",
      },
    });
  });

  test("to the last instant of the window, the last unit and the last refund", () => {
    const { books } = attemptAt("paid");
    const two = only({ refundsPerPaymentMax: 2 });
    const at = paidOn + 365 * dayMs;
    requested(books, { amountMinor: paid - 1n, channels: two }, at);
    expect(request(books, { amountMinor: 1n, channels: two }, at).kind).toBe("requested");
  });

  test("all of it is no part, where the channel refunds the whole only", () => {
    const books = whole();
    const all = { amountMinor: paid, channels: only({ partialRefund: false }) };
    expect(request(books, all).kind).toBe("requested");
  });

  test("in parallel never exceeds what was paid: what is on its way is not there [REF-15]", () => {
    const books = whole();
    const kinds = [400n, 400n, 400n, 200n].map(
      (amountMinor) => request(books, { amountMinor }).kind,
    );
    expect(kinds).toEqual(["requested", "requested", "refused", "requested"]);
    expect(request(books, { amountMinor: 1n })).toMatchObject({ facts: { left: 0n, wanted: 1n } });
  });

  test("finds again what a failed refund had held, and nothing of a done one", () => {
    const books = whole();
    const [failed, done] = [400n, 600n].map((amountMinor) => requested(books, { amountMinor }));
    if (failed !== undefined) tellRefund(books, failed, { state: "closed" });
    if (done !== undefined) tellRefund(books, done);
    expect(request(books, { amountMinor: 401n })).toMatchObject({ facts: { left: 400n } });
    requested(books, { amountMinor: 400n });
  });

  test("takes from the first payment, not from the second that goes back by itself", () => {
    const { books, first } = paidTwice();
    expect(refundOf(books, requested(books, { amountMinor: paid })).attemptId).toBe(first);
  });

  test("is of something and under a new id, or it is a bug", () => {
    const { books, refundId } = refundAt("requested");
    expect(() => request(books, { amountMinor: 0n })).toThrow("above zero");
    expect(() => request(books, { refundId })).toThrow("a refund's id is new");
  });
});
