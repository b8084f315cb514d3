/** Notices as the channels send them, written and signed by the simulator's own hand. */
import type { Simulator, Trade } from "../../simulator/index.ts";
import { createAlipayNoticeWriter } from "../../simulator/alipay/notices.ts";
import type { NoticeWriter } from "../../simulator/notices.ts";
import { createWechatNoticeWriter } from "../../simulator/wechatpay/notices.ts";
import { merchantKey } from "../../simulator/world.ts";
import { requestText } from "../load/requests.ts";
import type { OpenAttempt } from "./prepare.ts";

export type SignNotice = (attempt: OpenAttempt, address: string) => string;

/** Gives what writes the whole request that tells of a payment in full, of this moment. */
export async function createSigner({ world }: Simulator): Promise<SignNotice> {
  const writers = {
    wechatpay: await createWechatNoticeWriter(world),
    alipay: await createAlipayNoticeWriter(world),
  };
  return (attempt, address) => {
    const { account, number } = attempt;
    const merchant = world.merchants.get(merchantKey(account.channel, account.merchantId));
    if (merchant === undefined) throw new Error(`nobody knows merchant ${account.merchantId}`);
    const writer: NoticeWriter = writers[account.channel];
    const now = Date.now();
    const { headers, body } = writer.write(
      {
        id: writer.newId(now),
        channel: account.channel,
        merchantId: account.merchantId,
        event: "payment",
        tradeNumber: number,
        refundNumber: "",
        url: account.noticePath,
        content: writer.paymentContent(paidTrade(attempt, now)),
        forgery: null,
        state: "pending",
        lostMax: 0,
        roundCount: 0,
        deliveries: [],
        createdAt: now,
      },
      merchant,
      now,
    );
    return requestText({ address, path: account.noticePath, headers, body });
  };
}

function paidTrade({ account, number, amountMinor }: OpenAttempt, now: number): Trade {
  return {
    channel: account.channel,
    merchantId: account.merchantId,
    appId: account.appId,
    number,
    method: account.channel === "wechatpay" ? "native" : "precreate",
    state: "paid",
    totalMinor: amountMinor,
    currency: "CNY",
    subject: "Bench mug",
    attach: "",
    noticeUrl: account.noticePath,
    returnUrl: "",
    payerId: "2088000000000009",
    fingerprint: "",
    // The channel's own number has 28 digits.
    transactionId: `42${number.slice(1)}`.padEnd(28, "0").slice(0, 28),
    createdAt: now,
    expiresAt: now,
    paidAt: now,
    closedAt: null,
    declineCount: 0,
    refundKeys: [],
  };
}
