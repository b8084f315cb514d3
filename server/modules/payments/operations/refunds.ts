/**
 * Refunds, from the request to the channel's word. Each is asked about before it is sent
 * [REF-03], always under the same number, so that a lost reply never gives money back twice.
 */
import { required } from "../../../kernel/assert.ts";
import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Operation } from "../../../kernel/operation.ts";
import type { ChannelAnswer, ChannelRefund } from "../plug.ts";
import type { RecordRefund, RefundOutcome } from "../domain/refunds.ts";
import { decideRecordRefund } from "../domain/refunds.ts";
import type { Attempt, LogWhat, Refund, RefundId } from "../domain/types.ts";
import { isOver } from "../domain/world.ts";
import { readAskedAttempt } from "../store/due.ts";
import { selectRefundById } from "../store/reads.ts";
import { loadPayments } from "../store/world.ts";
import type { Caller, ChannelCalls } from "./calls.ts";
import type { ChannelAccounts } from "./channel-accounts.ts";
import type { MoneyWorld } from "./money.ts";
import { answersMax, loadMoney, saveMoney } from "./money.ts";

export interface RefundsDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly accounts: Pick<ChannelAccounts, "open">;
  readonly calls: ChannelCalls;
}

export function createRefunds(deps: RefundsDeps) {
  const { database, committers, ids, accounts, calls } = deps;

  async function record(
    caller: Caller,
    told: { refund: Refund; what: LogWhat; answer: ChannelAnswer<ChannelRefund> },
  ): Promise<RefundOutcome> {
    return await committers.run(recordRefunds, caller.tenantId, {
      refundId: told.refund.id,
      answer: told.answer,
      account: caller.opened.identity,
      what: told.what,
      logId: ids.next(),
    });
  }

  async function send(caller: Caller, refund: Refund, attempt: Attempt): Promise<void> {
    const answer = await calls.refund(caller, {
      refundNumber: refund.number,
      attemptNumber: attempt.number,
      channelTradeNumber: attempt.channelTradeNumber ?? "",
      refundMinor: refund.amountMinor,
      paidMinor: attempt.amountMinor,
      currency: refund.currency,
      reason: refund.reason,
    });
    await record(caller, { refund, what: "refund", answer });
  }

  return {
    /** The job of a refund that is due: asks the channel, and sends what it has never heard of. */
    async askRefund(tenantId: string, id: RefundId): Promise<void> {
      const refund = await selectRefundById(database, tenantId, id);
      if (refund === undefined || isOver(refund)) return;
      const found = await readAskedAttempt(database, tenantId, refund.attemptId);
      const { attempt } = required(found, `the attempt of refund ${id}`);
      const caller = { tenantId, opened: await accounts.open(tenantId, attempt.accountId) };
      const answer = await calls.queryRefund(caller, refund, attempt.number);
      const outcome = await record(caller, { refund, what: "query_refund", answer });
      if (outcome.kind === "not_sent") await send(caller, refund, attempt);
    },
  };
}

const recordRefunds: Operation<RecordRefund, MoneyWorld, RefundOutcome> = {
  name: "payments.record_refund",
  batchMax: answersMax,
  async load(tx, commands) {
    const refundIds = commands.map(({ refundId }) => refundId);
    const payments = await loadPayments(tx, { refunds: refundIds });
    const attemptIds = refundIds.flatMap((id) => payments.refunds.get(id)?.attemptId ?? []);
    return await loadMoney(tx, payments, attemptIds);
  },
  decide: ({ payments, ledger }, command, now) =>
    decideRecordRefund(payments, ledger, command, now),
  save: saveMoney,
};
