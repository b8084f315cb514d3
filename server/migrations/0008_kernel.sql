-- The kernel's own housekeeping, and what people decide about events that could not be applied.

-- The block range index loses its use after the first week: the space of deleted keys is filled
-- with new ones, every range then spans all ages, and a sweep would read the whole table.
drop index kernel.idempotency_keys_answered_at;
-- The sweep of each tenant's keys past their life.
create index idempotency_keys_by_age on kernel.idempotency_keys (tenant_id, answered_at);

-- Who replayed or dropped an event; a drop says why.
alter table kernel.parked_events
  add column resolved_by text,
  add column reason text check (length(reason) between 1 and 200),
  add check ((resolved_at is null) = (resolved_by is null)),
  add check (resolution is distinct from 'dropped' or reason is not null);
-- A tenant's parked events, the newest event first.
create index parked_events_by_seq on kernel.parked_events (tenant_id, seq, subscription);
-- How many wait for a person, which is a metric.
create index parked_events_open on kernel.parked_events (subscription) where resolved_at is null;
