-- All legs of a bundle have one reference, and the first bundle of a business row has its id: an
-- order's units, the money of a refund. So only the first legs of the others are listed, and an
-- order that is placed costs no entry. The ranges of the index before were read whole, thousands of
-- movements for one order's five.
drop index ledger.transfers_by_reference;
create index transfers_by_reference on ledger.transfers (tenant_id, reference, bundle_id)
  where leg = 1 and bundle_id <> reference;
