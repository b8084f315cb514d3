/** Notices of channels: verified outside of any transaction, then kept and booked in one. */
import type { Committers } from "../../../kernel/batch.ts";
import type { Ids } from "../../../kernel/ids.ts";
import { createLimiter } from "../../../kernel/limiter.ts";
import type { Numbers } from "../../../kernel/numbers.ts";
import type { Operation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import { noChannelAccount } from "../domain/channel-accounts.ts";
import type { NoticeOutcome, NoticesWorld, TakeNotice } from "../domain/notices.ts";
import { channelNoticeIdOf, decideTakeNotice, numbersOf } from "../domain/notices.ts";
import type { NoticeReply, RawNotice } from "../plug.ts";
import { loadNotices, saveNotices } from "../store/notices.ts";
import { loadPayments } from "../store/world.ts";
import type { ChannelAccounts, NoticePlace } from "./channel-accounts.ts";
import { answersMax, loadMoney, saveMoney } from "./money.ts";

export interface NoticesDeps {
  readonly committers: Committers;
  readonly ids: Ids;
  readonly numbers: Numbers;
  readonly clock: Clock;
  readonly accounts: Pick<ChannelAccounts, "find">;
}

/** WeChat Pay waits for 5 s. Verifying asks outside only when a certificate is new. */
const verifyMsMax = 4 * secondMs;
/** Notices that come within so long share their patience: a signal each, kept for 4 s, adds up. */
const sharedMs = 100;
/**
 * Anybody may send what no channel has signed: enough is kept to see it, not to fill the disk. At
 * most 60 a minute, of each account: 30 at once and 30 that follow.
 */
const unprovenKeptAtOnce = 30;
const unprovenKeptPerSecond = 0.5;

export type Notices = ReturnType<typeof createNotices>;

export function createNotices({ committers, ids, numbers, clock, accounts }: NoticesDeps) {
  const unprovenKept = createLimiter({
    perSecond: unprovenKeptPerSecond,
    burst: unprovenKeptAtOnce,
    clock,
  });

  const patience = createPatience();

  return {
    /**
     * Takes a notice as it came in and gives what the channel waits for: "taken" only once all that
     * it tells is committed [PAY-11], "refused" when it is forged or cannot be judged now.
     * Refusals: not_found for an account that does not exist.
     */
    async takeNotice(
      tenantId: string,
      place: NoticePlace,
      given: Pick<RawNotice, "headers" | "body">,
    ): Promise<NoticeReply | Refusal> {
      const found = await accounts.find(tenantId, place);
      if (found === undefined) return noChannelAccount;
      const { plug, account, identity } = found;
      const raw = { ...given, receivedAt: clock.now() };
      const judged = await plug.verifyNotice(account, raw, patience());
      const isProven = judged.kind === "verified" || judged.kind === "ignored";
      // What is merely unreadable must not be crowded out by what is forged.
      if (!isProven && unprovenKept.tryTake(`${account.id} ${judged.kind}`) > 0) {
        return plug.noticeReply("refused");
      }
      const { reply } = await committers.run(takeNotices, tenantId, {
        id: ids.next(),
        account: identity,
        raw,
        judged,
        logId: ids.next(),
        refundId: ids.next(),
        refundNumber: numbers.next("R"),
      });
      return plug.noticeReply(reply);
    },
  };
}

/** Gives signals that end what takes longer than `verifyMsMax`, up to `sharedMs` earlier. */
function createPatience(): () => AbortSignal {
  let madeAt = Number.NEGATIVE_INFINITY;
  let signal: AbortSignal | undefined;
  return () => {
    const now = performance.now();
    if (signal === undefined || now - madeAt >= sharedMs) {
      madeAt = now;
      signal = AbortSignal.timeout(verifyMsMax);
    }
    return signal;
  };
}

const takeNotices: Operation<TakeNotice, NoticesWorld, NoticeOutcome> = {
  name: "payments.take_notice",
  batchMax: answersMax,
  async load(tx, commands) {
    const told = commands.map(({ judged }) => numbersOf(judged));
    const attemptNumbers = told.flatMap(({ attemptNumber }) => attemptNumber ?? []);
    const refundNumbers = told.flatMap(({ refundNumber }) => refundNumber ?? []);
    const wanted = commands.flatMap(({ account, judged }) => {
      const channelNoticeId = channelNoticeIdOf(judged);
      return channelNoticeId === undefined ? [] : [{ accountId: account.id, channelNoticeId }];
    });
    // In one flight and in this order: the notices are read when the payments are locked.
    const [payments, notices] = await Promise.all([
      loadPayments(tx, { attemptNumbers, refundNumbers }),
      loadNotices(tx, wanted),
    ]);
    const sought = new Set(attemptNumbers);
    const refunded = new Set(
      [...payments.refunds.values()]
        .filter(({ number }) => refundNumbers.includes(number))
        .map(({ attemptId }) => attemptId),
    );
    const attemptIds = [...payments.attempts.values()]
      .filter(({ id, number }) => sought.has(number) || refunded.has(id))
      .map(({ id }) => id);
    const { ledger } = await loadMoney(tx, payments, attemptIds);
    const written = { fresh: new Set<never>(), repeated: new Set<never>(), events: [] };
    return { payments, ledger, notices, written };
  },
  decide: decideTakeNotice,
  save(tx, world) {
    saveMoney(tx, world);
    saveNotices(tx, world.written);
  },
};
