-- Statements of accounts without an index read the tenant's movements, whoever's they are, newest
-- first and in stretches of so many rows. One movement of 128, drawn by its key, marks how far back
-- such a stretch goes: by time alone it might be a quiet night, or a million rows of a sale. An
-- order pays a hundredth of the entry that an index by account would cost it.
create index transfers_marks on ledger.transfers (tenant_id, at)
  where (uuid_hash(bundle_id) # leg::integer) & 127 = 0;
