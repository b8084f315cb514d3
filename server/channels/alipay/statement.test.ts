import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createManualClock, hourMs } from "../../kernel/time.ts";
import { recordingFetch } from "../wire/testing/recording.ts";
import { createAlipay } from "./index.ts";
import { alipayAccount, signedReply } from "./testing/counterpart.ts";
import { parseTradeBill } from "./tradebill.ts";
import { readZip } from "./zip.ts";

/** Written by Python's zipfile: one entry stored, one deflated, names in GBK. */
const archive = readFileSync(new URL("testing/bill.zip", import.meta.url));
const gbk = new TextDecoder("gb18030");
const bill = gbk.decode(readZip(archive, 100_000)?.[1]?.content);

const day = "2026-11-20";
const endOfDayMs = Date.parse("2026-11-21T00:00:00+08:00");
const signal = new AbortController().signal;
const method = "alipay.data.dataservice.bill.downloadurl.query";

const rows = [
  {
    kind: "payment",
    attemptNumber: "A20261120000001",
    channelTradeNumber: "2026112022001400000000000001",
    amountMinor: 1000n,
    feeMinor: 6n,
    currency: "CNY",
    state: "交易",
    at: Date.parse("2026-11-19T22:13:20Z"),
  },
  {
    kind: "refund",
    attemptNumber: "A20261120000001",
    refundNumber: "R1",
    channelTradeNumber: "2026112022001400000000000001",
    amountMinor: 400n,
    feeMinor: -2n,
    currency: "CNY",
    state: "退款",
    at: Date.parse("2026-11-19T23:00:00Z"),
  },
];

function serving(
  file: Buffer,
  node: unknown = { code: "10000", bill_download_url: "http://bills.test/f?token=1" },
) {
  const { fetch, seen } = recordingFetch(({ url }) =>
    url.host === "bills.test"
      ? new Response(new Uint8Array(file))
      : new Response(signedReply(method, JSON.stringify(node))),
  );
  const clock = createManualClock(endOfDayMs + 11 * hourMs);
  return { plug: createAlipay({ clock, fetch }), seen, clock };
}

test("reads the day's trades out of the archive, in fen and in real time", async () => {
  const { plug, seen } = serving(archive);
  const answer = await plug.statement(alipayAccount(), day, signal);
  expect(answer).toMatchObject({ kind: "ok", value: { kind: "rows", rows } });
  expect(seen.map(({ method: verb }) => verb)).toEqual(["POST", "GET"]);
  expect(seen[1]?.url.href).toBe("http://bills.test/f?token=1");
});

test.each(["isp.bill_not_exist", "BILL_NOT_EXIST"])(
  "takes %s for a day without trades only when the bill would be there",
  async (sub_code) => {
    const { plug, clock } = serving(archive, { code: "40004", sub_code });
    const answer = await plug.statement(alipayAccount(), day, signal);
    expect(answer).toEqual({ kind: "ok", value: { kind: "no_trades" } });
    clock.set(endOfDayMs + 9 * hourMs);
    const early = await plug.statement(alipayAccount(), day, signal);
    expect(early).toMatchObject({ kind: "ok", value: { kind: "not_ready" } });
  },
);

test("takes a wrong argument for a bill that is not made yet, and later for what it is", async () => {
  const node = { code: "40004", sub_code: "isv.invalid_arguments" };
  const { plug, clock } = serving(archive, node);
  const late = await plug.statement(alipayAccount(), day, signal);
  expect(late).toMatchObject({ kind: "refused", reason: "rejected" });
  clock.set(endOfDayMs - hourMs);
  const early = await plug.statement(alipayAccount(), day, signal);
  expect(early).toMatchObject({ kind: "ok", value: { kind: "not_ready" } });
});

test("refuses a day that is none", async () => {
  const answer = await serving(archive).plug.statement(alipayAccount(), "2026-02-30", signal);
  expect(answer).toMatchObject({ kind: "refused", reason: "bad_request" });
});

describe("a bill", () => {
  test.each([
    ["nothing changes", (text: string) => text, "rows"],
    ["a row is missing", (text: string) => text.replace(/\r\n[^\r]*退款\t[^\r]*/, ""), "fault"],
    [
      "a sale's amount changes",
      (text: string) => text.replace("10.00,10.00", "10.00,10.01"),
      "fault",
    ],
    ["the header is missing", (text: string) => text.replace("支付宝交易号", "交易号"), "fault"],
    ["the totals are missing", (text: string) => text.replace("#退款合计", "#"), "fault"],
    ["a kind of row is new", (text: string) => text.replace(",退款\t", ",转账\t"), "fault"],
    ["a part of a fen appears", (text: string) => text.replace("-0.06", "-0.061"), "fault"],
  ])("reads so when %s", (_name, change, kind) => {
    expect(parseTradeBill(change(bill)).kind).toBe(kind);
  });
});

describe("an archive", () => {
  test("names its entries and gives them whole", () => {
    const entries = readZip(archive, 100_000) ?? [];
    expect(entries.map(({ name }) => gbk.decode(name))).toEqual([
      "20880000000000010156_20261120_业务明细(汇总).csv",
      "20880000000000010156_20261120_业务明细.csv",
    ]);
  });

  test("that unpacks to more than is allowed is not read", () => {
    expect(readZip(archive, bill.length / 4)).toBeUndefined();
  });

  test("that is damaged anywhere is not read, or reads the same", () => {
    // Times, versions and comments do not matter to the content; everything else is noticed.
    const whole = readZip(archive, 100_000)?.map(({ content }) => content.toString("hex"));
    for (let at = 0; at < archive.length; at += 1) {
      const damaged = Buffer.from(archive);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      const entries = readZip(damaged, 100_000);
      if (entries === undefined) continue;
      expect(whole).toEqual(
        expect.arrayContaining(entries.map(({ content }) => content.toString("hex"))),
      );
    }
    for (let length = 0; length < archive.length; length += 7) {
      expect(readZip(archive.subarray(0, length), 100_000)).toBeUndefined();
    }
  });
});
