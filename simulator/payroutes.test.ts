import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { WechatAccountView } from "./control.ts";
import { createSimulator } from "./index.ts";
import type { Simulator } from "./index.ts";
import { judgeWechat } from "./test/judges.ts";
import type { WechatJudge } from "./test/judges.ts";
import { beijingRfc3339 } from "./times.ts";

let simulator: Simulator;
let account: WechatAccountView;
let judge: WechatJudge;
let baseUrl: string;
let numberCount = 0;

beforeAll(async () => {
  simulator = await createSimulator();
  account = await simulator.control.createWechatMerchant({ name: "通宝运动馆" });
  baseUrl = await simulator.listen();
  judge = judgeWechat(account, baseUrl);
});
beforeEach(() => simulator.control.reset());
afterAll(() => simulator.close());

const newNumber = (): string => `P${(numberCount += 1).toString().padStart(9, "0")}`;

async function payLink(number: string, changes: object = {}): Promise<string> {
  const { data } = await judge.post("v3/pay/transactions/native", {
    appid: account.appId,
    mchid: account.mchid,
    description: "茶",
    out_trade_no: number,
    notify_url: "https://shop.example/notices",
    amount: { total: 123_456, currency: "CNY" },
    ...changes,
  });
  return String(data.code_url);
}

const page = async (link: string) => (await fetch(link)).text();
const press = (link: string, action: string, headers: Record<string, string> = {}) =>
  fetch(link, {
    method: "POST",
    body: new URLSearchParams({ action }),
    redirect: "manual",
    headers,
  });
const stateOf = (number: string) => simulator.control.trades({ attemptNumber: number })[0]?.state;

test("the code leads to a page that says what is asked, and pays at a press", async () => {
  const number = newNumber();
  const link = await payLink(number);
  const before = await page(link);
  for (const text of ["1234.56", number, account.mchid, "通宝运动馆", "确认支付", "Decline"])
    expect(before).toContain(text);
  const pressed = await press(link, "pay");
  expect(pressed.status).toBe(303);
  expect(stateOf(number)).toBe("paid");
  const after = await page(link);
  expect(after).toContain("支付成功");
  expect(after).not.toContain("<button");
});

test("a declined payment may be tried again, an expired one may not", async () => {
  const number = newNumber();
  const link = await payLink(number);
  await press(link, "decline");
  expect(await page(link)).toContain("支付被拒绝");
  expect(stateOf(number)).toBe("unpaid");
  await press(link, "expire");
  expect(await page(link)).toContain("订单已过期");
  expect((await press(link, "pay", { Accept: "application/json" })).status).toBe(409);
  expect(stateOf(number)).toBe("closed");
});

test("who presses on a page that is out of date is told what became of the trade", async () => {
  const paid = newNumber();
  const link = await payLink(paid);
  await press(link, "pay");
  const again = await press(link, "pay");
  expect(again.status).toBe(409);
  expect(await again.text()).toContain("Already paid. Nothing was taken again.");
  expect(simulator.control.trades({ attemptNumber: paid })).toHaveLength(1);

  const closed = newNumber();
  const closedLink = await payLink(closed);
  const path = `v3/pay/transactions/out-trade-no/${closed}/close`;
  expect((await judge.post(path, { mchid: account.mchid })).status).toBe(204);
  await press(closedLink, "pay");
  expect(await page(closedLink)).toContain("The shop has closed this order.");
  expect(stateOf(closed)).toBe("closed");
});

test("a paid page tells when, under which number, and what has gone back since", async () => {
  const number = newNumber();
  const link = await payLink(number);
  await press(link, "pay");
  const { transactionId } = simulator.control.trades({ attemptNumber: number })[0] ?? {};
  expect(await page(link)).toContain(transactionId);
  expect(await page(link)).not.toContain("refunded");
  await judge.post("v3/refund/domestic/refunds", {
    out_trade_no: number,
    out_refund_no: `R${number}`,
    amount: { refund: 3_456, total: 123_456, currency: "CNY" },
  });
  simulator.control.setRefundState(`R${number}`, "success");
  expect(await page(link)).toContain("¥34.56 refunded");
});

test("a press that is none of the three does nothing", async () => {
  const number = newNumber();
  const link = await payLink(number);
  const pressed = await press(link, "refund", { Accept: "application/json" });
  expect(pressed.status).toBe(409);
  expect(await pressed.json()).toEqual({ result: "unknown_action" });
  expect(stateOf(number)).toBe("unpaid");
});

test("a script pays with JSON and is told the result", async () => {
  const number = newNumber();
  const link = await payLink(number);
  const pay = () =>
    fetch(link, {
      method: "POST",
      body: JSON.stringify({ action: "pay", payerId: "oScript" }),
      headers: { "Content-Type": "application/json", Accept: "application/json" },
    });
  expect(await (await pay()).json()).toEqual({ result: "paid" });
  expect(await (await pay()).json()).toEqual({ result: "paid_before" });
  expect(simulator.control.trades()).toMatchObject([{ payerId: "oScript" }]);
});

test("a link that is too old pays nothing, although the trade is open", async () => {
  const number = newNumber();
  const link = await payLink(number, { time_expire: beijingRfc3339(Date.now() + 86_400_000) });
  await simulator.control.advance(2 * 3_600_000);
  expect(await page(link)).toContain("链接已失效");
  await press(link, "pay");
  expect(stateOf(number)).toBe("unpaid");
});

test("a paid H5 page goes back where the merchant asked, but only over the web", async () => {
  const number = newNumber();
  const link = await payLink(number);
  const there = `${link}?redirect_url=${encodeURIComponent("https://shop.example/done?a=1")}`;
  expect((await press(there, "pay")).headers.get("location")).toBe("https://shop.example/done?a=1");
  const script = `${link}?redirect_url=${encodeURIComponent("javascript:alert(1)")}`;
  expect(await page(script)).not.toContain("javascript:");
});

test("what a merchant writes cannot become markup", async () => {
  const link = await payLink(newNumber(), { description: '<img src=x onerror="alert(1)">' });
  const text = await page(link);
  expect(text).not.toContain("<img");
  expect(text).toContain("&lt;img src=x");
});

test("an unknown link is a page too", async () => {
  const reply = await fetch(`${baseUrl}/pay/wechat/unknown`);
  expect(reply.status).toBe(404);
  expect(await reply.text()).toContain("This link leads to no payment.");
  const wrongProvider = (await payLink(newNumber())).replace("/pay/wechat/", "/pay/alipay/");
  expect((await fetch(wrongProvider)).status).toBe(404);
});
