import type { Refund, Trade } from "../world.ts";

/** An open trade with nothing special about it, but for the changes. */
export function testTrade(changes: Partial<Trade> = {}): Trade {
  return {
    channel: "wechatpay",
    merchantId: "1900000001",
    appId: "wx0000000000000001",
    number: "T1",
    method: "native",
    state: "unpaid",
    totalMinor: 100,
    currency: "CNY",
    subject: "茶",
    attach: "",
    noticeUrl: "",
    returnUrl: "",
    payerId: "",
    fingerprint: "",
    transactionId: "",
    createdAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    paidAt: null,
    closedAt: null,
    declineCount: 0,
    refundKeys: [],
    ...changes,
  };
}

export function testRefund(changes: Partial<Refund> = {}): Refund {
  return {
    channel: "wechatpay",
    merchantId: "1900000001",
    tradeNumber: "T1",
    number: "R1",
    refundId: "50",
    amountMinor: 10,
    reason: "",
    noticeUrl: "",
    state: "success",
    ending: { state: "success", afterMs: 0 },
    createdAt: 0,
    finishedAt: 0,
    ...changes,
  };
}
