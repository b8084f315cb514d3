import { statement } from "../../../kernel/database.ts";

/** The index for the sweep of unpaid orders holds these alone, so it reads no others. */
export const oldestUnpaid = statement(
  "orders.oldest_unpaid",
  `select state, min(changed_at) as since from orders.orders
   where state in ('pending_payment', 'paying', 'closing') group by state`,
);
