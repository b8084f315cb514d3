/** The trade and refund calls of WeChat Pay APIv3: fields in, rules of the trade, fields out. */
import type { Actions } from "../actions.ts";
import type { Strikes } from "../faults.ts";
import { createFieldReader } from "../fields.ts";
import type { FieldReader } from "../fields.ts";
import { randomHex } from "../random.ts";
import { beijingRfc3339, dayMs, parseRfc3339 } from "../times.ts";
import { decideClose, decideRefund } from "../trades.ts";
import { tradeKey } from "../world.ts";
import type { Refund, Trade, TradeMethod, WechatMerchant, World } from "../world.ts";
import { ok, paramError, refuse } from "./answers.ts";
import type { WechatAnswer } from "./answers.ts";

export interface TradeParts {
  readonly world: World;
  readonly actions: Actions;
  readonly now: () => number;
}

/** One verified call. */
export interface WechatCall {
  readonly merchant: WechatMerchant;
  readonly body: unknown;
  readonly query: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, string>>;
  readonly strikes: Strikes;
  /** Where this world is reached, for the addresses that it gives out. */
  readonly baseUrl: string;
}

export const prepayMethods = ["jsapi", "native", "h5", "app"] as const;
export type PrepayMethod = (typeof prepayMethods)[number];

const prepayLifeMs = 2 * 3_600_000;
const h5LifeMs = 5 * 60_000;
const payableForMsUsual = 7 * dayMs;
/** A hundred million yuan: far above any real limit, far below what a number loses. */
const amountMax = 10_000_000_000;

const numberRule = {
  required: true,
  charactersMin: 6,
  charactersMax: 32,
  pattern: /^[0-9A-Za-z_\-|*]+$/,
};

export async function prepay(
  parts: TradeParts,
  call: WechatCall,
  method: PrepayMethod,
): Promise<WechatAnswer> {
  const fields = createFieldReader(call.body, "body");
  const asked = readPrepay(fields, call.merchant, method, parts.now());
  if (fields.problem !== undefined) return paramError(fields.problem);
  if (asked.appId !== call.merchant.appId)
    return refuse(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配");

  const existing = parts.actions.trade(tradeKey(asked));
  if (existing !== undefined) {
    if (existing.state === "paid") return refuse(400, "ORDER_PAID", "该订单已支付");
    if (existing.state === "closed") return refuse(400, "ORDER_CLOSED", "该订单已关闭");
    if (existing.fingerprint !== asked.fingerprint)
      return refuse(403, "OUT_TRADE_NO_USED", "商户订单号重复: 同一单号的参数与之前不一致");
  } else {
    parts.world.trades.put(asked);
  }

  const sessionId = `wx${randomHex(30).toLowerCase()}`;
  const usableUntil = parts.now() + (method === "h5" ? h5LifeMs : prepayLifeMs);
  parts.world.sessions.put({ id: sessionId, tradeKey: tradeKey(asked), usableUntil });
  if (call.strikes.has("notice_before_reply"))
    await parts.actions.pay(existing ?? asked, { atOnce: true }).told;
  return ok(prepayReply(method, sessionId, call.baseUrl));
}

function readPrepay(
  fields: FieldReader,
  merchant: WechatMerchant,
  method: PrepayMethod,
  now: number,
): Trade {
  const appId = fields.text("/appid", { required: true, charactersMax: 32 });
  fields.text("/mchid", { required: true, check: sameMchid(merchant) });
  const subject = fields.text("/description", { required: true, charactersMax: 127 });
  const number = fields.text("/out_trade_no", numberRule);
  const timeExpire = fields.text("/time_expire", { check: issueOfExpiry(now) });
  const attach = fields.text("/attach", { charactersMax: 128 });
  const noticeUrl = fields.text("/notify_url", {
    required: true,
    charactersMax: 255,
    check: issueOfNoticeUrl,
  });
  fields.text("/goods_tag", { charactersMax: 32 });
  const totalMinor = fields.integer("/amount/total", { required: true, min: 1, max: amountMax });
  const currency = fields.text("/amount/currency", { allowed: ["CNY"] }) || "CNY";
  const isJsapi = method === "jsapi";
  const payerId = fields.text("/payer/openid", { required: isJsapi, charactersMax: 128 });
  fields.text("/scene_info/payer_client_ip", { required: method === "h5", charactersMax: 45 });
  fields.text("/scene_info/h5_info/type", { required: method === "h5", charactersMax: 32 });
  const content = [method, appId, subject, totalMinor, currency, payerId, attach, noticeUrl];
  return {
    channel: "wechatpay",
    merchantId: merchant.id,
    appId,
    number,
    method,
    state: "unpaid",
    totalMinor,
    currency,
    subject,
    attach,
    noticeUrl,
    returnUrl: "",
    payerId: isJsapi ? payerId : "",
    fingerprint: JSON.stringify(content),
    transactionId: "",
    createdAt: now,
    expiresAt: parseRfc3339(timeExpire) ?? now + payableForMsUsual,
    paidAt: null,
    closedAt: null,
    declineCount: 0,
    refundKeys: [],
  };
}

function sameMchid(merchant: WechatMerchant): (text: string) => string | undefined {
  return (text) =>
    text === merchant.id ? undefined : `is not the mchid that signed, ${merchant.id}`;
}

function issueOfExpiry(now: number): (text: string) => string | undefined {
  return (text) => {
    const at = parseRfc3339(text);
    if (at === undefined) return "is not an RFC 3339 time such as 2023-11-15T06:43:20+08:00";
    return at > now ? undefined : "is in the past";
  };
}

/**
 * The provider calls back over https, without a query. Plain http is taken only for this machine,
 * where a world that is played on one laptop has its merchants.
 */
function issueOfNoticeUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return "is not a URL";
  const url = new URL(text);
  if (url.search !== "" || text.includes("?")) return "has a query string";
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && isLocal)) return undefined;
  return "is not https";
}

/** The real links open WeChat; these open this world's pay page, which plays WeChat. */
function prepayReply(method: PrepayMethod, sessionId: string, baseUrl: string): object {
  const page = `${baseUrl}/pay/wechat/${sessionId}`;
  if (method === "native") return { code_url: page };
  if (method === "h5") return { h5_url: page };
  return { prepay_id: sessionId };
}

export function queryTrade(parts: TradeParts, call: WechatCall): WechatAnswer {
  const fields = createFieldReader(call.query, "query");
  fields.text("/mchid", { required: true, check: sameMchid(call.merchant) });
  if (fields.problem !== undefined) return paramError(fields.problem);
  const trade = findTrade(parts, call.merchant, {
    number: call.params.out_trade_no ?? "",
    transactionId: call.params.transaction_id ?? "",
  });
  if (trade === undefined) return refuse(404, "ORDER_NOT_EXIST", "订单不存在");
  return ok(tradeView(trade));
}

function findTrade(
  parts: TradeParts,
  merchant: WechatMerchant,
  by: { readonly number: string; readonly transactionId: string },
): Trade | undefined {
  const channel = "wechatpay";
  if (by.transactionId === "")
    return parts.actions.trade(tradeKey({ channel, merchantId: merchant.id, number: by.number }));
  const trade = parts.world.tradeByTransaction(channel, by.transactionId);
  return trade?.merchantId === merchant.id ? trade : undefined;
}

const tradeTypes: Readonly<Record<TradeMethod, string>> = {
  jsapi: "JSAPI",
  native: "NATIVE",
  h5: "MWEB",
  app: "APP",
  // The rest is Alipay's and never asked for here.
  precreate: "",
  page: "",
  wap: "",
};

export const tradeType = (trade: Trade): string => tradeTypes[trade.method];

/** What a query answers and a payment notice carries. */
export function tradeView(trade: Trade): object {
  const { totalMinor: total, currency } = trade;
  const base = {
    appid: trade.appId,
    mchid: trade.merchantId,
    out_trade_no: trade.number,
    attach: trade.attach,
    amount: { total, currency, payer_currency: currency },
  };
  if (trade.paidAt === null) {
    const isClosed = trade.state === "closed";
    return {
      ...base,
      trade_state: isClosed ? "CLOSED" : "NOTPAY",
      trade_state_desc: isClosed ? "订单已关闭" : "订单未支付",
    };
  }
  const isRefunded = trade.refundKeys.length > 0;
  return {
    ...base,
    transaction_id: trade.transactionId,
    trade_type: tradeType(trade),
    trade_state: isRefunded ? "REFUND" : "SUCCESS",
    trade_state_desc: isRefunded ? "订单发生过退款" : "支付成功",
    bank_type: "OTHERS",
    success_time: beijingRfc3339(trade.paidAt),
    payer: { openid: trade.payerId },
    amount: { ...base.amount, payer_total: total },
  };
}

export function closeTrade(parts: TradeParts, call: WechatCall): WechatAnswer {
  const fields = createFieldReader(call.body, "body");
  fields.text("/mchid", { required: true, check: sameMchid(call.merchant) });
  if (fields.problem !== undefined) return paramError(fields.problem);
  const trade = findTrade(parts, call.merchant, {
    number: call.params.out_trade_no ?? "",
    transactionId: "",
  });
  if (trade === undefined) return refuse(404, "ORDER_NOT_EXIST", "订单不存在");
  const outcome = decideClose(trade, parts.now());
  if (outcome.kind === "paid") return refuse(400, "ORDER_PAID", "该订单已支付");
  if (outcome.kind === "closed") parts.world.trades.put(outcome.trade);
  return { status: 204 };
}

export async function refundTrade(parts: TradeParts, call: WechatCall): Promise<WechatAnswer> {
  const fields = createFieldReader(call.body, "body");
  const asked = readRefund(fields);
  if (fields.problem !== undefined) return paramError(fields.problem);

  const trade = findTrade(parts, call.merchant, asked.trade);
  if (trade === undefined) return refuse(404, "RESOURCE_NOT_EXISTS", "订单不存在");
  const refunds = parts.world.refundsOf(trade);
  const earlier = parts.world.refunds.get(`wechatpay/${call.merchant.id}/${asked.number}`);
  const { amountMinor, totalMinor } = asked;
  const now = parts.now();
  const outcome = decideRefund(trade, refunds, earlier, { amountMinor, totalMinor, now });
  switch (outcome.kind) {
    case "repeated":
      return ok(refundView(trade, outcome.refund));
    case "number_reused":
      return invalid("退款单号重复: 订单金额或退款金额与之前请求不一致");
    case "not_paid":
      return invalid("订单未支付, 不能退款");
    case "window_over":
      return invalid("订单已超过可退款期限");
    case "total_differs":
      return invalid("订单金额与实际支付金额不一致");
    case "too_many":
      return invalid("同一订单最多退款50次");
    case "exceeds_total":
      return invalid("申请退款金额大于订单剩余可退款金额");
    case "accepted":
      return ok(refundView(trade, await parts.actions.acceptRefund(trade, asked, call.strikes)));
  }
}

const invalid = (message: string): WechatAnswer => refuse(400, "INVALID_REQUEST", message);

function readRefund(fields: FieldReader) {
  const transactionId = fields.text("/transaction_id", { charactersMax: 32 });
  const hasOwnNumber = transactionId === "" || fields.has("/out_trade_no");
  const number = hasOwnNumber ? fields.text("/out_trade_no", numberRule) : "";
  return {
    trade: { number, transactionId },
    number: fields.text("/out_refund_no", {
      required: true,
      charactersMax: 64,
      pattern: /^[0-9A-Za-z_\-|*@]+$/,
    }),
    reason: fields.text("/reason", { charactersMax: 80 }),
    noticeUrl: fields.text("/notify_url", { charactersMax: 256, check: issueOfNoticeUrl }),
    amountMinor: fields.integer("/amount/refund", { required: true, min: 1, max: amountMax }),
    totalMinor: fields.integer("/amount/total", { required: true, min: 1, max: amountMax }),
    currency: fields.text("/amount/currency", { required: true, allowed: ["CNY"] }),
  };
}

export function queryRefund(parts: TradeParts, call: WechatCall): WechatAnswer {
  const number = call.params.out_refund_no ?? "";
  const refund = parts.world.refunds.get(`wechatpay/${call.merchant.id}/${number}`);
  if (refund === undefined) return refuse(404, "RESOURCE_NOT_EXISTS", "退款单不存在");
  const trade = parts.world.trades.get(tradeKey({ ...refund, number: refund.tradeNumber }));
  if (trade === undefined) return refuse(404, "RESOURCE_NOT_EXISTS", "订单不存在");
  return ok(refundView(trade, refund));
}

function refundView(trade: Trade, refund: Refund): object {
  const { totalMinor: total } = trade;
  const { amountMinor } = refund;
  return {
    refund_id: refund.refundId,
    out_refund_no: refund.number,
    transaction_id: trade.transactionId,
    out_trade_no: trade.number,
    channel: "ORIGINAL",
    user_received_account: "支付用户零钱",
    ...(refund.state === "success" ? { success_time: beijingRfc3339(refund.finishedAt ?? 0) } : {}),
    create_time: beijingRfc3339(refund.createdAt),
    status: refund.state.toUpperCase(),
    funds_account: "AVAILABLE",
    amount: {
      total,
      refund: amountMinor,
      payer_total: total,
      payer_refund: amountMinor,
      settlement_total: total,
      settlement_refund: amountMinor,
      discount_refund: 0,
      currency: trade.currency,
      refund_fee: 0,
      from: [],
    },
    promotion_detail: [],
  };
}

/** In a notice the state is called `refund_status`, and there is no currency. */
export function refundNoticeView(trade: Trade, refund: Refund): object {
  return {
    mchid: trade.merchantId,
    out_trade_no: trade.number,
    transaction_id: trade.transactionId,
    out_refund_no: refund.number,
    refund_id: refund.refundId,
    refund_status: refund.state.toUpperCase(),
    ...(refund.state === "success" ? { success_time: beijingRfc3339(refund.finishedAt ?? 0) } : {}),
    user_received_account: "支付用户零钱",
    amount: {
      total: trade.totalMinor,
      refund: refund.amountMinor,
      payer_total: trade.totalMinor,
      payer_refund: refund.amountMinor,
    },
  };
}
