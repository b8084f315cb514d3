/** What was acknowledged is there once as it was told, and nothing is that nobody asked for. */
import type { Check } from "./check.ts";

/** Kept answers that are orders as they were just after a command: placing, cancelling, ... */
const orderAnswers = `
  select key, status, answered_at, body::json as body from kernel.idempotency_keys
  where tenant_id = $1 and body like '%"memberId":%' and body like '%"closesAt":%'`;
const refundAnswers = `
  select key, body::json as body from kernel.idempotency_keys
  where tenant_id = $1 and body like '%"orderId":%' and body like '%"requestedBy":%'`;

const toldOrders = `
  select o.* from given cross join lateral json_to_recordset(told -> 'orders')
    as o (id uuid, key text, "memberId" text, lines json)`;
const toldAttempts = `
  select a.* from given cross join lateral json_to_recordset(told -> 'attempts')
    as a (number text, "orderId" uuid)`;
const toldRefunds = `
  select r.* from given cross join lateral json_to_recordset(told -> 'refunds')
    as r (id uuid, "orderId" uuid, "amountMinor" bigint)`;
const toldCancels = `
  select c.* from given cross join lateral json_to_recordset(told -> 'cancels')
    as c ("orderId" uuid)`;

/** SKUs and numbers of units, in the order of the lines. */
const wordLines = (lines: string, sku: string, quantity: string): string => `
  (select string_agg((l.value ->> '${sku}') || ' ' || (l.value ->> '${quantity}'), ', '
                     order by l.ordinality)
   from json_array_elements(${lines}) with ordinality as l)`;

export const askedChecks: readonly Check[] = [
  {
    sentence: "acknowledged orders are there exactly once, as they were told, each under its key",
    counted: toldOrders,
    text: `
      with told as (${toldOrders})
      select case when o.id is null
               then format('the order %s of %s was acknowledged and is lost', t.id, t."memberId")
               else format('the order %s was acknowledged to %s as %s, and is of %s: %s', o.number,
                      t."memberId", ${wordLines("t.lines", "skuId", "quantity")}, o.member_id,
                      ${wordLines("o.lines", "sku", "n")}) end as words
      from told t left join orders.orders o on o.tenant_id = $1 and o.id = t.id
      where o.id is null or o.member_id <> t."memberId"
         or ${wordLines("t.lines", "skuId", "quantity")} <> ${wordLines("o.lines", "sku", "n")}
      union all
      select format('the key %s was answered with the order %s; kept under it is %s', t.key, t.id,
               coalesce(k.body ->> 'id', 'nothing'))
      from told t
      left join (${orderAnswers}) as k on split_part(k.key, ' ', 2) = t.key and k.status = 201
      where k.body ->> 'id' is distinct from t.id::text
      union all
      select format('the order %s was acknowledged under %s keys', id, count(distinct key))
      from told group by id having count(distinct key) > 1`,
  },
  {
    sentence: "orders were asked for, each by one command",
    counted: "select from orders.orders where tenant_id = $1",
    text: `
      with kept as (${orderAnswers}), placed as (
        select body ->> 'id' as id, count(*) as times, min(body ->> 'number') as number,
               min(body ->> 'memberId') as member_id, min((body -> 'total' ->> 'amount')::bigint) as total
        from kept where status = 201 group by body ->> 'id')
      select case when o.id is null then format('the order %s is kept as an answer and is lost', p.number)
               when p.id is null then format('nobody asked for the order %s', o.number)
               when p.times > 1 then format('%s keys give the order %s', p.times, o.number)
               else format('the order %s of %s over %s was answered as %s of %s over %s', o.number,
                      o.member_id, o.total, p.number, p.member_id, p.total) end as words
      from placed p
      full join (select * from orders.orders where tenant_id = $1) as o on p.id = o.id::text
      where o.id is null or p.times > 1
         or (p.number, p.member_id, p.total) <> (o.number, o.member_id, o.total)
         -- Answers are kept for a week.
         or (p.id is null and o.placed_at > $2::timestamptz - interval '6 days')`,
  },
  {
    sentence: "acknowledged cancels and completions have happened",
    counted: `select from (${orderAnswers}) as kept where status = 200`,
    text: `
      with kept as (${orderAnswers}), told as (
        select (body ->> 'id')::uuid as id, body ->> 'state' as state from kept where status = 200
        union all
        select c."orderId", 'closed' from (${toldCancels}) as c)
      select distinct format('the order %s was acknowledged as %s, and its history knows nothing of it',
               coalesce(o.number, t.id::text), t.state) as words
      from told t left join orders.orders o on o.tenant_id = $1 and o.id = t.id
      where not exists (
        select from orders.history h
        where h.tenant_id = $1 and h.order_id = t.id
          and (h.to_state = t.state or (t.state in ('closed', 'closing')
                                        and h.to_state in ('closed', 'closing'))))`,
  },
  {
    sentence: "acknowledged ways to pay are there, each of its order",
    counted: toldAttempts,
    text: `
      select format('the attempt %s was acknowledged for the order %s and is %s', t.number, t."orderId",
               coalesce('of ' || p.reference, 'lost')) as words
      from (${toldAttempts}) as t
      left join payments.attempts a on a.tenant_id = $1 and a.number = t.number
      left join payments.payments p on p.tenant_id = $1 and p.id = a.payment_id
      where p.reference is distinct from t."orderId"
      union all
      select format('the attempt %s is kept as an answer and is lost', k.body::json ->> 'attemptId')
      from kernel.idempotency_keys k
      where k.tenant_id = $1 and k.body like '{"attemptId":%' and not exists (
        select from payments.attempts a
        where a.tenant_id = $1 and a.id = (k.body::json ->> 'attemptId')::uuid)`,
  },
  {
    sentence: "refunds were asked for, each by one command, and none that was acknowledged is lost",
    counted: "select from orders.refunds where tenant_id = $1",
    text: `
      select format('the refund %s of %s was acknowledged and is %s', t.id, t."amountMinor",
               coalesce('one of ' || r.amount, 'lost')) as words
      from (${toldRefunds}) as t
      left join orders.refunds r on r.tenant_id = $1 and r.id = t.id and r.order_id = t."orderId"
      where r.amount is distinct from t."amountMinor"
      union all
      select case when r.id is null then format('the refund %s is kept as an answer and is lost', k.number)
               when k.id is null then format('nobody asked for the refund %s of %s', r.number, r.amount)
               else format('the refund %s of %s was answered %s times, as %s', r.number, r.amount, k.times,
                      k.amount) end
      from (select body ->> 'id' as id, min(body ->> 'number') as number, count(*) as times,
                   min((body -> 'amount' ->> 'amount')::bigint) as amount
            from (${refundAnswers}) as kept group by body ->> 'id') as k
      full join (select * from orders.refunds where tenant_id = $1) as r on k.id = r.id::text
      where r.id is null or k.times > 1 or k.amount <> r.amount
         or (k.id is null and r.cause = 'requested'
             and r.requested_at > $2::timestamptz - interval '6 days')`,
  },
  {
    sentence: "bundles of the ledger were made by an order, a payment, a movement or a sale",
    counted: "select distinct bundle_id from ledger.transfers where tenant_id = $1",
    text: `
      select format('the bundle %s (%s) moves or holds %s of %s for nobody: %s is no order, SKU or sale',
               t.bundle_id, t.reason, t.amount, d.asset, t.reference) as words
      from ledger.transfers t
      join ledger.accounts d on d.tenant_id = $1 and d.id = t.debit_account_id
      join ledger.accounts c on c.tenant_id = $1 and c.id = t.credit_account_id
      where t.tenant_id = $1
        and not exists (select from orders.orders o where o.tenant_id = $1 and o.id = t.reference)
        and not exists (select from sales.sales s where s.tenant_id = $1 and s.id = t.reference)
        and not exists (
          select from catalog.stock_movements m
          where m.tenant_id = $1 and m.id = t.bundle_id and m.sku_id = t.reference)`,
  },
];
