-- What is booked rewrites its row where it stands (HOT): no index on a column that the booking
-- changes, and room on the page. Any other update costs an entry in every index of the table.

-- The age of the oldest unfinished payment is found by way of its attempts, as their sweep is.
drop index payments.payments_unfinished;
-- Payments that were opened together are paid together: each row of a page may have its twin there.
alter table payments.payments set (fillfactor = 50);
