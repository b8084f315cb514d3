/**
 * Attempts to pay, from the call that prepares them to their end: every step asks the channel
 * outside of a transaction and records the answer in one.
 */
import { required } from "../../../kernel/assert.ts";
import type { Committers } from "../../../kernel/batch.ts";
import type { Database, Tx } from "../../../kernel/database.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Numbers } from "../../../kernel/numbers.ts";
import type { Operation } from "../../../kernel/operation.ts";
import { execute } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { ChannelAnswer, ChannelTrade, Prepared } from "../plug.ts";
import type { RecordClosed, RecordPrepared } from "../domain/attempts.ts";
import {
  decideRecordClosed,
  decideRecordPrepared,
  decideStartClosing,
} from "../domain/attempts.ts";
import type { RecordTrade, RefundSurplus, TradeOutcome } from "../domain/trades.ts";
import { decideRecordTrade, decideRefundSurplus } from "../domain/trades.ts";
import type { Attempt, AttemptId, PaymentsWorld } from "../domain/types.ts";
import { readAskedAttempt, selectSurplusAttempts } from "../store/due.ts";
import type { AskedAttempt } from "../store/due.ts";
import { savePayments } from "../store/save.ts";
import { loadPayments } from "../store/world.ts";
import type { Caller, ChannelCalls } from "./calls.ts";
import type { ChannelAccounts } from "./channel-accounts.ts";
import type { MoneyWorld } from "./money.ts";
import { answersMax, loadMoney, saveMoney } from "./money.ts";

export interface AttemptsDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly numbers: Numbers;
  readonly clock: Clock;
  readonly accounts: Pick<ChannelAccounts, "open">;
  readonly calls: ChannelCalls;
  /** How long after the payer could first pay the channel is first asked [PAY-10]. */
  readonly firstQueryMs: (tenantId: string) => Promise<number>;
}

export function createAttempts(deps: AttemptsDeps) {
  const { database, committers, ids, numbers, clock, accounts, calls } = deps;

  async function asked(tenantId: string, id: AttemptId): Promise<AskedAttempt> {
    const found = await readAskedAttempt(database, tenantId, id);
    return required(found, `attempt ${id}`);
  }

  async function callerFor(tenantId: string, { accountId }: Attempt): Promise<Caller> {
    return { tenantId, opened: await accounts.open(tenantId, accountId) };
  }

  async function recordTrade(
    caller: Caller,
    attempt: Attempt,
    answer: ChannelAnswer<ChannelTrade>,
  ): Promise<TradeOutcome> {
    return await committers.run(recordTrades, caller.tenantId, {
      attemptId: attempt.id,
      answer,
      account: caller.opened.identity,
      what: "query",
      logId: ids.next(),
      refundId: ids.next(),
      refundNumber: numbers.next("R"),
    });
  }

  async function query(caller: Caller, attempt: Attempt): Promise<TradeOutcome> {
    return recordTrade(caller, attempt, await calls.query(caller, attempt.number));
  }

  async function close(caller: Caller, attempt: Attempt): Promise<Attempt> {
    const answer = await calls.close(caller, attempt.number);
    if (answer.kind === "refused" && answer.reason === "already_paid") {
      // Only a query tells how much came, and when.
      return (await query(caller, attempt)).attempt;
    }
    const { tenantId } = caller;
    const command = { attemptId: attempt.id, answer, logId: ids.next<"TradeLogEntry">() };
    return await committers.run(recordClosed, tenantId, command);
  }

  async function prepare(tenantId: string, { attempt, description }: AskedAttempt) {
    const caller = await callerFor(tenantId, attempt);
    const { returnUrl, payerId, payerIp } = attempt;
    const answer = await calls.prepare(caller, {
      attemptNumber: attempt.number,
      method: attempt.method,
      amountMinor: attempt.amountMinor,
      currency: attempt.currency,
      description,
      expiresAt: attempt.expiresAt,
      ...(returnUrl === undefined ? {} : { returnUrl }),
      ...(payerId === undefined ? {} : { payerId }),
      ...(payerIp === undefined ? {} : { payerIp }),
    });
    const prepared = await committers.run(recordPrepared, tenantId, {
      attemptId: attempt.id,
      answer,
      firstQueryMs: await deps.firstQueryMs(tenantId),
      logId: ids.next(),
    });
    if (answer.kind === "refused" && answer.reason === "already_paid") {
      // An earlier reply was lost and the payer was quick: whoever asks must not pay again.
      return refuseOver((await query(caller, attempt)).attempt);
    }
    return preparedOrWhy(prepared, answer);
  }

  async function prepareAsked(tenantId: string, id: AttemptId): Promise<Attempt | Refusal> {
    const found = await asked(tenantId, id);
    const { attempt } = found;
    if (attempt.state === "preparing") return await prepare(tenantId, found);
    if (attempt.state === "awaiting") return attempt;
    return refuseOver(attempt);
  }

  /**
   * A request that is repeated while the first is under way joins it, from the look at the attempt
   * on: who has looked too early would prepare it again after the first has ended.
   */
  const underWay = new Map<AttemptId, Promise<Attempt | Refusal>>();

  return {
    /**
     * Has the channel make ready what `decideOpenAttempt` gave; again for the same attempt gives
     * the same. The attempt with its instruction, or refuses: channel_refused (another way to pay
     * may work), channel_unavailable (nobody knows: repeat), order_already_paid, attempt_over.
     */
    prepareAttempt(tenantId: string, id: AttemptId): Promise<Attempt | Refusal> {
      const running = underWay.get(id);
      if (running !== undefined) return running;
      const preparing = prepareAsked(tenantId, id).finally(() => underWay.delete(id));
      underWay.set(id, preparing);
      return preparing;
    },

    /** Asks the channel at once about an attempt that is `closing`, and gives it as it then is. */
    async closeAttempt(tenantId: string, id: AttemptId): Promise<Attempt> {
      const { attempt } = await asked(tenantId, id);
      if (attempt.state !== "closing") return attempt;
      return await close(await callerFor(tenantId, attempt), attempt);
    },

    /** The job of an attempt that is due: finds out what became of it, or ends it. */
    async askAttempt(tenantId: string, id: AttemptId): Promise<void> {
      const found = await readAskedAttempt(database, tenantId, id);
      if (found === undefined) return;
      const { attempt } = found;
      switch (attempt.state) {
        case "paid":
        case "closed":
        case "failed":
          return;
        case "preparing":
          // Nobody came back for the instruction, or it was never heard of at the channel.
          await committers.run(startClosing, tenantId, { attemptId: id });
          await close(await callerFor(tenantId, attempt), attempt);
          return;
        case "closing":
          await close(await callerFor(tenantId, attempt), attempt);
          return;
        case "awaiting": {
          const outcome = await query(await callerFor(tenantId, attempt), attempt);
          const isOver = clock.now() >= attempt.expiresAt && outcome.attempt.state === "awaiting";
          // The channel takes no more money for it; its close says so for certain.
          if (isOver) await committers.run(startClosing, tenantId, { attemptId: id });
        }
      }
    },

    /** Sends surplus money back whose refund had failed [PAY-08]. Gives how many it took. */
    async refundSurplus(tx: Tx, limit: number): Promise<number> {
      const found = await selectSurplusAttempts(tx, limit);
      const commands = found.map((attemptId) => ({
        attemptId,
        refundId: ids.next<"Refund">(),
        refundNumber: numbers.next("R"),
      }));
      await execute(tx, refundSurplus, commands);
      return found.length;
    },
  };
}

function preparedOrWhy(attempt: Attempt, answer: ChannelAnswer<Prepared>): Attempt | Refusal {
  if (attempt.state === "awaiting") return attempt;
  if (answer.kind === "unknown") return refuse("channel_unavailable");
  if (answer.kind === "refused" && attempt.state === "failed") {
    const { channelCode, channelMessage } = answer;
    return refuse("channel_refused", { detail: `${channelCode} ${channelMessage}` });
  }
  return refuseOver(attempt);
}

/** The payment itself may be open: what is over is this one way to pay it. */
function refuseOver({ state }: Attempt): Refusal {
  return state === "paid" ? refuse("order_already_paid") : refuse("attempt_over", { state });
}

interface OfAttempt {
  readonly attemptId: AttemptId;
}

async function loadOf(tx: Tx, commands: readonly OfAttempt[]): Promise<PaymentsWorld> {
  return await loadPayments(tx, { attempts: commands.map(({ attemptId }) => attemptId) });
}

const recordPrepared: Operation<RecordPrepared, PaymentsWorld, Attempt> = {
  name: "payments.record_prepared",
  batchMax: answersMax,
  load: loadOf,
  decide: decideRecordPrepared,
  save: (tx, world) => savePayments(tx, world),
};

const recordClosed: Operation<RecordClosed, PaymentsWorld, Attempt> = {
  name: "payments.record_closed",
  batchMax: answersMax,
  load: loadOf,
  decide: decideRecordClosed,
  save: (tx, world) => savePayments(tx, world),
};

const startClosing: Operation<OfAttempt, PaymentsWorld, Attempt> = {
  name: "payments.start_closing",
  batchMax: answersMax,
  load: loadOf,
  decide: decideStartClosing,
  save: (tx, world) => savePayments(tx, world),
};

async function loadMoneyOf(tx: Tx, commands: readonly OfAttempt[]): Promise<MoneyWorld> {
  const payments = await loadOf(tx, commands);
  const attemptIds = commands.map(({ attemptId }) => attemptId);
  return await loadMoney(tx, payments, attemptIds);
}

const recordTrades: Operation<RecordTrade, MoneyWorld, TradeOutcome> = {
  name: "payments.record_trade",
  batchMax: answersMax,
  load: loadMoneyOf,
  decide: ({ payments, ledger }, command, now) => decideRecordTrade(payments, ledger, command, now),
  save: saveMoney,
};

const refundSurplus: Operation<RefundSurplus, MoneyWorld, void> = {
  name: "payments.refund_surplus",
  batchMax: answersMax,
  load: loadMoneyOf,
  decide: ({ payments, ledger }, command, now) =>
    decideRefundSurplus(payments, ledger, command, now),
  save: saveMoney,
};
