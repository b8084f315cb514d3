/** The trade and refund calls of Alipay: fields in, rules of the trade, fields out. */
import type { Actions } from "../actions.ts";
import type { Strikes } from "../faults.ts";
import { createFieldReader } from "../fields.ts";
import type { FieldReader } from "../fields.ts";
import { fenToYuan, yuanToFen } from "../money.ts";
import { randomHex } from "../random.ts";
import { beijingDay, beijingText, dayMs, parseBeijingDay, parseBeijingText } from "../times.ts";
import { decideClose, decideRefund } from "../trades.ts";
import { refundKey, sumMinor, tradeKey } from "../world.ts";
import type { AlipayMerchant, Refund, Trade, TradeMethod, World } from "../world.ts";
import { ok, refuse } from "./answers.ts";
import type { AlipayNode } from "./answers.ts";
import type { Params } from "./signature.ts";
import { buyerLogonId, tradeStatus } from "./views.ts";

export interface TradeParts {
  readonly world: World;
  readonly actions: Actions;
  readonly now: () => number;
}

/** One verified call. */
export interface AlipayCall {
  readonly merchant: AlipayMerchant;
  /** The public parameters, signature and all. */
  readonly params: Params;
  readonly content: object;
  readonly strikes: Strikes;
  /** Where this world is reached, for the addresses that it gives out. */
  readonly baseUrl: string;
}

export type AlipayMethod = Extract<TradeMethod, "precreate" | "page" | "wap">;

const productCodes: Readonly<Record<AlipayMethod, readonly string[]>> = {
  precreate: ["FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE"],
  page: ["FAST_INSTANT_TRADE_PAY"],
  wap: ["QUICK_WAP_WAY"],
};

const payableForMsUsual = 15 * dayMs;
const qrCodeLifeMsUsual = 2 * 3_600_000;

export type Prepared =
  | { readonly kind: "prepared"; readonly trade: Trade; readonly page: string }
  | { readonly kind: "refused"; readonly node: AlipayNode };

/** A code or page for the payer. Until somebody opens it, Alipay knows of no trade. */
export async function prepare(
  parts: TradeParts,
  call: AlipayCall,
  method: AlipayMethod,
): Promise<Prepared> {
  const now = parts.now();
  const fields = createFieldReader(call.content, "body");
  const asked = readTrade(fields, call, method, now);
  const codeLife = fields.text("/qr_code_timeout_express", { check: issueOfTimeout });
  if (fields.problem !== undefined) return { kind: "refused", node: invalidField(fields) };

  const existing = parts.actions.trade(tradeKey(asked));
  const refusal = existing === undefined ? undefined : whyNotAgain(existing, asked);
  if (refusal !== undefined) return { kind: "refused", node: refusal };
  const isGone = existing?.state === "closed"; // Expired without ever having been opened.
  if (existing === undefined || isGone) parts.world.trades.put(asked);
  const trade = existing === undefined || isGone ? asked : existing;

  const id = randomHex(24).toLowerCase();
  const lifeMs = codeLife === "" ? qrCodeLifeMsUsual : timeoutMs(codeLife, now);
  const usableUntil = method === "precreate" ? now + lifeMs : trade.expiresAt;
  parts.world.sessions.put({ id, tradeKey: tradeKey(trade), usableUntil });
  if (call.strikes.has("notice_before_reply"))
    await parts.actions.pay(parts.actions.open(trade), { atOnce: true }).told;
  return { kind: "prepared", trade, page: `${call.baseUrl}/pay/alipay/${id}` };
}

function whyNotAgain(existing: Trade, asked: Trade): AlipayNode | undefined {
  if (existing.state === "paid") return refuse("ACQ.TRADE_HAS_SUCCESS", "交易已被支付");
  if (existing.state === "closed" && existing.transactionId !== "")
    return refuse("ACQ.TRADE_HAS_CLOSE", "交易已经关闭");
  if (existing.state !== "closed" && existing.fingerprint !== asked.fingerprint)
    return refuse("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改");
  return undefined;
}

function readTrade(
  fields: FieldReader,
  call: AlipayCall,
  method: AlipayMethod,
  now: number,
): Trade {
  const { merchant, params } = call;
  const number = fields.text("/out_trade_no", {
    required: true,
    charactersMax: 64,
    pattern: /^\w+$/,
  });
  const amount = fields.text("/total_amount", { required: true, check: issueOfAmount });
  // The provider forbids the characters that would confuse its own signed text.
  const subject = fields.text("/subject", {
    required: true,
    charactersMax: 256,
    pattern: /^[^/=&]*$/,
  });
  const detail = fields.text("/body", { charactersMax: 128 });
  const attach = fields.text("/passback_params", { charactersMax: 512 });
  fields.text("/product_code", {
    required: method !== "precreate",
    allowed: productCodes[method],
  });
  fields.text("/seller_id", {
    check: (text) => (text === merchant.id ? undefined : "is not this seller"),
  });
  return {
    channel: "alipay",
    merchantId: merchant.id,
    appId: merchant.appId,
    number,
    method,
    state: "prepared",
    totalMinor: yuanToFen(amount) ?? 0,
    currency: "CNY",
    subject,
    attach,
    noticeUrl: params.notify_url ?? "",
    returnUrl: params.return_url ?? "",
    payerId: "",
    fingerprint: JSON.stringify([method, amount, subject, detail, attach]),
    transactionId: "",
    createdAt: now,
    expiresAt: readExpiry(fields, now),
    paidAt: null,
    closedAt: null,
    declineCount: 0,
    refundKeys: [],
  };
}

const issueOfAmount = (text: string): string | undefined =>
  yuanToFen(text) === undefined ? "is not yuan with at most two decimals, above zero" : undefined;

function readExpiry(fields: FieldReader, now: number): number {
  const timeExpire = fields.text("/time_expire", {
    check: (text) => {
      const at = parseBeijingText(text);
      if (at === undefined) return "is not a time such as 2023-11-15 06:43:20";
      return at > now ? undefined : "is in the past";
    },
  });
  const express = fields.text("/timeout_express", { check: issueOfTimeout });
  const absolute = parseBeijingText(timeExpire);
  if (absolute !== undefined) return absolute;
  return now + (express === "" ? payableForMsUsual : timeoutMs(express, now));
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: dayMs };

function issueOfTimeout(text: string): string | undefined {
  if (text === "1c") return undefined;
  const isRight = /^[1-9]\d{0,5}[mhd]$/.test(text) && timeoutMs(text, 0) <= 15 * dayMs;
  return isRight ? undefined : "is not 1m to 15d, or 1c";
}

/** "90m", "2h", "1d"; "1c" is the end of the current day, whenever the trade began. */
function timeoutMs(text: string, now: number): number {
  if (text === "1c") return (parseBeijingDay(beijingDay(now)) ?? now) + dayMs - now;
  return Number(text.slice(0, -1)) * (units[text.slice(-1)] ?? 0);
}

export function queryTrade(parts: TradeParts, call: AlipayCall): AlipayNode {
  const trade = findTrade(parts, call);
  if (trade === undefined) return unknownTrade;
  const total = fenToYuan(trade.totalMinor);
  const status = tradeStatus(trade, parts.world.refundsOf(trade));
  const base = {
    trade_no: trade.transactionId,
    out_trade_no: trade.number,
    trade_status: status,
    total_amount: total,
  };
  if (trade.paidAt === null)
    return ok({ ...base, receipt_amount: "0.00", buyer_pay_amount: "0.00", point_amount: "0.00" });
  return ok({
    ...base,
    buyer_logon_id: buyerLogonId(trade.payerId),
    buyer_user_id: trade.payerId,
    receipt_amount: total,
    buyer_pay_amount: total,
    invoice_amount: total,
    point_amount: "0.00",
    send_pay_date: beijingText(trade.paidAt),
    fund_bill_list: [{ amount: total, fund_channel: "ALIPAYACCOUNT" }],
  });
}

const unknownTrade = refuse("ACQ.TRADE_NOT_EXIST", "交易不存在");

/** By either number; a trade that nobody has opened does not exist. */
function findTrade(parts: TradeParts, call: AlipayCall): Trade | undefined {
  const fields = createFieldReader(call.content, "body");
  const transactionId = fields.text("/trade_no");
  const number = fields.text("/out_trade_no");
  const merchantId = call.merchant.id;
  const trade =
    transactionId === ""
      ? parts.actions.trade(tradeKey({ channel: "alipay", merchantId, number }))
      : parts.world.tradeByTransaction("alipay", transactionId);
  if (trade === undefined || trade.merchantId !== merchantId) return undefined;
  return trade.transactionId === "" ? undefined : trade;
}

export function closeTrade(parts: TradeParts, call: AlipayCall): AlipayNode {
  const trade = findTrade(parts, call);
  if (trade === undefined) return unknownTrade;
  const outcome = decideClose(trade, parts.now());
  if (outcome.kind !== "closed") return refuse("ACQ.TRADE_STATUS_ERROR", "交易状态不合法");
  parts.world.trades.put(outcome.trade);
  return ok({ trade_no: trade.transactionId, out_trade_no: trade.number });
}

export async function refundTrade(parts: TradeParts, call: AlipayCall): Promise<AlipayNode> {
  const fields = createFieldReader(call.content, "body");
  const amount = fields.text("/refund_amount", { required: true, check: issueOfAmount });
  const reason = fields.text("/refund_reason", { charactersMax: 256 });
  const askedNumber = fields.text("/out_request_no", { charactersMax: 64 });
  if (fields.problem !== undefined) return invalidField(fields);
  const trade = findTrade(parts, call);
  if (trade === undefined) return unknownTrade;
  const amountMinor = yuanToFen(amount) ?? 0;
  if (askedNumber === "" && amountMinor !== trade.totalMinor)
    return refuse("ACQ.INVALID_PARAMETER", "部分退款必须传入out_request_no");

  const number = askedNumber === "" ? trade.number : askedNumber;
  const key = refundKey({ ...trade, tradeNumber: trade.number, number });
  const refunds = parts.world.refundsOf(trade);
  const request = { amountMinor, totalMinor: trade.totalMinor, now: parts.now() };
  const outcome = decideRefund(trade, refunds, parts.world.refunds.get(key), request);
  switch (outcome.kind) {
    case "repeated":
      return refundReply(parts, trade, outcome.refund, false);
    case "number_reused":
      return refuse("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致");
    case "not_paid":
      return refuse("ACQ.TRADE_STATUS_ERROR", "交易状态不合法");
    case "window_over":
      return refuse("ACQ.TRADE_HAS_FINISHED", "交易已经完结");
    case "exceeds_total":
    case "total_differs":
      return refuse("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限");
    case "too_many":
      return refuse("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款次数超限");
    case "accepted": {
      const { noticeUrl } = trade;
      const asked = { number, amountMinor, reason, noticeUrl };
      const refund = await parts.actions.acceptRefund(trade, asked, call.strikes);
      const moved = refund.state === "success" && !call.strikes.has("fund_change_n");
      return refundReply(parts, trade, refund, moved);
    }
  }
}

/** `refund_fee` is all that has gone back so far; `fund_change` is about this call alone. */
function refundReply(parts: TradeParts, before: Trade, refund: Refund, moved: boolean): AlipayNode {
  const trade = parts.world.trades.get(tradeKey(before)) ?? before;
  const refundedMinor = sumMinor(parts.world.refundsOf(trade), ["success"]);
  return ok({
    trade_no: trade.transactionId,
    out_trade_no: trade.number,
    buyer_logon_id: buyerLogonId(trade.payerId),
    buyer_user_id: trade.payerId,
    fund_change: moved ? "Y" : "N",
    refund_fee: fenToYuan(refundedMinor),
    send_back_fee: moved ? fenToYuan(refund.amountMinor) : "0.00",
    ...(refund.finishedAt === null ? {} : { gmt_refund_pay: beijingText(refund.finishedAt) }),
  });
}

/** No `refund_status` means not yet, not ever, or never asked; the provider does not say. */
export function queryRefund(parts: TradeParts, call: AlipayCall): AlipayNode {
  const fields = createFieldReader(call.content, "body");
  const number = fields.text("/out_request_no", { required: true, charactersMax: 64 });
  if (fields.problem !== undefined) return invalidField(fields);
  const trade = findTrade(parts, call);
  if (trade === undefined) return unknownTrade;
  const key = refundKey({ ...trade, tradeNumber: trade.number, number });
  const refund = parts.world.refunds.get(key);
  if (refund === undefined) return ok({});
  const isTold = refund.state === "success" && !call.strikes.has("missing_refund_status");
  return ok({
    trade_no: trade.transactionId,
    out_trade_no: trade.number,
    out_request_no: refund.number,
    total_amount: fenToYuan(trade.totalMinor),
    refund_amount: fenToYuan(refund.amountMinor),
    ...(isTold ? { refund_status: "REFUND_SUCCESS" } : {}),
    ...(isTold && asksForTime(call) ? { gmt_refund_pay: beijingText(refund.finishedAt ?? 0) } : {}),
  });
}

function asksForTime(call: AlipayCall): boolean {
  const options: unknown = Reflect.get(call.content, "query_options");
  return Array.isArray(options) && options.includes("gmt_refund_pay");
}

function invalidField(fields: FieldReader): AlipayNode {
  const { field = "", issue = "" } = fields.problem ?? {};
  return refuse("ACQ.INVALID_PARAMETER", `参数无效: ${field.slice(1)} ${issue}`);
}
