-- Orders of a sale in a state, newest first; those of all states are the newest of each. By sale
-- alone a page of a rare state was a walk over all orders of the sale, or over everybody's unpaid
-- ones. It stands in the place of that index: two would cost each order twice.
drop index orders.orders_of_sale;
create index orders_of_sale on orders.orders (tenant_id, sale_id, state, id)
  where sale_id is not null;
