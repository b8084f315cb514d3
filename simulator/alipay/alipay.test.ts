import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AlipayAccountView } from "../control.ts";
import { createSimulator } from "../index.ts";
import type { Simulator } from "../index.ts";
import { judgeAlipay } from "../test/judges.ts";
import type { AlipayJudge } from "../test/judges.ts";
import { openShop } from "../test/shop.ts";
import type { Shop } from "../test/shop.ts";
import vectors from "../test/vectors.json" with { type: "json" };
import { beijingText } from "../times.ts";
import { noticeText, requestText, verifyRsa2 } from "./signature.ts";

let simulator: Simulator;
let baseUrl: string;
let shop: Shop;
let account: AlipayAccountView;
let judge: AlipayJudge;
let numberCount = 0;

beforeAll(async () => {
  // Time stands almost still, so that it passes only where a test lets it pass.
  simulator = await createSimulator({ speed: 1e-6 });
  baseUrl = await simulator.listen();
  account = await simulator.control.createAlipayMerchant();
  judge = judgeAlipay(account, baseUrl);
});
beforeEach(async () => {
  simulator.control.reset();
  shop = await openShop();
  shop.answer(200, "success");
  return () => shop.close();
});
afterAll(() => simulator.close());

const newNumber = (): string => `A${(numberCount += 1).toString().padStart(9, "0")}`;
const content = (number: string, changes: object = {}) => ({
  out_trade_no: number,
  total_amount: "19.99",
  subject: "100% 茶+糖",
  ...changes,
});
const precreate = (number: string, changes: object = {}) =>
  judge.call("alipay.trade.precreate", content(number, changes), { notifyUrl: shop.noticeUrl });
const query = (number: string) => judge.call("alipay.trade.query", { out_trade_no: number });
const close = (number: string) => judge.call("alipay.trade.close", { out_trade_no: number });
const refund = (number: string, yuan: string, request?: string) =>
  judge.call("alipay.trade.refund", {
    out_trade_no: number,
    refund_amount: yuan,
    ...(request === undefined ? {} : { out_request_no: request }),
  });
const lastForm = () => {
  const form = shop.received.at(-1)?.body ?? "";
  return { form, fields: Object.fromEntries(new URLSearchParams(form)) };
};

test("agrees with the vectors of a request and of a notice", () => {
  const request = vectors.vectors["ali.req"];
  expect(requestText(request.params)).toBe(request.message);
  const appKey = vectors.keys.alipay_app.publicKey;
  expect(verifyRsa2(request.message, request.signature, appKey)).toBe(true);
  const notice = vectors.vectors["ali.notify"];
  expect(noticeText(notice.params)).toBe(notice.message);
  const gatewayKey = vectors.keys.alipay_gateway.publicKey;
  expect(verifyRsa2(notice.message, notice.signature, gatewayKey)).toBe(true);
});

test("a QR code makes no trade until somebody scans it", async () => {
  const number = newNumber();
  const { code, qr_code: qrCode } = await precreate(number);
  expect(code).toBe("10000");
  expect(await query(number)).toMatchObject({ sub_code: "ACQ.TRADE_NOT_EXIST" });
  expect(await close(number)).toMatchObject({ sub_code: "ACQ.TRADE_NOT_EXIST" });
  expect((await fetch(String(qrCode))).status).toBe(200);
  expect(await query(number)).toMatchObject({
    trade_status: "WAIT_BUYER_PAY",
    total_amount: "19.99",
  });
  await fetch(String(qrCode), { method: "POST" });
  expect(await query(number)).toMatchObject({ code: "10000", trade_status: "TRADE_SUCCESS" });
});

test("the payment notice is a form that the vendor's client takes for genuine", async () => {
  const number = newNumber();
  await precreate(number, { passback_params: "a%3D1" });
  simulator.control.pay(number);
  await simulator.control.idle();
  const { form, fields } = lastForm();
  expect(judge.isGenuine(form)).toBe(true);
  expect(judge.isGenuine(form.replace("19.99", "99.99"))).toBe(false);
  expect(fields).toMatchObject({
    app_id: account.appId,
    seller_id: account.sellerId,
    out_trade_no: number,
    trade_status: "TRADE_SUCCESS",
    total_amount: "19.99",
    subject: "100% 茶+糖",
    passback_params: "a%3D1",
  });
});

test("only the seven bytes of success stop the notices, with one id on every delivery", async () => {
  const number = newNumber();
  shop.answer(200, '"success"');
  await precreate(number);
  simulator.control.pay(number);
  await simulator.control.advance(25 * 3_600_000);
  const [notice] = simulator.control.notices({ attemptNumber: number });
  expect(notice).toMatchObject({ state: "given_up" });
  const ids = shop.received.map(({ body }) => new URLSearchParams(body).get("notify_id"));
  expect(ids).toHaveLength(8);
  expect(new Set(ids).size).toBe(1);
});

test("a page payment sends the browser to the pay page and back with signed parameters", async () => {
  const number = newNumber();
  const returnUrl = "https://shop.example/paid?from=pay";
  const url = judge.pageUrl(
    "alipay.trade.page.pay",
    content(number, { product_code: "FAST_INSTANT_TRADE_PAY" }),
    { returnUrl, notifyUrl: shop.noticeUrl },
  );
  const page = await fetch(url);
  expect(page.url).toContain("/pay/alipay/");
  expect(await page.text()).toContain("19.99");
  const paid = await fetch(page.url, {
    method: "POST",
    body: "action=pay",
    redirect: "manual",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  const back = new URL(paid.headers.get("location") ?? "");
  expect(back.origin + back.pathname).toBe("https://shop.example/paid");
  expect(back.searchParams.get("from")).toBe("pay");
  back.searchParams.delete("from"); // The merchant's own parameter is not Alipay's to sign.
  expect(judge.isGenuine(back.search.slice(1))).toBe(true);
});

test("a mobile page that is asked for wrongly shows the payer why", async () => {
  const number = newNumber();
  const wrong = judge.pageUrl("alipay.trade.wap.pay", content(number, { product_code: "NONE" }));
  expect(await (await fetch(wrong)).text()).toContain("ACQ.INVALID_PARAMETER");
});

test("refunds are within the call, cumulative, idempotent, and never above the payment", async () => {
  const number = newNumber();
  await precreate(number);
  expect(await refund(number, "1.00", "R1")).toMatchObject({ sub_code: "ACQ.TRADE_NOT_EXIST" });
  simulator.control.pay(number);
  expect(await refund(number, "1.00")).toMatchObject({ sub_code: "ACQ.INVALID_PARAMETER" });
  expect(await refund(number, "5.00", "R1")).toMatchObject({
    fund_change: "Y",
    refund_fee: "5.00",
    send_back_fee: "5.00",
  });
  expect(await refund(number, "5.00", "R1")).toMatchObject({
    fund_change: "N",
    refund_fee: "5.00",
  });
  expect(await refund(number, "5.01", "R1")).toMatchObject({
    sub_code: "ACQ.DISCORDANT_REPEAT_REQUEST",
  });
  expect(await refund(number, "15.00", "R2")).toMatchObject({
    sub_code: "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
  });
  await simulator.control.idle();
  expect(lastForm().fields).toMatchObject({ trade_status: "TRADE_SUCCESS", out_biz_no: "R1" });
  expect(await refund(number, "14.99", "R2")).toMatchObject({ refund_fee: "19.99" });
  await simulator.control.idle();
  const { form, fields } = lastForm();
  expect(judge.isGenuine(form)).toBe(true);
  expect(fields).toMatchObject({
    trade_status: "TRADE_CLOSED",
    refund_fee: "19.99",
    out_biz_no: "R2",
  });
  expect(await query(number)).toMatchObject({ trade_status: "TRADE_CLOSED" });
});

test("a refund query says success or says nothing", async () => {
  const number = newNumber();
  await precreate(number);
  simulator.control.pay(number);
  const ask = (request: string) =>
    judge.call("alipay.trade.fastpay.refund.query", {
      out_trade_no: number,
      out_request_no: request,
      query_options: ["gmt_refund_pay"],
    });
  simulator.control.faults.add({ kind: "refund_processing", params: { ms: 5_000 } });
  expect(await refund(number, "1.00", "Q1")).toMatchObject({ code: "10000", fund_change: "N" });
  expect(await ask("Q1")).not.toHaveProperty("refund_status");
  await simulator.control.advance(5_000);
  const done = await ask("Q1");
  expect(done).toMatchObject({ refund_status: "REFUND_SUCCESS", refund_amount: "1.00" });
  expect(done).toHaveProperty("gmt_refund_pay");
  simulator.control.faults.add({ kind: "missing_refund_status" });
  expect(await ask("Q1")).not.toHaveProperty("refund_status");
  expect(await ask("Q2")).toEqual({ code: "10000", msg: "Success", traceId: undefined });
});

test("close ends an opened trade, and a number belongs to its content", async () => {
  const number = newNumber();
  const { qr_code: qrCode } = await precreate(number);
  await fetch(String(qrCode));
  expect(await precreate(number, { total_amount: "1.00" })).toMatchObject({
    sub_code: "ACQ.CONTEXT_INCONSISTENT",
  });
  expect(await close(number)).toMatchObject({ code: "10000", out_trade_no: number });
  expect(await close(number)).toMatchObject({ sub_code: "ACQ.TRADE_STATUS_ERROR" });
  expect(await precreate(number)).toMatchObject({ sub_code: "ACQ.TRADE_HAS_CLOSE" });
  expect(simulator.control.pay(number)).toEqual({ result: "closed" });
});

const wrongFields: [string, object][] = [
  ["total_amount", { total_amount: "1.999" }],
  ["total_amount", { total_amount: "0.00" }],
  ["subject", { subject: "a=b" }],
  ["out_trade_no", { out_trade_no: "a-b" }],
  ["timeout_express", { timeout_express: "16d" }],
  ["time_expire", { time_expire: "2020-01-01 00:00:00" }],
  ["product_code", { product_code: "FAST_INSTANT_TRADE_PAY" }],
];
test.each(wrongFields)("names the wrong field %s of %j", async (field, changes) => {
  const refused = await precreate(newNumber(), changes);
  expect(refused).toMatchObject({ code: "40004", sub_code: "ACQ.INVALID_PARAMETER" });
  expect(refused.sub_msg).toContain(field);
});

test("the door says which parameter is missing or wrong, and what it verified", async () => {
  const knock = async (params: Record<string, string>) => {
    const reply = await fetch(`${baseUrl}/gateway.do?${new URLSearchParams(params)}`);
    return JSON.parse(await reply.text());
  };
  const params = {
    app_id: account.appId,
    method: "alipay.trade.query",
    sign_type: "RSA2",
    charset: "utf-8",
    timestamp: beijingText(Date.now()),
    version: "1.0",
    biz_content: "{}",
    sign: "AAAA",
  };
  const node = "alipay_trade_query_response";
  expect(await knock({ ...params, method: "" })).toMatchObject({
    error_response: { code: "40001", sub_code: "isv.missing-method" },
  });
  expect(await knock({ ...params, sign: "" })).toMatchObject({
    [node]: { sub_code: "isv.missing-signature" },
  });
  expect(await knock({ ...params, method: "alipay.no.such" })).toMatchObject({
    error_response: { sub_code: "isv.invalid-method" },
  });
  expect(await knock({ ...params, app_id: "2021000000000000" })).toMatchObject({
    [node]: { sub_code: "isv.invalid-app-id" },
  });
  expect(await knock({ ...params, timestamp: "1700000000" })).toMatchObject({
    [node]: { sub_code: "isv.invalid-timestamp" },
  });
  const refused = await knock(params);
  expect(refused[node]).toMatchObject({ code: "40002", sub_code: "isv.invalid-signature" });
  expect(refused[node].sub_msg).toContain(requestText(params));
  expect(refused).not.toHaveProperty("sign");
});

test("replies with escaped slashes are still signed over what is printed", async () => {
  simulator.control.faults.add({ kind: "escaped_slashes", match: { channel: "alipay" } });
  const prepared = await precreate(newNumber());
  expect(prepared.qr_code).toContain("/pay/alipay/");
  simulator.control.faults.add({ kind: "escaped_slashes" });
  // A page's address is a signed request too, and shows the reply before anybody parses it.
  const reply = await fetch(judge.pageUrl("alipay.trade.precreate", content(newNumber())));
  expect(await reply.text()).toContain("\\/pay\\/alipay\\/");
});

test("an unknown outcome, a wrong signature and a limit look as at the real gateway", async () => {
  const number = newNumber();
  await precreate(number);
  simulator.control.pay(number);
  const { faults } = simulator.control;
  faults.add({ kind: "unknown_after", match: { operation: "refund" } });
  expect(await refund(number, "1.00", "U1")).toMatchObject({ code: "20000" });
  expect(await refund(number, "1.00", "U1")).toMatchObject({
    fund_change: "N",
    refund_fee: "1.00",
  });
  faults.add({ kind: "fund_change_n" });
  expect(await refund(number, "1.00", "U2")).toMatchObject({
    fund_change: "N",
    refund_fee: "2.00",
  });
  faults.add({ kind: "reply_bad_signature" });
  await expect(query(number)).rejects.toThrow("验签失败");
  faults.add({ kind: "rate_limit" });
  expect(await query(number)).toMatchObject({ code: "40005" });
  faults.add({ kind: "error_before", params: { code: "ACQ.SYSTEM_ERROR" } });
  expect(await query(number)).toMatchObject({ code: "40004", sub_code: "ACQ.SYSTEM_ERROR" });
});

test("the key of an app is rolled over with overlap: announced, used, the old one retired", async () => {
  const merchant = await simulator.control.createAlipayMerchant();
  const { sellerId, alipayPublicKeyPem: oldKey } = merchant;
  const trusting = (alipayPublicKeyPem: string) =>
    judgeAlipay({ ...merchant, alipayPublicKeyPem }, baseUrl);
  const pay = async (number: string, key: string) => {
    const extra = { notifyUrl: shop.noticeUrl };
    await trusting(key).call("alipay.trade.precreate", content(number), extra);
    simulator.control.pay(number);
    await simulator.control.idle();
    return lastForm().form;
  };
  expect(simulator.control.useAlipayKey(sellerId)).toMatchObject({ status: 409 });
  expect(simulator.control.retireAlipayKey(sellerId)).toMatchObject({ status: 409 });
  const announced = await simulator.control.announceAlipayKey(sellerId);
  if ("why" in announced) throw new Error(announced.why);
  const { alipayPublicKeyPem: newKey } = announced;
  expect(announced).toMatchObject({ previousAlipayPublicKeyPem: oldKey });
  expect(newKey).not.toBe(oldKey);
  expect(await simulator.control.announceAlipayKey(sellerId)).toMatchObject({ status: 409 });
  expect(simulator.control.retireAlipayKey(sellerId)).toMatchObject({ status: 409 });

  shop.answer(500, "");
  const underOld = newNumber();
  expect(trusting(oldKey).isGenuine(await pay(underOld, oldKey))).toBe(true);
  expect(simulator.control.useAlipayKey(sellerId)).toMatchObject({ alipayPublicKeyPem: newKey });
  const underNew = await pay(newNumber(), newKey);
  expect(trusting(newKey).isGenuine(underNew)).toBe(true);
  expect(trusting(oldKey).isGenuine(underNew)).toBe(false);

  const [notice] = simulator.control.notices({ attemptNumber: underOld });
  await simulator.control.repeatNotice(notice?.id ?? "");
  expect(trusting(oldKey).isGenuine(lastForm().form)).toBe(true);
  const retired = simulator.control.retireAlipayKey(sellerId);
  expect(retired).toMatchObject({ alipayPublicKeyPem: newKey });
  expect(retired).not.toHaveProperty("previousAlipayPublicKeyPem");
  await simulator.control.repeatNotice(notice?.id ?? "");
  expect(trusting(newKey).isGenuine(lastForm().form)).toBe(true);
});
