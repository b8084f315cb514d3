-- Orders: what a member has asked for, and everything that became of it.
create schema orders;

create table orders.orders (
  tenant_id uuid not null,
  id uuid not null,
  number text not null,
  member_id text not null check (length(member_id) between 1 and 64),
  state text not null
    check (state in ('pending_payment', 'paying', 'closing', 'paid', 'completed', 'closed',
                     'refunded')),
  -- A snapshot: later prices and titles change nothing here.
  lines json not null,
  total bigint not null check (total >= 0),
  currency text not null,
  placed_by text not null,
  placed_at timestamptz not null,
  close_due_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, number)
) with (fillfactor = 80);
-- A member's own orders, newest first: ids rise with time.
create index orders_of_member on orders.orders (tenant_id, member_id, id);
-- The sweep that closes unpaid orders.
create index orders_close_due on orders.orders (close_due_at)
  where state = 'pending_payment';

-- Every change of state after the placing, which the order's own row tells.
create table orders.history (
  tenant_id uuid not null,
  order_id uuid not null,
  step smallint not null check (step >= 1),
  at timestamptz not null,
  from_state text not null,
  to_state text not null,
  made_by text not null,
  reason text not null check (length(reason) between 1 and 200),
  primary key (tenant_id, order_id, step),
  foreign key (tenant_id, order_id) references orders.orders (tenant_id, id)
);
