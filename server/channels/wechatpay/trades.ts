/** Trades and refunds as WeChat Pay writes them -> as payments reads them. */
import Type from "typebox";
import type { Static } from "typebox";
import { Compile } from "typebox/compile";
import { parseInstant } from "../../kernel/time.ts";
import type { ChannelRefund, ChannelTrade } from "../../modules/payments/plug.ts";
import { parseJson, readAs } from "../wire/json.ts";

/** Fen. Above 2^53 JSON numbers are no longer exact, so such a reply is not read at all. */
const Fen = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const Transaction = Type.Object({
  appid: Type.Optional(Type.String()),
  mchid: Type.Optional(Type.String()),
  out_trade_no: Type.String(),
  transaction_id: Type.Optional(Type.String()),
  trade_state: Type.String(),
  success_time: Type.Optional(Type.String()),
  payer: Type.Optional(Type.Object({ openid: Type.Optional(Type.String()) })),
  amount: Type.Optional(
    Type.Object({ total: Type.Optional(Fen), currency: Type.Optional(Type.String()) }),
  ),
});
const transactionShape = Compile(Transaction);

/** Replies write `status`, notices write `refund_status`; notices alone name the merchant. */
const Refund = Type.Object({
  mchid: Type.Optional(Type.String()),
  out_trade_no: Type.Optional(Type.String()),
  out_refund_no: Type.String(),
  refund_id: Type.Optional(Type.String()),
  status: Type.Optional(Type.String()),
  refund_status: Type.Optional(Type.String()),
  success_time: Type.Optional(Type.String()),
  amount: Type.Optional(
    Type.Object({ refund: Type.Optional(Fen), currency: Type.Optional(Type.String()) }),
  ),
});
const refundShape = Compile(Refund);

/** A trade with at least one refund was paid: what went back is told by the refunds themselves. */
const tradeStates: Readonly<Record<string, ChannelTrade["state"]>> = {
  SUCCESS: "paid",
  REFUND: "paid",
  NOTPAY: "unpaid",
  USERPAYING: "paying",
  CLOSED: "closed",
  REVOKED: "closed",
  PAYERROR: "failed",
};

const refundStates: Readonly<Record<string, ChannelRefund["state"]>> = {
  SUCCESS: "refunded",
  PROCESSING: "processing",
  CLOSED: "closed",
  ABNORMAL: "abnormal",
};

/** Undefined for what is not a transaction, or says a state that this channel does not know. */
export function readTrade(bytes: Buffer): ChannelTrade | undefined {
  const transaction = readAs(transactionShape, parseJson(bytes));
  return transaction === undefined ? undefined : tradeOf(transaction);
}

export function readRefund(bytes: Buffer): ChannelRefund | undefined {
  const refund = readAs(refundShape, parseJson(bytes));
  return refund === undefined ? undefined : refundOf(refund);
}

function tradeOf(transaction: Static<typeof Transaction>): ChannelTrade | undefined {
  const state = tradeStates[transaction.trade_state];
  if (state === undefined) return undefined;
  const { transaction_id, amount, mchid, appid, payer } = transaction;
  const paidAt = instantOf(transaction.success_time);
  // Money that cannot be named or counted is not paid: payments could compare nothing.
  if (state === "paid" && (transaction_id === undefined || amount?.total === undefined)) {
    return undefined;
  }
  return {
    attemptNumber: transaction.out_trade_no,
    state,
    ...(transaction_id === undefined ? {} : { channelTradeNumber: transaction_id }),
    ...(amount?.total === undefined ? {} : { amountMinor: BigInt(amount.total) }),
    ...(amount?.currency === undefined ? {} : { currency: amount.currency }),
    ...(mchid === undefined ? {} : { merchantId: mchid }),
    ...(appid === undefined ? {} : { appId: appid }),
    ...(paidAt === undefined ? {} : { paidAt }),
    ...(payer?.openid === undefined ? {} : { payerId: payer.openid }),
  };
}

function refundOf(refund: Static<typeof Refund>): ChannelRefund | undefined {
  const state = refundStates[refund.status ?? refund.refund_status ?? ""];
  if (state === undefined) return undefined;
  const { out_trade_no, refund_id, amount, mchid } = refund;
  const refundedAt = instantOf(refund.success_time);
  return {
    refundNumber: refund.out_refund_no,
    state,
    ...(out_trade_no === undefined ? {} : { attemptNumber: out_trade_no }),
    ...(refund_id === undefined ? {} : { channelRefundNumber: refund_id }),
    ...(amount?.refund === undefined ? {} : { refundMinor: BigInt(amount.refund) }),
    ...(amount?.currency === undefined ? {} : { currency: amount.currency }),
    ...(mchid === undefined ? {} : { merchantId: mchid }),
    ...(refundedAt === undefined ? {} : { refundedAt }),
  };
}

function instantOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseInstant(text);
}
