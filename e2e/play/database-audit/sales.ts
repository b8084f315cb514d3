/** Sales: their limits, their hours, and the units that were set aside for them. */
import type { Check } from "./check.ts";
import { open } from "./orders.ts";

/** Lines of orders that were placed in a sale. */
const lines = `
  select o.id, o.number, o.sale_id, o.member_id, o.state, o.placed_at,
         (l.value ->> 'sku')::uuid as sku_id, (l.value ->> 'n')::bigint as n,
         (l.value ->> 'price')::bigint as price
  from orders.orders o cross join lateral json_array_elements(o.lines) as l
  where o.tenant_id = $1 and o.sale_id is not null`;

/** What the orders of a sale have taken of its units for good, by the ledger. */
const taken = `
  select a.id as account_id, a.code,
         sum(case when t.phase not in ('posted', 'post') then 0
                  when t.debit_account_id = a.id then amount else -amount end) as sold,
         sum(case t.phase when 'pending' then amount when 'posted' then 0 else -amount end) as held
  from ledger.accounts a
  join ledger.transfers t
    on t.tenant_id = $1 and a.id in (t.debit_account_id, t.credit_account_id)
  join orders.orders o on o.tenant_id = $1 and o.id = t.reference
  where a.tenant_id = $1 and a.code like 'sale.allotment.%'
  group by a.id, a.code`;

export const saleChecks: readonly Check[] = [
  {
    sentence: "orders of sales are within the limits of their members",
    counted: "select from orders.orders where tenant_id = $1 and sale_id is not null",
    text: `
      with bought as (
        select sale_id, member_id, sku_id, sum(n) as n
        from (${lines}) as lines where state not in ('closed', 'refunded')
        group by sale_id, member_id, sku_id)
      select format('%s has %s units in the sale %s, its limit is %s', b.member_id, sum(b.n),
               s.title, s.limit_per_member) as words
      from bought b join sales.sales s on s.tenant_id = $1 and s.id = b.sale_id
      group by b.member_id, s.id, s.title, s.limit_per_member
      having sum(b.n) > s.limit_per_member
      union all
      select format('%s has %s units of the SKU %s in a sale, its limit is %s', b.member_id, b.n,
               b.sku_id, i.limit_per_member)
      from bought b
      join sales.items i on i.tenant_id = $1 and i.sale_id = b.sale_id and i.sku_id = b.sku_id
      where b.n > i.limit_per_member`,
  },
  {
    sentence: "orders of sales were placed in its hours, at its prices",
    counted: "select from orders.orders where tenant_id = $1 and sale_id is not null",
    text: `
      select format('the order %s was placed at %s for %s, not in a sale at that price', l.number,
               l.placed_at, l.price) as words
      from (${lines}) as l
      left join sales.sales s on s.tenant_id = $1 and s.id = l.sale_id
      left join sales.items i on i.tenant_id = $1 and i.sale_id = l.sale_id and i.sku_id = l.sku_id
      where s.scheduled_at is null or l.placed_at < s.opens_at or l.placed_at >= s.closes_at
         or l.placed_at > s.ended_at or i.price_minor is distinct from l.price`,
  },
  {
    sentence: "allotments of sales: set aside = left + sold + given back to the shelf",
    counted: `select from sales.items i join sales.sales s on s.tenant_id = $1 and s.id = i.sale_id
      where i.tenant_id = $1 and s.scheduled_at is not null`,
    text: `
      with items as (
        select s.title, s.state, i.sku_id, i.allotment, b.posted, b.pending_debits,
               coalesce(t.sold, 0) as sold, coalesce(t.held, 0) as held,
               coalesce((select sum(n) from (${lines}) as l
                         where l.sale_id = i.sale_id and l.sku_id = i.sku_id
                           and l.state in ${open}), 0) as wanted,
               coalesce((select sum(case when r.credit_account_id = a.id then amount
                                         else -amount end)
                         from ledger.transfers r
                         where r.tenant_id = $1 and r.reference = i.sale_id
                           and a.id in (r.debit_account_id, r.credit_account_id)), 0) as set_aside
        from sales.items i
        join sales.sales s on s.tenant_id = $1 and s.id = i.sale_id
        left join ledger.accounts a
          on a.tenant_id = $1 and a.code = 'sale.allotment.' || i.sale_id || '.' || i.sku_id
        left join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
        left join (${taken}) as t on t.account_id = a.id
        where i.tenant_id = $1 and s.scheduled_at is not null)
      select case when sold + held > allotment
               then format('the sale %s is oversold: %s of the SKU %s are with buyers, %s set aside',
                      title, sold + held, sku_id, allotment)
               else format('of %s units of the SKU %s in the sale %s, %s are left and %s sold',
                      allotment, sku_id, title, posted, sold) end as words
      from items
      where posted is null or sold + held > allotment or held <> wanted
         or posted <> set_aside - sold
         or (state <> 'ended' and set_aside <> allotment) or set_aside > allotment`,
  },
  {
    sentence: "sales were opened and ended in time, and nothing is left in those that are over",
    counted: "select from sales.sales where tenant_id = $1 and state <> 'draft'",
    text: `
      select format('the sale %s is %s, and should have been %s', title, state,
               case when closes_at < $2 then 'ended at ' || closes_at
                    else 'open since ' || opens_at end) as words
      from sales.sales
      where tenant_id = $1
        and ((state = 'scheduled' and opens_at < $2)
             or (state in ('scheduled', 'open') and closes_at < $2))
      union all
      select format('%s units are left in the sale %s, which is over', b.posted - b.pending_debits,
               s.title)
      from sales.sales s
      join ledger.accounts a
        on a.tenant_id = $1 and a.code like 'sale.allotment.' || s.id || '.%'
      join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
      join kernel.event_heads h on h.tenant_id = $1
      join kernel.cursors c
        on c.tenant_id = $1 and c.subscription = 'sales.returns' and c.seq = h.seq
      where s.tenant_id = $1 and s.state = 'ended' and b.posted > b.pending_debits`,
  },
];
