-- What members bring for a ticket, and how many tickets one device and one network get.
alter table sales.sales
  -- Numbers to try for the solution of a challenge; null asks for none.
  add column challenge_difficulty integer check (challenge_difficulty > 0),
  add column tickets_per_device integer check (tickets_per_device > 0),
  add column tickets_per_network integer check (tickets_per_network > 0),
  add check (challenge_difficulty is null or waiting_room),
  add check (challenge_difficulty is not null or tickets_per_device is null),
  add check (challenge_difficulty is not null or tickets_per_network is null);

-- Where a ticket was taken from; null where its sale does not count that.
alter table sales.tickets
  add column device_id uuid,
  -- An address of IPv4, or of IPv6 the first 64 bits.
  add column network text check (length(network) between 1 and 64);

-- Both count the tickets of one origin, for each that takes one: as many entries as it may have.
create index tickets_of_device on sales.tickets (tenant_id, sale_id, device_id)
  where device_id is not null;
create index tickets_of_network on sales.tickets (tenant_id, sale_id, network)
  where network is not null;
