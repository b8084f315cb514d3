/**
 * What happens in the outside world besides calls: payers pay, decline or let time pass, and
 * refunds under way come to their end. Whoever does it (a person on the pay page, a script, a
 * fault), the merchant is told in the same way.
 */
import type { Clock } from "./clock.ts";
import type { Strikes } from "./faults.ts";
import type { NoticeOffice } from "./notices.ts";
import { randomDigits, randomLetters } from "./random.ts";
import { beijingDay } from "./times.ts";
import { atTime, decidePay } from "./trades.ts";
import { refundKey, tradeKey } from "./world.ts";
import type { ChannelCode, Refund, RefundState, Trade, World } from "./world.ts";

export interface Actions {
  /** The trade as of now: one whose time has run out is closed. */
  trade(key: string): Trade | undefined;
  /** The payer opens a QR code or page; from then on Alipay admits that the trade exists. */
  open(trade: Trade): Trade;
  pay(
    trade: Trade,
    payment?: Payment,
  ): { readonly outcome: PayResult; readonly told: Promise<void> };
  decline(trade: Trade): Trade;
  expire(trade: Trade): Trade;
  acceptRefund(trade: Trade, request: NewRefund, strikes: Strikes): Promise<Refund>;
  /** `at`: when it was asked for and done; the past puts it on the statement of its day. */
  endRefund(refund: Refund, state: RefundState, at?: number): Refund;
  /** Takes up the refunds under way of a restored world. */
  resume(): void;
}

export type PayResult = "paid" | "paid_before" | "closed";

export interface Payment {
  readonly payerId?: string;
  /** When the money moved; a script may put it into the past to fill yesterday's statement. */
  readonly at?: number;
  /** Told without any planted delay, so that the notice can overtake a reply. */
  readonly atOnce?: boolean;
}

export interface NewRefund {
  readonly number: string;
  readonly amountMinor: number;
  readonly reason: string;
  readonly noticeUrl: string;
}

export function createActions(parts: {
  readonly world: World;
  readonly clock: Clock;
  readonly office: NoticeOffice;
  /** How long WeChat Pay usually takes for a refund. */
  readonly refundMs: number;
}): Actions {
  const { world, clock, office } = parts;

  function keep(trade: Trade): Trade {
    world.trades.put(trade);
    return trade;
  }

  /** WeChat Pay tells every end of a refund, Alipay only that the money went back. */
  function endRefund(refund: Refund, state: RefundState, at?: number): Refund {
    const finishedAt = state === "processing" ? null : (at ?? clock.now());
    const createdAt = at ?? refund.createdAt;
    const ended: Refund = { ...refund, state, createdAt, finishedAt };
    world.refunds.put(ended);
    const trade = world.trades.get(tradeKey({ ...refund, number: refund.tradeNumber }));
    const isTold = refund.channel === "wechatpay" ? state !== "processing" : state === "success";
    if (trade !== undefined && isTold) void office.announce(trade, ended);
    return ended;
  }

  function arrangeEnd(refund: Refund): void {
    const { afterMs, state } = refund.ending;
    if (afterMs === null) return;
    clock.after(afterMs, () => {
      const latest = world.refunds.get(refundKey(refund));
      if (latest?.state === "processing") endRefund(latest, state);
    });
  }

  async function acceptRefund(trade: Trade, request: NewRefund, strikes: Strikes) {
    const { channel, merchantId } = trade;
    const refund: Refund = {
      channel,
      merchantId,
      tradeNumber: trade.number,
      ...request,
      refundId: newRefundId(clock.now()),
      state: "processing",
      ending: endingOf(channel, strikes, parts.refundMs),
      createdAt: clock.now(),
      finishedAt: null,
    };
    world.refunds.put(refund);
    keep({ ...trade, refundKeys: [...trade.refundKeys, refundKey(refund)] });

    if (strikes.has("notice_before_reply")) return tellBeforeReply(refund);
    if (refund.ending.afterMs === 0) return endRefund(refund, refund.ending.state);
    arrangeEnd(refund);
    return refund;
  }

  /** The reply that follows still says `processing`, as it would have without the overtaking. */
  async function tellBeforeReply(refund: Refund): Promise<Refund> {
    const ended: Refund = { ...refund, state: refund.ending.state, finishedAt: clock.now() };
    world.refunds.put(ended);
    const trade = world.trades.get(tradeKey({ ...refund, number: refund.tradeNumber }));
    if (trade !== undefined) await office.announce(trade, ended, true);
    return refund.channel === "wechatpay" ? refund : ended;
  }

  return {
    trade(key) {
      const kept = world.trades.get(key);
      if (kept === undefined) return undefined;
      const current = atTime(kept, clock.now());
      return current === kept ? kept : keep(current);
    },
    open(trade) {
      if (trade.state !== "prepared") return trade;
      const transactionId = newTransactionId(trade.channel, clock.now());
      return keep({ ...trade, state: "unpaid", transactionId });
    },
    pay(trade, payment = {}) {
      const outcome = decidePay(trade, {
        payerId: payment.payerId ?? newPayerId(trade.channel),
        transactionId: newTransactionId(trade.channel, clock.now()),
        at: payment.at ?? clock.now(),
      });
      if (outcome.kind !== "paid") return { outcome: outcome.kind, told: Promise.resolve() };
      const paid = keep(outcome.trade);
      return { outcome: "paid", told: office.announce(paid, undefined, payment.atOnce) };
    },
    decline: (trade) => keep({ ...trade, declineCount: trade.declineCount + 1 }),
    expire(trade) {
      const isOpen = trade.state === "prepared" || trade.state === "unpaid";
      return isOpen ? keep(atTime({ ...trade, expiresAt: clock.now() }, clock.now())) : trade;
    },
    acceptRefund,
    endRefund,
    resume() {
      for (const refund of world.refunds.values())
        if (refund.state === "processing") arrangeEnd(refund);
    },
  };
}

/** How a refund will end: as faults have it, or well; Alipay refunds within the call. */
function endingOf(channel: ChannelCode, strikes: Strikes, refundMs: number): Refund["ending"] {
  const usualMs = channel === "wechatpay" ? refundMs : 0;
  const abnormal = strikes.get("refund_abnormal");
  if (abnormal !== undefined) return { state: "abnormal", afterMs: abnormal.ms ?? refundMs };
  const closed = strikes.get("refund_closed");
  if (closed !== undefined) return { state: "closed", afterMs: closed.ms ?? refundMs };
  const processing = strikes.get("refund_processing");
  if (processing !== undefined) return { state: "success", afterMs: processing.ms ?? null };
  return { state: "success", afterMs: usualMs };
}

const dayDigits = (at: number): string => beijingDay(at).replaceAll("-", "");

/** 28 digits with the day in it, as both channels give them. */
export function newTransactionId(channel: ChannelCode, at: number): string {
  return channel === "wechatpay"
    ? `420000${randomDigits(4)}${dayDigits(at)}${randomDigits(10)}`
    : `${dayDigits(at)}2200140${randomDigits(13)}`;
}

const newRefundId = (at: number): string =>
  `503000${randomDigits(4)}${dayDigits(at)}${randomDigits(11)}`;

const newPayerId = (channel: ChannelCode): string =>
  channel === "wechatpay" ? `oSim${randomLetters(24)}` : `2088${randomDigits(12)}`;
