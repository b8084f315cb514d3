/**
 * The details of a daily trade bill: lines of remarks that start with `#`, a header, rows with tabs
 * at the ends of cells, and the totals in the closing remarks. Columns are found by name. Refunds
 * are written with negative amounts, fees from the merchant's purse: negative on a sale.
 */
import { decimalToMinor } from "../../kernel/money.ts";
import type { StatementRow } from "../../modules/payments/plug.ts";
import { parseBeijing } from "../wire/beijing.ts";

export type TradeBill =
  | { readonly kind: "rows"; readonly rows: readonly StatementRow[] }
  | { readonly kind: "fault"; readonly why: string };

/** A row, and what the merchant received of it, which is what the totals count. */
interface ReadRow {
  readonly row: StatementRow;
  readonly receivedMinor: bigint;
}

type Cell = (name: string) => string;

export function parseTradeBill(text: string): TradeBill {
  const lines = text.split(/\r?\n/);
  const headerAt = lines.findIndex((line) => line.startsWith("支付宝交易号"));
  if (headerAt === -1) return fault("the header is missing");
  const columns = splitLine(lines[headerAt] ?? "");

  const read: ReadRow[] = [];
  for (const [index, line] of lines.entries()) {
    if (index <= headerAt || line.startsWith("#") || line.trim() === "") continue;
    const cells = splitLine(line);
    const row = cells.length < columns.length ? undefined : rowOf(cellsOf(columns, cells));
    if (row === undefined)
      return fault(`line ${index + 1} has a cell that is missing or malformed`);
    read.push(row);
  }
  for (const kind of ["payment", "refund"] as const) {
    if (!fitsTotals(read, kind, lines)) return fault(`the rows do not add up: ${kind}`);
  }
  return { kind: "rows", rows: read.map(({ row }) => row) };
}

function rowOf(cell: Cell): ReadRow | undefined {
  const state = cell("业务类型");
  const attemptNumber = cell("商户订单号");
  const channelTradeNumber = cell("支付宝交易号");
  const at = parseBeijing(cell("完成时间"));
  const amountMinor = decimalToMinor(cell("订单金额（元）"));
  const receivedMinor = decimalToMinor(cell("商家实收（元）"));
  const paidFeeMinor = decimalToMinor(cell("服务费（元）"));
  if (at === undefined || attemptNumber === "" || channelTradeNumber === "") return undefined;
  if (amountMinor === undefined || receivedMinor === undefined) return undefined;
  if (paidFeeMinor === undefined) return undefined;
  const shared = {
    attemptNumber,
    channelTradeNumber,
    feeMinor: -paidFeeMinor,
    // Alipay's trade bill has one currency and does not name it.
    currency: "CNY",
    state,
    at,
  };
  if (state === "交易") return { row: { kind: "payment", ...shared, amountMinor }, receivedMinor };
  const refundNumber = cell("退款批次号/请求号");
  if (state !== "退款" || refundNumber === "") return undefined;
  const refundedMinor = -amountMinor;
  return {
    row: { kind: "refund", ...shared, refundNumber, amountMinor: refundedMinor },
    receivedMinor,
  };
}

/** The download has no hash: the file's own counts and sums say whether all of it is there. */
function fitsTotals(
  read: readonly ReadRow[],
  kind: StatementRow["kind"],
  lines: readonly string[],
): boolean {
  const pattern =
    kind === "payment"
      ? /^#交易合计：(\d+)笔，商家实收共(-?[\d.]+)元/
      : /^#退款合计：(\d+)笔，商家实收退款共(-?[\d.]+)元/;
  const told = lines.map((line) => pattern.exec(line)).find((match) => match !== null);
  const rows = read.filter(({ row }) => row.kind === kind);
  const receivedMinor = rows.reduce((sum, { receivedMinor: one }) => sum + one, 0n);
  return (
    Number(told?.[1] ?? Number.NaN) === rows.length &&
    decimalToMinor(told?.[2] ?? "") === receivedMinor
  );
}

function cellsOf(columns: readonly string[], cells: readonly string[]): Cell {
  return (name) => cells[columns.indexOf(name)] ?? "";
}

/**
 * Cells are trimmed of Alipay's tabs; quotes are read as CSV has them (RFC 4180), if ever there.
 */
function splitLine(line: string): string[] {
  const cells = line.match(/(?:^|,)(?:[ \t]*"(?:[^"]|"")*"[ \t]*|[^,]*)/g) ?? [];
  return cells.map((cell, index) => {
    const text = (index === 0 ? cell : cell.slice(1)).trim();
    const isQuoted = text.length > 1 && text.startsWith('"') && text.endsWith('"');
    return isQuoted ? text.slice(1, -1).replaceAll('""', '"').trim() : text;
  });
}

function fault(why: string): TradeBill {
  return { kind: "fault", why };
}
