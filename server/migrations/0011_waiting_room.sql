-- The waiting rooms of sales: who stands where, and how far has been let in.

-- One row a room, locked by whoever gives a place or lets people in.
create table sales.waiting_rooms (
  tenant_id uuid not null,
  sale_id uuid not null,
  -- Places that there are, those for the lot included.
  places integer not null check (places >= 0),
  -- The first places are for those who came before the opening; null while the lot takes tickets.
  lot_size integer check (lot_size between 0 and places),
  admitted_through integer not null check (admitted_through between 0 and places),
  -- The newest row of `admissions`, which grows for a second.
  newest_from integer,
  newest_at timestamptz,
  primary key (tenant_id, sale_id),
  foreign key (tenant_id, sale_id) references sales.sales (tenant_id, id),
  check (lot_size is not null or admitted_through = 0),
  check ((newest_from is null) = (newest_at is null))
) with (fillfactor = 50);

-- A lot that is closed and has to be drawn. A row of its own, so that nobody who takes a ticket
-- waits while a hundred thousand places are written.
create table sales.lots (
  tenant_id uuid not null,
  sale_id uuid not null,
  closed_at timestamptz not null,
  drawn_at timestamptz,
  primary key (tenant_id, sale_id),
  foreign key (tenant_id, sale_id) references sales.waiting_rooms (tenant_id, sale_id)
);

create table sales.tickets (
  tenant_id uuid not null,
  id uuid not null,
  sale_id uuid not null,
  member_id text not null check (length(member_id) between 1 and 64),
  -- A random number: the lot puts those who came before the opening in its order.
  lot bigint not null,
  -- Null until the lot was drawn.
  place integer check (place >= 1),
  taken_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, sale_id, member_id),
  foreign key (tenant_id, sale_id) references sales.waiting_rooms (tenant_id, sale_id)
) with (fillfactor = 60);

-- When which places were let in: their passes run out some minutes later. What has run out long ago
-- is forgotten.
create table sales.admissions (
  tenant_id uuid not null,
  sale_id uuid not null,
  -- The places above this one, up to the other.
  from_place integer not null check (from_place >= 0),
  through_place integer not null,
  admitted_at timestamptz not null,
  primary key (tenant_id, sale_id, from_place),
  foreign key (tenant_id, sale_id) references sales.waiting_rooms (tenant_id, sale_id),
  check (through_place > from_place)
) with (fillfactor = 50);
