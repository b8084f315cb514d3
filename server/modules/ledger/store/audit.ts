import type { Database } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import type { AccountId } from "../domain.ts";
import type { Balance } from "./reads.ts";

/** The sums of one asset. What one account gave, another has: `posted` is zero. */
export interface TrialBalanceRow {
  readonly asset: string;
  readonly accounts: number;
  readonly posted: bigint;
  readonly pendingDebits: bigint;
  readonly pendingCredits: bigint;
}

/** An account whose balance is not what its transfers add up to. */
export interface BalanceDifference {
  readonly accountId: AccountId;
  /** Undefined when transfers name an account that does not exist. */
  readonly code: string | undefined;
  readonly kept: Balance;
  readonly rebuilt: Balance;
}

/** A leg of a hold of which more was ended than was held, or an ending of no hold at all. */
export interface WrongEnding {
  readonly bundleId: string;
  readonly leg: number;
  readonly held: bigint;
  readonly resolved: bigint;
}

interface TrialRow {
  asset: string;
  accounts: number;
  posted: bigint;
  pending_debits: bigint;
  pending_credits: bigint;
}

interface DifferenceRow {
  account_id: AccountId;
  code: string | null;
  posted: bigint;
  pending_debits: bigint;
  pending_credits: bigint;
  rebuilt_posted: bigint;
  rebuilt_pending_debits: bigint;
  rebuilt_pending_credits: bigint;
}

const selectTrialBalance = statement(
  "ledger.trial_balance",
  `select a.asset, count(*)::integer as accounts, sum(b.posted)::bigint as posted,
          sum(b.pending_debits)::bigint as pending_debits,
          sum(b.pending_credits)::bigint as pending_credits
   from ledger.accounts a
   join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
   where a.tenant_id = $1 and a.asset > $2
   group by a.asset
   having not $3 or sum(b.posted) <> 0 or sum(b.pending_debits) <> sum(b.pending_credits)
   order by a.asset limit $4`,
);

const selectDifferences = statement(
  "ledger.audit_balances",
  `with sides as (
     select debit_account_id as account_id, -amount as change, amount as debit, 0 as credit, phase
     from ledger.transfers where tenant_id = $1
     union all
     select credit_account_id, amount, 0, amount, phase
     from ledger.transfers where tenant_id = $1
   ), rebuilt as (
     select account_id,
            coalesce(sum(change) filter (where phase in ('posted', 'post')), 0)::bigint as posted,
            sum(case phase when 'pending' then debit when 'posted' then 0 else -debit end)::bigint
              as pending_debits,
            sum(case phase when 'pending' then credit when 'posted' then 0 else -credit end)::bigint
              as pending_credits
     from sides group by account_id
   ), kept as (
     select b.account_id, a.code, b.posted, b.pending_debits, b.pending_credits
     from ledger.balances b
     join ledger.accounts a on a.tenant_id = $1 and a.id = b.account_id
     where b.tenant_id = $1
   ), compared as (
     select account_id, kept.code,
            coalesce(kept.posted, 0) as posted,
            coalesce(kept.pending_debits, 0) as pending_debits,
            coalesce(kept.pending_credits, 0) as pending_credits,
            coalesce(rebuilt.posted, 0) as rebuilt_posted,
            coalesce(rebuilt.pending_debits, 0) as rebuilt_pending_debits,
            coalesce(rebuilt.pending_credits, 0) as rebuilt_pending_credits
     from kept full join rebuilt using (account_id)
   )
   select * from compared
   where (posted, pending_debits, pending_credits)
      <> (rebuilt_posted, rebuilt_pending_debits, rebuilt_pending_credits) or code is null
   order by account_id limit $2`,
);

const selectWrongEndings = statement(
  "ledger.audit_endings",
  `select e.bundle_id, e.resolves_leg as leg, coalesce(max(h.amount), 0)::bigint as held,
          sum(e.amount)::bigint as resolved
   from ledger.transfers e
   left join ledger.transfers h on h.tenant_id = $1 and h.bundle_id = e.bundle_id
     and h.leg = e.resolves_leg and h.phase = 'pending'
     and h.debit_account_id = e.debit_account_id and h.credit_account_id = e.credit_account_id
   where e.tenant_id = $1 and e.resolves_leg is not null
   group by e.bundle_id, e.resolves_leg
   having count(*) filter (where h.leg is null) > 0 or sum(e.amount) > max(h.amount)
   order by e.bundle_id, e.resolves_leg limit $2`,
);

const countAll = statement(
  "ledger.audit_counts",
  `select (select count(*) from ledger.accounts where tenant_id = $1) as accounts,
          (select count(*) from ledger.transfers where tenant_id = $1) as transfers`,
);

export async function selectTrialBalancePage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly afterAsset: string | undefined;
    readonly unbalancedOnly: boolean;
    readonly limit: number;
  },
): Promise<TrialBalanceRow[]> {
  const rows = await database.read<TrialRow>(tenantId, selectTrialBalance, [
    tenantId,
    wanted.afterAsset ?? "",
    wanted.unbalancedOnly,
    wanted.limit,
  ]);
  return rows.map((row) => ({
    asset: row.asset,
    accounts: row.accounts,
    posted: row.posted,
    pendingDebits: row.pending_debits,
    pendingCredits: row.pending_credits,
  }));
}

/** Rebuilds every balance from the transfers, in one snapshot, and gives those that differ. */
export async function selectBalanceDifferences(
  database: Database,
  tenantId: string,
  limit: number,
): Promise<BalanceDifference[]> {
  const rows = await database.read<DifferenceRow>(tenantId, selectDifferences, [tenantId, limit]);
  return rows.map((row) => ({
    accountId: row.account_id,
    code: row.code ?? undefined,
    kept: {
      posted: row.posted,
      pendingDebits: row.pending_debits,
      pendingCredits: row.pending_credits,
    },
    rebuilt: {
      posted: row.rebuilt_posted,
      pendingDebits: row.rebuilt_pending_debits,
      pendingCredits: row.rebuilt_pending_credits,
    },
  }));
}

export async function selectWrongHoldEndings(
  database: Database,
  tenantId: string,
  limit: number,
): Promise<WrongEnding[]> {
  const rows = await database.read<{
    bundle_id: string;
    leg: number;
    held: bigint;
    resolved: bigint;
  }>(tenantId, selectWrongEndings, [tenantId, limit]);
  return rows.map(({ bundle_id: bundleId, leg, held, resolved }) => ({
    bundleId,
    leg,
    held,
    resolved,
  }));
}

export async function countLedger(
  database: Database,
  tenantId: string,
): Promise<{ accounts: bigint; transfers: bigint }> {
  const [row] = await database.read<{ accounts: bigint; transfers: bigint }>(tenantId, countAll, [
    tenantId,
  ]);
  return row ?? { accounts: 0n, transfers: 0n };
}
