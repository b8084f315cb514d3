-- The age of the oldest unfinished payment, read every few seconds. The indexes of the sweeps serve
-- orders, attempts and refunds.
create index payments_unfinished on payments.payments (state, created_at)
  where state in ('open', 'closing');
