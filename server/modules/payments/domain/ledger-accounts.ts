/** Where money stands in the ledger: at the channel, against what each attempt has brought in. */
import { memoize } from "../../../kernel/memoize.ts";
import type { AccountId, AccountSpec } from "../../ledger/index.ts";
import { accountIdOf } from "../../ledger/index.ts";
import type { Attempt, AttemptId, ChannelAccountId, PaymentsWorld } from "./types.ts";

/**
 * What an attempt has brought in and what of it was not given back. Guarded: no two refunds
 * together take more than was paid, however many are asked for at once.
 */
export function capturedAccount(attemptId: AttemptId): AccountId {
  return accountIdOf(capturedCode(attemptId));
}

/** Each notice of a channel needs the same few, so they are remembered rather than hashed anew. */
const rememberedMax = 1_000;

/** The other side: the channel keeps the money for us, so this goes below zero by that much. */
export const channelLedgerAccount: (accountId: ChannelAccountId) => AccountId = memoize(
  rememberedMax,
  (accountId) => accountIdOf(channelCode(accountId)),
);

/** The ledger accounts that paying or refunding these attempts moves. */
export function accountsOfAttempts(attempts: Iterable<Attempt>): AccountId[] {
  return [...attempts].flatMap(({ id, accountId }) => [
    capturedAccount(id),
    channelLedgerAccount(accountId),
  ]);
}

/** Of loaded payments, the ledger accounts that a refund of what was paid moves. */
export function refundAccountsOf({ attempts }: PaymentsWorld): AccountId[] {
  return accountsOfAttempts([...attempts.values()].filter(({ state }) => state === "paid"));
}

/** Both are opened when an attempt is paid: most attempts never are. */
export function accountSpecsOf({ id, accountId, currency }: Attempt): AccountSpec[] {
  const shared = { asset: currency, indexed: true };
  return [
    { code: channelCode(accountId), guarded: false, ...shared },
    { code: capturedCode(id), guarded: true, ...shared },
  ];
}

function capturedCode(attemptId: AttemptId): string {
  return `captured.${attemptId}`;
}

function channelCode(accountId: ChannelAccountId): string {
  return `channel.${accountId}`;
}
