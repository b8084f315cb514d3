import { inflateRawSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AlipayAccountView } from "../control.ts";
import { createSimulator } from "../index.ts";
import type { Simulator } from "../index.ts";
import { judgeAlipay } from "../test/judges.ts";
import type { AlipayJudge } from "../test/judges.ts";
import { beijingDay, dayMs } from "../times.ts";

const reader = new TextDecoder("gbk");
let simulator: Simulator;
let account: AlipayAccountView;
let judge: AlipayJudge;
let baseUrl: string;

beforeAll(async () => {
  simulator = await createSimulator({ speed: 1e-6 });
  baseUrl = await simulator.listen();
  account = await simulator.control.createAlipayMerchant({ sellerId: "2088000000000001" });
  judge = judgeAlipay(account, baseUrl);
});
beforeEach(() => simulator.control.reset());
afterAll(() => simulator.close());

const yesterday = beijingDay(Date.now() - dayMs);
const noon = Date.parse(`${yesterday}T12:00:00+08:00`);
const ask = (bill_date: string, bill_type = "trade") =>
  judge.call("alipay.data.dataservice.bill.downloadurl.query", { bill_type, bill_date });

async function paid(number: string, yuan: string, subject = "茶") {
  await judge.call("alipay.trade.precreate", {
    out_trade_no: number,
    total_amount: yuan,
    subject,
  });
  simulator.control.pay(number, { at: noon, payerId: "2088123412341234" });
}

async function refunded(number: string, request: string, yuan: string) {
  simulator.control.faults.add({ kind: "refund_processing" });
  await judge.call("alipay.trade.refund", {
    out_trade_no: number,
    out_request_no: request,
    refund_amount: yuan,
  });
  simulator.control.setRefundState(request, "success", { at: noon + 3_600_000 });
}

/** The entries as a reader finds them who goes from one local header to the next. */
function unpacked(archive: Buffer): { name: string; text: string }[] {
  const entries = [];
  for (let at = 0; archive.readUInt32LE(at) === 0x04034b50;) {
    const packedLength = archive.readUInt32LE(at + 18);
    const nameLength = archive.readUInt16LE(at + 26);
    const start = at + 30 + nameLength;
    const packed = archive.subarray(start, start + packedLength);
    const name = reader.decode(archive.subarray(at + 30, start));
    entries.push({ name, text: reader.decode(inflateRawSync(packed)) });
    at = start + packedLength;
  }
  return entries;
}

async function bill() {
  const { bill_download_url: url } = await ask(yesterday);
  const file = await fetch(String(url));
  expect(file.status).toBe(200);
  return { url: String(url), entries: unpacked(Buffer.from(await file.arrayBuffer())) };
}

test("a day's bill is an archive of details and their sums, in GBK", async () => {
  await paid("B1", "10.00", "茶, 大杯 🍵");
  await refunded("B1", "R1", "4.00");
  const { url, entries } = await bill();
  const digits = yesterday.replaceAll("-", "");
  expect(url).toContain(`downloadFileName=2088000000000001_${digits}.csv.zip`);
  const [details, sums] = entries;
  expect(details?.name).toBe(`20880000000000010156_${digits}_业务明细.csv`);
  expect(sums?.name).toBe(`20880000000000010156_${digits}_业务明细(汇总).csv`);

  const lines = details?.text.split("\r\n") ?? [];
  expect(lines.slice(0, 2)).toEqual(["#支付宝业务明细查询", "#账号：[20880000000000010156]"]);
  const [year, month, day] = yesterday.split("-");
  expect(lines[2]).toContain(`起始日期：[${year}年${month}月${day}日 00:00:00]`);
  expect(lines[4]).toMatch(/^支付宝交易号,商户订单号,业务类型,.*,服务费（元）,分润（元）,备注$/);
  const { transactionId } = simulator.control.trades()[0] ?? {};
  const payer = "208******34\t";
  expect(lines[5]).toMatch(
    new RegExp(`^${transactionId}\\t,B1\\t,交易\\t,"茶, 大杯 \\?"\\t,.*${yesterday} 12:00:00,`),
  );
  expect(
    lines[5]?.endsWith(`${payer},10.00,10.00,${"0.00,".repeat(5)}\t,0.00,0.00,\t,-0.06,0.00,\t`),
  ).toBe(true);
  expect(lines[6]).toContain(`,退款\t,`);
  expect(
    lines[6]?.endsWith(`${payer},-4.00,-4.00,${"0.00,".repeat(5)}\t,0.00,0.00,R1\t,0.02,0.00,\t`),
  ).toBe(true);
  expect(lines.slice(8, 10)).toEqual([
    "#交易合计：1笔，商家实收共10.00元，商家优惠共0.00元",
    "#退款合计：1笔，商家实收退款共-4.00元，商家优惠退款共0.00元",
  ]);
  expect(lines.slice(11)).toEqual([""]);
  expect(sums?.text).toContain("合计\t,\t,1,1,6.00,6.00,0.00,0.00,0.00,-0.04,0.00,5.96\r\n");
});

test("a refund that is under way or failed is on no bill", async () => {
  await paid("B1", "10.00");
  for (const [request, state] of [
    ["R1", "processing"],
    ["R2", "abnormal"],
    ["R3", "closed"],
  ] as const) {
    await refunded("B1", request, "1.00");
    simulator.control.setRefundState(request, state, { at: noon });
  }
  const { entries } = await bill();
  expect(entries[0]?.text).toContain("#退款合计：0笔，商家实收退款共0.00元");
  expect(entries[0]?.text).not.toContain("退款\t");
});

test("a bill that is not there, or cannot be, is refused as such", async () => {
  await paid("B1", "10.00");
  expect(await ask("2026-02-30")).toMatchObject({
    code: "40004",
    sub_code: "isv.invalid_arguments",
  });
  expect(await ask(beijingDay(Date.now()))).toMatchObject({ sub_code: "isv.invalid_arguments" });
  expect(await ask(yesterday, "signcustomer")).toMatchObject({ sub_code: "isv.invalid_arguments" });
  const idle = beijingDay(Date.now() - 2 * dayMs);
  expect(await ask(idle)).toMatchObject({ code: "40004", sub_code: "isp.bill_not_exist" });
});

test("an address with another token leads to no file", async () => {
  await paid("B1", "10.00");
  const { url } = await bill();
  expect((await fetch(`${url}0`)).status).toBe(403);
  expect((await fetch(`${baseUrl}/downloadBillFile.resource`)).status).toBe(403);
});
