/** The daily statement of trades (tradebill, type ALL): asked for, then fetched under a token. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { createDownloads } from "../downloads.ts";
import { feeOf, feeRatePercent, fenToYuan } from "../money.ts";
import { beijingDay, beijingText, dayMs, parseBeijingDay } from "../times.ts";
import type { Refund, Trade, WechatMerchant, World } from "../world.ts";
import { ok, paramError, refuse } from "./answers.ts";
import type { WechatAnswer } from "./answers.ts";
import { createFieldReader } from "../fields.ts";
import { newTransactionId } from "../actions.ts";
import { tradeType } from "./trades.ts";
import type { WechatCall } from "./trades.ts";

/** Both bounds are published: a link lives five minutes, statements go back three months. */
const linkLifeMs = 5 * 60_000;
const daysBackMax = 92;

export interface Statements {
  request(call: WechatCall): WechatAnswer;
  file(merchant: WechatMerchant, token: string): Buffer | WechatAnswer;
}

export function createStatements(parts: {
  readonly world: World;
  readonly now: () => number;
}): Statements {
  const downloads = createDownloads(parts.now);

  return {
    request(call) {
      const now = parts.now();
      const fields = createFieldReader(call.query, "query");
      const day = fields.text("/bill_date", { required: true, check: issueOfDay(now) });
      fields.text("/bill_type", { allowed: ["ALL"] });
      const packing = fields.text("/tar_type", { allowed: ["GZIP"] });
      if (fields.problem !== undefined) return paramError(fields.problem);
      if (day === beijingDay(now))
        return refuse(400, "STATEMENT_CREATING", "账单生成中，请在次日10点后获取");
      const rows = rowsOf(parts.world, call.merchant, day);
      if (rows.length === 0) return refuse(400, "NO_STATEMENT_EXIST", "账单文件不存在");

      const text = fileOf(rows, call);
      const bytes = Buffer.from(text);
      // The hash is of the plain file, whatever the packing: so the provider's own sample checks.
      const hashed = call.strikes.has("statement_wrong_hash") ? `${text} ` : text;
      const isPacked = packing === "GZIP";
      const token = downloads.keep({
        merchantId: call.merchant.id,
        bytes: isPacked ? gzipSync(bytes) : bytes,
        usableUntil: now + linkLifeMs,
      });
      return ok({
        hash_type: "SHA1",
        hash_value: createHash("sha1").update(hashed).digest("hex"),
        download_url: `${call.baseUrl}/v3/billdownload/file?token=${token}${isPacked ? "&tartype=gzip" : ""}`,
      });
    },
    file(merchant, token) {
      const file = downloads.take(token);
      if (file === undefined || file.merchantId !== merchant.id)
        return refuse(400, "INVALID_REQUEST", "下载链接无效或已过期，请重新申请账单");
      return file.bytes;
    },
  };
}

function issueOfDay(now: number): (day: string) => string | undefined {
  return (day) => {
    const start = parseBeijingDay(day);
    if (start === undefined) return "is not a day such as 2023-11-15";
    if (start > now) return "lies in the future";
    return now - start > daysBackMax * dayMs ? "is more than three months ago" : undefined;
  };
}

/** One line: money in fen until it is printed, so that the totals are exact. */
interface Row {
  readonly at: number;
  readonly trade: Trade;
  readonly refund: Refund | undefined;
  readonly settledMinor: number;
  readonly refundedMinor: number;
  readonly feeMinor: number;
}

function rowsOf(world: World, merchant: WechatMerchant, day: string): Row[] {
  const rows: Row[] = [];
  for (const trade of world.trades.values()) {
    if (trade.channel !== "wechatpay" || trade.merchantId !== merchant.id) continue;
    if (trade.paidAt === null) continue;
    if (beijingDay(trade.paidAt) === day) rows.push(paymentRow(trade, trade.paidAt));
    for (const refund of world.refundsOf(trade))
      if (refund.state !== "closed" && beijingDay(refund.createdAt) === day)
        rows.push(refundRow(trade, refund));
  }
  return rows.toSorted((left, right) => left.at - right.at);
}

function paymentRow(trade: Trade, at: number): Row {
  const settledMinor = trade.totalMinor;
  return {
    at,
    trade,
    refund: undefined,
    settledMinor,
    refundedMinor: 0,
    feeMinor: feeOf(settledMinor),
  };
}

function refundRow(trade: Trade, refund: Refund): Row {
  const refundedMinor = refund.amountMinor;
  const feeMinor = -feeOf(refundedMinor);
  return { at: refund.createdAt, trade, refund, settledMinor: 0, refundedMinor, feeMinor };
}

const header =
  "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const summaryHeader =
  "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/** UTF-8 with a byte order mark, CRLF, a backtick before every cell, nothing quoted. */
function fileOf(rows: readonly Row[], call: WechatCall): string {
  const lines = [header, ...shownRows(rows, call).map(rowLine), summaryHeader, summaryLine(rows)];
  return `\ufeff${lines.join("\r\n")}\r\n`;
}

/** The rows as printed: faults change them, but never the totals, so a careful reader notices. */
function shownRows(rows: readonly Row[], { strikes }: WechatCall): readonly Row[] {
  const [first] = rows;
  if (first === undefined) return rows;
  if (strikes.has("statement_row_missing")) return rows.slice(0, -1);
  if (strikes.has("statement_row_changed")) {
    const changed =
      first.refund === undefined
        ? { ...first, settledMinor: first.settledMinor + 100 }
        : { ...first, refundedMinor: first.refundedMinor + 100 };
    return [changed, ...rows.slice(1)];
  }
  if (!strikes.has("statement_row_extra")) return rows;
  const number = `UNKNOWN${first.at}`;
  const transactionId = newTransactionId("wechatpay", first.at);
  return [...rows, { ...first, trade: { ...first.trade, number, transactionId } }];
}

/** The statement's words for the state of a refund are not the API's. */
const refundStates = {
  success: "SUCCESS",
  processing: "PROCESSING",
  abnormal: "CHANGE",
  closed: "FAIL",
};

function rowLine(row: Row): string {
  const { trade, refund } = row;
  const cells = [
    beijingText(row.at),
    trade.appId,
    trade.merchantId,
    "0",
    "",
    trade.transactionId,
    trade.number,
    trade.payerId,
    tradeType(trade),
    refund === undefined ? "SUCCESS" : "REFUND",
    "OTHERS",
    trade.currency,
    fenToYuan(row.settledMinor),
    "0.00",
    refund?.refundId ?? "0",
    refund?.number ?? "0",
    fenToYuan(row.refundedMinor),
    "0.00",
    refund === undefined ? "" : "ORIGINAL",
    refund === undefined ? "" : refundStates[refund.state],
    withoutCommas(trade.subject),
    withoutCommas(trade.attach),
    `${fenToYuan(row.feeMinor)}000`,
    `${feeRatePercent.toFixed(2)}%`,
    fenToYuan(row.settledMinor),
    fenToYuan(row.refundedMinor),
    "",
  ];
  return cells.map((cell) => `\`${cell}`).join(",");
}

function summaryLine(rows: readonly Row[]): string {
  const sum = (pick: (row: Row) => number): string =>
    fenToYuan(rows.reduce((total, row) => total + pick(row), 0));
  const settled = sum((row) => row.settledMinor);
  const refunded = sum((row) => row.refundedMinor);
  // The count is printed with a decimal, as in the files that the provider publishes.
  const count = `${rows.length}.0`;
  const fees = sum((row) => row.feeMinor);
  return [count, settled, refunded, "0.00", fees, settled, refunded]
    .map((cell) => `\`${cell}`)
    .join(",");
}

/** Nothing is quoted, so the provider takes commas and line ends out of merchants' texts. */
const withoutCommas = (text: string): string => text.replaceAll(/[,\r\n`]/g, " ");
