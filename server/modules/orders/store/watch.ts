/**
 * How long the oldest unfinished order or refund of each state has been there, for the metrics. The
 * first entry of a sweep's index is as good as the oldest, and found at once among millions.
 */
import { statement } from "../../../kernel/database.ts";

export const oldestUnpaid = statement(
  "orders.oldest_unpaid",
  // Each state for itself: the oldest of all three would hide that others are there.
  `select state, min(changed_at) as since from (
     (select state, changed_at from orders.orders
      where state = 'pending_payment' order by close_due_at limit 1)
     union all
     (select state, changed_at from orders.orders
      where state = 'paying' order by changed_at limit 1)
     union all
     (select state, changed_at from orders.orders
      where state = 'closing' order by changed_at limit 1)) as oldest
   group by state`,
);

export const oldestPaid = statement(
  "orders.oldest_paid",
  `select state, min(changed_at) as since from orders.orders
   where state = 'paid' and complete_due_at = (
     select min(complete_due_at) from orders.orders where state = 'paid')
   group by state`,
);

export const oldestRefunds = statement(
  "orders.oldest_refunds",
  `select state, min(requested_at) as since from orders.refunds
   where state = 'under_way' group by state`,
);
