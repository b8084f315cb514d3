-- Sales: goods at a price of their own, for a time, out of units that were set aside for them.
create schema sales;

create table sales.sales (
  tenant_id uuid not null,
  id uuid not null,
  title text not null check (length(title) between 1 and 200),
  -- Orders go by the clock and by `ended`; the flip to `open` only tells those who listen.
  state text not null check (state in ('draft', 'scheduled', 'open', 'ended')),
  opens_at timestamptz not null,
  closes_at timestamptz not null,
  -- Units that a member may buy in the whole sale; null is as many as there are.
  limit_per_member integer check (limit_per_member > 0),
  waiting_room boolean not null,
  made_by text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  -- From then on the terms stand, and the units are set aside.
  scheduled_at timestamptz,
  ended_at timestamptz,
  primary key (tenant_id, id),
  check (closes_at > opens_at),
  check (scheduled_at is not null or state in ('draft', 'ended')),
  check ((ended_at is not null) = (state = 'ended'))
);
-- The sweeps that tell of the opening, and that end what is over; also the age of the oldest.
create index sales_open_due on sales.sales (opens_at) where state = 'scheduled';
create index sales_end_due on sales.sales (closes_at) where state in ('scheduled', 'open');

create table sales.items (
  tenant_id uuid not null,
  sale_id uuid not null,
  sku_id uuid not null,
  -- The order in which people see them.
  position smallint not null check (position >= 1),
  price_minor bigint not null check (price_minor >= 0),
  currency text not null check (length(currency) = 3),
  -- Units that are set aside when the sale is scheduled; where they are, the ledger knows.
  allotment bigint not null check (allotment > 0),
  -- Units of this SKU that a member may buy; the sale's own limit stands beside it.
  limit_per_member integer check (limit_per_member > 0),
  primary key (tenant_id, sale_id, sku_id),
  foreign key (tenant_id, sale_id) references sales.sales (tenant_id, id)
);

-- An order of a sale takes its price, its units and its limits.
alter table orders.orders add column sale_id uuid;
-- Lists of a sale's orders, newest first: ids rise with time, so entries come at the end of the
-- sale's own stretch. What a member has bought is found among the member's orders.
create index orders_of_sale on orders.orders (tenant_id, sale_id, id) where sale_id is not null;
