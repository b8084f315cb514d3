/**
 * How long the oldest unfinished order of each state has been there, for the metrics. The first
 * entry of a sweep's index is as good as the oldest, and found at once among millions.
 */
import { statement } from "../../../kernel/database.ts";

export const oldestUnpaid = statement(
  "orders.oldest_unpaid",
  `select state, min(changed_at) as since from orders.orders
   where state in ('pending_payment', 'paying') and close_due_at = (
     select min(close_due_at) from orders.orders where state in ('pending_payment', 'paying'))
   group by state`,
);

export const oldestClosing = statement(
  "orders.oldest_closing",
  `select state, min(changed_at) as since from orders.orders
   where state = 'closing' group by state`,
);

export const oldestPaid = statement(
  "orders.oldest_paid",
  `select state, min(changed_at) as since from orders.orders
   where state = 'paid' and complete_due_at = (
     select min(complete_due_at) from orders.orders where state = 'paid')
   group by state`,
);
