import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Formatter } from "wechatpay-axios-plugin";
import type { WechatAccountView } from "../control.ts";
import { createSimulator } from "../index.ts";
import type { Simulator } from "../index.ts";
import { judgeWechat, openWechatNotice } from "../test/judges.ts";
import type { WechatJudge } from "../test/judges.ts";
import { openShop } from "../test/shop.ts";
import type { Shop } from "../test/shop.ts";
import { beijingDay, beijingRfc3339, dayMs } from "../times.ts";

let simulator: Simulator;
let baseUrl: string;
let shop: Shop;
let account: WechatAccountView;
let judge: WechatJudge;
let numberCount = 0;

beforeAll(async () => {
  // Time stands almost still, so that it passes only where a test lets it pass.
  simulator = await createSimulator({ speed: 1e-6 });
  baseUrl = await simulator.listen();
  account = await simulator.control.createWechatMerchant();
  judge = judgeWechat(account, baseUrl);
});
beforeEach(async () => {
  simulator.control.reset();
  shop = await openShop();
  return () => shop.close();
});
afterAll(() => simulator.close());

const newNumber = (): string => `W${(numberCount += 1).toString().padStart(9, "0")}`;
const newNumbers = (): [string, string] => [newNumber(), newNumber()];

function prepayBody(number: string, changes: object = {}): object {
  return {
    appid: account.appId,
    mchid: account.mchid,
    description: "一杯茶",
    out_trade_no: number,
    notify_url: shop.noticeUrl,
    amount: { total: 1_999, currency: "CNY" },
    ...changes,
  };
}

async function prepay(number: string, changes: object = {}) {
  return judge.post("v3/pay/transactions/native", prepayBody(number, changes));
}

const query = (number: string) =>
  judge.get(`v3/pay/transactions/out-trade-no/${number}?mchid=${account.mchid}`);
const close = (number: string) =>
  judge.post(`v3/pay/transactions/out-trade-no/${number}/close`, { mchid: account.mchid });
const refund = (number: string, refundNumber: string, fen: number, total = 1_999) =>
  judge.post("v3/refund/domestic/refunds", {
    out_trade_no: number,
    out_refund_no: refundNumber,
    notify_url: shop.noticeUrl,
    amount: { refund: fen, total, currency: "CNY" },
  });

test("every way of paying leads to the same trade, and the vendor's client trusts the replies", async () => {
  const ways: [string, object, string][] = [
    ["native", {}, "NATIVE"],
    ["jsapi", { payer: { openid: "oPayer" } }, "JSAPI"],
    ["app", {}, "APP"],
    ["h5", { scene_info: { payer_client_ip: "203.0.113.7", h5_info: { type: "Wap" } } }, "MWEB"],
  ];
  for (const [way, extra, tradeType] of ways) {
    const number = newNumber();
    const prepaid = await judge.post(`v3/pay/transactions/${way}`, prepayBody(number, extra));
    expect(prepaid.status).toBe(200);
    expect((await query(number)).data).toMatchObject({ trade_state: "NOTPAY" });
    expect(simulator.control.pay(number)).toEqual({ result: "paid" });
    expect((await query(number)).data).toMatchObject({
      trade_state: "SUCCESS",
      trade_type: tradeType,
      amount: { total: 1_999, payer_total: 1_999, currency: "CNY" },
    });
  }
});

test("the payment notice opens with the vendor's tools and says what the query says", async () => {
  const number = newNumber();
  await prepay(number, { attach: "a=1&b=中" });
  simulator.control.pay(number, { payerId: "oSomebody" });
  await simulator.control.idle();
  const [received] = shop.received;
  if (received === undefined) throw new Error("no notice came");
  expect(JSON.parse(received.body)).toMatchObject({ event_type: "TRANSACTION.SUCCESS" });
  expect(openWechatNotice(received, account)).toEqual((await query(number)).data);
  const [notice] = simulator.control.notices({ attemptNumber: number });
  expect(notice).toMatchObject({ state: "acknowledged", deliveries: [{ status: 200 }] });
});

test("a trade is found by the provider's number too, but only by its own merchant", async () => {
  const number = newNumber();
  await prepay(number);
  simulator.control.pay(number);
  const { transaction_id: id } = (await query(number)).data;
  const byId = await judge.get(`v3/pay/transactions/id/${id}?mchid=${account.mchid}`);
  expect(byId.data).toMatchObject({ out_trade_no: number });
  const other = await simulator.control.createWechatMerchant();
  const stranger = judgeWechat(other, baseUrl);
  const denied = await stranger.get(`v3/pay/transactions/id/${id}?mchid=${other.mchid}`);
  expect(denied).toMatchObject({ status: 404, data: { code: "ORDER_NOT_EXIST" } });
});

test("closing is repeatable, final for payers, and refused once paid", async () => {
  const [open, paid] = newNumbers();
  await prepay(open);
  await prepay(paid);
  expect((await close(open)).status).toBe(204);
  expect((await close(open)).status).toBe(204);
  expect((await query(open)).data).toMatchObject({ trade_state: "CLOSED" });
  expect(simulator.control.pay(open)).toEqual({ result: "closed" });
  expect((await prepay(open)).data).toMatchObject({ code: "ORDER_CLOSED" });
  simulator.control.pay(paid);
  expect(await close(paid)).toMatchObject({ status: 400, data: { code: "ORDER_PAID" } });
  expect((await prepay(paid)).data).toMatchObject({ code: "ORDER_PAID" });
  expect((await close(newNumber())).data).toMatchObject({ code: "ORDER_NOT_EXIST" });
});

test("a number belongs to its content for ever", async () => {
  const number = newNumber();
  await prepay(number);
  expect((await prepay(number)).status).toBe(200);
  const other = await prepay(number, { amount: { total: 1, currency: "CNY" } });
  expect(other).toMatchObject({ status: 403, data: { code: "OUT_TRADE_NO_USED" } });
});

test("a trade that is not paid in time is closed by itself", async () => {
  const number = newNumber();
  await prepay(number, { time_expire: beijingRfc3339(Date.now() + 600_000) });
  await simulator.control.advance(300_000);
  expect((await query(number)).data).toMatchObject({ trade_state: "NOTPAY" });
  await simulator.control.advance(300_000);
  expect((await query(number)).data).toMatchObject({ trade_state: "CLOSED" });
  expect(simulator.control.pay(number)).toEqual({ result: "closed" });
});

test("refunds: accepted, told, never above the payment, the same number once", async () => {
  const number = newNumber();
  await prepay(number);
  expect((await refund(number, "R-early", 1)).data).toMatchObject({ code: "INVALID_REQUEST" });
  simulator.control.pay(number);
  await simulator.control.idle();

  const [first, second] = newNumbers();
  const accepted = await refund(number, first, 1_500);
  expect(accepted.data).toMatchObject({ status: "PROCESSING", amount: { refund: 1_500 } });
  expect((await refund(number, first, 1_500)).data).toEqual(accepted.data);
  expect((await refund(number, first, 1_499)).data).toMatchObject({ code: "INVALID_REQUEST" });
  expect((await refund(number, second, 500)).data).toMatchObject({ code: "INVALID_REQUEST" });
  expect((await refund(number, second, 499, 2_000)).data).toMatchObject({
    code: "INVALID_REQUEST",
  });
  expect((await refund(number, second, 499)).status).toBe(200);

  await simulator.control.advance(1_000);
  const told = shop.received.slice(1).map((received) => openWechatNotice(received, account));
  expect(told).toMatchObject([
    { out_refund_no: first, refund_status: "SUCCESS", amount: { refund: 1_500, total: 1_999 } },
    { out_refund_no: second, refund_status: "SUCCESS", amount: { refund: 499, total: 1_999 } },
  ]);
  const asked = await judge.get(`v3/refund/domestic/refunds/${first}`);
  expect(asked.data).toMatchObject({ status: "SUCCESS", out_trade_no: number });
  expect((await query(number)).data).toMatchObject({ trade_state: "REFUND" });
  const [book] = simulator.control.books({ merchantId: account.mchid });
  expect(book?.totals).toMatchObject({ paidMinor: 1_999, refundedMinor: 1_999 });
});

test("at most fifty refunds of one payment", async () => {
  const number = newNumber();
  await prepay(number);
  simulator.control.pay(number);
  for (let count = 0; count < 50; count += 1)
    expect((await refund(number, newNumber(), 1)).status).toBe(200);
  expect((await refund(number, newNumber(), 1)).data).toMatchObject({ code: "INVALID_REQUEST" });
});

test("an abnormal refund is told as such and may still succeed", async () => {
  const [number, refundNumber] = newNumbers();
  simulator.control.faults.add({ kind: "refund_abnormal", match: { refundNumber } });
  await prepay(number);
  simulator.control.pay(number);
  await refund(number, refundNumber, 10);
  await simulator.control.advance(1_000);
  const asked = () => judge.get(`v3/refund/domestic/refunds/${refundNumber}`);
  expect((await asked()).data).toMatchObject({ status: "ABNORMAL" });
  simulator.control.setRefundState(refundNumber, "success");
  await simulator.control.idle();
  expect((await asked()).data).toMatchObject({ status: "SUCCESS" });
  const events = shop.received.map(({ body }) => JSON.parse(body).event_type);
  expect(events).toEqual(["TRANSACTION.SUCCESS", "REFUND.ABNORMAL", "REFUND.SUCCESS"]);
});

const wrongFields: [string, object][] = [
  ["/description", { description: "" }],
  ["/description", { description: "长".repeat(128) }],
  ["/out_trade_no", { out_trade_no: "short" }],
  ["/out_trade_no", { out_trade_no: "has space 1" }],
  ["/time_expire", { time_expire: "2026-01-01 00:00:00" }],
  ["/time_expire", { time_expire: "2020-01-01T00:00:00+08:00" }],
  ["/notify_url", { notify_url: "http://shop.example/notices" }],
  ["/notify_url", { notify_url: "https://shop.example/notices?a=1" }],
  ["/amount/total", { amount: { total: 0, currency: "CNY" } }],
  ["/amount/total", { amount: { total: 1.5, currency: "CNY" } }],
  ["/amount/currency", { amount: { total: 1, currency: "USD" } }],
  ["/mchid", { mchid: "1000000000" }],
  ["/attach", { attach: "a".repeat(129) }],
];

test.each(wrongFields)("names the wrong field %s of %j", async (field, changes) => {
  const refused = await prepay(newNumber(), changes);
  expect(refused).toMatchObject({
    status: 400,
    data: { code: "PARAM_ERROR", detail: { field, location: "body" } },
  });
});

test("an app of somebody else does not match the merchant", async () => {
  const refused = await prepay(newNumber(), { appid: "wx0000000000000000" });
  expect(refused.data).toMatchObject({ code: "APPID_MCHID_NOT_MATCH" });
});

test("in certificate mode the certificates are fetched, decrypted and roll over", async () => {
  const old = await simulator.control.createWechatMerchant({ mode: "certificate" });
  const number = newNumber();
  const body = prepayBody(number, { appid: old.appId, mchid: old.mchid });
  const listed = await judgeWechat(old, baseUrl).get("v3/certificates");
  expect(listed.data.data).toMatchObject([{ serial_no: old.platformCertificates[0]?.serial }]);

  const next = await simulator.control.rollCertificate();
  const prepaid = judgeWechat(old, baseUrl).post("v3/pay/transactions/native", body);
  await expect(prepaid).rejects.toThrow(next.serial);
  const certificates = (await simulator.control.createWechatMerchant({ mchid: old.mchid }))
    .platformCertificates;
  expect(certificates.map(({ serial }) => serial)).toContain(next.serial);
  const both = Object.fromEntries(certificates.map(({ serial, pem }) => [serial, pem]));
  const knowing = judgeWechat(old, baseUrl, both);
  expect((await knowing.post("v3/pay/transactions/native", body)).status).toBe(200);
  expect((await knowing.get("v3/certificates")).data.data).toHaveLength(2);
});

test("in public-key mode there are no certificates", async () => {
  const refused = await judge.get("v3/certificates");
  expect(refused).toMatchObject({ status: 404, data: { code: "RESOURCE_NOT_EXISTS" } });
});

test("yesterday's statement matches its hash and reads back as what happened", async () => {
  const number = newNumber();
  await prepay(number, { description: "茶, 大杯" });
  const yesterday = Date.now() - dayMs;
  simulator.control.pay(number, { at: yesterday });
  const day = beijingDay(yesterday);
  const path = `v3/bill/tradebill?bill_date=${day}&bill_type=ALL&tar_type=GZIP`;
  const { data } = await judge.get(path);
  const packed = await judge.file(String(data.download_url));
  const plain = gunzipSync(packed);
  expect(createHash("sha1").update(plain).digest("hex")).toBe(data.hash_value);
  const lines = plain.toString("utf8").split("\r\n");
  expect(lines[0]).toMatch(/^\ufeff交易时间,公众账号ID,/);
  expect(lines).toHaveLength(5); // Header, one row, header and row of the summary, the end.
  expect(Formatter.castCsvBill(plain)).toMatchObject({
    rows: [
      { 商户订单号: number, 交易状态: "SUCCESS", 应结订单金额: "19.99", 商品名称: "茶  大杯" },
    ],
    summary: { 总交易单数: "1.0", 应结订单总金额: "19.99", 手续费总金额: "0.12" },
  });
});

test("a statement says when there is none, not yet, or no longer", async () => {
  const code = async (day: string) =>
    (await judge.get(`v3/bill/tradebill?bill_date=${day}`)).data.code;
  expect(await code(beijingDay(Date.now()))).toBe("STATEMENT_CREATING");
  expect(await code(beijingDay(Date.now() - 2 * dayMs))).toBe("NO_STATEMENT_EXIST");
  expect(await code("2020-01-01")).toBe("PARAM_ERROR");
  expect(await code("2026-02-30")).toBe("PARAM_ERROR");
});

test("a planted fault changes the statement's rows or hash, never its totals", async () => {
  const numbers = newNumbers();
  const at = Date.now() - dayMs;
  for (const number of numbers) {
    await prepay(number);
    simulator.control.pay(number, { at });
  }
  const path = `v3/bill/tradebill?bill_date=${beijingDay(at)}`;
  const counts: Record<string, number> = {};
  for (const kind of ["statement_row_missing", "statement_row_extra"] as const) {
    simulator.control.faults.add({ kind });
    const { data } = await judge.get(path);
    const file = await judge.file(String(data.download_url));
    const bill = Formatter.castCsvBill(file) as { rows: unknown[]; summary: object };
    counts[kind] = bill.rows.length;
    expect(bill.summary).toMatchObject({ 总交易单数: "2.0" });
  }
  expect(counts).toEqual({ statement_row_missing: 1, statement_row_extra: 3 });
  simulator.control.faults.add({ kind: "statement_wrong_hash" });
  const { data } = await judge.get(path);
  const file = await judge.file(String(data.download_url));
  expect(createHash("sha1").update(file).digest("hex")).not.toBe(data.hash_value);
});
