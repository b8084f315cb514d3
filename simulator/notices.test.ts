import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { WechatAccountView } from "./control.ts";
import { createSimulator, forgeries } from "./index.ts";
import type { Forgery, Notice, Simulator } from "./index.ts";
import { judgeWechat, openWechatNotice } from "./test/judges.ts";
import type { WechatJudge } from "./test/judges.ts";
import { openShop } from "./test/shop.ts";
import type { Shop } from "./test/shop.ts";

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

const newNumber = (): string => `N${(numberCount += 1).toString().padStart(9, "0")}`;

async function prepay(number: string): Promise<number> {
  const { status } = await judge.post("v3/pay/transactions/native", {
    appid: account.appId,
    mchid: account.mchid,
    description: "茶",
    out_trade_no: number,
    notify_url: shop.noticeUrl,
    amount: { total: 1_999, currency: "CNY" },
  });
  return status;
}

async function pay(number = newNumber()): Promise<string> {
  await prepay(number);
  simulator.control.pay(number);
  await simulator.control.idle();
  return number;
}

/** Notices of a trade, the forged ones left out. */
function trueNotice(attemptNumber: string): Notice | undefined {
  return simulator.control.notices({ attemptNumber }).find(({ forgery }) => forgery === null);
}

const opened = () => shop.received.map((received) => openWechatNotice(received, account));
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

test("a notice is repeated on the published schedule, then given up [PAY-10]", async () => {
  shop.answer(500, '{"code":"FAIL"}');
  const number = await pay();
  const waits = [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600];
  const longWaits = [3, 3, 3, 6, 6].map((hours) => hours * 3_600);
  let deliveryCount = 1;
  for (const waitSeconds of [...waits, ...longWaits]) {
    await simulator.control.advance(waitSeconds * second - 1);
    expect(shop.received).toHaveLength(deliveryCount);
    await simulator.control.advance(1);
    deliveryCount += 1;
    expect(shop.received).toHaveLength(deliveryCount);
  }
  await simulator.control.advance(100 * hour);
  expect(shop.received).toHaveLength(16);
  expect(trueNotice(number)).toMatchObject({ state: "given_up", roundCount: 16 });
  const ids = new Set(shop.received.map(({ body }) => JSON.parse(body).id));
  expect(ids.size).toBe(1);
});

test.each([
  [200, "", "acknowledged"],
  [204, "", "acknowledged"],
  [200, '{"code":"SUCCESS"}', "acknowledged"],
  [201, "", "pending"],
  [302, "", "pending"],
  [401, "", "pending"],
  [500, "success", "pending"],
])("an answer %i %s leaves the notice %s", async (status, body, state) => {
  shop.answer(status, body);
  expect(trueNotice(await pay())).toMatchObject({ state, deliveries: [{ status, reply: body }] });
});

test("a shop that cannot be reached is tried again, and the reason is kept", async () => {
  const number = newNumber();
  await prepay(number);
  await shop.close();
  simulator.control.pay(number);
  await simulator.control.idle();
  const [delivery] = trueNotice(number)?.deliveries ?? [];
  expect(delivery).toMatchObject({ status: null, acknowledged: false });
  expect(delivery?.error).toContain("ECONNREFUSED");
});

test("a lost notice comes with the schedule", async () => {
  simulator.control.faults.add({ kind: "notice_lost", params: { count: 2 } });
  await pay();
  await simulator.control.advance(15 * second);
  expect(shop.received).toHaveLength(0);
  await simulator.control.advance(15 * second);
  expect(shop.received).toHaveLength(1);
});

test("a duplicated notice comes several times at once", async () => {
  simulator.control.faults.add({ kind: "notice_duplicate", params: { count: 3 } });
  const number = await pay();
  expect(opened()).toMatchObject(Array.from({ length: 4 }, () => ({ out_trade_no: number })));
});

test("a late notice waits", async () => {
  simulator.control.faults.add({ kind: "notice_late", params: { ms: hour } });
  await pay();
  expect(shop.received).toHaveLength(0);
  await simulator.control.advance(hour);
  expect(shop.received).toHaveLength(1);
});

test("a reordered notice comes after the next one, or after its time", async () => {
  simulator.control.faults.add({ kind: "notice_reordered", params: { ms: hour } });
  const held = await pay();
  expect(shop.received).toHaveLength(0);
  const next = await pay();
  await simulator.control.idle();
  expect(opened()).toMatchObject([{ out_trade_no: next }, { out_trade_no: held }]);
  simulator.control.faults.add({ kind: "notice_reordered", params: { ms: hour } });
  await pay();
  await simulator.control.advance(hour);
  expect(shop.received).toHaveLength(3);
});

test("a notice can overtake the reply of prepay, and of a refund", async () => {
  const number = newNumber();
  simulator.control.faults.add({ kind: "notice_before_reply", times: 2 });
  expect(await prepay(number)).toBe(200);
  expect(opened()).toMatchObject([{ out_trade_no: number, trade_state: "SUCCESS" }]);
  const reply = await judge.post("v3/refund/domestic/refunds", {
    out_trade_no: number,
    out_refund_no: number,
    notify_url: shop.noticeUrl,
    amount: { refund: 1, total: 1_999, currency: "CNY" },
  });
  expect(reply.data).toMatchObject({ status: "PROCESSING" });
  expect(opened()[1]).toMatchObject({ out_refund_no: number, refund_status: "SUCCESS" });
});

test("a finished notice can be repeated by hand", async () => {
  const number = await pay();
  const notice = trueNotice(number);
  await simulator.control.repeatNotice(notice?.id ?? "");
  expect(shop.received).toHaveLength(2);
  expect(await simulator.control.repeatNotice("unknown")).toMatchObject({ status: 404 });
});

// What the vendor's own library makes of each forgery.
const verdicts: Record<Forgery, "distrusted" | "undecipherable" | object> = {
  bad_signature: "distrusted",
  signature_probe: "distrusted",
  unknown_serial: "distrusted",
  bad_ciphertext: "undecipherable",
  wrong_amount: { amount: { total: 1 } },
  wrong_merchant: { mchid: "1999999999" },
  wrong_app: { appid: "wx9999999999999999" },
  wrong_currency: { amount: { currency: "USD" } },
};

test.each(forgeries)("the forgery %s comes before the true notice [PAY-13]", async (forgery) => {
  simulator.control.faults.add({ kind: "notice_forged", params: { forgery } });
  shop.answer(401, "");
  await pay();
  const [forged, genuine] = shop.received;
  if (forged === undefined || genuine === undefined) throw new Error("two notices should come");
  expect(openWechatNotice(genuine, account)).toMatchObject({ amount: { total: 1_999 } });
  const verdict = verdicts[forgery];
  if (verdict === "undecipherable")
    expect(() => openWechatNotice(forged, account)).toThrow("unable to authenticate");
  else if (verdict === "distrusted") expect(openWechatNotice(forged, account)).toBeUndefined();
  else expect(openWechatNotice(forged, account)).toMatchObject(verdict);
  // Nobody repeats a forgery, whatever it was answered.
  await simulator.control.advance(15 * second);
  expect(shop.received).toHaveLength(3);
});
