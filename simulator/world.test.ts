import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readBooks } from "./books.ts";
import { createSimulator } from "./index.ts";
import { createShelf } from "./shelf.ts";
import { judgeWechat, openWechatNotice } from "./test/judges.ts";
import { openShop } from "./test/shop.ts";
import { testRefund, testTrade } from "./test/things.ts";
import { createWorld, refundKey, tradeKey } from "./world.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "simulator-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const statePath = (): string => join(folder, "world", "state.jsonl");

/** A world that was killed is simply not closed: its file is all that the next one gets. */
test("a killed world comes back with everything that was answered", () => {
  const killed = createWorld(statePath());
  killed.trades.put(testTrade());
  killed.trades.put(testTrade({ state: "paid", transactionId: "42", paidAt: 1 }));
  killed.trades.put(testTrade({ number: "T2" }));
  killed.trades.delete(tradeKey(testTrade({ number: "T2" })));
  killed.refunds.put(testRefund());

  const next = createWorld(statePath());
  expect([...next.trades.values()]).toEqual([...killed.trades.values()]);
  expect(next.tradeByTransaction("wechatpay", "42")).toMatchObject({ number: "T1" });
  expect(next.refunds.get(refundKey(testRefund()))).toEqual(testRefund());
  next.close();
  killed.close();
});

test("a line that the kill has torn is left out, and the next line is whole again", () => {
  const killed = createWorld(statePath());
  killed.trades.put(testTrade());
  appendFileSync(statePath(), '{"shelf":"trades","key":"wechatpay/19');
  const next = createWorld(statePath());
  next.trades.put(testTrade({ number: "T3" }));
  const third = createWorld(statePath());
  expect([...third.trades.values()].map(({ number }) => number)).toEqual(["T1", "T3"]);
  expect(readFileSync(statePath(), "utf8").split("\n")).toHaveLength(3);
  for (const world of [killed, next, third]) world.close();
});

test("the file is rewritten before it outgrows what lives", () => {
  const world = createWorld(statePath());
  for (let count = 0; count < 45_000; count += 1)
    world.trades.put(testTrade({ declineCount: count }));
  const lines = readFileSync(statePath(), "utf8").split("\n").length;
  expect(lines).toBeLessThan(20_001);
  world.close();
  const next = createWorld(statePath());
  expect([...next.trades.values()]).toMatchObject([{ declineCount: 44_999 }]);
  next.close();
});

test("a full shelf drops the oldest finished value, or the oldest", () => {
  const dropped: string[] = [];
  const shelf = createShelf<{ name: string; done: boolean }>({
    name: "things",
    sizeMax: 2,
    keyOf: ({ name }) => name,
    isFinished: ({ done }) => done,
    append: () => undefined,
    dropped: ({ name }) => dropped.push(name),
  });
  for (const name of ["open 1", "done 2", "open 3", "open 4"])
    shelf.put({ name, done: name.startsWith("done") });
  expect(dropped).toEqual(["done 2", "open 1"]);
  expect(shelf.size).toBe(2);
});

test("the books stay complete when old trades are dropped", () => {
  const world = createWorld(undefined);
  const channel = "alipay";
  const refund = testRefund({ channel, tradeNumber: "OLD", amountMinor: 7 });
  const refundKeys = [refundKey(refund)];
  world.merchants.put({
    channel,
    id: "1900000001",
    name: "",
    appId: "",
    privateKeyPem: "",
    publicKeyPem: "",
    alipayKeys: [{ privateKeyPem: "", publicKeyPem: "", signsFrom: 0 }],
  });
  world.refunds.put(refund);
  world.trades.put(testTrade({ channel, number: "OLD", state: "paid", paidAt: 1, refundKeys }));
  for (let count = 0; count < 50_000; count += 1)
    world.trades.put(testTrade({ number: `T${count}`, channel }));
  const [book] = readBooks(world, () => true);
  expect(world.refunds.size).toBe(0);
  expect(book?.droppedTradeCount).toBe(1);
  expect(book?.totals).toMatchObject({
    tradeCount: 50_001,
    paidCount: 1,
    paidMinor: 100,
    refundedMinor: 7,
  });
});

test("a restarted world goes on with its keys, its notices and its refunds", async () => {
  const shop = await openShop();
  shop.answer(500, "");
  const killed = await createSimulator({ statePath: statePath(), speed: 1e-6 });
  const account = await killed.control.createWechatMerchant({ mchid: "1900000001" });
  const judge = judgeWechat(account, await killed.listen());
  await judge.post("v3/pay/transactions/native", {
    appid: account.appId,
    mchid: account.mchid,
    description: "茶",
    out_trade_no: "T0000001",
    notify_url: shop.noticeUrl,
    amount: { total: 100, currency: "CNY" },
  });
  killed.control.pay("T0000001");
  await killed.control.idle();
  await judge.post("v3/refund/domestic/refunds", {
    out_trade_no: "T0000001",
    out_refund_no: "R1",
    notify_url: shop.noticeUrl,
    amount: { refund: 40, total: 100, currency: "CNY" },
  });
  await killed.close();

  shop.answer(200, "");
  const next = await createSimulator({ statePath: statePath(), speed: 1e-6 });
  expect(await next.control.createWechatMerchant({ mchid: "1900000001" })).toEqual(account);
  await next.control.advance(15_000);
  const told = shop.received.map((received) => openWechatNotice(received, account));
  expect(told).toMatchObject([
    { out_trade_no: "T0000001", trade_state: "SUCCESS" },
    { out_refund_no: "R1", refund_status: "SUCCESS" },
    { out_trade_no: "T0000001", trade_state: "SUCCESS" },
  ]);
  await next.close();
  await shop.close();
});
