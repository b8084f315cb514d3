-- A notice's own id is ours; what the channel calls it has the channel's name.
alter table payments.notices rename column notice_id to channel_notice_id;
alter table payments.notices rename constraint notices_tenant_id_account_id_notice_id_key
  to notices_tenant_id_account_id_channel_notice_id_key;
