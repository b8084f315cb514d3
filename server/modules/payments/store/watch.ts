/** How long the oldest unfinished thing of each state has been there, for the metrics. */
import { statement } from "../../../kernel/database.ts";

// What is asked about again changes its row each time, so age counts from the beginning.
export const oldestPayments = statement(
  "payments.oldest_payments",
  // Found by their attempts under way, which a sweep's index leads to. One that is `closing` always
  // has such an attempt: `closing` is left with the last of them, and an attempt has a
  // `next_action_at` for as long as it is open (a check of the table). One that is `open` without
  // any waits for its payer, and for its order's deadline: an order closes no sooner than its
  // payment, in one transaction, so the age of the order tells.
  `select p.state, min(p.created_at) as since
   from payments.attempts a
   join payments.payments p on p.tenant_id = a.tenant_id and p.id = a.payment_id
   where a.next_action_at is not null and p.state in ('open', 'closing') group by p.state`,
);

export const oldestAttempts = statement(
  "payments.oldest_attempts",
  `select state, min(created_at) as since from payments.attempts
   where next_action_at is not null group by state`,
);

export const oldestRefunds = statement(
  "payments.oldest_refunds",
  `select state, min(created_at) as since from payments.refunds
   where next_action_at is not null group by state`,
);
