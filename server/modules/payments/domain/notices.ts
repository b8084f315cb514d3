/** What a notice changes: it is kept, and what it tells is booked once. Pure. */
import type { NewEvent } from "../../../kernel/events.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { LedgerWorld } from "../../ledger/index.ts";
import type { NoticeVerdict, RawNotice, VerifiedNotice } from "../plug.ts";
import { decideRecordRefund, wordRefund } from "./refunds.ts";
import { decideRecordTrade, wordTrade } from "./trades.ts";
import type { AccountIdentity, ChannelAccountId, LogEntryId, PaymentsWorld } from "./types.ts";
import type { RefundId } from "./types.ts";

export type NoticeId = Id<"Notice">;

/** What lists show of a notice. */
export interface NoticeLine {
  readonly id: NoticeId;
  readonly accountId: ChannelAccountId;
  /** The channel's own id of it; what was forged or cannot be read has none. */
  readonly channelNoticeId: string | undefined;
  readonly receivedAt: number;
  /** "paid", "mismatch: amount", "unknown_number", "forged: the signature does not fit" */
  readonly verdict: string;
  readonly attemptNumber: string | undefined;
  readonly refundNumber: string | undefined;
  /** How often it came. */
  deliveries: number;
}

/** A notice byte for byte, with what was made of it [PAY-13]. */
export interface StoredNotice extends NoticeLine {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * A notice that the channel's plug has judged. The ids are new; those of the refund are for a
 * second payment, and used only then.
 */
export interface TakeNotice {
  readonly id: NoticeId;
  readonly account: AccountIdentity;
  readonly raw: RawNotice;
  readonly judged: NoticeVerdict;
  readonly logId: LogEntryId;
  readonly refundId: RefundId;
  readonly refundNumber: string;
}

/** Rightly signed, about a number that we never gave: somebody else uses the merchant's account. */
export type NoticeEvent = NewEvent<
  "notice_unmatched",
  {
    readonly noticeId: NoticeId;
    readonly accountId: ChannelAccountId;
    readonly channel: string;
    readonly number: string;
  }
>;

export interface NoticesWorld {
  readonly payments: PaymentsWorld;
  readonly ledger: LedgerWorld;
  /** By `noticeKeyOf`. */
  readonly notices: Map<string, StoredNotice>;
  readonly written: {
    readonly fresh: Set<StoredNotice>;
    readonly repeated: Set<StoredNotice>;
    readonly events: NoticeEvent[];
  };
}

export interface NoticeOutcome {
  readonly kind: "noticed";
  readonly reply: "taken" | "refused";
  readonly notice: StoredNotice;
}

/**
 * The same notice again changes nothing but its count. A notice about a number that we do not know
 * is taken all the same: repeating it would not help, and its sender learns nothing about orders.
 */
export function decideTakeNotice(
  world: NoticesWorld,
  command: TakeNotice,
  now: number,
): NoticeOutcome {
  const channelNoticeId = channelNoticeIdOf(command.judged);
  const key =
    channelNoticeId === undefined ? undefined : noticeKeyOf(command.account.id, channelNoticeId);
  const earlier = key === undefined ? undefined : world.notices.get(key);
  if (earlier !== undefined) {
    earlier.deliveries += 1;
    if (!world.written.fresh.has(earlier)) world.written.repeated.add(earlier);
    return { kind: "noticed", reply: "taken", notice: earlier };
  }

  const { id, account, raw, judged } = command;
  const { receivedAt, headers, body } = raw;
  const verdict = storable(book(world, command, now), verdictMax);
  const numbers = numbersOf(judged);
  const given = { id, accountId: account.id, channelNoticeId, receivedAt, headers, body };
  const notice: StoredNotice = { ...given, verdict, ...numbers, deliveries: 1 };
  world.written.fresh.add(notice);
  if (key !== undefined) world.notices.set(key, notice);
  const isTaken = judged.kind === "verified" || judged.kind === "ignored";
  return { kind: "noticed", reply: isTaken ? "taken" : "refused", notice };
}

/** Gives the verdict. */
function book(world: NoticesWorld, command: TakeNotice, now: number): string {
  const { judged } = command;
  if (judged.kind !== "verified") return `${judged.kind}: ${judged.why}`;
  const { notice } = judged;
  return notice.kind === "payment"
    ? bookTrade(world, { ...command, trade: notice.trade }, now)
    : bookRefund(world, { ...command, refund: notice.refund }, now);
}

type PaymentNotice = Extract<VerifiedNotice, { kind: "payment" }>;
type RefundNotice = Extract<VerifiedNotice, { kind: "refund" }>;

function bookTrade(
  { payments, ledger, written }: NoticesWorld,
  command: TakeNotice & Pick<PaymentNotice, "trade">,
  now: number,
): string {
  const { trade, account, logId, refundId, refundNumber } = command;
  const number = trade.attemptNumber;
  const attempt = payments.attempts.values().find((known) => known.number === number);
  if (attempt === undefined) return unmatched(written.events, command, number);
  const answer = { kind: "ok", value: trade } as const;
  const told = { attemptId: attempt.id, answer, account, what: "notice", logId } as const;
  const outcome = decideRecordTrade(payments, ledger, { ...told, refundId, refundNumber }, now);
  return wordTrade(outcome);
}

function bookRefund(
  { payments, ledger, written }: NoticesWorld,
  command: TakeNotice & Pick<RefundNotice, "refund">,
  now: number,
): string {
  const { refund: told, account, logId } = command;
  const number = told.refundNumber;
  const refund = payments.refunds.values().find((known) => known.number === number);
  if (refund === undefined) return unmatched(written.events, command, number);
  const answer = { kind: "ok", value: told } as const;
  const recorded = { refundId: refund.id, answer, account, what: "notice", logId } as const;
  return wordRefund(decideRecordRefund(payments, ledger, recorded, now));
}

function unmatched(events: NoticeEvent[], { id, account }: TakeNotice, number: string): string {
  const { id: accountId, channel } = account;
  const told = storable(number, numberMax);
  const data = { noticeId: id, accountId, channel, number: told };
  events.push({ type: "notice_unmatched", data });
  return "unknown_number";
}

export function noticeKeyOf(accountId: ChannelAccountId, channelNoticeId: string): string {
  return `${accountId} ${channelNoticeId}`;
}

/** Undefined where the channel tells none: such notices are kept each time they come. */
export function channelNoticeIdOf(judged: NoticeVerdict): string | undefined {
  const given =
    judged.kind === "verified"
      ? judged.notice.noticeId
      : judged.kind === "ignored"
        ? judged.noticeId
        : "";
  const kept = storable(given, noticeIdMax);
  return kept === "" ? undefined : kept;
}

/** The numbers of ours that the notice is about; those of forged notices are anybody's. */
export function numbersOf(judged: NoticeVerdict): {
  readonly attemptNumber: string | undefined;
  readonly refundNumber: string | undefined;
} {
  if (judged.kind !== "verified") return { attemptNumber: undefined, refundNumber: undefined };
  const { notice } = judged;
  if (notice.kind === "payment") {
    return {
      attemptNumber: storable(notice.trade.attemptNumber, numberMax),
      refundNumber: undefined,
    };
  }
  const { attemptNumber, refundNumber } = notice.refund;
  return {
    attemptNumber: attemptNumber && storable(attemptNumber, numberMax),
    refundNumber: storable(refundNumber, numberMax),
  };
}

/** WeChat Pay's are up to 36 characters, Alipay's 128. */
const noticeIdMax = 256;
/** Ours have 25 characters, those of others at these channels up to 64. */
const numberMax = 64;
const verdictMax = 200;

/** What others send may hold what PostgreSQL cannot keep, or be longer than an index takes. */
function storable(text: string, lengthMax: number): string {
  return text.replaceAll("\0", "").slice(0, lengthMax);
}
