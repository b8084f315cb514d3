/** Double entry, without a word of what is traded: balances, holds, assets. */
import type { Check } from "./check.ts";

/** What each account's transfers add up to. */
const rebuilt = `
  select account_id,
         sum(case when phase in ('posted', 'post') then change else 0 end) as posted,
         sum(case phase when 'pending' then debit when 'posted' then 0 else -debit end)
           as pending_debits,
         sum(case phase when 'pending' then credit when 'posted' then 0 else -credit end)
           as pending_credits
  from (
    select debit_account_id as account_id, phase, -amount as change, amount as debit, 0 as credit
    from ledger.transfers where tenant_id = $1
    union all
    select credit_account_id, phase, amount, 0, amount
    from ledger.transfers where tenant_id = $1) as sides
  group by account_id`;

export const ledgerChecks: readonly Check[] = [
  {
    sentence: "balances are what their transfers add up to",
    counted: "select from ledger.balances where tenant_id = $1",
    text: `
      with kept as (
        select b.*, a.code from ledger.balances b
        left join ledger.accounts a on a.tenant_id = $1 and a.id = b.account_id
        where b.tenant_id = $1), rebuilt as (${rebuilt})
      select format('the account %s holds %s (%s held, %s to come), its transfers add up to %s (%s, %s)',
               coalesce(code, account_id::text), k.posted, k.pending_debits, k.pending_credits,
               coalesce(r.posted, 0), coalesce(r.pending_debits, 0), coalesce(r.pending_credits, 0))
               as words
      from kept k full join rebuilt r using (account_id)
      where code is null
         or (k.posted, k.pending_debits, k.pending_credits) is distinct from
            (coalesce(r.posted, 0), coalesce(r.pending_debits, 0), coalesce(r.pending_credits, 0))`,
  },
  {
    sentence: "guarded balances are not below zero, what is held counted in",
    counted: `select from ledger.accounts where tenant_id = $1 and guarded`,
    text: `
      select format('the account %s is %s below zero', a.code, b.pending_debits - b.posted) as words
      from ledger.accounts a
      join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
      where a.tenant_id = $1 and a.guarded and b.posted < b.pending_debits
      union all
      select format('the balance of %s is not guarded as its account is', a.code)
      from ledger.accounts a
      left join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
      where a.tenant_id = $1 and a.guarded is distinct from b.guarded`,
  },
  {
    sentence: "assets balance: what one account gave, another has",
    counted: "select distinct asset from ledger.accounts where tenant_id = $1",
    text: `
      select format('%s does not balance: %s too much, %s held against %s to come', a.asset,
               sum(b.posted), sum(b.pending_debits), sum(b.pending_credits)) as words
      from ledger.accounts a
      join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
      where a.tenant_id = $1
      group by a.asset
      having sum(b.posted) <> 0 or sum(b.pending_debits) <> sum(b.pending_credits)`,
  },
  {
    sentence: "holds were ended by no more than they held, and by nobody twice",
    counted: "select from ledger.transfers where tenant_id = $1 and phase = 'pending'",
    text: `
      select format('the bundle %s has held %s in leg %s and ended %s', e.bundle_id,
               coalesce(max(h.amount), 0), e.resolves_leg, sum(e.amount)) as words
      from ledger.transfers e
      left join ledger.transfers h on h.tenant_id = $1 and h.bundle_id = e.bundle_id
        and h.leg = e.resolves_leg and h.phase = 'pending'
        and h.debit_account_id = e.debit_account_id and h.credit_account_id = e.credit_account_id
      where e.tenant_id = $1 and e.resolves_leg is not null
      group by e.bundle_id, e.resolves_leg
      having bool_or(h.leg is null) or sum(e.amount) > max(h.amount)`,
  },
  {
    sentence: "transfers stay within one asset, and their bundles are whole",
    counted: "select from ledger.transfers where tenant_id = $1",
    text: `
      select format('leg %s of the bundle %s goes from %s to %s', t.leg, t.bundle_id,
               coalesce(d.asset, 'nowhere'), coalesce(c.asset, 'nowhere')) as words
      from ledger.transfers t
      left join ledger.accounts d on d.tenant_id = $1 and d.id = t.debit_account_id
      left join ledger.accounts c on c.tenant_id = $1 and c.id = t.credit_account_id
      where t.tenant_id = $1 and (d.asset is null or c.asset is null or d.asset <> c.asset)
      union all
      select format('the bundle %s has %s legs, the last is leg %s', bundle_id, count(*), max(leg))
      from ledger.transfers where tenant_id = $1
      group by bundle_id having count(*) <> max(leg)
      union all
      select format('the bundle %s is of %s references', bundle_id, count(distinct reference))
      from ledger.transfers where tenant_id = $1
      group by bundle_id having count(distinct reference) > 1`,
  },
];
