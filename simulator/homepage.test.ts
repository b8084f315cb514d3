import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createSimulator } from "./index.ts";
import type { Simulator } from "./index.ts";
import { testRefund, testTrade } from "./test/things.ts";
import { refundKey, tradeKey } from "./world.ts";

let simulator: Simulator;
let baseUrl: string;

beforeAll(async () => {
  simulator = await createSimulator();
  baseUrl = await simulator.listen();
});
beforeEach(() => simulator.control.reset());
afterAll(() => simulator.close());

const home = async () => (await fetch(baseUrl)).text();

test("an empty world says what it is, and that nothing has happened", async () => {
  const page = await home();
  for (const text of ["WeChat Pay and Alipay", "No trades yet.", "No faults", "No merchants yet."])
    expect(page).toContain(text);
  // Else every browser asks for /favicon.ico, and shows an error for it.
  expect(page).toContain('<link rel="icon" href="data:,">');
});

test("the latest trades come first, with state and the way to their pay page", async () => {
  const { world } = simulator;
  const refund = testRefund({ tradeNumber: "T3", amountMinor: 10 });
  world.refunds.put(refund);
  const trades = [
    testTrade({ number: "T1", subject: "<b>tea</b>" }),
    testTrade({ number: "T2", state: "closed", expiresAt: 5, closedAt: 5 }),
    testTrade({ number: "T3", state: "paid", paidAt: 1, refundKeys: [refundKey(refund)] }),
    testTrade({ number: "T4", state: "closed", expiresAt: 5, closedAt: 4 }),
  ];
  for (const trade of trades) world.trades.put(trade);
  for (const id of ["older", "newer"])
    world.sessions.put({ id, tradeKey: tradeKey(testTrade()), usableUntil: 1 });
  const page = await home();
  const lines = page.split("<li>").slice(1, 5);
  const words = ["Closed", "Paid", "Expired", "Waiting"];
  for (const [index, line] of lines.entries()) {
    expect(line).toContain(`T${4 - index}`);
    expect(line).toContain(words[index]);
  }
  expect(lines[1]).toContain("¥0.10");
  expect(lines[3]).toContain('href="/pay/wechat/newer"');
  expect(lines[3]).toContain("&lt;b&gt;tea&lt;/b&gt;");
  expect(lines[0]).not.toContain("href");
});

test("only the last fifty trades are listed, of however many there are", async () => {
  for (let count = 1; count <= 60; count += 1)
    simulator.world.trades.put(testTrade({ number: `T${count}X` }));
  const page = await home();
  expect(page).toContain("50 / 60");
  expect(page).toContain("T11X");
  expect(page).not.toContain("T10X");
});

test("the faults that are active are told with their odds, and the merchants by name", async () => {
  const { control } = simulator;
  control.faults.add({ kind: "drop_reply", match: { operation: "refund" }, times: 3 });
  control.faults.add({ kind: "notice_late", probability: 0.25 });
  await control.createAlipayMerchant({ name: "通宝运动馆" });
  const page = await home();
  for (const text of ["drop_reply", "refund", "0 / 3×", "notice_late", "25 %", "通宝运动馆"])
    expect(page).toContain(text);
  control.faults.clear();
  expect(await home()).not.toContain("drop_reply");
});
