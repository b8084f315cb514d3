/**
 * What the outside world knows: merchants, trades, refunds, the notices it has sent. Values never
 * change in place; a change is a new value put on its shelf, which is what the journal keeps.
 */
import { noJournal, openJournal } from "./journal.ts";
import type { Journal, JournalRecord } from "./journal.ts";
import { createShelf } from "./shelf.ts";
import type { Shelf } from "./shelf.ts";

export type ChannelCode = "wechatpay" | "alipay";
export const channelCodes: readonly ChannelCode[] = ["wechatpay", "alipay"];

export interface WechatMerchant {
  readonly channel: "wechatpay";
  /** mchid */
  readonly id: string;
  /** What the payer is shown; may be empty. */
  readonly name: string;
  readonly appId: string;
  /** Merchants opened since late 2024 have no platform certificates, only a public key. */
  readonly mode: "certificate" | "public_key";
  readonly serial: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  readonly apiV3Key: string;
}

export interface AlipayMerchant {
  readonly channel: "alipay";
  /** The seller's id, 2088... */
  readonly id: string;
  readonly name: string;
  readonly appId: string;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  /** Alipay has a key pair of its own for every app: one, or two while it is rolled over. */
  readonly alipayKeys: readonly [AlipayKey, ...AlipayKey[]];
}

export interface AlipayKey {
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  /** Null while the key is only announced. */
  readonly signsFrom: number | null;
}

export type Merchant = WechatMerchant | AlipayMerchant;

/** WeChat Pay's own keys. `certificate` keys roll over, the public key stays for ever. */
export interface PlatformKey {
  readonly kind: "certificate" | "public_key";
  /** 40 hexadecimal digits, or PUB_KEY_ID_ and digits. */
  readonly serial: string;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
  readonly certificatePem: string;
  readonly validFrom: number;
  readonly validUntil: number;
  /** Of the certificates one signs; the others are only listed. */
  readonly signs: boolean;
}

export type TradeMethod = "jsapi" | "native" | "h5" | "app" | "precreate" | "page" | "wap";

export interface Trade {
  readonly channel: ChannelCode;
  readonly merchantId: string;
  readonly appId: string;
  /** The merchant's number: out_trade_no. */
  readonly number: string;
  readonly method: TradeMethod;
  /** `prepared` is Alipay's: the gateway denies the trade until the payer has opened it. */
  readonly state: "prepared" | "unpaid" | "paid" | "closed";
  readonly totalMinor: number;
  readonly currency: string;
  readonly subject: string;
  /** Handed back to the merchant as it came: attach, passback_params. */
  readonly attach: string;
  readonly noticeUrl: string;
  readonly returnUrl: string;
  /** Known from the start for jsapi, else from the payment on. */
  readonly payerId: string;
  /** What a second request of the same number must repeat. */
  readonly fingerprint: string;
  /** The channel's number; empty while there is none. */
  readonly transactionId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly paidAt: number | null;
  readonly closedAt: number | null;
  readonly declineCount: number;
  readonly refundKeys: readonly string[];
}

export type RefundState = "processing" | "success" | "closed" | "abnormal";

export interface Refund {
  readonly channel: ChannelCode;
  readonly merchantId: string;
  readonly tradeNumber: string;
  /** The merchant's number: out_refund_no, out_request_no. */
  readonly number: string;
  readonly refundId: string;
  readonly amountMinor: number;
  readonly reason: string;
  readonly noticeUrl: string;
  readonly state: RefundState;
  /** Where a refund under way will end, and after how much waiting; null waits for a word. */
  readonly ending: { readonly state: RefundState; readonly afterMs: number | null };
  readonly createdAt: number;
  readonly finishedAt: number | null;
}

/** What a payer opens: a prepay_id, a QR code, a cashier page. */
export interface Session {
  readonly id: string;
  readonly tradeKey: string;
  readonly usableUntil: number;
}

export interface Delivery {
  readonly at: number;
  readonly tookMs: number;
  /** Null when no reply came: `error` says why. */
  readonly status: number | null;
  readonly reply: string;
  readonly error: string;
  readonly acknowledged: boolean;
}

/** The last four carry a right signature: only a comparison of the content finds them out. */
export const forgeries = [
  "bad_signature",
  "signature_probe",
  "unknown_serial",
  "bad_ciphertext",
  "wrong_amount",
  "wrong_merchant",
  "wrong_app",
  "wrong_currency",
] as const;
export type Forgery = (typeof forgeries)[number];

export interface Notice {
  readonly id: string;
  readonly channel: ChannelCode;
  readonly merchantId: string;
  readonly event: "payment" | "refund";
  readonly tradeNumber: string;
  readonly refundNumber: string;
  readonly url: string;
  /** The plain text, fixed when the thing happened; each delivery signs it anew. */
  readonly content: string;
  readonly forgery: Forgery | null;
  readonly state: "pending" | "acknowledged" | "given_up";
  /** Deliveries that never leave the world, planted by a fault. */
  readonly lostMax: number;
  /** Steps taken on the retry schedule; a duplicated delivery is part of its step. */
  readonly roundCount: number;
  readonly deliveries: readonly Delivery[];
  readonly createdAt: number;
}

/** Trades that left a full shelf, summed up so that the books stay complete. */
export interface DroppedSums {
  readonly channel: ChannelCode;
  readonly merchantId: string;
  readonly tradeCount: number;
  readonly paidCount: number;
  readonly paidMinor: number;
  readonly refundedMinor: number;
}

export interface World {
  readonly merchants: Shelf<Merchant>;
  readonly platformKeys: Shelf<PlatformKey>;
  readonly trades: Shelf<Trade>;
  readonly refunds: Shelf<Refund>;
  readonly sessions: Shelf<Session>;
  readonly notices: Shelf<Notice>;
  readonly droppedSums: Shelf<DroppedSums>;
  tradeByTransaction(channel: ChannelCode, transactionId: string): Trade | undefined;
  refundsOf(trade: Trade): readonly Refund[];
  merchantByApp(channel: ChannelCode, appId: string): Merchant | undefined;
  /** Lets time pass for everything that expires; the calendar itself stays. */
  age(ms: number): void;
  /** Forgets everything but the keys of merchants and platform. */
  forgetTrades(): void;
  close(): void;
}

export const merchantKey = (channel: ChannelCode, id: string): string => `${channel}/${id}`;

export const tradeKey = (trade: Pick<Trade, "channel" | "merchantId" | "number">): string =>
  `${trade.channel}/${trade.merchantId}/${trade.number}`;

/** A refund number is unique within the merchant at WeChat Pay, within the trade at Alipay. */
export function refundKey(
  refund: Pick<Refund, "channel" | "merchantId" | "tradeNumber" | "number">,
): string {
  const owner = `${refund.channel}/${refund.merchantId}`;
  return refund.channel === "wechatpay"
    ? `${owner}/${refund.number}`
    : `${owner}/${refund.tradeNumber}/${refund.number}`;
}

export const sumMinor = (refunds: readonly Refund[], states: readonly RefundState[]): number =>
  refunds
    .filter((refund) => states.includes(refund.state))
    .reduce((sum, refund) => sum + refund.amountMinor, 0);

// A trade with its session, notice and refund takes some 5 KB: a full world is about 250 MB.
const tradesMax = 50_000;
const merchantsMax = 200;
const platformKeysMax = 20;

export function createWorld(statePath: string | undefined): World {
  let journal: Journal = noJournal;
  const byTransaction = new Map<string, string>();
  const transactionKey = (trade: Trade) => `${trade.channel}/${trade.transactionId}`;

  function shelf<Value>(
    name: string,
    sizeMax: number,
    keyOf: (value: Value) => string,
    hooks: {
      isFinished?: (value: Value) => boolean;
      placed?: (value: Value) => void;
      removed?: (value: Value) => void;
      dropped?: (value: Value) => void;
    } = {},
  ): Shelf<Value> {
    const append = (record: JournalRecord) => journal.append(record);
    return createShelf({ name, sizeMax, keyOf, append, isFinished: () => true, ...hooks });
  }

  const world: World = {
    merchants: shelf("merchants", merchantsMax, (value) => merchantKey(value.channel, value.id)),
    platformKeys: shelf("platformKeys", platformKeysMax, (value) => value.serial),
    trades: shelf<Trade>("trades", tradesMax, tradeKey, {
      isFinished: (trade) => trade.state === "paid" || trade.state === "closed",
      placed: (trade) => {
        if (trade.transactionId !== "") byTransaction.set(transactionKey(trade), tradeKey(trade));
      },
      removed: (trade) => byTransaction.delete(transactionKey(trade)),
      dropped: (trade) => sumUp(trade),
    }),
    refunds: shelf<Refund>("refunds", tradesMax, refundKey, {
      isFinished: (refund) => refund.state === "success" || refund.state === "closed",
    }),
    sessions: shelf<Session>("sessions", tradesMax, (session) => session.id),
    notices: shelf<Notice>("notices", tradesMax, (notice) => notice.id, {
      isFinished: (notice) => notice.state !== "pending",
    }),
    droppedSums: shelf<DroppedSums>("droppedSums", merchantsMax, (sums) =>
      merchantKey(sums.channel, sums.merchantId),
    ),
    tradeByTransaction(channel, transactionId) {
      const key = byTransaction.get(`${channel}/${transactionId}`);
      return key === undefined ? undefined : world.trades.get(key);
    },
    refundsOf: (trade) =>
      trade.refundKeys.flatMap((key) => {
        const refund = world.refunds.get(key);
        return refund === undefined ? [] : [refund];
      }),
    merchantByApp: (channel, appId) =>
      world.merchants
        .values()
        .find((merchant) => merchant.channel === channel && merchant.appId === appId),
    age(ms) {
      for (const trade of [...world.trades.values()]) {
        if (trade.state !== "prepared" && trade.state !== "unpaid") continue;
        world.trades.put({ ...trade, expiresAt: trade.expiresAt - ms });
      }
      for (const session of [...world.sessions.values()])
        world.sessions.put({ ...session, usableUntil: session.usableUntil - ms });
    },
    forgetTrades() {
      for (const shelf of [world.trades, world.refunds, world.sessions, world.notices])
        shelf.clear();
      world.droppedSums.clear();
    },
    close: () => journal.close(),
  };

  /** Takes the trade's refunds along and adds both to the sums, or the books would shrink. */
  function sumUp(trade: Trade): void {
    const refunds = world.refundsOf(trade);
    const { channel, merchantId } = trade;
    const before = world.droppedSums.get(merchantKey(channel, merchantId));
    for (const refund of refunds) world.refunds.delete(refundKey(refund));
    world.droppedSums.put({
      channel,
      merchantId,
      tradeCount: (before?.tradeCount ?? 0) + 1,
      paidCount: (before?.paidCount ?? 0) + (trade.paidAt === null ? 0 : 1),
      paidMinor: (before?.paidMinor ?? 0) + (trade.paidAt === null ? 0 : trade.totalMinor),
      refundedMinor: (before?.refundedMinor ?? 0) + sumMinor(refunds, ["success"]),
    });
  }

  if (statePath === undefined) return world;
  const { merchants, platformKeys, trades, refunds, sessions, notices, droppedSums } = world;
  const shelves = [merchants, platformKeys, trades, refunds, sessions, notices, droppedSums];
  journal = openJournal({
    path: statePath,
    restore: (record) => shelves.find(({ name }) => name === record.shelf)?.restore(record),
    *living() {
      for (const each of shelves) yield* each.records();
    },
  });
  return world;
}
