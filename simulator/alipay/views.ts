/** How Alipay words a trade; calls, notices and the browser's return all say it the same way. */
import { sumMinor } from "../world.ts";
import type { Refund, Trade } from "../world.ts";

export type TradeStatus = "WAIT_BUYER_PAY" | "TRADE_SUCCESS" | "TRADE_CLOSED";

/** A trade whose whole amount went back is closed, as is one that was never paid. */
export function tradeStatus(trade: Trade, refunds: readonly Refund[]): TradeStatus {
  if (trade.paidAt === null) return trade.state === "closed" ? "TRADE_CLOSED" : "WAIT_BUYER_PAY";
  return sumMinor(refunds, ["success"]) === trade.totalMinor ? "TRADE_CLOSED" : "TRADE_SUCCESS";
}

export const sellerEmail = (sellerId: string): string => `seller${sellerId.slice(-4)}@example.test`;
export const buyerLogonId = (buyerId: string): string =>
  `${buyerId.slice(0, 3)}******${buyerId.slice(-2)}`;
