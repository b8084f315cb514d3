-- Orders are paid, completed and refunded.
alter table orders.orders add column paid_at timestamptz;
-- The stock of an order stands in the bundle of its own id, unless it was revived after its close.
alter table orders.orders add column stock_bundle_id uuid;
alter table orders.orders add column complete_due_at timestamptz;
-- What went back to the payer, and what is on its way there. A refund that fails is known in
-- payments first, so for a moment more may seem to be on its way than is left.
alter table orders.orders add column refunded bigint not null default 0
  check (refunded between 0 and total);
alter table orders.orders add column refunding bigint not null default 0 check (refunding >= 0);
alter table orders.orders add check (state in ('pending_payment', 'paying', 'closing', 'closed')
  or paid_at is not null);

-- The sweep that closes orders which nobody has paid, tried or not.
drop index orders.orders_close_due;
create index orders_close_due on orders.orders (close_due_at)
  where state in ('pending_payment', 'paying');
-- The sweep that completes paid orders.
create index orders_complete_due on orders.orders (complete_due_at) where state = 'paid';

-- A refund as orders see it: of which lines, and whether their units go back on sale. How its money
-- travels is told by the refund of the same id in payments.
create table orders.refunds (
  tenant_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  number text not null,
  cause text not null check (cause in ('requested', 'late')),
  amount bigint not null check (amount > 0),
  -- The numbers of lines and how many units of each; empty where only money goes back.
  lines json not null,
  restock boolean not null,
  reason text not null check (length(reason) between 1 and 80),
  state text not null check (state in ('under_way', 'refunded', 'failed')),
  failure text,
  requested_by text not null,
  requested_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references orders.orders (tenant_id, id),
  check ((ended_at is null) = (state = 'under_way'))
);
create index refunds_of_order on orders.refunds (tenant_id, order_id, id);

-- The age of the oldest unfinished thing in each state, read every few seconds. The index of the
-- sweep serves orders that nobody tries to pay; these have their places for themselves.
create index orders_under_payment on orders.orders (state, changed_at)
  where state in ('paying', 'closing');
create index refunds_under_way on orders.refunds (requested_at) where state = 'under_way';
