-- All legs of a bundle have one reference. An order's hold has the id of the order and is found by
-- the primary key, so that placing one costs no entry; of other bundles the first leg is listed.
drop index ledger.transfers_by_reference;
create index transfers_by_reference on ledger.transfers (tenant_id, reference, bundle_id)
  where leg = 1 and bundle_id <> reference;
