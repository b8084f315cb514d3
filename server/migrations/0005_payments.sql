-- Payments: attempts to pay over channels, refunds, and everything that channels told.
create schema payments;

-- A merchant's contract with a channel. The secrets are sealed with the platform's master key.
create table payments.channel_accounts (
  tenant_id uuid not null,
  id uuid not null,
  channel text not null,
  merchant_id text not null,
  app_id text not null,
  label text not null,
  sealed_config text not null,
  active boolean not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, channel, merchant_id, app_id)
);

-- What is to be paid for one business thing (an order), over however many attempts.
create table payments.payments (
  tenant_id uuid not null,
  id uuid not null,
  -- The order. Payments knows nothing else about it.
  reference uuid not null,
  description text not null check (length(description) between 1 and 127),
  amount bigint not null check (amount > 0),
  currency text not null,
  state text not null check (state in ('open', 'closing', 'paid', 'closed')),
  paid_attempt_id uuid,
  paid_at timestamptz,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, reference),
  check ((state = 'paid') = (paid_attempt_id is not null))
) with (fillfactor = 80);

-- One try at a channel, under a number of its own [PAY-06].
create table payments.attempts (
  tenant_id uuid not null,
  id uuid not null,
  payment_id uuid not null,
  number text not null,
  account_id uuid not null,
  channel text not null,
  method text not null,
  amount bigint not null check (amount > 0),
  currency text not null,
  state text not null
    check (state in ('preparing', 'awaiting', 'closing', 'paid', 'closed', 'failed')),
  payer_id text,
  payer_ip text,
  return_url text,
  instruction json,
  usable_until timestamptz,
  expires_at timestamptz not null,
  channel_trade_number text,
  paid_at timestamptz,
  -- Paid although the payment was paid already: goes back by itself [PAY-07, REF-16].
  surplus boolean not null,
  failure text,
  -- When the channel is asked next (query, or close); null when there is nothing to ask.
  next_action_at timestamptz,
  asked integer not null check (asked >= 0),
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, number),
  foreign key (tenant_id, payment_id) references payments.payments (tenant_id, id),
  foreign key (tenant_id, account_id) references payments.channel_accounts (tenant_id, id),
  check ((next_action_at is null) = (state in ('paid', 'closed', 'failed')))
) with (fillfactor = 80);
create index attempts_of_payment on payments.attempts (tenant_id, payment_id);
-- The sweep that asks the channels.
create index attempts_due on payments.attempts (next_action_at) where next_action_at is not null;
-- The daily look at yesterday's surplus payments [PAY-08].
create index attempts_surplus on payments.attempts (tenant_id, paid_at) where surplus;

create table payments.refunds (
  tenant_id uuid not null,
  id uuid not null,
  number text not null,
  attempt_id uuid not null,
  reference uuid not null,
  cause text not null check (cause in ('requested', 'surplus', 'late')),
  amount bigint not null check (amount > 0),
  currency text not null,
  reason text not null check (length(reason) between 1 and 80),
  state text not null
    check (state in ('requested', 'processing', 'refunded', 'failed', 'abnormal')),
  channel_refund_number text,
  refunded_at timestamptz,
  failure text,
  next_action_at timestamptz,
  asked integer not null check (asked >= 0),
  requested_by text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, number),
  foreign key (tenant_id, attempt_id) references payments.attempts (tenant_id, id),
  check ((next_action_at is null) = (state in ('refunded', 'failed')))
) with (fillfactor = 80);
create index refunds_of_attempt on payments.refunds (tenant_id, attempt_id);
create index refunds_of_reference on payments.refunds (tenant_id, reference);
create index refunds_due on payments.refunds (next_action_at) where next_action_at is not null;

-- Every notice as it came in, byte for byte, with what was made of it [PAY-13].
create table payments.notices (
  tenant_id uuid not null,
  id uuid not null,
  account_id uuid not null,
  -- The channel's own id of the notice; what was forged has none.
  notice_id text,
  received_at timestamptz not null,
  headers json not null,
  body bytea not null,
  verdict text not null,
  attempt_number text,
  refund_number text,
  deliveries integer not null check (deliveries > 0),
  primary key (tenant_id, id),
  unique (tenant_id, account_id, notice_id),
  foreign key (tenant_id, account_id) references payments.channel_accounts (tenant_id, id)
);
create index notices_of_attempt on payments.notices (tenant_id, attempt_number);

-- What was asked of a channel and what it answered, in order [PAY-23].
create table payments.trade_log (
  tenant_id uuid not null,
  id uuid not null,
  attempt_id uuid not null,
  refund_id uuid,
  at timestamptz not null,
  what text not null,
  outcome text not null,
  detail text,
  primary key (tenant_id, id)
);
create index trade_log_of_attempt on payments.trade_log (tenant_id, attempt_id, id);
