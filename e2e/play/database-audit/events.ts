/** The log, who has heard it, and that each event did once what it says. */
import type { Check } from "./check.ts";

/** Events of payments that orders have heard, without those that wait for a person. */
const heard = `
  select e.seq, e.type, e.data, (e.data ->> 'reference')::uuid as order_id,
         (e.data ->> 'refundId')::uuid as refund_id
  from kernel.events e
  join kernel.cursors c
    on c.tenant_id = $1 and c.subscription = 'orders.payments' and c.seq >= e.seq
  where e.tenant_id = $1 and e.type in
    ('payment_paid', 'payment_closed', 'refund_succeeded', 'refund_failed')
    and not exists (
      select from kernel.parked_events p
      where p.tenant_id = $1 and p.subscription = c.subscription and p.seq = e.seq
        and p.resolution is distinct from 'replayed')`;

export const eventChecks: readonly Check[] = [
  {
    sentence: "events are numbered without a gap up to the head",
    counted: "select from kernel.events where tenant_id = $1",
    text: `
      select format('the event %s is missing', before + 1) as words
      from (select seq, lag(seq, 1, 0::bigint) over (order by seq) as before
            from kernel.events where tenant_id = $1) as events
      where seq <> before + 1
      union all
      select format('the head is %s, the last event is %s', h.seq, coalesce(max(e.seq), 0))
      from kernel.event_heads h left join kernel.events e on e.tenant_id = $1
      where h.tenant_id = $1 group by h.seq having h.seq is distinct from coalesce(max(e.seq), 0)`,
  },
  {
    sentence: "subscriptions have heard everything but what has just happened",
    counted: "select from kernel.cursors where tenant_id = $1",
    text: `
      select format('%s has heard up to %s of %s events, and the next waits since %s', c.subscription,
               c.seq, h.seq, coalesce(next.at::text, 'for ever')) as words
      from kernel.cursors c
      join kernel.event_heads h on h.tenant_id = $1
      left join kernel.events next on next.tenant_id = $1 and next.seq = c.seq + 1
      where c.tenant_id = $1
        and (c.seq > h.seq or (c.seq < h.seq and (next.at is null or next.at < $2)))
      union all
      select format('the event %s waits for a person in %s: %s', seq, subscription, error)
      from kernel.parked_events
      where tenant_id = $1 and resolved_at is null`,
  },
  {
    sentence: "events of payments did to their order what they say: none was skipped",
    counted: heard,
    text: `
      with heard as (${heard})
      select format('the event %s (%s) was skipped: the order %s is %s', e.seq, e.type,
               coalesce(o.number, e.data ->> 'reference'), coalesce(r.state, o.state, 'unknown'))
               as words
      from heard e
      left join orders.orders o on o.tenant_id = $1 and o.id = e.order_id
      left join orders.refunds r on r.tenant_id = $1 and r.id = e.refund_id
      where case e.type
        when 'payment_paid' then o.paid_at is null and not exists (
          select from orders.history h
          where h.tenant_id = $1 and h.order_id = o.id and h.made_by = 'payments'
            and h.reason ~ 'paid after the close')
        when 'payment_closed' then o.state = 'closing'
        when 'refund_succeeded' then e.data ->> 'cause' <> 'surplus' and r.state is distinct from 'refunded'
        else e.data ->> 'cause' <> 'surplus' and coalesce(r.state, 'under_way') = 'under_way' end`,
  },
  {
    sentence: "orders did nothing that no event told them, and nothing twice",
    counted: "select from orders.history where tenant_id = $1 and made_by = 'payments'",
    text: `
      select format('the refund %s of the order %s is %s, and no event has said so', r.number,
               o.number, r.state) as words
      from orders.refunds r
      join orders.orders o on o.tenant_id = $1 and o.id = r.order_id
      left join (${heard}) as e
        on e.refund_id = r.id
       and e.type = case r.state when 'refunded' then 'refund_succeeded' else 'refund_failed' end
      where r.tenant_id = $1 and r.state <> 'under_way' and e.seq is null
      union all
      select format('the order %s has written down %s refunds that came back, it had %s: an event twice',
               number, steps, refunds)
      from (select o.number,
                   (select count(*) from orders.history h
                    where h.tenant_id = $1 and h.order_id = o.id and h.made_by = 'payments'
                      and h.reason ~ '^[0-9.]+ [A-Z]{3} refunded: ') as steps,
                   (select count(*) from orders.refunds r
                    where r.tenant_id = $1 and r.order_id = o.id and r.state = 'refunded') as refunds
            from orders.orders o where o.tenant_id = $1 and (o.refunded > 0 or o.state = 'refunded'))
            as orders
      where steps <> refunds
      union all
      select format('the order %s was paid by an event that is not there', o.number)
      from orders.orders o
      left join (select (data ->> 'reference')::uuid as order_id from kernel.events
                 where tenant_id = $1 and type = 'payment_paid') as e on e.order_id = o.id
      where o.tenant_id = $1 and o.paid_at is not null and o.total > 0 and e.order_id is null`,
  },
  {
    sentence: "orders are what their own events add up to, each told once",
    counted: "select from orders.orders where tenant_id = $1",
    text: `
      with told as (
        select data ->> 'orderId' as id,
               string_agg(substring(type from 7), ' ' order by seq) as states
        from kernel.events
        where tenant_id = $1 and type ~ '^order_(placed|paying|closing|paid|completed|closed|refunded)$'
        group by data ->> 'orderId'), moves as (
        select order_id::text as id, string_agg(to_state, ' ' order by step) as states
        from orders.history where tenant_id = $1 and from_state <> to_state group by order_id)
      select format('the events of the order %s say %s, it went %s', coalesce(o.number, t.id),
               coalesce(t.states, 'nothing'), concat_ws(' ', 'placed', m.states)) as words
      from (select * from orders.orders where tenant_id = $1) as o
      full join told t on t.id = o.id::text
      left join moves m on m.id = o.id::text
      where t.states is distinct from concat_ws(' ', 'placed', m.states) or o.id is null`,
  },
  {
    sentence: "ends of payments and refunds were told once",
    counted: `select from payments.payments where tenant_id = $1 and state in ('paid', 'closed')
      union all select from payments.refunds where tenant_id = $1 and state in ('refunded', 'failed')`,
    text: `
      with told as (
        select type, coalesce(data ->> 'refundId', data ->> 'paymentId') as id, count(*) as times
        from kernel.events
        where tenant_id = $1
          and type in ('payment_paid', 'payment_closed', 'refund_succeeded', 'refund_failed')
        group by 1, 2), ends as (
        select case state when 'paid' then 'payment_paid' else 'payment_closed' end as type,
               id::text, 'the payment of the order ' || reference as what
        from payments.payments where tenant_id = $1 and state in ('paid', 'closed')
        union all
        select case state when 'refunded' then 'refund_succeeded' else 'refund_failed' end, id::text,
               'the refund ' || number
        from payments.refunds where tenant_id = $1 and state in ('refunded', 'failed'))
      select format('%s has ended and %s was told %s times', what, type, coalesce(times, 0)) as words
      from ends left join told using (type, id) where times is distinct from 1
      union all
      select format('%s was told %s times about %s, which has not ended so', type, times, id)
      from told left join ends using (type, id)
      where what is null and (times > 1 or type in ('payment_paid', 'refund_succeeded'))`,
  },
];
