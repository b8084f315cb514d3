-- The age of the oldest unfinished payment, read every few seconds. The indexes of the sweeps serve
-- orders, attempts and refunds.
create index payments_unfinished on payments.payments (state, created_at)
  where state in ('open', 'closing');

-- A notice's own id is ours; what the channel calls it has the channel's name.
alter table payments.notices rename column notice_id to channel_notice_id;
alter table payments.notices rename constraint notices_tenant_id_account_id_notice_id_key
  to notices_tenant_id_account_id_channel_notice_id_key;
