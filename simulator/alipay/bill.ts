/**
 * The two files of a daily trade bill as Alipay writes them: remarks that start with `#`, a header,
 * rows whose texts end with a tab, totals in the closing remarks; refunds with negative amounts.
 */
import { newTransactionId } from "../actions.ts";
import type { Strikes } from "../faults.ts";
import { feeOf, fenToYuan } from "../money.ts";
import { beijingDay, beijingText, dayMs, parseBeijingDay } from "../times.ts";
import type { AlipayMerchant, Refund, Trade, World } from "../world.ts";
import { buyerLogonId } from "./views.ts";

/** One line: money in fen until it is printed, so that the totals are exact. */
export interface BillRow {
  /** When it was done: a day's bill has what was done on the day. */
  readonly at: number;
  readonly trade: Trade;
  readonly refund: Refund | undefined;
  /** Below zero for a refund. */
  readonly amountMinor: number;
  /** As printed: below zero when Alipay takes it, above when it goes back. */
  readonly feeMinor: number;
}

export interface BillHead {
  readonly account: string;
  readonly day: string;
  readonly madeAt: number;
}

export function billRows(world: World, merchant: AlipayMerchant, day: string): BillRow[] {
  const rows: BillRow[] = [];
  for (const trade of world.trades.values()) {
    if (trade.channel !== "alipay" || trade.merchantId !== merchant.id) continue;
    if (trade.paidAt === null) continue;
    const { paidAt: at, totalMinor } = trade;
    if (beijingDay(at) === day)
      rows.push({
        at,
        trade,
        refund: undefined,
        amountMinor: totalMinor,
        feeMinor: -feeOf(totalMinor),
      });
    for (const refund of world.refundsOf(trade)) {
      const row = refundRow(trade, refund);
      if (row !== undefined && beijingDay(row.at) === day) rows.push(row);
    }
  }
  return rows.toSorted((left, right) => left.at - right.at);
}

/** A refund that is under way, or that failed, has moved no money and is on no bill. */
function refundRow(trade: Trade, refund: Refund): BillRow | undefined {
  const { amountMinor, finishedAt: at, state } = refund;
  if (state !== "success" || at === null) return undefined;
  return { at, trade, refund, amountMinor: -amountMinor, feeMinor: feeOf(amountMinor) };
}

const header =
  "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";

/** 业务明细: one line for every payment and every refund. */
export function detailsFile(rows: readonly BillRow[], head: BillHead, strikes: Strikes): string {
  const sales = rows.filter(({ refund }) => refund === undefined);
  const refunds = rows.filter(({ refund }) => refund !== undefined);
  return linesOf([
    ...openingLines("业务明细", head),
    header,
    ...shownRows(rows, strikes).map(rowLine),
    "#-----------------------------------------业务明细列表结束------------------------------------",
    `#交易合计：${sales.length}笔，商家实收共${sumOf(sales)}元，商家优惠共0.00元`,
    `#退款合计：${refunds.length}笔，商家实收退款共${sumOf(refunds)}元，商家优惠退款共0.00元`,
    `#导出时间：[${chineseTime(head.madeAt)}]`,
  ]);
}

const summaryHeader =
  "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）";

/** 业务明细(汇总): the sums of every store; here all sales are made outside of stores. */
export function summaryFile(rows: readonly BillRow[], head: BillHead): string {
  const refundCount = rows.filter(({ refund }) => refund !== undefined).length;
  const feeMinor = rows.reduce((sum, row) => sum + row.feeMinor, 0);
  const amountMinor = rows.reduce((sum, row) => sum + row.amountMinor, 0);
  const sums = [
    rows.length - refundCount,
    refundCount,
    fenToYuan(amountMinor),
    fenToYuan(amountMinor),
    "0.00",
    "0.00",
    "0.00",
    fenToYuan(feeMinor),
    "0.00",
    fenToYuan(amountMinor + feeMinor),
  ].join(",");
  return linesOf([
    ...openingLines("业务汇总", head),
    summaryHeader,
    `\t,\t,${sums}`,
    `合计\t,\t,${sums}`,
    "#-----------------------------------------业务汇总列表结束------------------------------------",
    `#导出时间：[${chineseTime(head.madeAt)}]`,
  ]);
}

function openingLines(what: string, { account, day }: BillHead): string[] {
  const start = parseBeijingDay(day) ?? 0;
  const [from, to] = [chineseTime(start), chineseTime(start + dayMs)];
  return [
    `#支付宝${what}查询`,
    `#账号：[${account}]`,
    `#起始日期：[${from}]   终止日期：[${to}]`,
    `#-----------------------------------------${what}列表----------------------------------------`,
  ];
}

/** The rows as printed: faults change them, but never the totals, so a careful reader notices. */
function shownRows(rows: readonly BillRow[], strikes: Strikes): readonly BillRow[] {
  const [first] = rows;
  if (first === undefined) return rows;
  if (strikes.has("statement_row_missing")) return rows.slice(0, -1);
  if (strikes.has("statement_row_changed"))
    return [{ ...first, amountMinor: first.amountMinor + 100 }, ...rows.slice(1)];
  if (!strikes.has("statement_row_extra")) return rows;
  const number = `UNKNOWN${first.at}`;
  const transactionId = newTransactionId("alipay", first.at);
  return [...rows, { ...first, trade: { ...first.trade, number, transactionId } }];
}

function rowLine(row: BillRow): string {
  const { trade, refund } = row;
  const amount = fenToYuan(row.amountMinor);
  const cells = [
    text(trade.transactionId),
    text(trade.number),
    text(refund === undefined ? "交易" : "退款"),
    text(quoted(trade.subject)),
    // A script may have paid into the past, to before the trade was made.
    beijingText(Math.min(trade.createdAt, trade.paidAt ?? trade.createdAt)),
    beijingText(row.at),
    ...["", "", "", ""].map(text), // Store, its name, operator, terminal.
    text(buyerLogonId(trade.payerId)),
    amount,
    amount,
    ...["0.00", "0.00", "0.00", "0.00", "0.00"], // Nothing is paid with gifts and vouchers.
    text(""),
    ...["0.00", "0.00"],
    text(refund?.number ?? ""),
    fenToYuan(row.feeMinor),
    "0.00",
    text(refund?.reason === undefined ? "" : quoted(refund.reason)),
  ];
  return cells.join(",");
}

/** The tab keeps spreadsheets from taking 28 digits for a number. */
const text = (cell: string): string => `${cell}\t`;

function quoted(cell: string): string {
  const line = cell.replaceAll(/[\r\n\t]+/g, " ");
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}

const sumOf = (rows: readonly BillRow[]): string =>
  fenToYuan(rows.reduce((sum, row) => sum + row.amountMinor, 0));

const linesOf = (lines: readonly string[]): string => `${lines.join("\r\n")}\r\n`;

/** 1700000000000 -> "2023年11月15日 06:13:20" */
function chineseTime(at: number): string {
  const [year, month, rest] = beijingText(at).split("-");
  return `${year}年${month}月${rest?.replace(" ", "日 ")}`;
}
