/** Notices of the simulated world over HTTP: good ones, and every kind of bad one. */
import { describe, expect, test } from "vitest";
import type { Forgery } from "../../../../simulator/index.ts";
import { required } from "../../../kernel/assert.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { hourMs, minuteMs } from "../../../kernel/time.ts";
import {
  accounts,
  advanceClock,
  call,
  captured,
  channels,
  closePayment,
  control,
  deliver,
  events,
  ids,
  leakedSecrets,
  merchants,
  newAccount,
  newMerchant,
  newTenant,
  opened,
  paid,
  passed,
  pay,
  payments,
  plan,
  prepared,
  readPayment,
  requestRefund,
  scan,
  stored,
  tenant,
} from "./testing/edge.ts";

describe.each(channels)("%s", (channel) => {
  test("a notice books the payment before it is acknowledged [PAY-11, PAY-13]", async () => {
    const { payment, attempt } = await paid(tenant, channel);
    const [told] = control.notices({ attemptNumber: attempt.number });
    expect(told).toMatchObject({ state: "acknowledged" });
    expect(await readPayment(payment.id)).toMatchObject({
      reference: payment.reference,
      amount: { amount: 1999, currency: "CNY" },
      state: "paid",
      paidAttemptId: attempt.id,
      attempts: [{ id: attempt.id, number: attempt.number, state: "paid", surplus: false }],
    });
    expect(await captured(attempt.id)).toBe(1999n);
    expect(await stored(attempt.number)).toMatchObject([
      { accountId: accounts[channel], verdict: "paid", deliveries: 1 },
    ]);
  });

  test("everything that was asked and told stands in the trade log [PAY-23]", async () => {
    const { payment, attempt } = await paid(tenant, channel);
    for (const path of [`payments/${payment.id}`, `payment-attempts/${attempt.id}`]) {
      const { json } = await call(tenant, "GET", `/v1/${path}/trade-log`);
      expect(json.items).toMatchObject([
        { attemptId: attempt.id, what: "prepare", outcome: "ok" },
        { attemptId: attempt.id, what: "notice", outcome: "paid" },
      ]);
    }
  });

  test("a replayed notice is counted and changes nothing [PAY-13]", async () => {
    const { payment, attempt, notice } = await paid(tenant, channel);
    const before = await readPayment(payment.id);
    const replies = await Promise.all(Array.from({ length: 8 }, () => deliver(notice)));
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    expect(await readPayment(payment.id)).toEqual(before);
    expect(await captured(attempt.id)).toBe(1999n);
    expect(await stored(attempt.number)).toMatchObject([{ verdict: "paid", deliveries: 9 }]);
    const told = await events("payment_paid");
    expect(told.filter(({ attemptId }) => attemptId === attempt.id)).toHaveLength(1);
  });

  test("the same notice many times at once is booked once [PAY-13]", async () => {
    const { attempt } = await opened(tenant, channel);
    plan("notice_duplicate", attempt.number, { count: 5 });
    await pay(attempt.number);
    expect(await stored(attempt.number)).toMatchObject([{ verdict: "paid", deliveries: 6 }]);
    expect(await captured(attempt.id)).toBe(1999n);
  });

  test("a notice with one byte altered is refused, kept, and books nothing [PAY-13]", async () => {
    const { attempt, notice } = await paid(tenant, channel);
    const listed = await call(tenant, "GET", `/v1/notices?accountId=${accounts[channel]}&limit=1`);
    const body = Buffer.from(notice.body);
    const at = Math.floor(body.length / 2);
    body[at] = (body[at] ?? 0) ^ 1;
    const { status, text } = await deliver({ ...notice, body });
    expect(status).toBe(400);
    expect(text).not.toContain(attempt.number);
    const newest = await call(tenant, "GET", `/v1/notices?accountId=${accounts[channel]}&limit=1`);
    expect(newest.json.items[0].id).not.toBe(listed.json.items[0].id);
    expect(newest.json.items[0].verdict).toContain("forged: ");
    const whole = await call(tenant, "GET", `/v1/notices/${newest.json.items[0].id}`);
    expect(Buffer.from(whole.json.bodyBase64, "base64")).toEqual(body);
  });

  const unbelieved: Forgery[] = ["bad_signature", "signature_probe"];
  if (channel === "wechatpay") unbelieved.push("unknown_serial", "bad_ciphertext");
  test.each(unbelieved)(
    "a forged notice (%s) moves nothing and does not hinder the true one [PAY-13]",
    async (forgery) => {
      const { payment, attempt } = await opened(tenant, channel);
      plan("notice_forged", attempt.number, { forgery });
      const before = passed.length;
      await pay(attempt.number);
      const [forged] = control.notices({ attemptNumber: attempt.number });
      expect(forged).toMatchObject({ forgery });
      expect(forged?.deliveries[0]?.acknowledged).toBe(false);
      expect(passed.length - before).toBe(2);
      expect(await stored(attempt.number)).toMatchObject([{ verdict: "paid", deliveries: 1 }]);
      expect(await readPayment(payment.id)).toMatchObject({ state: "paid" });
    },
  );

  const wrong: [Forgery, string][] = [
    ["wrong_amount", "amount"],
    ["wrong_merchant", "merchant"],
    ["wrong_app", "app"],
  ];
  if (channel === "wechatpay") wrong.push(["wrong_currency", "currency"]);
  test.each(wrong)(
    "a rightly signed notice with a %s is taken and books nothing [PAY-13]",
    async (forgery, field) => {
      const { payment, attempt } = await opened(tenant, channel);
      plan("notice_forged", attempt.number, { forgery });
      plan("notice_lost", attempt.number, { count: 20 });
      await pay(attempt.number);
      const [first] = await stored(attempt.number);
      expect(first).toMatchObject({ verdict: `mismatch: ${field}` });
      const { state, attempts } = await readPayment(payment.id);
      const told = (await events("payment_mismatch")).find(
        ({ attemptId }) => attemptId === attempt.id,
      );
      expect(told).toMatchObject({ differences: [{ field }] });
      expect([state, attempts[0].state]).toEqual(["open", "awaiting"]);
      expect(await captured(attempt.id)).toBeUndefined();
    },
  );

  test("a notice of an account that does not exist is not found", async () => {
    const { notice } = await paid(tenant, channel);
    const elsewhere = await newTenant();
    for (const path of [
      `/notices/${channel}/${tenant.id}/${ids.next()}`,
      `/notices/${channel}/${elsewhere.id}/${accounts[channel]}`,
      `/notices/${channel}/${ids.next()}/${accounts[channel]}`,
      `/notices/paypal/${tenant.id}/${accounts[channel]}`,
    ]) {
      const { status, text } = await deliver({ ...notice, path });
      expect([status, JSON.parse(text).code]).toEqual([404, "not_found"]);
    }
  });

  test("a notice is not believed at another tenant's account [PAY-13]", async () => {
    const elsewhere = await newTenant();
    const accountId = await newAccount(elsewhere, await newMerchant(channel));
    const { notice } = await paid(tenant, channel);
    const path = `/notices/${channel}/${elsewhere.id}/${accountId}`;
    expect((await deliver({ ...notice, path })).status).toBe(400);
    const { json } = await call(elsewhere, "GET", "/v1/notices");
    expect(json.items).toHaveLength(1);
    expect(json.items[0].verdict).toMatch(/^(forged|unreadable): /);
  });

  test("a number of another tenant with the same merchant is unknown here", async () => {
    const elsewhere = await newTenant();
    const accountId = await newAccount(elsewhere, merchants[channel]);
    const { attempt, notice } = await paid(tenant, channel);
    const path = `/notices/${channel}/${elsewhere.id}/${accountId}`;
    expect((await deliver({ ...notice, path })).status).toBe(200);
    expect(await stored(attempt.number, elsewhere)).toMatchObject([{ verdict: "unknown_number" }]);
    expect(await events("notice_unmatched", elsewhere)).toMatchObject([
      { accountId, channel, number: attempt.number },
    ]);
    const { json } = await call(elsewhere, "GET", "/v1/payments");
    expect(json.items).toEqual([]);
    // The answer is the one that a known number gets, to the byte.
    expect((await deliver({ ...notice, path })).text).toBe((await deliver(notice)).text);
  });

  test("a lost notice is made up for by asking, and may still come [PAY-12]", async () => {
    const { payment, attempt } = await opened(tenant, channel);
    plan("notice_lost", attempt.number, { count: 20 });
    await pay(attempt.number);
    expect(await readPayment(payment.id)).toMatchObject({ state: "open" });
    expect(await stored(attempt.number)).toEqual([]);
    await payments.askAttempt(tenant.id, attempt.id);
    const asked = await readPayment(payment.id);
    expect(asked).toMatchObject({ state: "paid", paidAttemptId: attempt.id });
    control.faults.clear();
    const [lost] = control.notices({ attemptNumber: attempt.number });
    await control.repeatNotice(required(lost, "the notice").id);
    await control.idle();
    expect(await stored(attempt.number)).toMatchObject([{ verdict: "paid_before" }]);
    expect(await readPayment(payment.id)).toEqual(asked);
    expect(await captured(attempt.id)).toBe(1999n);
  });

  test("a refund's notice ends the refund, once", async () => {
    const { payment, attempt } = await paid(tenant, channel);
    const { reference } = payment;
    const asked = await requestRefund(tenant.id, { reference, amountMinor: 700n });
    if (isRefusal(asked)) throw new Error(asked.code);
    const refundId = asked.refund.id;
    const before = passed.length;
    await payments.askRefund(tenant.id, refundId);
    await control.advance(2_000);
    await control.idle();
    const [notice] = passed.slice(before);
    if (notice === undefined) throw new Error("no notice came");
    await deliver(notice);
    // Alipay's notice names no amount: the next query completes it.
    if (channel === "alipay") await payments.askRefund(tenant.id, refundId);
    const { json } = await call(tenant, "GET", `/v1/refunds/${refundId}`);
    expect(json).toMatchObject({
      attemptId: attempt.id,
      reference,
      amount: { amount: 700, currency: "CNY" },
      state: "refunded",
      cause: "requested",
    });
    expect(await captured(attempt.id)).toBe(1299n);
    const kept = (await stored(attempt.number)).at(-1);
    expect(kept).toMatchObject({ refundNumber: json.number, deliveries: 2 });
    const told = await events("refund_succeeded");
    expect(told.filter((event) => event["refundId"] === refundId)).toHaveLength(1);
  });
});

test("a notice that comes an hour late books the payment all the same", async () => {
  const { payment, attempt } = await opened();
  plan("notice_late", attempt.number, { ms: hourMs });
  await pay(attempt.number);
  expect(await readPayment(payment.id)).toMatchObject({ state: "open" });
  await control.advance(hourMs);
  await control.idle();
  expect(await readPayment(payment.id)).toMatchObject({ state: "paid" });
});

test("money that comes after the close is booked, and told as late", async () => {
  const { payment, attempt, code } = await prepared(tenant, "alipay");
  await closePayment(tenant.id, payment.reference);
  // Alipay has never heard of a code that nobody has scanned, and cannot take it back.
  await payments.closeAttempt(tenant.id, attempt.id);
  expect(await readPayment(payment.id)).toMatchObject({ state: "closed" });
  await scan(code);
  await pay(attempt.number);
  expect(await readPayment(payment.id)).toMatchObject({ state: "paid" });
  expect(await captured(attempt.id)).toBe(1999n);
  const told = (await events("payment_paid")).filter(({ paymentId }) => paymentId === payment.id);
  expect(told).toMatchObject([{ late: true, amountMinor: 1999 }]);
});

test("of a flood of forged notices all are refused and some are kept [PAY-13]", async () => {
  const { attempt } = await paid();
  const elsewhere = await newTenant();
  const accountId = await newAccount(elsewhere, await newMerchant("wechatpay"));
  const path = `/notices/wechatpay/${elsewhere.id}/${accountId}`;
  const headers = { "content-type": "application/json" };
  const body = Buffer.from(`{"id":"EV-1","number":"${attempt.number}"}`);
  const replies = await Promise.all(
    Array.from({ length: 100 }, () => deliver({ path, headers, body })),
  );
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([400]));
  const { json } = await call(elsewhere, "GET", "/v1/notices?limit=100");
  expect(json.items.length).toBeGreaterThanOrEqual(30);
  expect(json.items.length).toBeLessThanOrEqual(32);
  expect(json.items[0]).toMatchObject({ verdict: "forged: the notice is unsigned" });
});

test("a notice that is too large is not read", async () => {
  const path = `/notices/wechatpay/${tenant.id}/${accounts.wechatpay}`;
  const body = Buffer.alloc(65_537, "a");
  const headers = { "content-type": "application/json" };
  expect((await deliver({ path, headers, body })).status).toBe(413);
});

// The last of those that send notices: the world signs by its own clock.
test("a notice that was signed more than five minutes ago is not believed [PAY-13]", async () => {
  const { notice } = await paid();
  advanceClock(6 * minuteMs);
  expect((await deliver(notice)).status).toBe(400);
  const { json } = await call(tenant, "GET", "/v1/notices?limit=1");
  expect(json.items).toMatchObject([{ verdict: expect.stringContaining("forged: ") }]);
});

test("no secret of any merchant stands in an answer or in the log", () => {
  expect(leakedSecrets()).toEqual([]);
});
