-- The ledger: what can run out is an account, what changes hands is a transfer.
create schema ledger;

create table ledger.accounts (
  tenant_id uuid not null,
  id uuid not null,
  -- For people and for other modules: stock.on_hand.<sku>, payment.<payment>, ...
  -- Sorted by bytes, so that everything below "stock." is one range of the index.
  code text collate "C" not null check (length(code) between 1 and 200),
  -- CNY, or stock:<sku>. Both accounts of a transfer have the same one.
  asset text not null check (length(asset) between 1 and 100),
  -- A guarded account never goes below zero, counting what is held.
  guarded boolean not null,
  -- Movements of these accounts are indexed by account; hot stock goes without.
  indexed boolean not null,
  opened_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, code)
);

-- The hot half of an account: narrow, updated in place (HOT), once a batch.
create table ledger.balances (
  tenant_id uuid not null,
  account_id uuid not null,
  guarded boolean not null,
  posted bigint not null,
  pending_debits bigint not null check (pending_debits >= 0),
  pending_credits bigint not null check (pending_credits >= 0),
  primary key (tenant_id, account_id),
  foreign key (tenant_id, account_id) references ledger.accounts (tenant_id, id),
  constraint guarded_balance_not_negative check (not guarded or posted - pending_debits >= 0)
) with (fillfactor = 50);

-- Immutable. A bundle is all or nothing; what ends a hold stands in the bundle of the hold, so
-- that one index range tells everything about it.
create table ledger.transfers (
  tenant_id uuid not null,
  bundle_id uuid not null,
  leg smallint not null check (leg >= 1),
  phase text not null check (phase in ('posted', 'pending', 'post', 'release')),
  -- The pending leg that a post or a release ends, wholly or in part.
  resolves_leg smallint check ((resolves_leg is not null) = (phase in ('post', 'release'))),
  debit_account_id uuid not null,
  credit_account_id uuid not null,
  amount bigint not null check (amount > 0),
  reason text not null check (length(reason) between 1 and 200),
  -- The order, payment or refund that this belongs to.
  reference uuid not null,
  reverses_bundle_id uuid,
  indexed boolean not null,
  at timestamptz not null,
  primary key (tenant_id, bundle_id, leg),
  check (debit_account_id <> credit_account_id)
);
-- Statements of accounts of money: newest first, by account.
create index transfers_by_debit on ledger.transfers
  (tenant_id, debit_account_id, at, bundle_id, leg) where indexed;
create index transfers_by_credit on ledger.transfers
  (tenant_id, credit_account_id, at, bundle_id, leg) where indexed;
-- Statements of all other accounts scan a bounded stretch of time.
create index transfers_by_time on ledger.transfers using brin (at) with (autosummarize = on);
-- Transfers of a business row. Its id rises in time, so a block holds few stretches of ids; a
-- tree would cost every order an entry more.
create index transfers_by_reference on ledger.transfers
  using brin (reference uuid_minmax_multi_ops) with (autosummarize = on);
