import { required } from "../../../kernel/assert.ts";
import type { Tx } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import type { Account, AccountId, AccountSpec, LedgerWorld, Phase, Transfer } from "../domain.ts";
import { accountIdOf } from "../domain.ts";

interface BalanceRow {
  id: AccountId;
  asset: string;
  guarded: boolean;
  indexed: boolean;
  posted: bigint;
  pending_debits: bigint;
  pending_credits: bigint;
}

interface TransferRow {
  bundle_id: string;
  leg: number;
  phase: Phase;
  resolves_leg: number | null;
  debit_account_id: AccountId;
  credit_account_id: AccountId;
  amount: bigint;
  reference: string;
  reason: string;
  reverses_bundle_id: string | null;
}

const lockAccounts = statement(
  "ledger.lock_accounts",
  // In id order everywhere: two batches wait for each other in one direction only [LED-10].
  `select b.account_id as id, a.asset, a.guarded, a.indexed,
          b.posted, b.pending_debits, b.pending_credits
   from ledger.balances b
   join ledger.accounts a on a.tenant_id = $1 and a.id = b.account_id
   where b.tenant_id = $1 and b.account_id = any($2::uuid[])
   order by b.account_id
   for no key update of b`,
);

const selectBundles = statement(
  "ledger.load_bundles",
  `select bundle_id, leg, phase, resolves_leg, debit_account_id, credit_account_id, amount,
          reference, reason, reverses_bundle_id
   from ledger.transfers
   where tenant_id = $1 and bundle_id = any($2::uuid[])
   order by bundle_id, leg`,
);

const insertAccounts = statement(
  "ledger.insert_accounts",
  `insert into ledger.accounts (tenant_id, id, code, asset, guarded, indexed, opened_at)
   select $1, a.id, a.code, a.asset, a.guarded, a.indexed, $2
   from unnest($3::uuid[], $4::text[], $5::text[], $6::boolean[], $7::boolean[])
     as a (id, code, asset, guarded, indexed)
   order by a.id`,
);

const insertBalances = statement(
  "ledger.insert_balances",
  `insert into ledger.balances
     (tenant_id, account_id, guarded, posted, pending_debits, pending_credits)
   select $1, a.id, a.guarded, a.posted, a.pending_debits, a.pending_credits
   from unnest($2::uuid[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[])
     as a (id, guarded, posted, pending_debits, pending_credits)
   order by a.id`,
);

const updateBalances = statement(
  "ledger.update_balances",
  `update ledger.balances b
   set posted = n.posted, pending_debits = n.pending_debits, pending_credits = n.pending_credits
   from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[])
     as n (id, posted, pending_debits, pending_credits)
   where b.tenant_id = $1 and b.account_id = n.id`,
);

const insertTransfers = statement(
  "ledger.insert_transfers",
  `insert into ledger.transfers
     (tenant_id, bundle_id, leg, phase, resolves_leg, debit_account_id, credit_account_id, amount,
      reference, reason, reverses_bundle_id, indexed, at)
   select $1, t.bundle_id, t.leg, t.phase, t.resolves_leg, t.debit, t.credit, t.amount,
          t.reference, t.reason, t.reverses, t.indexed, $2
   from unnest($3::uuid[], $4::smallint[], $5::text[], $6::smallint[], $7::uuid[], $8::uuid[],
               $9::bigint[], $10::uuid[], $11::text[], $12::uuid[], $13::boolean[])
     as t (bundle_id, leg, phase, resolves_leg, debit, credit, amount, reference, reason, reverses,
           indexed)`,
);

/**
 * Locks accounts and reads bundles. Accounts that do not exist are absent from the world; a
 * decision that needs one opens it. When two batches open the same one, the primary key lets the
 * first win and the other is loaded anew.
 */
export async function loadLedger(
  tx: Tx,
  wanted: { readonly accounts: Iterable<AccountId>; readonly bundles?: Iterable<string> },
): Promise<LedgerWorld> {
  const accountIds = [...new Set(wanted.accounts)];
  const bundleIds = [...new Set(wanted.bundles ?? [])];
  // Sent in this order on one connection: bundles are read after the locks have been waited for.
  const [accounts, transfers] = await Promise.all([
    accountIds.length === 0 ? [] : tx.rows<BalanceRow>(lockAccounts, [tx.tenantId, accountIds]),
    bundleIds.length === 0 ? [] : tx.rows<TransferRow>(selectBundles, [tx.tenantId, bundleIds]),
  ]);
  const bundles = new Map<string, Transfer[]>();
  for (const row of transfers) {
    const bundle = bundles.get(row.bundle_id) ?? [];
    bundle.push(transferOf(row));
    bundles.set(row.bundle_id, bundle);
  }
  return {
    accounts: new Map(accounts.map((row) => [row.id, accountOf(row)])),
    bundles,
    touched: new Set(),
    written: [],
    opened: [],
  };
}

/** Writes what decisions did to the world: one statement a table. */
export function saveLedger(tx: Tx, world: LedgerWorld): void {
  // Accounts that begin here are written once, with what they have come to in this transaction.
  insertOpened(
    tx,
    world.opened.map((spec) => ({ ...spec, ...required(world.accounts.get(spec.id), spec.code) })),
  );
  if (world.written.length === 0) return;
  const { written } = world;
  const indexed = (transfer: Transfer) =>
    (world.accounts.get(transfer.debit)?.indexed ?? false) ||
    (world.accounts.get(transfer.credit)?.indexed ?? false);
  tx.write(insertTransfers, [
    tx.tenantId,
    timestamp(tx.now),
    written.map(({ bundleId }) => bundleId),
    written.map(({ leg }) => leg),
    written.map(({ phase }) => phase),
    written.map(({ resolvesLeg }) => resolvesLeg ?? null),
    written.map(({ debit }) => debit),
    written.map(({ credit }) => credit),
    written.map(({ amount }) => amount),
    written.map(({ reference }) => reference),
    written.map(({ reason }) => reason),
    written.map(({ reversesBundleId }) => reversesBundleId ?? null),
    written.map(indexed),
  ]);
  const opened = new Set(world.opened.map(({ id }) => id));
  const touched = [...world.touched]
    .filter((id) => !opened.has(id))
    .map((id) => required(world.accounts.get(id), id));
  if (touched.length === 0) return;
  tx.write(updateBalances, [
    tx.tenantId,
    touched.map(({ id }) => id),
    touched.map(({ posted }) => posted),
    touched.map(({ pendingDebits }) => pendingDebits),
    touched.map(({ pendingCredits }) => pendingCredits),
  ]);
}

/** Opens accounts that are known beforehand, such as those of a new SKU's stock. */
export function openAccounts(tx: Tx, specs: readonly AccountSpec[]): void {
  const zero = { posted: 0n, pendingDebits: 0n, pendingCredits: 0n };
  insertOpened(
    tx,
    specs.map((spec) => ({ id: accountIdOf(spec.code), ...spec, ...zero })),
  );
}

function insertOpened(tx: Tx, opened: readonly (Account & AccountSpec)[]): void {
  if (opened.length === 0) return;
  const ids = opened.map(({ id }) => id);
  const guarded = opened.map((account) => account.guarded);
  tx.write(insertAccounts, [
    tx.tenantId,
    timestamp(tx.now),
    ids,
    opened.map(({ code }) => code),
    opened.map(({ asset }) => asset),
    guarded,
    opened.map(({ indexed }) => indexed),
  ]);
  tx.write(insertBalances, [
    tx.tenantId,
    ids,
    guarded,
    opened.map(({ posted }) => posted),
    opened.map(({ pendingDebits }) => pendingDebits),
    opened.map(({ pendingCredits }) => pendingCredits),
  ]);
}

function accountOf(row: BalanceRow): Account {
  return {
    id: row.id,
    asset: row.asset,
    guarded: row.guarded,
    indexed: row.indexed,
    posted: row.posted,
    pendingDebits: row.pending_debits,
    pendingCredits: row.pending_credits,
  };
}

function transferOf(row: TransferRow): Transfer {
  return {
    bundleId: row.bundle_id,
    leg: row.leg,
    phase: row.phase,
    resolvesLeg: row.resolves_leg ?? undefined,
    debit: row.debit_account_id,
    credit: row.credit_account_id,
    amount: row.amount,
    reference: row.reference,
    reason: row.reason,
    reversesBundleId: row.reverses_bundle_id ?? undefined,
  };
}
