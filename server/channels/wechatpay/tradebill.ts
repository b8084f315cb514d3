/**
 * The file of the daily trade bill: a header line, rows whose every cell starts with a backtick,
 * the header of the totals and one row of totals. Cells hold no commas of their own. Columns are
 * found by name: their order and number changed over the years, and both layouts are still handed
 * out.
 */
import { decimalToMinor } from "../../kernel/money.ts";
import type { StatementRow } from "../../modules/payments/plug.ts";
import { parseBeijing } from "../wire/beijing.ts";

export type TradeBill =
  | { readonly kind: "rows"; readonly rows: readonly StatementRow[] }
  | { readonly kind: "fault"; readonly why: string };

type Cell = (...names: readonly string[]) => string | undefined;

export function parseTradeBill(text: string): TradeBill {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const columns = (lines[0] ?? "").split(",");
  const end = lines.findIndex((line, index) => index > 0 && !line.startsWith("`"));
  if (end === -1) return fault("the totals are missing");

  const rows: StatementRow[] = [];
  for (const [index, line] of lines.slice(1, end).entries()) {
    const row = rowOf(cellsOf(columns, line));
    if (row === undefined)
      return fault(`line ${index + 2} has a cell that is missing or malformed`);
    rows.push(row);
  }
  const totals = cellsOf((lines[end] ?? "").split(","), lines[end + 1] ?? "");
  if (!fitsTotals(rows, totals)) return fault("the rows do not add up to the totals");
  return { kind: "rows", rows };
}

function cellsOf(columns: readonly string[], line: string): Cell {
  const cells = line.slice(1).split(",`");
  return (...names) => {
    const name = names.find((one) => columns.includes(one));
    return name === undefined ? undefined : cells[columns.indexOf(name)];
  };
}

/** Later names are those of the older layout. */
function rowOf(cell: Cell): StatementRow | undefined {
  const state = cell("交易状态");
  const at = parseBeijing(cell("交易时间") ?? "");
  const channelTradeNumber = cell("微信订单号");
  const attemptNumber = cell("商户订单号");
  const currency = cell("货币种类");
  const feeMinor = exactMinor(cell("手续费"));
  if (at === undefined || feeMinor === undefined) return undefined;
  if (!state || !channelTradeNumber || !attemptNumber || !currency) return undefined;
  const shared = { attemptNumber, channelTradeNumber, feeMinor, currency, at };

  if (state === "SUCCESS") {
    const amountMinor = exactMinor(cell("订单金额", "总金额"));
    return amountMinor === undefined
      ? undefined
      : { kind: "payment", ...shared, amountMinor, state };
  }
  // REFUND, and REVOKED for a code payment that was taken back.
  const amountMinor = exactMinor(cell("申请退款金额", "退款金额"));
  const refundNumber = cell("商户退款单号");
  const channelRefundNumber = cell("微信退款单号");
  if (amountMinor === undefined || !refundNumber || !channelRefundNumber) return undefined;
  return {
    kind: "refund",
    ...shared,
    refundNumber,
    channelRefundNumber,
    amountMinor,
    state: cell("退款状态") || state,
  };
}

/** Guards against a file that was cut off or put together wrongly before its hash was taken. */
function fitsTotals(rows: readonly StatementRow[], totals: Cell): boolean {
  // The count is printed as "45" or as "45.0".
  if (Number(totals("总交易单数") ?? Number.NaN) !== rows.length) return false;
  const paid = sum(rows.filter((row) => row.kind === "payment"));
  const refunded = sum(rows.filter((row) => row.kind === "refund"));
  const told = { paid: totals("订单总金额", "总交易额"), refunded: totals("申请退款总金额") };
  if (told.paid !== undefined && exactMinor(told.paid) !== paid) return false;
  return told.refunded === undefined || exactMinor(told.refunded) === refunded;
}

function sum(rows: readonly StatementRow[]): bigint {
  return rows.reduce((total, row) => total + row.amountMinor, 0n);
}

/** "0.06000" -> 6n. A part of a fen would be an error of the file: money is never rounded here. */
function exactMinor(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  return decimalToMinor(text.replace(/^(-?\d+\.\d\d)0+$/, "$1"));
}

function fault(why: string): TradeBill {
  return { kind: "fault", why };
}
