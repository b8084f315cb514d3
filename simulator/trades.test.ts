import { expect, test } from "vitest";
import { testRefund, testTrade } from "./test/things.ts";
import { atTime, decideClose, decidePay, decideRefund, refundClaims } from "./trades.ts";
import type { Refund, Trade } from "./world.ts";

const now = 1_700_000_000_000;
const payment = { payerId: "oPayer", transactionId: "42", at: now };
const paid = testTrade({ state: "paid", paidAt: now, totalMinor: 100 });

test("an open trade closes at its time, a paid one stays", () => {
  const open = testTrade({ expiresAt: now });
  expect(atTime(open, now - 1)).toBe(open);
  expect(atTime(open, now)).toMatchObject({ state: "closed", closedAt: now });
  expect(atTime({ ...paid, expiresAt: now }, now)).toMatchObject({ state: "paid" });
});

test("only an open trade can be paid, once", () => {
  const outcome = decidePay(testTrade(), payment);
  expect(outcome).toMatchObject({
    kind: "paid",
    trade: { state: "paid", paidAt: now, payerId: "oPayer", transactionId: "42" },
  });
  expect(decidePay(paid, payment).kind).toBe("paid_before");
  expect(decidePay(testTrade({ state: "closed" }), payment).kind).toBe("closed");
});

test("a payer who was named at the start stays the payer", () => {
  const outcome = decidePay(testTrade({ payerId: "oNamed" }), payment);
  expect(outcome).toMatchObject({ trade: { payerId: "oNamed" } });
});

test("closing: an open one closes, a closed one was closed before, a paid one is paid", () => {
  expect(decideClose(testTrade(), now)).toMatchObject({ kind: "closed", trade: { closedAt: now } });
  expect(decideClose(testTrade({ state: "closed" }), now).kind).toBe("closed_before");
  expect(decideClose(paid, now).kind).toBe("paid");
});

const request = { amountMinor: 40, totalMinor: 100, now };
const part = (changes: Partial<Refund> = {}) => testRefund({ amountMinor: 40, ...changes });
const fifty = Array.from({ length: 50 }, () => part({ amountMinor: 1 }));

// One row a refusal, in order of precedence: each request breaks its rule and all below it.
const refusals: [string, Trade, Refund[], Refund | undefined, Partial<typeof request>][] = [
  ["repeated", testTrade(), [], part(), {}],
  ["number_reused", testTrade(), [], part({ amountMinor: 41 }), {}],
  ["number_reused", testTrade(), [], part({ tradeNumber: "T2" }), {}],
  ["not_paid", testTrade(), fifty, undefined, { totalMinor: 99, amountMinor: 101 }],
  ["window_over", paid, fifty, undefined, { now: now + 366 * 86_400_000, totalMinor: 99 }],
  ["total_differs", paid, fifty, undefined, { totalMinor: 99, amountMinor: 101 }],
  ["too_many", paid, fifty, undefined, { amountMinor: 101 }],
  ["exceeds_total", paid, [part(), part()], undefined, { amountMinor: 21 }],
  ["exceeds_total", paid, [part({ state: "abnormal" })], undefined, { amountMinor: 61 }],
  ["accepted", paid, [part(), part({ state: "closed" })], undefined, { amountMinor: 60 }],
];
test.each(refusals)("a refund is %s", (kind, trade, refunds, earlier, changes) => {
  expect(decideRefund(trade, refunds, earlier, { ...request, ...changes }).kind).toBe(kind);
});

test("a closed refund claims nothing, one under way does", () => {
  expect(refundClaims([part({ state: "closed" }), part({ state: "processing" })])).toBe(40);
});
