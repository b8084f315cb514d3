import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { WechatAccountView } from "./control.ts";
import { createSimulator } from "./index.ts";
import type { FaultRule, Simulator } from "./index.ts";
import { judgeWechat } from "./test/judges.ts";
import type { WechatJudge } from "./test/judges.ts";

let simulator: Simulator;
let account: WechatAccountView;
let judge: WechatJudge;
let numberCount = 0;

beforeAll(async () => {
  simulator = await createSimulator();
  account = await simulator.control.createWechatMerchant();
  judge = judgeWechat(account, await simulator.listen());
});
beforeEach(() => simulator.control.reset());
afterAll(() => simulator.close());

const newNumber = (): string => `C${(numberCount += 1).toString().padStart(9, "0")}`;

const prepay = (number: string) =>
  judge.post("v3/pay/transactions/native", {
    appid: account.appId,
    mchid: account.mchid,
    description: "茶",
    out_trade_no: number,
    notify_url: "https://shop.example/notices",
    amount: { total: 1_999, currency: "CNY" },
  });

/** What the caller sees, in a word: a status, or why there is none. */
async function seen(number: string): Promise<string> {
  try {
    const { status, data } = await prepay(number);
    return `${status} ${data.code ?? "ok"}`;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "code" in error ? String(error.code) : error.message;
  }
}

// Whether the trade exists afterwards is the whole difference between a lost request and reply.
const faults: [FaultRule, string, boolean][] = [
  [{ kind: "delay", params: { ms: 1 } }, "200 ok", true],
  [{ kind: "drop_request" }, "ECONNRESET", false],
  [{ kind: "drop_reply" }, "ECONNRESET", true],
  [{ kind: "error_before" }, "500 SYSTEM_ERROR", false],
  [{ kind: "error_after" }, "500 SYSTEM_ERROR", true],
  [
    { kind: "error_before", params: { status: 503, code: "SERVICE_UNAVAILABLE" } },
    "503 SERVICE_UNAVAILABLE",
    false,
  ],
  [{ kind: "rate_limit" }, "429 FREQUENCY_LIMITED", false],
  [{ kind: "reply_bad_signature" }, "EV3_RES_HEADER_SIGNATURE_DIGEST", true],
];

test.each(faults)("%j: the caller sees %s; done: %s", async (rule, answer, isDone) => {
  const number = newNumber();
  simulator.control.faults.add(rule);
  expect(await seen(number)).toBe(answer);
  expect(simulator.control.trades({ attemptNumber: number })).toHaveLength(isDone ? 1 : 0);
  expect(await seen(number)).toBe("200 ok");
});

test("a refund waits for a word when it is processing without an end", async () => {
  const number = newNumber();
  await prepay(number);
  simulator.control.pay(number);
  simulator.control.faults.add({ kind: "refund_processing" });
  const refund = await judge.post("v3/refund/domestic/refunds", {
    out_trade_no: number,
    out_refund_no: number,
    amount: { refund: 1, total: 1_999, currency: "CNY" },
  });
  expect(refund.data).toMatchObject({ status: "PROCESSING" });
  await simulator.control.advance(24 * 3_600_000);
  expect(simulator.control.refunds()).toMatchObject([{ state: "processing" }]);
  simulator.control.setRefundState(number, "closed");
  expect(simulator.control.refunds()).toMatchObject([{ state: "closed" }]);
});
