-- The kernel: what the mechanisms of the platform remember. Not one business word.
create schema kernel;

-- The number of the newest event of each tenant. Locked last in every batch, so that numbers are
-- given in commit order and have no gaps: a cursor can never overtake an open transaction.
create table kernel.event_heads (
  tenant_id uuid not null,
  seq bigint not null check (seq >= 0),
  primary key (tenant_id)
) with (fillfactor = 50);

create table kernel.events (
  tenant_id uuid not null,
  seq bigint not null check (seq > 0),
  at timestamptz not null,
  type text not null,
  data json not null,
  primary key (tenant_id, seq)
);

-- How far a subscription has applied the events of a tenant.
create table kernel.cursors (
  tenant_id uuid not null,
  subscription text not null,
  seq bigint not null check (seq >= 0),
  moved_at timestamptz not null,
  primary key (tenant_id, subscription)
) with (fillfactor = 50);

-- Events that a subscription could not apply after all retries; a person replays or drops them.
create table kernel.parked_events (
  tenant_id uuid not null,
  subscription text not null,
  seq bigint not null,
  parked_at timestamptz not null,
  error text not null,
  attempts integer not null check (attempts > 0),
  resolved_at timestamptz,
  resolution text check (resolution in ('replayed', 'dropped')),
  primary key (tenant_id, subscription, seq),
  foreign key (tenant_id, seq) references kernel.events (tenant_id, seq),
  check ((resolved_at is null) = (resolution is null))
);

-- The first answer to a request with an Idempotency-Key, written with what the request did.
create table kernel.idempotency_keys (
  tenant_id uuid not null,
  key text not null check (length(key) between 1 and 200),
  body_hash bytea not null check (length(body_hash) = 32),
  answered_at timestamptz not null,
  status smallint not null check (status between 200 and 299),
  body text not null,
  primary key (tenant_id, key)
);
-- Finds keys past their life; a block range index costs next to nothing to keep up.
create index idempotency_keys_answered_at on kernel.idempotency_keys using brin (answered_at);
