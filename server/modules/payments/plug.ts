/**
 * The plug of a payment channel: what a channel offers to payments, and what payments asks of it.
 * A channel translates a wire protocol and nothing else. It keeps no state, opens no transaction
 * and decides nothing about orders: amount, currency, merchant and app of every notice and answer
 * are compared by payments, never by the channel's author.
 */
import type { Currency } from "../../kernel/money.ts";

/** How the payer meets the channel. A channel lists those it serves in its capability table. */
export type PaymentMethod =
  | "jsapi" // inside the channel's own app: official account page or mini-program
  | "native" // the payer scans a QR code that we show
  | "h5" // a mobile browser outside the channel's app
  | "app" // our own mobile app calls the channel's SDK
  | "page"; // a desktop browser is sent to the channel's cashier

export interface ChannelCapabilities {
  readonly methods: readonly PaymentMethod[];
  readonly currencies: readonly Currency[];
  /** Methods that need the payer's id at the channel (WeChat: openid). */
  readonly payerIdMethods: readonly PaymentMethod[];
  /** Methods that need the payer's IP address (WeChat: h5). */
  readonly payerIpMethods: readonly PaymentMethod[];
  readonly partialRefund: boolean;
  readonly refundsPerPaymentMax: number;
  /** How long after the payment the channel still refunds. */
  readonly refundWindowDays: number;
  /** Calls a second that the channel takes of one merchant [PAY-17]; absent where none is known. */
  readonly perSecondMax?: { readonly prepare: number; readonly other: number };
  /** True when the channel offers a daily statement of trades that `statement` can read. */
  readonly statement: boolean;
}

/** A merchant's contract with a channel. `config` is the channel's, checked by `parseConfig`. */
export interface ChannelAccount<Config = unknown> {
  readonly id: string;
  readonly merchantId: string;
  readonly appId: string;
  readonly config: Config;
}

/**
 * The answer of the outside world. `unknown` means that nobody can say whether it happened
 * (time-out, lost reply, 5xx, 429 on a call that moves money, an unverifiable reply): payments
 * keeps the thing pending and asks again with the same number. `refused` is the channel's final
 * word.
 */
export type ChannelAnswer<Value> =
  | { readonly kind: "ok"; readonly value: Value }
  | {
      readonly kind: "refused";
      /** What payments may act on; the channel maps its own codes to these. */
      readonly reason: RefusedReason;
      /** The channel's own code and text, kept for people. */
      readonly channelCode: string;
      readonly channelMessage: string;
    }
  | { readonly kind: "unknown"; readonly why: string; readonly retryAfterMs?: number };

export type RefusedReason =
  // The channel has no such trade or refund. A refund may then be sent again, but only under the
  // same number: the first request may still be on its way.
  | "not_found"
  | "already_paid"
  | "already_closed"
  | "number_reused" // our number was used with other content
  | "not_enough_funds" // a refund may be sent again, same number, after a top-up
  | "bad_request" // our request or configuration is wrong
  | "not_authorized" // keys, signature, permission
  | "rejected"; // any other final no

export interface PrepareRequest {
  /** Our number of the attempt, [0-9A-Z]{6,32}: unique for ever at every channel. */
  readonly attemptNumber: string;
  readonly method: PaymentMethod;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  /** What the payer reads, at most 127 characters. */
  readonly description: string;
  /** After this instant (epoch ms) the channel must not take money. */
  readonly expiresAt: number;
  readonly noticeUrl: string;
  /** Where the payer's browser goes afterwards (page, h5). Display only, never a proof. */
  readonly returnUrl?: string;
  /** The payer's id at the channel, for the methods in `payerIdMethods`. */
  readonly payerId?: string;
  readonly payerIp?: string;
}

/** What the client needs to let the payer pay. `params` is opaque for everybody but the client. */
export type ClientInstruction =
  | { readonly kind: "qr_code"; readonly content: string }
  | { readonly kind: "redirect"; readonly url: string }
  | { readonly kind: "sdk_call"; readonly params: Readonly<Record<string, string>> };

export interface Prepared {
  readonly instruction: ClientInstruction;
  /** After this instant (epoch ms) the instruction is stale and must be prepared anew. */
  readonly usableUntil: number;
}

/** A trade as the channel tells it; payments compares every field with its own books. */
export interface ChannelTrade {
  readonly attemptNumber: string;
  readonly state: "unpaid" | "paying" | "paid" | "closed" | "failed";
  readonly channelTradeNumber?: string;
  /** Absent while unpaid. What the order was asked to pay, before the channel's own vouchers. */
  readonly amountMinor?: bigint;
  /** As the channel writes it; payments compares it. Alipay tells none: then the account's. */
  readonly currency?: string;
  readonly merchantId?: string;
  readonly appId?: string;
  readonly paidAt?: number;
  readonly payerId?: string;
}

export interface RefundRequest {
  readonly refundNumber: string;
  readonly attemptNumber: string;
  readonly channelTradeNumber: string;
  readonly refundMinor: bigint;
  readonly paidMinor: bigint;
  readonly currency: Currency;
  /** At most 80 characters. */
  readonly reason: string;
  readonly noticeUrl: string;
}

/** A refund as the channel tells it. */
export interface ChannelRefund {
  readonly refundNumber: string;
  readonly attemptNumber?: string;
  /** `abnormal`: the payer's account could not take it; a person decides where the money goes. */
  readonly state: "processing" | "refunded" | "closed" | "abnormal";
  readonly channelRefundNumber?: string;
  readonly refundMinor?: bigint;
  readonly currency?: string;
  readonly merchantId?: string;
  readonly appId?: string;
  readonly refundedAt?: number;
}

/** A notice exactly as it came in: the body is the raw bytes, header names are lower case. */
export interface RawNotice {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly receivedAt: number;
}

export type VerifiedNotice =
  | { readonly kind: "payment"; readonly noticeId: string; readonly trade: ChannelTrade }
  | { readonly kind: "refund"; readonly noticeId: string; readonly refund: ChannelRefund };

export type NoticeVerdict =
  | { readonly kind: "verified"; readonly notice: VerifiedNotice }
  /** Right signature, but of an event that payments does not use: acknowledged and kept. */
  | { readonly kind: "ignored"; readonly noticeId: string; readonly why: string }
  /**
   * Cannot be judged now: the key that signed it could not be fetched, or it cannot be decrypted or
   * read. Answered with "refused", so that the channel sends it again, and seen by a person.
   */
  | { readonly kind: "unreadable"; readonly why: string }
  | { readonly kind: "forged"; readonly why: string };

export interface NoticeReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** One row of the channel's daily statement, already in minor units. */
export interface StatementRow {
  readonly kind: "payment" | "refund";
  readonly attemptNumber: string;
  readonly refundNumber?: string;
  readonly channelTradeNumber: string;
  readonly channelRefundNumber?: string;
  readonly amountMinor: bigint;
  readonly feeMinor: bigint;
  readonly currency: string;
  readonly state: string;
  readonly at: number;
}

export type Statement =
  | { readonly kind: "rows"; readonly rows: readonly StatementRow[]; readonly raw: Buffer }
  | { readonly kind: "no_trades" }
  | { readonly kind: "not_ready"; readonly retryAfterMs: number };

/**
 * A channel. Every call takes the account first and ends within the caller's `signal`; it throws
 * only for bugs. The outside call runs under payments' limiter, breaker and time-out.
 */
export interface ChannelPlug<Config = unknown> {
  readonly code: string;
  readonly capabilities: ChannelCapabilities;
  /** The fields of a raw configuration that hold addresses: only allowed hosts are called. */
  readonly addressFields: readonly string[];
  /** Checks an account's secrets and addresses; `refused` names the field and what is allowed. */
  parseConfig(
    raw: unknown,
  ): { kind: "config"; config: Config } | { kind: "refused"; field: string; allowed: string };
  prepare(
    account: ChannelAccount<Config>,
    request: PrepareRequest,
    signal: AbortSignal,
  ): Promise<ChannelAnswer<Prepared>>;
  query(
    account: ChannelAccount<Config>,
    attemptNumber: string,
    signal: AbortSignal,
  ): Promise<ChannelAnswer<ChannelTrade>>;
  /** Ok also when the channel never heard of the number: nobody can pay it any more. */
  close(
    account: ChannelAccount<Config>,
    attemptNumber: string,
    signal: AbortSignal,
  ): Promise<ChannelAnswer<"closed">>;
  refund(
    account: ChannelAccount<Config>,
    request: RefundRequest,
    signal: AbortSignal,
  ): Promise<ChannelAnswer<ChannelRefund>>;
  queryRefund(
    account: ChannelAccount<Config>,
    refund: { readonly refundNumber: string; readonly attemptNumber: string },
    signal: AbortSignal,
  ): Promise<ChannelAnswer<ChannelRefund>>;
  /** May fetch keys it does not know yet (certificate mode), hence the promise. */
  verifyNotice(
    account: ChannelAccount<Config>,
    raw: RawNotice,
    signal: AbortSignal,
  ): Promise<NoticeVerdict>;
  noticeReply(result: "taken" | "refused"): NoticeReply;
  /** `day` is a business day in the channel's zone, "2026-11-21". */
  statement(
    account: ChannelAccount<Config>,
    day: string,
    signal: AbortSignal,
  ): Promise<ChannelAnswer<Statement>>;
}
