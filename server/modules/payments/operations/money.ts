/** What every operation that books a channel's word loads and saves. */
import type { Tx } from "../../../kernel/database.ts";
import type { LedgerWorld } from "../../ledger/index.ts";
import { loadLedger, saveLedger } from "../../ledger/index.ts";
import { accountsOfAttempts } from "../domain/ledger-accounts.ts";
import type { AttemptId, PaymentsWorld } from "../domain/types.ts";
import { savePayments } from "../store/save.ts";

/** Answers of one moment share a transaction; more only makes its locks last longer. */
export const answersMax = 128;

/** Payments with the money of the attempts in question. */
export interface MoneyWorld {
  readonly payments: PaymentsWorld;
  readonly ledger: LedgerWorld;
}

/** Locks payments, then the money of these attempts. */
export async function loadMoney(
  tx: Tx,
  payments: PaymentsWorld,
  attemptIds: readonly AttemptId[],
): Promise<MoneyWorld> {
  const attempts = [...new Set(attemptIds)].flatMap((id) => payments.attempts.get(id) ?? []);
  const refundIds = [...payments.refunds.keys()];
  const bundles = [...attempts.map(({ id }) => id), ...refundIds];
  const ledger = await loadLedger(tx, { accounts: accountsOfAttempts(attempts), bundles });
  return { payments, ledger };
}

export function saveMoney(tx: Tx, { payments, ledger }: MoneyWorld): void {
  savePayments(tx, payments);
  saveLedger(tx, ledger);
}
