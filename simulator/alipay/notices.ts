/** Notices of Alipay: a signed form about the trade, also when the news is a refund. */
import { createKeyPair } from "../certificates.ts";
import type { NoticeWriter } from "../notices.ts";
import { alipayKeyAt } from "../merchants.ts";
import { fenToYuan } from "../money.ts";
import { randomDigits } from "../random.ts";
import { beijingDigits, beijingText } from "../times.ts";
import { sumMinor } from "../world.ts";
import type { Forgery, Refund, Trade, World } from "../world.ts";
import { noticeText, signRsa2 } from "./signature.ts";
import type { Params } from "./signature.ts";
import { sellerEmail, tradeStatus } from "./views.ts";

const minute = 60_000;
const hour = 60 * minute;

/** Seven repeats within about 25 hours, as published. */
const retryAfterMs = [
  4 * minute,
  10 * minute,
  10 * minute,
  1 * hour,
  2 * hour,
  6 * hour,
  15 * hour,
];

export async function createAlipayNoticeWriter(world: World): Promise<NoticeWriter> {
  // The key of somebody who is not Alipay, for forgeries.
  const foreign = await createKeyPair();
  return {
    newId: (now) => `${beijingDigits(now)}222${randomDigits(17)}`,
    paymentContent: (trade) => JSON.stringify(paymentParams(trade)),
    refundContent: (trade, refund) =>
      JSON.stringify(refundParams(trade, refund, world.refundsOf(trade))),
    tamper,
    write(notice, merchant, now) {
      if (merchant.channel !== "alipay") throw new Error("not a merchant of Alipay");
      const content = JSON.parse(notice.content) as Record<string, string>;
      // What is empty is not sent, or merchants would disagree on whether it is signed.
      const told = Object.entries(content).filter(([, value]) => value !== "");
      const params: Params = {
        ...Object.fromEntries(told),
        notify_id: notice.id,
        notify_time: beijingText(now),
        notify_type: "trade_status_sync",
        charset: "utf-8",
        version: "1.0",
        sign_type: "RSA2",
      };
      const isForeign = notice.forgery !== null && !carriesRightSignature(notice.forgery);
      // A notice keeps the key of its first delivery for as long as that key is in use.
      const key = isForeign ? foreign : alipayKeyAt(merchant, notice.createdAt);
      const signature = signRsa2(noticeText(params), key.privateKeyPem);
      const form = new URLSearchParams({ ...params, sign: signature });
      const headers = { "Content-Type": "application/x-www-form-urlencoded; charset=utf-8" };
      return { headers, body: form.toString() };
    },
    // Exactly these seven bytes; quotes, HTML or a byte order mark are no acknowledgement.
    isAcknowledged: (status, body) => status === 200 && body === "success",
    retryAfterMs,
    replyWithinMs: 5_000,
  };
}

/** Probes, serials and ciphertexts are WeChat Pay's; here they are all a wrong signature. */
const carriesRightSignature = (forgery: Forgery): boolean => forgery.startsWith("wrong_");

function paymentParams(trade: Trade): Record<string, string> {
  const amount = fenToYuan(trade.totalMinor);
  return {
    app_id: trade.appId,
    auth_app_id: trade.appId,
    seller_id: trade.merchantId,
    seller_email: sellerEmail(trade.merchantId),
    buyer_id: trade.payerId,
    trade_no: trade.transactionId,
    out_trade_no: trade.number,
    trade_status: "TRADE_SUCCESS",
    total_amount: amount,
    receipt_amount: amount,
    invoice_amount: amount,
    buyer_pay_amount: amount,
    point_amount: "0.00",
    subject: trade.subject,
    passback_params: trade.attach,
    gmt_create: beijingText(trade.createdAt),
    gmt_payment: beijingText(trade.paidAt ?? trade.createdAt),
    fund_bill_list: JSON.stringify([{ amount, fundChannel: "ALIPAYACCOUNT" }]),
  };
}

/** The payment once more, with what has gone back so far and the number of this refund. */
function refundParams(
  trade: Trade,
  refund: Refund,
  refunds: readonly Refund[],
): Record<string, string> {
  const refundedMinor = sumMinor(refunds, ["success"]);
  return {
    ...paymentParams(trade),
    trade_status: tradeStatus(trade, refunds),
    out_biz_no: refund.number,
    refund_fee: fenToYuan(refundedMinor),
    send_back_fee: fenToYuan(refund.amountMinor),
    gmt_refund: `${beijingText(refund.finishedAt ?? refund.createdAt)}.000`,
  };
}

function tamper(content: string, forgery: Forgery): string {
  const params = JSON.parse(content) as Record<string, string>;
  switch (forgery) {
    case "wrong_amount": {
      // A fen where more was asked, the classic attack; and a fen more where one was asked.
      const amount = params.total_amount === "0.01" ? "0.02" : "0.01";
      return JSON.stringify({ ...params, total_amount: amount, receipt_amount: amount });
    }
    case "wrong_merchant":
      return JSON.stringify({ ...params, seller_id: "2088999999999999" });
    case "wrong_app":
      return JSON.stringify({ ...params, app_id: "2021999999999999" });
    case "wrong_currency":
      return JSON.stringify({ ...params, trans_currency: "USD" });
    default:
      return content; // The other forgeries touch the signature, not the content.
  }
}
