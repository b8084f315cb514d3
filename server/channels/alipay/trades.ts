/** Trades and refunds as Alipay writes them -> as payments reads them. */
import Type from "typebox";
import type { Static } from "typebox";
import { Compile } from "typebox/compile";
import { decimalToMinor } from "../../kernel/money.ts";
import type { ChannelRefund, ChannelTrade } from "../../modules/payments/plug.ts";
import { parseBeijing } from "../wire/beijing.ts";
import { readAs } from "../wire/json.ts";

const Text = Type.Optional(Type.String());

/**
 * Replies and notices share most names; the time of payment and the payer are called differently.
 */
const Trade = Type.Object({
  out_trade_no: Type.String(),
  trade_no: Text,
  trade_status: Type.String(),
  total_amount: Text,
  trans_currency: Text,
  receipt_amount: Text,
  buyer_pay_amount: Text,
  refund_fee: Text,
  send_pay_date: Text,
  gmt_payment: Text,
  gmt_refund: Text,
  buyer_id: Text,
  buyer_user_id: Text,
  buyer_open_id: Text,
  seller_id: Text,
  app_id: Text,
});
const tradeShape = Compile(Trade);

/** Undefined for what is not a trade, or says a state or an amount that cannot be read. */
export function readTrade(value: unknown): ChannelTrade | undefined {
  const trade = readAs(tradeShape, value);
  if (trade === undefined) return undefined;
  const state = stateOf(trade);
  const amountMinor = decimalToMinor(trade.total_amount ?? "");
  if (state === undefined) return undefined;
  // Money that cannot be named or counted is not paid: payments could compare nothing.
  if (state === "paid" && (!trade.trade_no || amountMinor === undefined)) return undefined;
  const paidAt = parseBeijing(trade.send_pay_date ?? trade.gmt_payment ?? "");
  const payerId = trade.buyer_open_id || trade.buyer_id || trade.buyer_user_id;
  return {
    attemptNumber: trade.out_trade_no,
    state,
    ...(trade.trade_no ? { channelTradeNumber: trade.trade_no } : {}),
    ...(amountMinor === undefined ? {} : { amountMinor }),
    ...(trade.trans_currency ? { currency: trade.trans_currency } : {}),
    ...(trade.seller_id ? { merchantId: trade.seller_id } : {}),
    ...(trade.app_id ? { appId: trade.app_id } : {}),
    ...(paidAt === undefined ? {} : { paidAt }),
    ...(payerId ? { payerId } : {}),
  };
}

function stateOf(trade: Static<typeof Trade>): ChannelTrade["state"] | undefined {
  switch (trade.trade_status) {
    case "WAIT_BUYER_PAY":
      return "unpaid";
    case "TRADE_SUCCESS":
    // Finished: paid, and the time for refunds is over.
    case "TRADE_FINISHED":
      return "paid";
    case "TRADE_CLOSED":
      return hasBeenPaid(trade) ? "paid" : "closed";
    default:
      return undefined;
  }
}

/**
 * Alipay closes a trade that nobody paid in time, and also one whose whole amount went back: the
 * state is the same word. Only a trade that was paid has a time of payment (`send_pay_date` in
 * replies, `gmt_payment` in notices) or an amount that was received or refunded. What went back is
 * told by the refunds themselves, so such a trade still reads as paid.
 */
function hasBeenPaid(trade: Static<typeof Trade>): boolean {
  if (trade.send_pay_date || trade.gmt_payment || trade.gmt_refund) return true;
  const amounts = [trade.receipt_amount, trade.buyer_pay_amount, trade.refund_fee];
  return amounts.some((amount) => (decimalToMinor(amount ?? "") ?? 0n) > 0n);
}

const refundReplyShape = Compile(
  Type.Object({ out_trade_no: Text, fund_change: Text, gmt_refund_pay: Text }),
);

/**
 * The reply to a refund. Only `fund_change` Y says that this call moved the money. With N it may
 * have moved before, or not at all, so payments asks for the refund. `refund_fee` is the sum of all
 * refunds of the trade, and therefore no amount of this one.
 */
export function readRefundReply(value: unknown, refundNumber: string): ChannelRefund | undefined {
  const reply = readAs(refundReplyShape, value);
  if (reply === undefined) return undefined;
  const hasMoved = reply.fund_change === "Y";
  const refundedAt = hasMoved ? parseBeijing(reply.gmt_refund_pay ?? "") : undefined;
  return {
    refundNumber,
    state: hasMoved ? "refunded" : "processing",
    ...(reply.out_trade_no ? { attemptNumber: reply.out_trade_no } : {}),
    ...(refundedAt === undefined ? {} : { refundedAt }),
  };
}

const refundQueryShape = Compile(
  Type.Object({
    out_trade_no: Text,
    out_request_no: Text,
    refund_amount: Text,
    refund_status: Text,
    gmt_refund_pay: Text,
  }),
);

/**
 * The reply to a refund's query: the refund, or "none" when Alipay names none, which is how it says
 * that it has no such refund. A refund without `refund_status` has not succeeded yet.
 */
export function readRefundQuery(value: unknown): ChannelRefund | "none" | undefined {
  const reply = readAs(refundQueryShape, value);
  if (reply === undefined) return undefined;
  const { out_request_no, out_trade_no, refund_amount, refund_status } = reply;
  if (!refund_amount && !refund_status) return "none";
  if (!out_request_no) return undefined;
  if (refund_status && refund_status !== "REFUND_SUCCESS") return undefined;
  const refundMinor = decimalToMinor(refund_amount ?? "");
  const refundedAt = refund_status ? parseBeijing(reply.gmt_refund_pay ?? "") : undefined;
  return {
    refundNumber: out_request_no,
    state: refund_status ? "refunded" : "processing",
    ...(out_trade_no ? { attemptNumber: out_trade_no } : {}),
    ...(refundMinor === undefined ? {} : { refundMinor }),
    ...(refundedAt === undefined ? {} : { refundedAt }),
  };
}
