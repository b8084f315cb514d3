/** Payments against the simulated outside world: what is asked, what is booked, and what is not. */
import { afterAll, expect, test } from "vitest";
import type { FaultKind, FaultParams, Operation } from "../../../../simulator/index.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { dayMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import { available } from "../../ledger/index.ts";
import { capturedAccount, channelLedgerAccount } from "../domain/ledger-accounts.ts";
import type { Attempt } from "../domain/types.ts";
import { openStand } from "./testing/stand.ts";

const stand = await openStand();
afterAll(() => stand.stop());
const { payments, control, tenantId } = stand;

const channels = ["wechatpay", "alipay"] as const;

/** The payer scans the code, which is when Alipay first hears of a trade. */
async function scan({ instruction }: Attempt): Promise<void> {
  if (instruction?.kind !== "qr_code") throw new Error("a code to scan");
  await fetch(instruction.content, { redirect: "manual" });
}

/** Paid at the channel; nobody has told us yet. */
async function paidOutside(change: Parameters<typeof stand.prepared>[0] = {}) {
  const made = await stand.prepared(change);
  await scan(made.attempt);
  control.pay(made.attempt.number);
  return made;
}

/** The next such call meets this fault; gives whether it has. */
function planFault(
  kind: FaultKind,
  match: { operation: Operation; attemptNumber?: string; refundNumber?: string },
  more: { params?: FaultParams; times?: number } = {},
): () => boolean {
  const added = control.faults.add({ kind, match, ...more });
  if ("refused" in added) throw new Error(added.refused);
  const struck = () => control.faults.list().find(({ id }) => id === added.id)?.struck ?? 1;
  return () => struck() > 0;
}

test.each(channels)(
  "%s: a payment that nobody tells of is found by asking [PAY-09, PAY-10]",
  async (channel) => {
    const { attempt, reference } = await paidOutside({ channel });
    await stand.askDue();
    expect((await stand.look(reference)).payment.state).toBe("open");
    await stand.advance(5 * secondMs);
    await stand.askDue();
    const { payment, attempts, ledger } = await stand.look(reference);
    expect(payment).toMatchObject({ state: "paid", paidAttemptId: attempt.id });
    expect(attempts).toMatchObject([{ state: "paid", nextActionAt: undefined }]);
    expect(available(ledger, capturedAccount(attempt.id))).toBe(1999n);
  },
);

test("a prepare whose reply was lost gives the same trade when it is sent again [PAY-16]", async () => {
  const outcome = await stand.openAttempt();
  if (outcome.kind !== "attempt") throw new Error(outcome.kind);
  const { attempt } = outcome;
  const isLost = planFault("drop_reply", { operation: "prepay", attemptNumber: attempt.number });
  const lost = await payments.prepareAttempt(tenantId, attempt.id);
  expect(isLost()).toBe(true);
  expect(lost).toMatchObject({ kind: "refused", code: "channel_unavailable" });
  const again = await payments.prepareAttempt(tenantId, attempt.id);
  expect(again).toMatchObject({ state: "awaiting", instruction: { kind: "qr_code" } });
  expect(control.trades({ attemptNumber: attempt.number })).toHaveLength(1);
});

test("who asks again for what was paid meanwhile is told so [PAY-07]", async () => {
  const outcome = await stand.openAttempt();
  if (outcome.kind !== "attempt") throw new Error(outcome.kind);
  const { id, number } = outcome.attempt;
  planFault("drop_reply", { operation: "prepay", attemptNumber: number });
  await payments.prepareAttempt(tenantId, id);
  control.pay(number);
  const again = await payments.prepareAttempt(tenantId, id);
  expect(again).toMatchObject({ kind: "refused", code: "order_already_paid" });
  expect((await stand.look(outcome.payment.reference)).payment.state).toBe("paid");
});

test("preparing the same attempt many times at once is one call [PAY-16]", async () => {
  const outcome = await stand.openAttempt();
  if (outcome.kind !== "attempt") throw new Error(outcome.kind);
  const { id } = outcome.attempt;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => payments.prepareAttempt(tenantId, id)),
  );
  expect(
    answers.filter((answer) => !isRefusal(answer) && answer.state === "awaiting"),
  ).toHaveLength(20);
  const wanted = { attemptId: id, after: undefined, limit: 10 };
  expect(await payments.readAttemptLog(tenantId, wanted)).toHaveLength(1);
});

test("an attempt that was never prepared is closed by itself, and its payment stays open", async () => {
  const outcome = await stand.openAttempt();
  if (outcome.kind !== "attempt") throw new Error(outcome.kind);
  await stand.advance(30 * secondMs);
  await stand.askDue();
  const { payment, attempts } = await stand.look(outcome.payment.reference);
  expect(attempts).toMatchObject([{ state: "closed" }]);
  expect(payment.state).toBe("open");
});

test("a method that the channel refuses fails the attempt and names its reason", async () => {
  const chosen = await payments.chooseChannel(tenantId, "wechatpay");
  if (isRefusal(chosen)) throw new Error(chosen.code);
  // A description that is too long for the channel passes our own checks of the table.
  const outcome = await stand.openAttempt({ method: "jsapi", payerId: "x".repeat(200) });
  if (outcome.kind !== "attempt") throw new Error(outcome.kind);
  const answer = await payments.prepareAttempt(tenantId, outcome.attempt.id);
  expect(answer).toMatchObject({ kind: "refused", code: "channel_refused" });
  const { attempts } = await stand.look(outcome.payment.reference);
  expect(attempts).toMatchObject([{ state: "failed", nextActionAt: undefined }]);
});

test.each(channels)(
  "%s: closing asks the channel first, and then nobody can pay [ORD-09]",
  async (channel) => {
    const { attempt, reference } = await stand.prepared({ channel });
    await scan(attempt);
    expect(await stand.closePayment(reference)).toMatchObject({ kind: "closing" });
    await stand.askDue();
    expect((await stand.look(reference)).payment.state).toBe("closed");
    expect(control.pay(attempt.number)).not.toMatchObject({ result: "paid" });
    expect(await stand.events()).toContain("payment_closed");
  },
);

test.each(channels)("%s: a payer who was quicker than the close has paid", async (channel) => {
  const { attempt, reference } = await paidOutside({ channel });
  await stand.closePayment(reference);
  await stand.askDue();
  const { payment, ledger } = await stand.look(reference);
  expect(payment).toMatchObject({ state: "paid", paidAttemptId: attempt.id });
  expect(available(ledger, channelLedgerAccount(attempt.accountId))).toBeLessThanOrEqual(-1999n);
});

test("a close whose reply is lost is asked again until the channel has spoken", async () => {
  const { attempt, reference } = await stand.prepared();
  const isLost = planFault("drop_reply", { operation: "close", attemptNumber: attempt.number });
  await stand.closePayment(reference);
  await stand.askDue();
  expect(isLost()).toBe(true);
  expect((await stand.look(reference)).payment.state).toBe("closing");
  await stand.advance(2 * secondMs);
  await stand.askDue();
  expect((await stand.look(reference)).payment.state).toBe("closed");
});

// Alipay has never heard of a code that nobody has scanned: only its close ends it.
test.each(channels)("%s: an attempt whose time is over is closed by itself", async (channel) => {
  const expiresAt = stand.clock.now() + minuteMs;
  const { attempt, reference } = await stand.prepared({ channel, expiresAt });
  await stand.advance(10 * minuteMs);
  await stand.askDue();
  const { attempts } = await stand.look(reference);
  expect(attempts).toMatchObject([{ id: attempt.id, state: "closed", nextActionAt: undefined }]);
});

test("asking for the same way to pay gives the same attempt; another way closes it first [PAY-07, PAY-16]", async () => {
  const { attempt, reference } = await stand.prepared();
  expect(await stand.openAttempt({ reference })).toMatchObject({
    kind: "attempt",
    attempt: { id: attempt.id },
  });
  const other = { reference, channel: "alipay" };
  expect(await stand.openAttempt(other)).toMatchObject({ kind: "close_first" });
  expect(await payments.closeAttempt(tenantId, attempt.id)).toMatchObject({ state: "closed" });
  expect(await stand.openAttempt(other)).toMatchObject({ kind: "attempt" });
});

test.each(channels)(
  "%s: a refund goes out, is asked about and is booked once [REF-03, REF-15]",
  async (channel) => {
    const { attempt, reference } = await paidOutside({ channel });
    await stand.advance(5 * secondMs);
    await stand.askDue();
    expect(await stand.requestRefund(reference, 500n)).toMatchObject({ kind: "requested" });
    await stand.askDue();
    for (let round = 0; round < 4; round += 1) {
      await stand.advance(10 * secondMs);
      await stand.askDue();
    }
    const { refunds, ledger } = await stand.look(reference);
    expect(refunds).toMatchObject([{ state: "refunded", amountMinor: 500n }]);
    expect(available(ledger, capturedAccount(attempt.id))).toBe(1499n);
    expect(control.refunds({ attemptNumber: attempt.number })).toHaveLength(1);
  },
);

test.each(["drop_request", "drop_reply", "error_after"] as const)(
  "a refund whose call ends with %s is asked to the end and never sent twice [REF-15]",
  async (kind) => {
    const { attempt, reference } = await paidOutside();
    await stand.advance(5 * secondMs);
    await stand.askDue();
    const requested = await stand.requestRefund(reference, 1999n);
    if (isRefusal(requested)) throw new Error(requested.code);
    const { number: refundNumber } = requested.refund;
    const hasStruck = planFault(kind, { operation: "refund", refundNumber });
    await stand.askDue();
    expect(hasStruck()).toBe(true);
    for (let round = 0; round < 6; round += 1) {
      await stand.advance(30 * secondMs);
      await stand.askDue();
    }
    const { refunds, ledger } = await stand.look(reference);
    expect(refunds).toMatchObject([{ state: "refunded" }]);
    expect(available(ledger, capturedAccount(attempt.id))).toBe(0n);
    const outside = control.refunds({ attemptNumber: attempt.number });
    expect(outside.filter(({ state }) => state === "success")).toHaveLength(1);
  },
);

test("fifty refunds at once give back no more than was paid [REF-15]", async () => {
  const { attempt, reference } = await paidOutside();
  await stand.advance(5 * secondMs);
  await stand.askDue();
  const asked = await Promise.all(
    Array.from({ length: 50 }, () => stand.requestRefund(reference, 100n)),
  );
  expect(asked.filter(({ kind }) => kind === "requested")).toHaveLength(19);
  expect(asked.filter((one) => isRefusal(one) && one.code === "refund_exceeds_paid")).toHaveLength(
    31,
  );
  for (let round = 0; round < 8; round += 1) {
    await stand.askDue();
    await stand.advance(30 * secondMs);
  }
  await stand.askDue();
  const { refunds, ledger } = await stand.look(reference);
  expect(refunds.every(({ state }) => state === "refunded")).toBe(true);
  expect(available(ledger, capturedAccount(attempt.id))).toBe(99n);
});

test("a refund for which the merchant lacks money waits and then goes on by itself", async () => {
  const { reference } = await paidOutside();
  await stand.advance(5 * secondMs);
  await stand.askDue();
  const requested = await stand.requestRefund(reference, 1999n);
  if (isRefusal(requested)) throw new Error(requested.code);
  const { number: refundNumber } = requested.refund;
  const params = { status: 403, code: "NOT_ENOUGH" };
  planFault("error_before", { operation: "refund", refundNumber }, { params });
  await stand.askDue();
  expect((await stand.look(reference)).refunds).toMatchObject([{ state: "requested" }]);
  await stand.advance(dayMs / 24);
  await stand.askDue();
  await stand.advance(10 * secondMs);
  await stand.askDue();
  expect((await stand.look(reference)).refunds).toMatchObject([{ state: "refunded" }]);
});

test("two workers that ask at once book a payment once", async () => {
  const { attempt, reference } = await paidOutside();
  await Promise.all(Array.from({ length: 8 }, () => payments.askAttempt(tenantId, attempt.id)));
  const { ledger } = await stand.look(reference);
  expect(available(ledger, capturedAccount(attempt.id))).toBe(1999n);
});

test("a channel that is down leaves everything waiting and nothing lost", async () => {
  const { attempt, reference } = await paidOutside();
  const isDown = planFault(
    "error_before",
    { operation: "query", attemptNumber: attempt.number },
    { times: 3 },
  );
  for (let round = 0; round < 12; round += 1) {
    await stand.advance(minuteMs);
    await stand.askDue();
  }
  expect((await stand.look(reference)).payment.state).toBe("paid");
  expect(isDown()).toBe(true);
});
