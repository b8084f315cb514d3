/** Orders, their units and their history. */
import type { Check } from "./check.ts";

/** Units of orders by SKU, with what of them refunds have put back. */
const units = `
  select o.id, o.number, o.state, l.sku, sum(l.n) as wanted, sum(l.back) as back, sum(l.given) as given
  from orders.orders o
  cross join lateral (
    select line.value ->> 'sku' as sku, (line.value ->> 'n')::bigint as n,
           coalesce((select sum((g.value ->> 'n')::bigint) filter (where r.restock)
                     from orders.refunds r cross join lateral json_array_elements(r.lines) as g
                     where r.tenant_id = $1 and r.order_id = o.id and r.state = 'refunded'
                       and (g.value ->> 'line')::bigint = line.ordinality), 0) as back,
           coalesce((select sum((g.value ->> 'n')::bigint)
                     from orders.refunds r cross join lateral json_array_elements(r.lines) as g
                     where r.tenant_id = $1 and r.order_id = o.id and r.state = 'refunded'
                       and (g.value ->> 'line')::bigint = line.ordinality), 0) as given
    from json_array_elements(o.lines) with ordinality as line) as l
  where o.tenant_id = $1
  group by o.id, o.number, o.state, l.sku`;

/** What transfers have moved for an order by SKU, to "sold" and back, and what they still hold. */
const moved = `
  select t.reference as id, substring(s.code from length('stock.sold.') + 1) as sku,
         sum(case when phase not in ('posted', 'post') then 0
                  when t.credit_account_id = s.id then amount else -amount end) as sold,
         sum(case phase when 'pending' then amount when 'posted' then 0 else -amount end) as held
  from ledger.accounts s
  join ledger.transfers t on t.tenant_id = $1 and s.id in (t.debit_account_id, t.credit_account_id)
  where s.tenant_id = $1 and s.code like 'stock.sold.%'
  group by t.reference, s.id, s.code`;

export const open = "('pending_payment', 'paying', 'closing')";
const sold = "('paid', 'completed', 'refunded')";

export const orderChecks: readonly Check[] = [
  {
    sentence: "orders hold and have bought exactly the units that their state says",
    counted: "select from orders.orders where tenant_id = $1",
    text: `
      with units as (${units}), moved as (${moved}), compared as (
        select coalesce(u.number, m.id::text) as number, coalesce(u.state, 'unknown') as state, sku,
               coalesce(m.sold, 0) as sold, coalesce(m.held, 0) as held,
               case when u.state in ${open} then u.wanted else 0 end as to_hold,
               case when u.state not in ${sold} or u.state is null then 0
                    else greatest(u.wanted - u.back, 0) end as least,
               case when u.state not in ${sold} or u.state is null then 0
                    -- What was given back twice, the second time against a channel's first word,
                    -- went on sale once.
                    when u.given > u.wanted then u.wanted
                    else u.wanted - u.back end as most
        from units u full join moved m using (id, sku))
      select case when held > to_hold and to_hold = 0
               then format('the order %s is %s, and %s of the SKU %s are held for it still: an orphan',
                      number, state, held, sku)
               when held <> to_hold
               then format('the order %s is %s and holds %s of the SKU %s, not %s',
                      number, state, held, sku, to_hold)
               else format('the order %s is %s and has bought %s of the SKU %s, not %s',
                      number, state, sold, sku, most) end as words
      from compared
      where held <> to_hold or sold < least or sold > most`,
  },
  {
    sentence: "SKUs have no more units with buyers than were put in: nothing is oversold",
    counted: "select from catalog.skus where tenant_id = $1",
    text: `
      with units as (${units}), taken as (
        select sku, sum(case when state in ${sold} then greatest(wanted - back, 0)
                             when state in ${open} then wanted else 0 end) as taken
        from units group by sku), given as (
        select sku_id::text as sku,
               sum(case kind when 'put_in' then quantity else -quantity end) as given
        from catalog.stock_movements where tenant_id = $1 group by sku_id)
      select format('the SKU %s is oversold by %s: buyers have %s, %s were put in', sku,
               taken - coalesce(given, 0), taken, coalesce(given, 0)) as words
      from taken left join given using (sku) where taken > coalesce(given, 0)`,
  },
  {
    sentence: "SKUs: put in = on hand + set aside + sold + written off, movement by movement",
    counted: "select from catalog.skus where tenant_id = $1",
    text: `
      with placed as (
        select a.asset, -sum(b.posted) filter (where a.code like 'stock.supply.%') as put_in,
               sum(b.posted) filter (where a.code not like 'stock.supply.%') as there,
               sum(b.posted) filter (where a.code like 'stock.written_off.%') as written_off
        from ledger.accounts a
        join ledger.balances b on b.tenant_id = $1 and b.account_id = a.id
        where a.tenant_id = $1 and a.asset like 'stock:%' group by a.asset), movements as (
        select 'stock:' || sku_id as asset,
               coalesce(sum(quantity) filter (where kind = 'put_in'), 0) as put_in,
               coalesce(sum(quantity) filter (where kind = 'written_off'), 0) as written_off
        from catalog.stock_movements where tenant_id = $1 group by sku_id)
      select format('of %s, %s were put in and %s are there; movements say %s in and %s written off',
               asset, p.put_in, p.there, coalesce(m.put_in, 0), coalesce(m.written_off, 0)) as words
      from placed p left join movements m using (asset)
      where p.put_in <> p.there or p.put_in <> coalesce(m.put_in, 0)
         or p.written_off <> coalesce(m.written_off, 0)
      union all
      select format('the movement %s of %s units is booked as %s', m.id, m.quantity,
               coalesce(sum(t.amount)::text, 'nothing'))
      from catalog.stock_movements m
      left join ledger.transfers t
        on t.tenant_id = $1 and t.bundle_id = m.id and t.reference = m.sku_id and t.phase = 'posted'
      where m.tenant_id = $1
      group by m.id, m.quantity having count(t.leg) <> 1 or sum(t.amount) <> m.quantity`,
  },
  {
    sentence: "orders cost what their lines cost, and have back what their refunds gave",
    counted: "select from orders.orders where tenant_id = $1",
    text: `
      select format('the order %s costs %s, its lines %s', number, total, of_lines) as words
      from (select number, total, (select sum((l.value ->> 'n')::bigint * (l.value ->> 'price')::bigint)
                                   from json_array_elements(lines) as l) as of_lines
            from orders.orders where tenant_id = $1) as orders
      where total <> of_lines
      union all
      select format('the order %s says %s given back and %s on the way, its refunds %s and %s',
               number, refunded, refunding, done, under_way)
      from (select o.number, o.refunded, o.refunding,
                   coalesce(sum(r.amount) filter (where r.state = 'refunded'), 0) as done,
                   coalesce(sum(r.amount) filter (where r.state = 'under_way'), 0) as under_way
            from orders.orders o
            left join orders.refunds r on r.tenant_id = $1 and r.order_id = o.id
            where o.tenant_id = $1 group by o.id, o.number, o.refunded, o.refunding) as orders
      where (refunded, refunding) <> (done, under_way)
      union all
      select format('the order %s is %s with %s of %s given back', number, state, refunded, total)
      from orders.orders
      where tenant_id = $1 and state <> 'closed'
        and (state = 'refunded') <> (total > 0 and refunded = total)`,
  },
  {
    sentence: "steps of histories follow each other without a gap, into each state once",
    counted: "select from orders.history where tenant_id = $1",
    text: `
      with steps as (
        select order_id, step, from_state, to_state,
               coalesce(lag(step) over own, 0) as step_before,
               coalesce(lag(to_state) over own, 'pending_payment') as state_before
        from orders.history where tenant_id = $1
        window own as (partition by order_id order by step))
      select format('the history of the order %s goes from step %s (%s) to step %s (from %s)',
               o.number, s.step_before, s.state_before, s.step, s.from_state) as words
      from steps s join orders.orders o on o.tenant_id = $1 and o.id = s.order_id
      where s.step <> s.step_before + 1 or s.from_state <> s.state_before
      union all
      select format('the order %s came to %s %s times', o.number, s.to_state, count(*))
      from steps s join orders.orders o on o.tenant_id = $1 and o.id = s.order_id
      where s.from_state <> s.to_state
      group by o.number, s.to_state having count(*) > 1
      union all
      select distinct format('there is a history of the order %s, which does not exist', s.order_id)
      from steps s
      where not exists (select from orders.orders o where o.tenant_id = $1 and o.id = s.order_id)
      union all
      select format('the order %s is %s, its history ends in %s', o.number, o.state, last.to_state)
      from orders.orders o
      cross join lateral (
        select coalesce((select to_state from orders.history h
                         where h.tenant_id = $1 and h.order_id = o.id
                         order by step desc limit 1), 'pending_payment') as to_state) as last
      where o.tenant_id = $1 and o.state <> last.to_state`,
  },
];
