-- What is booked rewrites its row where it stands (HOT): no index on a column that the booking
-- changes, and room on the page. Any other update costs an entry in every index of the table.

-- The age of the oldest unfinished payment is found by way of its attempts, as their sweep is.
drop index payments.payments_unfinished;
-- Payments that were opened together are paid together: each row of a page may have its twin there.
alter table payments.payments set (fillfactor = 50);

-- The tables that get most new rows go without foreign keys, as transfers do: each is a query a row
-- inside of PostgreSQL. Nobody deletes their parents: an order and a ledger's account are locked or
-- written by the same transaction, and a channel's account has verified its notice before.
alter table payments.notices drop constraint notices_tenant_id_account_id_fkey;
alter table orders.history drop constraint history_tenant_id_order_id_fkey;
alter table ledger.balances drop constraint balances_tenant_id_account_id_fkey;
