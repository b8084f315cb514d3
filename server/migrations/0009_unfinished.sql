-- The age of the oldest unfinished thing of each state, read every few seconds. The indexes of the
-- sweeps serve the other states.
create index payments_unfinished on payments.payments (state, created_at)
  where state in ('open', 'closing');
create index orders_closing on orders.orders (changed_at) where state = 'closing';
