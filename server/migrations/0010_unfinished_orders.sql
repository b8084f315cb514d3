-- The age of the oldest unfinished thing in each state, read every few seconds. The index of the
-- sweep serves orders that nobody tries to pay; these have their places for themselves.
create index orders_under_payment on orders.orders (state, changed_at)
  where state in ('paying', 'closing');
create index refunds_under_way on orders.refunds (requested_at) where state = 'under_way';
