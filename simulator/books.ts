import { merchantKey, sumMinor } from "./world.ts";
import type { ChannelCode, Merchant, RefundState, Trade, World } from "./world.ts";

/** What the outside world says it holds for a merchant: an audit compares it with the platform. */
export interface MerchantBook {
  readonly channel: ChannelCode;
  readonly merchantId: string;
  readonly appId: string;
  readonly totals: {
    readonly tradeCount: number;
    readonly paidCount: number;
    readonly paidMinor: number;
    /** Money that has gone back. */
    readonly refundedMinor: number;
    /** Money of refunds under way or abnormal. */
    readonly refundingMinor: number;
  };
  /** Trades that are no longer listed, but still in the totals. */
  readonly droppedTradeCount: number;
  readonly trades: readonly TradeBook[];
}

export interface TradeBook {
  readonly attemptNumber: string;
  readonly transactionId: string;
  readonly state: Trade["state"];
  readonly totalMinor: number;
  readonly paidMinor: number;
  readonly refundedMinor: number;
  readonly currency: string;
  readonly paidAt: number | null;
  readonly refunds: readonly {
    readonly refundNumber: string;
    readonly amountMinor: number;
    readonly state: RefundState;
  }[];
}

export function readBooks(world: World, isWanted: (merchant: Merchant) => boolean): MerchantBook[] {
  const tradesByMerchant = Map.groupBy(world.trades.values(), (trade) =>
    merchantKey(trade.channel, trade.merchantId),
  );
  return [...world.merchants.values()].filter(isWanted).map((merchant) => {
    const trades = tradesByMerchant.get(merchantKey(merchant.channel, merchant.id)) ?? [];
    return readBook(world, merchant, trades);
  });
}

function readBook(world: World, merchant: Merchant, trades: readonly Trade[]): MerchantBook {
  const { channel, id: merchantId, appId } = merchant;
  const dropped = world.droppedSums.get(merchantKey(channel, merchantId));
  const books = trades.map((trade) => readTrade(world, trade));
  const refunds = trades.flatMap((trade) => world.refundsOf(trade));
  const sum = (pick: (book: TradeBook) => number): number =>
    books.reduce((total, book) => total + pick(book), 0);
  return {
    channel,
    merchantId,
    appId,
    totals: {
      tradeCount: books.length + (dropped?.tradeCount ?? 0),
      paidCount: sum((book) => Math.sign(book.paidMinor)) + (dropped?.paidCount ?? 0),
      paidMinor: sum((book) => book.paidMinor) + (dropped?.paidMinor ?? 0),
      refundedMinor: sum((book) => book.refundedMinor) + (dropped?.refundedMinor ?? 0),
      refundingMinor: sumMinor(refunds, ["processing", "abnormal"]),
    },
    droppedTradeCount: dropped?.tradeCount ?? 0,
    trades: books,
  };
}

function readTrade(world: World, trade: Trade): TradeBook {
  const refunds = world.refundsOf(trade);
  return {
    attemptNumber: trade.number,
    transactionId: trade.transactionId,
    state: trade.state,
    totalMinor: trade.totalMinor,
    paidMinor: trade.paidAt === null ? 0 : trade.totalMinor,
    refundedMinor: sumMinor(refunds, ["success"]),
    currency: trade.currency,
    paidAt: trade.paidAt,
    refunds: refunds.map((refund) => ({
      refundNumber: refund.number,
      amountMinor: refund.amountMinor,
      state: refund.state,
    })),
  };
}
