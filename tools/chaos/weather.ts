/** Every kind of fault that the simulator knows, all at once, and the people who mend the worst. */
import type { Outside } from "../../e2e/play/outside.ts";

/** The simulator's own hostile day, and the kinds that it leaves out. */
export const odds = {
  delay: 0.05,
  drop_request: 0.03,
  drop_reply: 0.05,
  error_before: 0.02,
  error_after: 0.02,
  rate_limit: 0.02,
  reply_bad_signature: 0.01,
  unknown_after: 0.02,
  escaped_slashes: 0.1,
  notice_before_reply: 0.05,
  refund_processing: 0.1,
  refund_abnormal: 0.03,
  fund_change_n: 0.05,
  missing_refund_status: 0.1,
  statement_row_missing: 0.1,
  statement_row_changed: 0.1,
  statement_row_extra: 0.1,
  statement_wrong_hash: 0.1,
  notice_lost: 0.1,
  notice_late: 0.1,
  notice_duplicate: 0.1,
  notice_reordered: 0.05,
  notice_forged: 0.1,
} as const;

/** Alipay answers a refund within the call and gives none up later. */
export const wechatpayOdds = { refund_closed: 0.03 } as const;

/** From now on all of them strike, the same for the same seed. */
export async function letAllStorm(outside: Outside, seed: string): Promise<void> {
  await outside.letStorm(seed, odds);
  for (const [kind, probability] of Object.entries(wechatpayOdds)) {
    await outside.addFault(kind, "wechatpay", probability);
  }
}

/** Refunds in this state are settled by people, where money for them is left; gives how many. */
export async function settleRefunds(
  outside: Outside,
  state: "abnormal" | "closed",
): Promise<number> {
  let settled = 0;
  for (const { channel, trades } of await outside.books()) {
    for (const { refunds, paidMinor, refundedMinor } of trades) {
      let leftMinor = paidMinor - refundedMinor;
      for (const refund of refunds) {
        if (refund.state !== state || refund.amountMinor > leftMinor) continue;
        leftMinor -= refund.amountMinor;
        settled += 1;
        await outside.settleRefund(channel, refund.refundNumber);
      }
    }
  }
  return settled;
}
