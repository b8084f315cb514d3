import { assert, required } from "../../../kernel/assert.ts";
import type { Database } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import type { AccountId, Phase } from "../domain.ts";

/** An account as people see it: what it is and what it holds now. */
export interface AccountRecord {
  readonly id: AccountId;
  readonly code: string;
  readonly asset: string;
  readonly guarded: boolean;
  readonly indexed: boolean;
  readonly openedAt: number;
  readonly balance: Balance;
}

export interface Balance {
  readonly posted: bigint;
  readonly pendingDebits: bigint;
  readonly pendingCredits: bigint;
}

export interface TransferRecord {
  readonly position: Position;
  readonly phase: Phase;
  readonly resolvesLeg: number | undefined;
  readonly asset: string;
  readonly debit: { readonly id: AccountId; readonly code: string };
  readonly credit: { readonly id: AccountId; readonly code: string };
  readonly amount: bigint;
  readonly reference: string;
  readonly reason: string;
  readonly reversesBundleId: string | undefined;
}

/** Where a transfer stands in the order of statements. */
export interface Position {
  readonly at: number;
  readonly bundleId: string;
  readonly leg: number;
}

interface AccountRow {
  id: AccountId;
  code: string;
  asset: string;
  guarded: boolean;
  indexed: boolean;
  opened_at: number;
  posted: bigint;
  pending_debits: bigint;
  pending_credits: bigint;
}

interface TransferRow {
  at: number;
  bundle_id: string;
  leg: number;
  phase: Phase;
  resolves_leg: number | null;
  asset: string;
  debit_id: AccountId;
  debit_code: string;
  credit_id: AccountId;
  credit_code: string;
  amount: bigint;
  reference: string;
  reason: string;
  reverses_bundle_id: string | null;
}

/** An entry, or the balance alone. */
type EntryRow = (TransferRow | { at: null }) & { posted_now: bigint };

const accountColumns = `a.id, a.code, a.asset, a.guarded, a.indexed, a.opened_at,
          b.posted, b.pending_debits, b.pending_credits`;

const selectAccounts = statement(
  "ledger.list_accounts",
  `select ${accountColumns}
   from ledger.accounts a
   join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
   where a.tenant_id = $1 and a.code >= $2 and a.code <= $3 and a.code > $4
     and ($5::text is null or a.asset = $5)
   order by a.code limit $6`,
);

const selectAccount = statement(
  "ledger.read_account",
  `select ${accountColumns}
   from ledger.accounts a
   join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
   where a.tenant_id = $1 and a.id = $2`,
);

const selectBalances = statement(
  "ledger.read_balances",
  `select account_id as id, posted, pending_debits, pending_credits
   from ledger.balances where tenant_id = $1 and account_id = any($2::uuid[])`,
);

export const prefixesWithAvailable = statement(
  "ledger.prefixes_with_available",
  // From account to account in the order of codes, and no further than the first that has some:
  // each `offset 0` keeps the planner from turning the loop round, which would read every balance
  // of the tenant.
  `select w.prefix
   from unnest($2::text[], $3::text[]) as w (prefix, last)
   where exists (
     select from (
       select id from ledger.accounts
       where tenant_id = $1 and code >= w.prefix and code <= w.last
       order by code offset 0) as a
     cross join lateral (
       select from ledger.balances
       where tenant_id = $1 and account_id = a.id and posted - pending_debits > 0
       offset 0) as b)`,
);

const transferColumns = `t.at, t.bundle_id, t.leg, t.phase, t.resolves_leg, d.asset,
          d.id as debit_id, d.code as debit_code, c.id as credit_id, c.code as credit_code,
          t.amount, t.reference, t.reason, t.reverses_bundle_id`;

const accountsOfTransfer = `join ledger.accounts d on d.tenant_id = $1 and d.id = t.debit_account_id
   join ledger.accounts c on c.tenant_id = $1 and c.id = t.credit_account_id`;

/**
 * Of the bundle with the id of the business row, and of those that transfers_by_reference lists:
 * each page reads them all. An order has five; the most belong to a SKU whose stock is often moved.
 */
const selectByReference = statement(
  "ledger.transfers_by_reference",
  `select ${transferColumns}
   from ledger.transfers t
   ${accountsOfTransfer}
   where t.tenant_id = $1 and t.reference = $2 and (t.at, t.bundle_id, t.leg) > ($3, $4, $5)
     and t.bundle_id = any($2::uuid || array(
       select bundle_id from ledger.transfers
       where tenant_id = $1 and reference = $2 and leg = 1 and bundle_id <> reference))
   order by t.at, t.bundle_id, t.leg limit $6`,
);

/** One arm a side, each a short backward walk of its own index. */
const selectIndexedEntries = statement(
  "ledger.statement_indexed",
  `select ${transferColumns}, b.posted as posted_now
   from (
     (select * from ledger.transfers
      where tenant_id = $1 and debit_account_id = $2 and indexed
        and at >= $3 and (at, bundle_id, leg) < ($4, $5, $6)
      order by at desc, bundle_id desc, leg desc limit $7)
     union all
     (select * from ledger.transfers
      where tenant_id = $1 and credit_account_id = $2 and indexed
        and at >= $3 and (at, bundle_id, leg) < ($4, $5, $6)
      order by at desc, bundle_id desc, leg desc limit $7)
   ) t
   ${accountsOfTransfer}
   join ledger.balances b on b.tenant_id = $1 and b.account_id = $2
   order by t.at desc, t.bundle_id desc, t.leg desc limit $7`,
);

/** The balance comes along even when there are no entries, in a row without any. */
function timedEntriesText(entries: string): string {
  return `select e.*, b.posted as posted_now
   from ledger.balances b
   left join (
     select ${transferColumns}
     from (${entries}) t
     ${accountsOfTransfer}
   ) e on true
   where b.tenant_id = $1 and b.account_id = $2
   order by e.at desc, e.bundle_id desc, e.leg desc`;
}

/** Of a time in which the tenant has few movements: his own, or those of the time, may be fewer. */
const selectTimedEntries = statement(
  "ledger.statement_by_time",
  timedEntriesText(
    `select * from ledger.transfers
     where tenant_id = $1 and (debit_account_id = $2 or credit_account_id = $2)
       and at >= $3 and at <= $4 and (at, bundle_id, leg) < ($4, $5, $6)
     order by at desc, bundle_id desc, leg desc limit $7`,
  ),
);

/**
 * Of a stretch that was measured out by rows. `is true` makes the tenant a condition that no index
 * serves: beside it the planner would read all of a large tenant's entries in the primary key.
 */
const selectStretchEntries = statement(
  "ledger.statement_of_stretch",
  timedEntriesText(
    `select * from ledger.transfers
     where (tenant_id = $1) is true and (debit_account_id = $2 or credit_account_id = $2)
       and at >= $3 and at <= $4 and (at, bundle_id, leg) < ($4, $5, $6)
     order by at desc, bundle_id desc, leg desc limit $7`,
  ),
);

/** The balance now, less what has happened since: one snapshot for both. */
function balanceAtText(transfersSince: string): string {
  return `with since as (${transfersSince})
   select b.posted - coalesce(s.posted, 0)::bigint as posted,
          b.pending_debits - coalesce(s.pending_debits, 0)::bigint as pending_debits,
          b.pending_credits - coalesce(s.pending_credits, 0)::bigint as pending_credits
   from ledger.balances b, (
     select sum(case when credit_account_id = $2 then amount else -amount end)
              filter (where phase in ('posted', 'post')) as posted,
            sum(case phase when 'pending' then amount else -amount end)
              filter (where phase <> 'posted' and debit_account_id = $2) as pending_debits,
            sum(case phase when 'pending' then amount else -amount end)
              filter (where phase <> 'posted' and credit_account_id = $2) as pending_credits
     from since
   ) s
   where b.tenant_id = $1 and b.account_id = $2`;
}

const selectIndexedBalanceAt = statement(
  "ledger.balance_at_indexed",
  balanceAtText(
    `select debit_account_id, credit_account_id, phase, amount from ledger.transfers
     where tenant_id = $1 and debit_account_id = $2 and indexed and at > $3
     union all
     select debit_account_id, credit_account_id, phase, amount from ledger.transfers
     where tenant_id = $1 and credit_account_id = $2 and indexed and at > $3`,
  ),
);

const selectTimedBalanceAt = statement(
  "ledger.balance_at_by_time",
  balanceAtText(
    `select debit_account_id, credit_account_id, phase, amount from ledger.transfers
     where tenant_id = $1 and (debit_account_id = $2 or credit_account_id = $2) and at > $3`,
  ),
);

/** Off the indexes alone where vacuum has been. The last limit is that of both sides together. */
const countIndexedEntries = statement(
  "ledger.count_entries_since",
  `select count(*)::integer as entries
   from (
     (select 1 from ledger.transfers
      where tenant_id = $1 and debit_account_id = $2 and indexed and at > $3 limit $4)
     union all
     (select 1 from ledger.transfers
      where tenant_id = $1 and credit_account_id = $2 and indexed and at > $3 limit $4)
     limit $4
   ) since`,
);

/** The highest code point: behind every code that begins with the prefix. */
const lastCharacter = "\u{10ffff}";

export async function selectAccountsPage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly prefix: string;
    readonly asset: string | undefined;
    readonly afterCode: string | undefined;
    readonly limit: number;
  },
): Promise<AccountRecord[]> {
  const rows = await database.read<AccountRow>(tenantId, selectAccounts, [
    tenantId,
    wanted.prefix,
    `${wanted.prefix}${lastCharacter}`,
    wanted.afterCode ?? "",
    wanted.asset ?? null,
    wanted.limit,
  ]);
  return rows.map(accountOf);
}

export async function selectAccountById(
  database: Database,
  tenantId: string,
  id: AccountId,
): Promise<AccountRecord | undefined> {
  const [row] = await database.read<AccountRow>(tenantId, selectAccount, [tenantId, id]);
  return row === undefined ? undefined : accountOf(row);
}

/** Of one snapshot, without locks; accounts that do not exist are absent. */
export async function selectBalancesOf(
  database: Database,
  tenantId: string,
  ids: readonly AccountId[],
): Promise<Map<AccountId, Balance>> {
  const rows = await database.read<AccountRow>(tenantId, selectBalances, [tenantId, ids]);
  return new Map(rows.map((row) => [row.id, balanceOf(row)]));
}

/** Those under which an account has something that may be taken out; of one snapshot. */
export async function selectPrefixesWithAvailable(
  database: Database,
  tenantId: string,
  prefixes: readonly string[],
): Promise<Set<string>> {
  const rows = await database.read<{ prefix: string }>(tenantId, prefixesWithAvailable, [
    tenantId,
    prefixes,
    prefixes.map((prefix) => `${prefix}${lastCharacter}`),
  ]);
  return new Set(rows.map(({ prefix }) => prefix));
}

/** Oldest first, behind `after`. */
export async function selectTransfersOf(
  database: Database,
  tenantId: string,
  wanted: {
    readonly reference: string;
    readonly after: Position | undefined;
    readonly limit: number;
  },
): Promise<TransferRecord[]> {
  const after = wanted.after ?? positionAt(0);
  const rows = await database.read<TransferRow>(tenantId, selectByReference, [
    tenantId,
    wanted.reference,
    timestamp(after.at),
    after.bundleId,
    after.leg,
    wanted.limit,
  ]);
  return rows.map(transferOf);
}

/**
 * Newest first, before `before` and not before `from`; with the balance of the same snapshot, which
 * is undefined when an account with an index has no entries there.
 */
export async function selectEntries(
  database: Database,
  tenantId: string,
  wanted: {
    readonly account: AccountRecord;
    readonly from: number;
    readonly before: Position;
    readonly limit: number;
    /** What `selectStretch` gave is shorter than what was asked for. */
    readonly isStretch?: boolean;
  },
): Promise<{ entries: TransferRecord[]; postedNow: bigint | undefined }> {
  const { account, before, isStretch = false } = wanted;
  const selectByTime = isStretch ? selectStretchEntries : selectTimedEntries;
  const rows = await database.read<EntryRow>(
    tenantId,
    account.indexed ? selectIndexedEntries : selectByTime,
    [
      tenantId,
      account.id,
      timestamp(wanted.from),
      timestamp(before.at),
      before.bundleId,
      before.leg,
      wanted.limit,
    ],
  );
  return { entries: rows.filter(hasEntry).map(transferOf), postedNow: rows[0]?.posted_now };
}

function hasEntry(row: EntryRow): row is EntryRow & TransferRow {
  return row.at !== null;
}

/** Whether an account with an index has had more than so many entries after a millisecond. */
export async function hasMoreEntriesSince(
  database: Database,
  tenantId: string,
  wanted: {
    readonly account: AccountRecord;
    readonly at: number;
    readonly entriesMax: number;
  },
): Promise<boolean> {
  const { account, at, entriesMax } = wanted;
  assert(account.indexed);
  const [row] = await database.read<{ entries: number }>(tenantId, countIndexedEntries, [
    tenantId,
    account.id,
    timestamp(at),
    entriesMax + 1,
  ]);
  return required(row, "a count").entries > entriesMax;
}

/** What an account held at the end of a millisecond. All of its entries since are added up. */
export async function selectBalanceAt(
  database: Database,
  tenantId: string,
  { account, at }: { readonly account: AccountRecord; readonly at: number },
): Promise<Balance> {
  const [row] = await database.read<AccountRow>(
    tenantId,
    account.indexed ? selectIndexedBalanceAt : selectTimedBalanceAt,
    [tenantId, account.id, timestamp(at)],
  );
  return row === undefined ? account.balance : balanceOf(row);
}

/** Before everything that happened in the millisecond `at`. */
export function positionAt(at: number): Position {
  return { at, bundleId: "00000000-0000-0000-0000-000000000000", leg: 0 };
}

function accountOf(row: AccountRow): AccountRecord {
  return {
    id: row.id,
    code: row.code,
    asset: row.asset,
    guarded: row.guarded,
    indexed: row.indexed,
    openedAt: row.opened_at,
    balance: balanceOf(row),
  };
}

function balanceOf(
  row: Pick<AccountRow, "posted" | "pending_debits" | "pending_credits">,
): Balance {
  return {
    posted: row.posted,
    pendingDebits: row.pending_debits,
    pendingCredits: row.pending_credits,
  };
}

function transferOf(row: TransferRow): TransferRecord {
  return {
    position: { at: row.at, bundleId: row.bundle_id, leg: row.leg },
    phase: row.phase,
    resolvesLeg: row.resolves_leg ?? undefined,
    asset: row.asset,
    debit: { id: row.debit_id, code: row.debit_code },
    credit: { id: row.credit_id, code: row.credit_code },
    amount: row.amount,
    reference: row.reference,
    reason: row.reason,
    reversesBundleId: row.reverses_bundle_id ?? undefined,
  };
}
