/** Payments, attempts and refunds against the ledger and against orders. */
import type { Check } from "./check.ts";

export const moneyChecks: readonly Check[] = [
  {
    sentence: "attempts to pay are booked once where they were paid, and never where not",
    counted: "select from payments.attempts where tenant_id = $1",
    text: `
      with captured as (
        select c.code, count(t.leg) as times, sum(t.amount) as amount
        from ledger.accounts c
        join ledger.transfers t on t.tenant_id = $1 and t.credit_account_id = c.id
          and t.phase in ('posted', 'post')
        where c.tenant_id = $1 and c.code like 'captured.%' group by c.code)
      select format('the attempt %s is %s over %s, booked are %s in %s transfers', a.number, a.state,
               a.amount, coalesce(c.amount, 0), coalesce(c.times, 0)) as words
      from (select * from payments.attempts where tenant_id = $1) as a
      full join captured c on c.code = 'captured.' || a.id
      where a.id is null or coalesce(c.times, 0) <> (a.state = 'paid')::integer
         or (a.state = 'paid' and c.amount <> a.amount)`,
  },
  {
    sentence: "paid attempts hold what came in, less what went back, to the cent",
    counted: "select from payments.attempts where tenant_id = $1 and state = 'paid'",
    text: `
      with refunds as (
        select attempt_id, coalesce(sum(amount) filter (where state = 'refunded'), 0) as back,
               coalesce(sum(amount) filter (where state not in ('refunded', 'failed')), 0) as going
        from payments.refunds where tenant_id = $1 group by attempt_id)
      select format('of the attempt %s over %s, %s went back and %s is going; the ledger has %s, %s held',
               a.number, a.amount, coalesce(r.back, 0), coalesce(r.going, 0), b.posted,
               b.pending_debits) as words
      from payments.attempts a
      left join refunds r on r.attempt_id = a.id
      left join ledger.accounts c on c.tenant_id = $1 and c.code = 'captured.' || a.id
      left join ledger.balances b on b.tenant_id = $1 and b.account_id = c.id
      where a.tenant_id = $1 and (a.state = 'paid' or r.attempt_id is not null)
        and (b.posted, b.pending_debits) is distinct from
            (a.amount - coalesce(r.back, 0), coalesce(r.going, 0))`,
  },
  {
    sentence: "accounts at channels owe us what their attempts hold, to the cent",
    counted: "select from payments.channel_accounts where tenant_id = $1",
    text: `
      with captured as (
        select a.account_id, sum(b.posted) as posted
        from payments.attempts a
        join ledger.accounts c on c.tenant_id = $1 and c.code = 'captured.' || a.id
        join ledger.balances b on b.tenant_id = $1 and b.account_id = c.id
        where a.tenant_id = $1 group by a.account_id)
      select format('the account %s of %s owes %s, its attempts hold %s', ch.merchant_id, ch.channel,
               -coalesce(b.posted, 0), coalesce(p.posted, 0)) as words
      from payments.channel_accounts ch
      left join captured p on p.account_id = ch.id
      left join ledger.accounts l on l.tenant_id = $1 and l.code = 'channel.' || ch.id
      left join ledger.balances b on b.tenant_id = $1 and b.account_id = l.id
      where ch.tenant_id = $1 and -coalesce(b.posted, 0) <> coalesce(p.posted, 0)`,
  },
  {
    sentence: "payments are paid by one attempt or by none; what came twice goes back",
    counted: "select from payments.payments where tenant_id = $1",
    text: `
      with paying as (
        select payment_id, count(*) as times, min(id::text) as id
        from payments.attempts where tenant_id = $1 and state = 'paid' and not surplus
        group by payment_id)
      select format('the payment of the order %s is %s by %s, attempts that paid it: %s', p.reference,
               p.state, coalesce(p.paid_attempt_id::text, 'none'), coalesce(a.times, 0)) as words
      from payments.payments p left join paying a on a.payment_id = p.id
      where p.tenant_id = $1
        and (coalesce(a.times, 0) <> (p.state = 'paid')::integer
             or a.id is distinct from p.paid_attempt_id::text)
      union all
      select format('the attempt %s came twice, and no refund of it was ever asked for', a.number)
      from payments.attempts a
      where a.tenant_id = $1 and a.surplus and not exists (
        select from payments.refunds r where r.tenant_id = $1 and r.attempt_id = a.id)`,
  },
  {
    sentence: "refunds are the same in orders and in payments",
    counted: "select from payments.refunds where tenant_id = $1",
    text: `
      select format('the refund %s: orders say %s (%s), payments say %s (%s)',
               coalesce(o.number, p.number), coalesce(o.amount::text, 'nothing'),
               coalesce(o.state, 'unknown'), coalesce(p.amount::text, 'nothing'),
               coalesce(p.state, 'unknown')) as words
      from (select * from orders.refunds where tenant_id = $1) as o
      full join (select * from payments.refunds where tenant_id = $1 and cause <> 'surplus') as p
        using (id)
      where o.order_id is distinct from p.reference or o.amount is distinct from p.amount
         or o.number is distinct from p.number or o.cause is distinct from p.cause
         or (o.state = 'refunded' and p.state <> 'refunded')
         or (o.state = 'failed' and p.state not in ('failed', 'refunded'))`,
  },
  {
    sentence: "paid orders were paid, each with the amount that it costs",
    counted: "select from orders.orders where tenant_id = $1 and paid_at is not null",
    text: `
      select format('the order %s over %s is %s, its payment over %s is %s', o.number, o.total, o.state,
               coalesce(p.amount::text, 'nothing'), coalesce(p.state, 'not there')) as words
      from orders.orders o
      left join payments.payments p on p.tenant_id = $1 and p.reference = o.id
      where o.tenant_id = $1
        and ((o.paid_at is not null and o.total > 0 and p.state is distinct from 'paid')
             or p.amount <> o.total)
      union all
      select format('the payment %s is of no order', p.id)
      from payments.payments p
      where p.tenant_id = $1 and not exists (
        select from orders.orders o where o.tenant_id = $1 and o.id = p.reference)`,
  },
  {
    sentence: "notices are of channels' accounts that are there",
    counted: "select from payments.notices where tenant_id = $1",
    text: `
      select format('the notice %s is of the account %s, which does not exist', n.id, n.account_id)
               as words
      from payments.notices n
      where n.tenant_id = $1 and not exists (
        select from payments.channel_accounts a where a.tenant_id = $1 and a.id = n.account_id)`,
  },
];
