import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Formatter } from "wechatpay-axios-plugin";
import { expect, test } from "vitest";
import { createManualClock } from "../../kernel/time.ts";
import { recordingFetch } from "../wire/testing/recording.ts";
import { signedHeaders, wechatpayAccount } from "./testing/counterpart.ts";
import { createWechatpay } from "./index.ts";
import { parseTradeBill } from "./tradebill.ts";

const nowMs = Date.parse("2026-11-21T03:42:00Z");
const signal = new AbortController().signal;

const columns =
  "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
  "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率," +
  "订单金额,申请退款金额,费率备注";
const sale =
  "`2026-11-20 06:13:20,`wx0000000000000001,`1900000001,`0,`,`4200000000202611200000000001,`T1,`oTest,`JSAPI,`SUCCESS," +
  "`OTHERS,`CNY,`10.00,`0.00,`0,`0,`0.00,`0.00,`,`,`测试商品,`,`0.06000,`0.60%,`10.00,`0.00,`";
const refund =
  "`2026-11-20 07:00:00,`wx0000000000000001,`1900000001,`0,`,`4200000000202611200000000001,`T1,`oTest,`JSAPI,`REFUND," +
  "`OTHERS,`CNY,`0.00,`0.00,`50000000002026112000001,`R1,`4.00,`0.00,`ORIGINAL,`SUCCESS,`测试商品,`,`-0.02000,`0.60%,`0.00,`4.00,`";
const totals =
  "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n" +
  "`2.0,`10.00,`4.00,`0.00,`0.04,`10.00,`4.00\r\n";
const bill = `\uFEFF${[columns, sale, refund, totals].join("\r\n")}`;

const rows = [
  {
    kind: "payment",
    attemptNumber: "T1",
    channelTradeNumber: "4200000000202611200000000001",
    amountMinor: 1000n,
    feeMinor: 6n,
    currency: "CNY",
    state: "SUCCESS",
    at: Date.parse("2026-11-19T22:13:20Z"),
  },
  {
    kind: "refund",
    attemptNumber: "T1",
    refundNumber: "R1",
    channelTradeNumber: "4200000000202611200000000001",
    channelRefundNumber: "50000000002026112000001",
    amountMinor: 400n,
    feeMinor: -2n,
    currency: "CNY",
    state: "SUCCESS",
    at: Date.parse("2026-11-19T23:00:00Z"),
  },
];

const sha1 = (bytes: string | Buffer) => createHash("sha1").update(bytes).digest("hex");

/** Answers the first call with where the statement is, the second with the file, unsigned. */
function serving(file: Buffer, hash: string) {
  const { fetch, seen } = recordingFetch(({ url }) => {
    if (url.pathname === "/v3/billdownload/file") return new Response(new Uint8Array(file));
    const body = JSON.stringify({
      hash_type: "SHA1",
      hash_value: hash,
      download_url: "https://elsewhere.test/v3/billdownload/file?token=a%2Bb&tartype=gzip",
    });
    return new Response(body, { headers: signedHeaders(body, { nowMs }) });
  });
  return { plug: createWechatpay({ clock: createManualClock(nowMs), fetch }), seen };
}

test("reads the day's trades in fen, from our address, after comparing the hash", async () => {
  const { plug, seen } = serving(gzipSync(bill), sha1(bill));
  const answer = await plug.statement(wechatpayAccount(), "2026-11-20", signal);
  expect(answer).toEqual({ kind: "ok", value: { kind: "rows", rows, raw: Buffer.from(bill) } });
  expect(seen.map(({ url }) => url.href)).toEqual([
    "https://wechatpay.test/v3/bill/tradebill?bill_date=2026-11-20&bill_type=ALL&tar_type=GZIP",
    "https://wechatpay.test/v3/billdownload/file?token=a%2Bb&tartype=gzip",
  ]);
});

test("sees the same cells as the vendor's library", () => {
  const theirs: unknown = Formatter.castCsvBill(bill);
  expect(theirs).toMatchObject({
    rows: [
      { 商户订单号: "T1", 订单金额: "10.00" },
      { 商户退款单号: "R1", 申请退款金额: "4.00" },
    ],
    summary: { 总交易单数: "2.0" },
  });
  expect(parseTradeBill(bill)).toEqual({ kind: "rows", rows });
});

test("takes a file that was unpacked on the way, and a hash of the packed bytes", async () => {
  const plain = serving(Buffer.from(bill), sha1(bill)).plug;
  expect((await plain.statement(wechatpayAccount(), "2026-11-20", signal)).kind).toBe("ok");
  const packed = gzipSync(bill);
  const hashed = serving(packed, sha1(packed)).plug;
  expect((await hashed.statement(wechatpayAccount(), "2026-11-20", signal)).kind).toBe("ok");
});

test.each([
  ["differs from its hash", gzipSync(bill), sha1("other")],
  ["is broken", gzipSync(bill).subarray(0, 60), sha1(bill)],
])("a file that %s is not read", async (_name, file, hash) => {
  const answer = await serving(file, hash).plug.statement(wechatpayAccount(), "2026-11-20", signal);
  expect(answer.kind).toBe("unknown");
});

test.each([
  ["NO_STATEMENT_EXIST", { kind: "ok", value: { kind: "no_trades" } }],
  ["STATEMENT_CREATING", { kind: "ok", value: { kind: "not_ready", retryAfterMs: 1_800_000 } }],
  ["PARAM_ERROR", { kind: "refused", reason: "bad_request" }],
])("answers %s", async (code, expected) => {
  const { fetch } = recordingFetch(() => Response.json({ code, message: "" }, { status: 400 }));
  const plug = createWechatpay({ clock: createManualClock(nowMs), fetch });
  const answer = await plug.statement(wechatpayAccount(), "2026-11-20", signal);
  expect(answer).toMatchObject(expected);
});

test.each([
  ["a row is missing", (text: string) => text.replace(`${refund}\r\n`, ""), "fault"],
  [
    "an amount changes",
    (text: string) => text.replace("`10.00,`0.00,`\r", "`10.01,`0.00,`\r"),
    "fault",
  ],
  ["a part of a fen appears", (text: string) => text.replace("0.06000", "0.06100"), "fault"],
  ["the totals are missing", (text: string) => text.slice(0, text.indexOf("\r\n总")), "fault"],
  ["a time is none", (text: string) => text.replace("2026-11-20 06", "2026-11-31 06"), "fault"],
])("when %s, the parser answers", (_name, change, kind) => {
  expect(parseTradeBill(change(bill)).kind).toBe(kind);
});

test("finds columns by name, whatever their order", () => {
  const swap = (line: string, separator: string) => {
    const [first = "", ...rest] = line.split(separator);
    return [...rest, first];
  };
  const moved = [columns, sale, refund].map((line, index) =>
    index === 0 ? swap(line, ",").join(",") : `\`${swap(line.slice(1), ",`").join(",`")}`,
  );
  expect(parseTradeBill([...moved, totals].join("\r\n"))).toEqual({ kind: "rows", rows });
});
