/** The rows of each table, read off the draft, with the platform's own words. */
import type { Year } from "./draft.ts";
import { derivedIdSql, interval, saleEvery, saleId } from "./draft.ts";

/** A table that is filled in one go, and how. `$1` is the tenant. */
export interface Filling {
  readonly table: string;
  readonly insert: string;
}

const service = "service:demo";
const refundReason = "changed my mind";
const idempotencyLife = "interval '7 days'";

const lined = `scale.draft d
  join scale.skus a on a.at = d.one
  left join scale.skus b on b.at = d.two`;

function linesSql(fields: (sku: string, quantity: string) => string): string {
  return `'[{' || ${fields("a", "d.n1")} || case when d.two is null then '' else '},{' ||
    ${fields("b", "d.n2")} end || '}]'`;
}

const keptLines = linesSql(
  (sku, quantity) => `'"sku":"' || ${sku}.id || '","title":"' || ${sku}.title || '","n":' ||
    ${quantity} || ',"price":' || ${sku}.price`,
);

/** `orderTold` of orders, its bracket still open. */
const toldSql = `'{"orderId":"' || d.id || '","number":"' || d.number || '","memberId":"'
  || d.member_id || '","totalMinor":' || d.total || ',"currency":"CNY","lines":'
  || ${linesSql((sku, quantity) => `'"skuId":"' || ${sku}.id || '","quantity":' || ${quantity}`)}`;

function movedSql(refunded: string, reason: string): string {
  return `told || ',"refundedMinor":' || ${refunded} || ',"reason":"' || ${reason} || '"}'`;
}

const wordAmount = `(trim(to_char(d.total / 100.0, 'FM999999990.00')) || ' CNY')`;
const closedBy = `case when d.cancelled then '${service}' else 'deadline' end`;
const closedWhy = `case when d.cancelled then 'cancelled' else 'not paid in time' end`;
const completedWhy = "the time for complaints is over";
const refundedWhy = `${wordAmount} || ' refunded: ${refundReason}'`;
const placed = "d.placed";

const orders = `insert into orders.orders
    (tenant_id, id, number, member_id, state, lines, total, currency, placed_by, placed_at,
     close_due_at, changed_at, paid_at, complete_due_at, refunded, refunding, sale_id)
  select $1, d.id, d.number, d.member_id, d.state, (${keptLines})::json, d.total, 'CNY',
    '${service}', ${placed}, ${placed} + ${interval.close}, coalesce(d.ended, d.paid), d.paid,
    d.paid + ${interval.complete}, case when d.state = 'refunded' then d.total else 0 end, 0,
    case when d.i % ${saleEvery} = 0 then '${saleId}'::uuid end
  from ${lined}`;

const history = `insert into orders.history
    (tenant_id, order_id, step, at, from_state, to_state, made_by, reason)
  select $1, d.id, s.step, s.at, s.from_state, s.to_state, s.made_by, s.reason
  from scale.draft d cross join lateral (values
    (1, case when d.state = 'closed' then d.ended end, 'pending_payment', 'closed',
     ${closedBy}, ${closedWhy}),
    (1, d.paying, 'pending_payment', 'paying', '${service}', 'to be paid over wechatpay'),
    (2, d.paid, 'paying', 'paid', 'payments', 'paid'),
    (3, case when d.state = 'completed' then d.ended end, 'paid', 'completed', 'deadline',
     '${completedWhy}'),
    (3, d.asked, 'paid', 'paid', '${service}',
     'refund of ' || ${wordAmount} || ' asked for: ${refundReason}'),
    (4, case when d.state = 'refunded' then d.ended end, 'paid', 'refunded', 'payments',
     ${refundedWhy})
  ) as s (step, at, from_state, to_state, made_by, reason)
  where s.at is not null`;

const refunds = `insert into orders.refunds
    (tenant_id, id, order_id, number, cause, amount, lines, restock, reason, state, requested_by,
     requested_at, ended_at)
  select $1, d.refund, d.id, d.refund_number, 'requested', d.total,
    ('[{"line":1,"n":' || d.n1 || '}' ||
      case when d.two is null then '' else ',{"line":2,"n":' || d.n2 || '}' end || ']')::json,
    true, '${refundReason}', 'refunded', '${service}', d.asked, d.ended
  from scale.draft d where d.refund is not null`;

function transfersSql(channel: string): string {
  const two = "case when d.two is null then 0 else 1 end";
  return `insert into ledger.transfers
    (tenant_id, bundle_id, leg, phase, resolves_leg, debit_account_id, credit_account_id, amount,
     reason, reference, reverses_bundle_id, indexed, at)
  select $1, t.bundle, t.leg, t.phase, t.resolves, t.debit, t.credit, t.amount, t.reason, d.id,
    t.reverses, t.indexed, t.at
  from ${lined} cross join lateral (select * from (values
    (d.id, 1, 'pending', null::integer, a.on_hand, a.sold, d.n1, 'order', null::uuid, false,
     ${placed}),
    (d.id, 2, 'pending', null, b.on_hand, b.sold, d.n2, 'order', null, false, ${placed}),
    (d.attempt, 1, 'posted', null, ${channel}, d.captured, d.total, 'payment captured', null, true,
     d.paid),
    (d.id, 2 + ${two}, case when d.state = 'closed' then 'release' else 'post' end, 1, a.on_hand,
     a.sold, d.n1, case when d.state = 'closed' then ${closedWhy} else 'paid' end, null, false,
     case when d.state = 'closed' then d.ended else d.paid end),
    (d.id, 4, case when d.state = 'closed' then 'release' else 'post' end, 2, b.on_hand,
     b.sold, d.n2, case when d.state = 'closed' then ${closedWhy} else 'paid' end, null, false,
     case when d.state = 'closed' then d.ended else d.paid end)) as usual
    union all select * from (values
    (d.refund, 1, 'pending', null::integer, d.captured, ${channel}, d.total, 'refund requested', null::uuid,
     true, d.asked),
    (d.refund, 2, 'post', 1, d.captured, ${channel}, d.total, 'refunded', null, true, d.ended),
    (${derivedIdSql("d.refund || ' restocked'")}, 1,
     'posted', null, a.sold, a.on_hand, d.n1, 'refunded', d.id, false, d.ended),
    (${derivedIdSql("d.refund || ' restocked'")}, 2,
     'posted', null, b.sold, b.on_hand, d.n2, 'refunded', d.id, false, d.ended)
    ) as refunded where d.refund is not null
  ) as t (bundle, leg, phase, resolves, debit, credit, amount, reason, reverses, indexed, at)
  where t.bundle is not null and t.debit is not null
  -- As they came: a refund's are a day younger than the order's.
  order by t.at`;
}

const paymentSql = `'{"paymentId":"' || d.attempt || '","reference":"' || d.id || '","attemptId":"'
  || d.attempt || '","amountMinor":' || d.total || ',"currency":"CNY","paidAt":'
  || floor(extract(epoch from d.paid) * 1000) || ',"late":false}'`;
const refundSql = `'{"refundId":"' || d.refund || '","reference":"' || d.id || '","attemptId":"'
  || d.attempt || '","amountMinor":' || d.total || ',"currency":"CNY","cause":"requested"}'`;

/** Order by order, not by time across orders: numbers are dense, and nobody reads them by time. */
const events = `insert into kernel.events (tenant_id, seq, at, type, data)
  select $1, h.seq + row_number() over (), e.at, e.type, e.data::json
  from (select seq from kernel.event_heads where tenant_id = $1) h,
  (select d.*, ${toldSql} as told from ${lined} offset 0) d cross join lateral (select * from (values
    ('order_placed', ${placed}, told || '}'),
    ('order_closed', d.ended,
     case when d.state = 'closed' then ${movedSql("0", closedWhy)} end),
    ('order_paying', d.paying, ${movedSql("0", "'to be paid over wechatpay'")}),
    ('payment_paid', d.paid, ${paymentSql}),
    ('order_paid', d.paid, ${movedSql("0", "'paid'")}),
    ('order_completed', d.ended,
     case when d.state = 'completed' then ${movedSql("0", `'${completedWhy}'`)} end)) as usual
    union all select * from (values
    ('refund_requested', d.asked, ${refundSql}),
    ('refund_succeeded', d.ended, ${refundSql}),
    ('order_refunded', d.ended, ${movedSql("d.total", refundedWhy)})
    ) as refunded where d.refund is not null
  ) as e (type, at, data)
  where e.at is not null and e.data is not null`;

const accounts = `insert into ledger.accounts (tenant_id, id, code, asset, guarded, indexed, opened_at)
  select $1, d.captured, 'captured.' || d.attempt, 'CNY', true, true, d.paid
  from scale.draft d where d.captured is not null`;

const balances = `insert into ledger.balances
    (tenant_id, account_id, guarded, posted, pending_debits, pending_credits)
  select $1, d.captured, true, case when d.state = 'refunded' then 0 else d.total end, 0, 0
  from scale.draft d where d.captured is not null`;

function timeText(time: string): string {
  return `to_char((${time}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

const money = (amount: string) => `'{"amount":' || ${amount} || ',"currency":"CNY"}'`;
const line = (at: number, sku: string, quantity: string) => `'{"line":${at},"skuId":"' || ${sku}.id
  || '","title":"' || ${sku}.title || '","quantity":' || ${quantity} || ',"unitPrice":'
  || ${money(`${sku}.price`)} || ',"total":' || ${money(`${sku}.price * ${quantity}`)} || '}'`;

/** The answers to the orders of the last week, which a client may still ask for again. */
function answersSql({ now }: Year): string {
  return `insert into kernel.idempotency_keys (tenant_id, key, body_hash, answered_at, status, body)
  select $1, '${service} scale-' || d.i, sha256(('scale-' || d.i)::bytea), ${placed}, 201,
    '{"id":"' || d.id || '","number":"' || d.number || '","memberId":"' || d.member_id
    || '","state":"pending_payment","lines":[' || ${line(1, "a", "d.n1")}
    || case when d.two is null then '' else ',' || ${line(2, "b", "d.n2")} end
    || '],"total":' || ${money("d.total")} || ',"refunded":' || ${money("0")}
    || ',"refundsUnderWay":' || ${money("0")} || ',"placedAt":"' || ${timeText(placed)}
    || '","closesAt":"' || ${timeText(`${placed} + ${interval.close}`)} || '","changedAt":"'
    || ${timeText(placed)} || '"}'
  from ${lined} where ${placed} > to_timestamp(${now} / 1000.0) - ${idempotencyLife}`;
}

/** The largest first: two connections take them in turn. */
export function fillingsOf(year: Year): readonly Filling[] {
  const channel = derivedIdSql(`'channel.${year.channelAccountId}'`);
  return [
    { table: "kernel.events", insert: events },
    { table: "ledger.transfers", insert: transfersSql(channel) },
    { table: "orders.orders", insert: orders },
    { table: "orders.history", insert: history },
    { table: "ledger.accounts", insert: accounts },
    { table: "ledger.balances", insert: balances },
    { table: "orders.refunds", insert: refunds },
    { table: "kernel.idempotency_keys", insert: answersSql(year) },
  ];
}

/** What the year has left in the accounts that were there before it. */
export function balanceUpdates(year: Year): readonly string[] {
  const { channelAccountId } = year;
  const code = `'channel.${channelAccountId}'`;
  return [
    `insert into ledger.accounts (tenant_id, id, code, asset, guarded, indexed, opened_at)
     select $1, ${derivedIdSql(code)}, ${code}, 'CNY', false, true, min(d.paid) from scale.draft d
     on conflict do nothing`,
    `insert into ledger.balances
       (tenant_id, account_id, guarded, posted, pending_debits, pending_credits)
     select $1, ${derivedIdSql(code)}, false, -coalesce(sum(d.total), 0), 0, 0
     from scale.draft d where d.state in ('paid', 'completed')
     on conflict (tenant_id, account_id) do update
     set posted = ledger.balances.posted + excluded.posted`,
    `with sold as (
       select s.on_hand, s.sold, sum(l.units) as units
       from scale.draft d cross join lateral (values (d.one, d.n1), (d.two, d.n2)) as l (sku, units)
       join scale.skus s on s.at = l.sku
       where d.state in ('paid', 'completed') group by s.on_hand, s.sold
     )
     update ledger.balances b
     set posted = b.posted + case when b.account_id = s.sold then s.units else -s.units end
     from sold s where b.tenant_id = $1 and b.account_id in (s.on_hand, s.sold)`,
    `update kernel.event_heads
     set seq = (select max(seq) from kernel.events where tenant_id = $1) where tenant_id = $1`,
    // Everything has heard of all that: the year is over.
    `update kernel.cursors
     set seq = (select seq from kernel.event_heads where tenant_id = $1) where tenant_id = $1`,
  ];
}
