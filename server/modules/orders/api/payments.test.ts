/** Orders that are paid, completed and refunded, through HTTP, against the simulated world. */
import { afterAll, expect, test } from "vitest";
import { dayMs, minuteMs } from "../../../kernel/time.ts";
import { stockSku } from "../../../testing/goods.ts";
import { capturedAccount } from "../../payments/domain/testing/door.ts";
import { openStand } from "./testing/stand.ts";

const stand = await openStand();
afterAll(() => stand.stop());
const { call, control, catalog, tenantId, ids, database, orders } = stand;

function newKey() {
  return { key: ids.next(), bodyHash: Buffer.alloc(32) };
}

/** A product of one SKU with `units` on the shelf. */
const sell = (units: number, priceMinor = 1_000n) =>
  stockSku({ catalog, ids }, tenantId, { units: BigInt(units), priceMinor });

const stockOf = (skuId: string) => catalog.readStock(tenantId, skuId as never);

async function place(lines: readonly { skuId: string; quantity: number }[], memberId = "m-1") {
  const { json } = await call("POST", "", { body: { memberId, lines } });
  return json.id as string;
}

const scan = { channel: "wechatpay", method: "native" };
const start = (id: string, body: object = scan, given: { token?: string; key?: string } = {}) =>
  call("POST", `/${id}/payments`, { body, ...given });
const read = async (id: string) => (await call("GET", `/${id}`)).json;
const reasonsOf = async (id: string) =>
  (await call("GET", `/${id}/history`)).json.items.map(
    ({ to, reason }: { to: string; reason: string }) => `${to}: ${reason}`,
  );
const refund = (id: string, body: object, key: string = ids.next()) =>
  call("POST", `/${id}/refunds`, { body: { reason: "rain", ...body }, key });
const yuan = (amount: number) => ({ amount, currency: "CNY" });

/** Paid at the channel, told by it, and heard of. */
async function pay(id: string): Promise<string> {
  const { json } = await start(id);
  await stand.payOutside(json);
  await stand.askAttempt(json.attemptId);
  await stand.heard(tenantId);
  return json.attemptId;
}

async function paidOrder(lines: readonly { skuId: string; quantity: number }[]) {
  const id = await place(lines);
  const attemptId = await pay(id);
  return { id, attemptId };
}

async function finish(refundId: string): Promise<void> {
  await stand.finishRefund(refundId);
  await stand.heard(tenantId);
}

function sweep(name: "closeDueOrders" | "completeDueOrders"): Promise<number> {
  return database.transaction(tenantId, (tx) => orders[name](tx, 500));
}

async function choose(values: Record<string, unknown>): Promise<void> {
  await stand.identity.changeSettings(tenantId, newKey(), { values, by: "test" });
}

test.each(["wechatpay", "alipay"])(
  "%s: an order is opened, paid and sold, and the history says when and why [ORD-10, PAY-06]",
  async (channel) => {
    const skuId = await sell(5);
    const id = await place([{ skuId, quantity: 2 }]);
    const { status, json } = await start(id, { channel, method: "native" });
    expect([status, json]).toMatchObject([
      201,
      { channel, method: "native", amount: yuan(2_000), instruction: { kind: "qr_code" } },
    ]);
    expect(json.expiresAt).toBe((await read(id)).closesAt);
    expect(await read(id)).toMatchObject({ state: "paying" });
    expect(await stand.payOutside(json)).toMatchObject({ result: "paid" });
    await stand.askAttempt(json.attemptId);
    await stand.heard(tenantId);
    const order = await read(id);
    expect(order).toMatchObject({ state: "paid", refunded: yuan(0), refundsUnderWay: yuan(0) });
    expect(Date.parse(order.completesAt)).toBeGreaterThan(Date.parse(order.paidAt) + 6 * dayMs);
    expect(await stockOf(skuId)).toMatchObject({ onHand: 3n, held: 0n, sold: 2n });
    expect(await reasonsOf(id)).toEqual([
      "pending_payment: placed",
      `paying: to be paid over ${channel}`,
      "paid: paid",
    ]);
    expect((await start(id)).json.code).toBe("order_already_paid");
  },
);

test("one key is one attempt, also fifty times at once [PAY-16, ORD-06]", async () => {
  const id = await place([{ skuId: await sell(1), quantity: 1 }]);
  const key = ids.next();
  const replies = await Promise.all(Array.from({ length: 50 }, () => start(id, scan, { key })));
  expect(new Set(replies.map(({ json }) => json.attemptId)).size).toBe(1);
  const { status, json: again } = await start(id, scan, { key });
  expect([status, again.attemptId]).toEqual([201, replies[0]?.json.attemptId]);
  // Another key for the same way to pay: still the one that is open.
  expect((await start(id)).json.attemptId).toBe(again.attemptId);
  expect(control.trades({ attemptNumber: again.attemptNumber })).toHaveLength(1);
});

test("another way to pay closes the first one before it opens [PAY-07]", async () => {
  const id = await place([{ skuId: await sell(1), quantity: 1 }]);
  const { json: first } = await start(id);
  const { status, json: second } = await start(id, { channel: "alipay", method: "native" });
  expect(status).toBe(201);
  expect(second.attemptId).not.toBe(first.attemptId);
  expect(await stand.payOutside(first)).not.toMatchObject({ result: "paid" });
  await stand.payOutside(second);
  await stand.askAttempt(second.attemptId);
  await stand.heard(tenantId);
  expect((await read(id)).state).toBe("paid");
});

test("the key of an attempt that is over says so, and a new key begins anew [PAY-15]", async () => {
  const id = await place([{ skuId: await sell(1), quantity: 1 }]);
  const [key, newer] = [ids.next(), ids.next()];
  await start(id, scan, { key });
  await start(id, { channel: "alipay", method: "native" });
  const { status, json } = await start(id, scan, { key });
  expect([status, json]).toMatchObject([409, { code: "attempt_over", facts: { state: "closed" } }]);
  const { json: last } = await start(id, scan, { key: newer });
  await stand.payOutside(last);
  await stand.askAttempt(last.attemptId);
  expect((await start(id, scan, { key: newer })).json.code).toBe("order_already_paid");
});

test("another way to pay is refused when the first one was paid meanwhile [PAY-07]", async () => {
  const id = await place([{ skuId: await sell(1), quantity: 1 }]);
  const { json: first } = await start(id);
  await stand.payOutside(first);
  const { json } = await start(id, { channel: "alipay", method: "native" });
  expect(json.code).toBe("order_already_paid");
  await stand.heard(tenantId);
  expect((await read(id)).state).toBe("paid");
});

test("while the first way cannot be closed, another one waits [ORD-05]", async () => {
  const id = await place([{ skuId: await sell(1), quantity: 1 }]);
  const { json: first } = await start(id);
  const match = { operation: "close", attemptNumber: first.attemptNumber } as const;
  control.faults.add({ kind: "drop_reply", match, times: 1 });
  const { status, json } = await start(id, { channel: "alipay", method: "native" });
  expect([status, json.code]).toEqual([409, "payment_being_closed"]);
  await stand.askAttempt(first.attemptId);
  expect((await start(id, { channel: "alipay", method: "native" })).status).toBe(201);
});

test("refuses to pay what is not there, with the facts", async () => {
  const id = await place([{ skuId: await sell(9), quantity: 1 }]);
  expect((await start(id, { channel: "nobody", method: "native" })).json).toMatchObject({
    code: "channel_not_available",
    facts: { channel: "nobody" },
  });
  expect((await start(id, { channel: "wechatpay", method: "page" })).json.code).toBe(
    "payment_method_not_offered",
  );
  expect((await start(id, { channel: "wechatpay", method: "jsapi" })).json.code).toBe(
    "payer_missing",
  );
  const token = await stand.issue("member", "m-2");
  expect((await start(id, scan, { token })).json.code).toBe("not_found");
  const own = await stand.issue("member", "m-1");
  expect((await start(id, scan, { token: own })).status).toBe(201);
  expect((await start(id, scan, { token: own })).status).toBe(201);
  const { json: denied } = await call("POST", `/${id}/refunds`, {
    body: { reason: "rain" },
    token: own,
  });
  expect(denied.code).toBe("not_allowed");
});

test("takes the payer's IP address and a page to return to, and no other text for them", async () => {
  const wrong = {
    payerIp: ["", "nonsense", "192.0.2", "192.0.2.256", "1:2:3", "::1%eth0", "192.0.2.1 ", 7],
    returnUrl: [
      "shop.example",
      "javascript:alert(1)",
      "ftp://shop.example/",
      "https://",
      "https:///orders",
      "https://shop.example@other.example/",
      "https://shop.example/ orders",
      'https://shop.example/"><b>',
      "https://shop.example/%zz",
      `https://shop.example/${"a".repeat(480)}`,
    ],
  };
  const id = await place([{ skuId: await sell(1), quantity: 1 }]);
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const { status, json } = await start(id, { ...scan, [field]: value });
      expect([value, status, json.errors?.[0]]).toMatchObject([value, 400, { field }]);
    }
  }
  const { json } = await start(id, { ...scan, payerIp: "nonsense" });
  expect(json.errors[0].allowed).toBe("an IPv4 or IPv6 address");

  const right = [
    { payerIp: "192.0.2.1" },
    { payerIp: "2001:DB8::1" },
    { payerIp: "::ffff:192.0.2.1" },
    { returnUrl: "http://localhost:3000" },
    { returnUrl: "https://[2001:db8::1]:8443/orders#top" },
    { returnUrl: "https://shop.example/orders/7?from=pay&name=%E8%8C%B6" },
  ];
  for (const given of right) {
    const order = await place([{ skuId: await sell(1), quantity: 1 }]);
    expect([given, (await start(order, { ...scan, ...given })).status]).toEqual([given, 201]);
  }
});

test("an order that costs nothing is paid when it is placed", async () => {
  const skuId = await sell(2, 0n);
  const id = await place([{ skuId, quantity: 2 }]);
  expect(await read(id)).toMatchObject({ state: "paid", total: yuan(0) });
  expect(await stockOf(skuId)).toMatchObject({ onHand: 0n, held: 0n, sold: 2n });
  expect((await start(id)).json.code).toBe("order_already_paid");
  expect((await refund(id, {})).json.code).toBe("payment_not_paid");
});

test("cancelling while the payer may be paying waits for the channel [ORD-08, ORD-09]", async () => {
  const skuId = await sell(1);
  const id = await place([{ skuId, quantity: 1 }]);
  const { json } = await start(id);
  expect((await call("POST", `/${id}/cancel`)).json.state).toBe("closing");
  expect(await stockOf(skuId)).toMatchObject({ held: 1n });
  await stand.askAttempt(json.attemptId);
  await stand.heard(tenantId);
  expect((await read(id)).state).toBe("closed");
  expect(await stockOf(skuId)).toMatchObject({ onHand: 1n, held: 0n, sold: 0n });
  expect((await start(id)).json.code).toBe("payment_not_open");
});

test("a payer who was quicker than the cancelling has paid, and the history says so", async () => {
  const id = await place([{ skuId: await sell(1), quantity: 1 }]);
  const { json } = await start(id);
  await stand.payOutside(json);
  expect((await call("POST", `/${id}/cancel`)).json.state).toBe("closing");
  await stand.askAttempt(json.attemptId);
  await stand.heard(tenantId);
  expect((await read(id)).state).toBe("paid");
  expect((await reasonsOf(id)).at(-1)).toBe("paid: paid before it was closed");
});

test("orders that are due close, tried or not, and what was paid stays paid [ORD-07]", async () => {
  const skuId = await sell(3);
  const untried = await place([{ skuId, quantity: 1 }]);
  const tried = await place([{ skuId, quantity: 1 }]);
  const paid = await place([{ skuId, quantity: 1 }]);
  const { json: open } = await start(tried);
  const { json: told } = await start(paid);
  await stand.payOutside(told);
  await stand.advance(30 * minuteMs);
  // The channel has told payments, and the sweep is quicker than the event.
  await stand.askAttempt(told.attemptId);
  while ((await sweep("closeDueOrders")) > 0);
  expect((await read(untried)).state).toBe("closed");
  expect((await read(paid)).state).toBe("paid");
  expect((await read(tried)).state).toBe("closing");
  await stand.askAttempt(open.attemptId);
  await stand.heard(tenantId);
  expect((await read(tried)).state).toBe("closed");
  expect(await stockOf(skuId)).toMatchObject({ onHand: 2n, held: 0n, sold: 1n });
});

/**
 * Alipay hears of a trade when its code is scanned, so a payer who scans it after the close can
 * still pay, until the code is stale.
 */
async function paidLate(
  lines: readonly { skuId: string; quantity: number }[],
  meanwhile: () => Promise<unknown> = async () => undefined,
) {
  const id = await place(lines);
  const { json } = await start(id, { channel: "alipay", method: "native" });
  await call("POST", `/${id}/cancel`);
  await stand.askAttempt(json.attemptId);
  await stand.heard(tenantId);
  expect((await read(id)).state).toBe("closed");
  await meanwhile();
  expect(await stand.payOutside(json)).toMatchObject({ result: "paid" });
  await stand.takeNotice(json);
  await stand.heard(tenantId);
  return id;
}

test("money that comes after the close goes back by itself, and the history says so", async () => {
  const skuId = await sell(1);
  const id = await paidLate([{ skuId, quantity: 1 }]);
  expect(await read(id)).toMatchObject({ state: "closed", refundsUnderWay: yuan(1_000) });
  const { json: listed } = await call("GET", `/${id}/refunds`);
  expect(listed.items).toMatchObject([{ cause: "late", state: "under_way", lines: [] }]);
  await finish(listed.items[0].id);
  expect(await read(id)).toMatchObject({ state: "closed", refunded: yuan(1_000) });
  expect(await reasonsOf(id)).toEqual([
    "pending_payment: placed",
    "paying: to be paid over alipay",
    "closing: cancelled",
    "closed: nobody can pay it any more",
    "closed: refund of 10.00 CNY asked for: paid after the close",
    "closed: 10.00 CNY refunded: paid after the close",
  ]);
  expect(await stockOf(skuId)).toMatchObject({ onHand: 1n, held: 0n, sold: 0n });
});

test("a tenant may have late money revive the order, while its units last [TEN-02]", async () => {
  await choose({ [stand.settings.latePayment.name]: "revive" });
  const skuId = await sell(2);
  const lines = [{ skuId, quantity: 2 }];
  const revived = await paidLate(lines);
  expect((await read(revived)).state).toBe("paid");
  expect(await stockOf(skuId)).toMatchObject({ onHand: 0n, held: 0n, sold: 2n });
  const { json } = await refund(revived, {});
  await finish(json.id);
  expect((await read(revived)).state).toBe("refunded");
  expect(await stockOf(skuId)).toMatchObject({ onHand: 2n, held: 0n, sold: 0n });
  const page = { reference: revived, after: undefined, limit: 100 };
  const transfers = await stand.ledger.listTransfers(tenantId, page);
  // The units came back out of the bundle that was sold in the end, not out of the order's first.
  const sold = transfers.find(({ reason }) => reason === "order revived")?.position.bundleId;
  const units = transfers.find(({ reason, asset }) => reason === "refunded" && asset !== "CNY");
  expect(units?.reversesBundleId).toBe(sold);
  expect(sold).not.toBe(revived);
  const late = await paidLate(lines, () => place([{ skuId, quantity: 1 }]));
  await choose({ [stand.settings.latePayment.name]: -1 });
  expect(await read(late)).toMatchObject({ state: "closed", refundsUnderWay: yuan(2_000) });
  expect((await reasonsOf(late)).at(-1)).toContain("paid after the close and sold out");
});

test("a paid order completes when somebody says so, or after the tenant's days", async () => {
  const skuId = await sell(3);
  const { id: first } = await paidOrder([{ skuId, quantity: 1 }]);
  expect((await call("POST", `/${first}/complete`)).json.state).toBe("completed");
  expect((await call("POST", `/${first}/complete`)).json.state).toBe("completed");
  const unpaid = await place([{ skuId, quantity: 1 }]);
  expect((await call("POST", `/${unpaid}/complete`)).json.code).toBe("order_not_completable");
  await choose({ [stand.settings.completeAfterDays.name]: 2 });
  const { id: second } = await paidOrder([{ skuId, quantity: 1 }]);
  await choose({ [stand.settings.completeAfterDays.name]: -1 });
  await stand.advance(2 * dayMs - minuteMs);
  await sweep("completeDueOrders");
  expect((await read(second)).state).toBe("paid");
  await stand.advance(minuteMs);
  await sweep("completeDueOrders");
  expect((await read(second)).state).toBe("completed");
  expect((await reasonsOf(second)).at(-1)).toBe("completed: the time for complaints is over");
});

test("lines go back with their units, and the whole makes an order refunded [REF-15]", async () => {
  const [mugs, teas] = [await sell(5), await sell(5, 500n)];
  const lines = [
    { skuId: mugs, quantity: 2 },
    { skuId: teas, quantity: 3 },
  ];
  const { id } = await paidOrder(lines);
  const { status, json: first } = await refund(id, { lines: [{ line: 1, quantity: 1 }] });
  expect([status, first]).toMatchObject([
    201,
    { state: "under_way", amount: yuan(1_000), lines: [{ line: 1, quantity: 1 }], restock: true },
  ]);
  expect(await read(id)).toMatchObject({ state: "paid", refundsUnderWay: yuan(1_000) });
  await finish(first.id);
  expect(await read(id)).toMatchObject({ refunded: yuan(1_000), refundsUnderWay: yuan(0) });
  expect(await stockOf(mugs)).toMatchObject({ onHand: 4n, sold: 1n });
  const { json: kept } = await refund(id, { lines: [{ line: 2, quantity: 1 }], restock: false });
  const { json: money } = await refund(id, { amount: yuan(300) });
  await call("POST", `/${id}/complete`);
  const { json: rest } = await refund(id, {});
  expect(rest).toMatchObject({ amount: yuan(1_700) });
  for (const { id: refundId } of [kept, money, rest]) await finish(refundId);
  expect(await read(id)).toMatchObject({ state: "refunded", refunded: yuan(3_500) });
  expect(await stockOf(mugs)).toMatchObject({ onHand: 5n, sold: 0n });
  expect(await stockOf(teas)).toMatchObject({ onHand: 4n, sold: 1n });
  const { json: listed } = await call("GET", `/${id}/refunds`);
  expect(listed.items.map(({ state }: { state: string }) => state)).toEqual(
    Array.from({ length: 4 }, () => "refunded"),
  );
  expect((await reasonsOf(id)).at(-1)).toBe("refunded: 17.00 CNY refunded: rain");
});

test("50 refunds at once never give back more than was paid [REF-15]", async () => {
  const { id, attemptId } = await paidOrder([{ skuId: await sell(1), quantity: 1 }]);
  const replies = await Promise.all(
    Array.from({ length: 50 }, () => refund(id, { amount: yuan(300) })),
  );
  const taken = replies.filter(({ status }) => status === 201);
  expect(taken).toHaveLength(3);
  expect(replies.filter(({ json }) => json.code === "refund_exceeds_paid")).toHaveLength(47);
  expect(await read(id)).toMatchObject({ refundsUnderWay: yuan(900) });
  const lines = [{ line: 1, quantity: 1 }];
  const units = await Promise.all(Array.from({ length: 20 }, () => refund(id, { lines })));
  // The last unit takes the 100 fen that are left, once.
  expect(units.filter(({ status }) => status === 201).map(({ json }) => json.amount)).toEqual([
    yuan(100),
  ]);
  for (const { json } of [...taken, ...units.filter(({ status }) => status === 201)]) {
    await finish(json.id);
  }
  expect(await read(id)).toMatchObject({ state: "refunded", refunded: yuan(1_000) });
  const account = capturedAccount(attemptId as never);
  const balances = await stand.ledger.readBalances(tenantId, [account]);
  expect(balances.get(account)).toMatchObject({ posted: 0n });
});

test("one key, sent twenty times, is one refund; the key of another body is refused", async () => {
  const { id } = await paidOrder([{ skuId: await sell(1), quantity: 1 }]);
  const key = ids.next();
  const body = { amount: yuan(100) };
  const replies = await Promise.all(Array.from({ length: 20 }, () => refund(id, body, key)));
  expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  expect((await refund(id, { amount: yuan(200) }, key)).json.code).toBe("idempotency_key_reused");
  expect(await read(id)).toMatchObject({ refundsUnderWay: yuan(100) });
});

test("refuses refunds that cannot be, with the facts", async () => {
  const { id } = await paidOrder([{ skuId: await sell(2), quantity: 2 }]);
  expect((await refund(ids.next(), {})).json.code).toBe("not_found");
  expect((await refund(id, { lines: [{ line: 2, quantity: 1 }] })).json).toMatchObject({
    code: "refund_line_not_found",
    facts: { line: 2, lines: 1 },
  });
  expect((await refund(id, { lines: [{ line: 1, quantity: 3 }] })).json).toMatchObject({
    code: "refund_exceeds_line",
    facts: { left: 2, wanted: 3 },
  });
  const both = { amount: yuan(1), lines: [{ line: 1, quantity: 1 }] };
  expect((await refund(id, both)).json).toMatchObject({ status: 400, code: "invalid_request" });
  expect((await refund(id, { amount: yuan(0) })).json.errors[0].field).toBe("amount.amount");
  expect((await refund(id, { reason: "" })).status).toBe(400);
  const unpaid = await place([{ skuId: await sell(1), quantity: 1 }]);
  expect((await refund(unpaid, {})).json.code).toBe("payment_not_paid");
});

test("locks of orders, payments and balances are taken one way: no deadlock [LED-10]", () => {
  expect(stand.retries.filter((why) => why.includes("deadlock"))).toEqual([]);
  expect(stand.failures).toEqual([]);
});
