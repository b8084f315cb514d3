/** How long the oldest unfinished thing of each state has been there, for the metrics. */
import { statement } from "../../../kernel/database.ts";

// What is asked about again changes its row each time, so age counts from the beginning.
export const oldestPayments = statement(
  "payments.oldest_payments",
  `select state, min(created_at) as since from payments.payments
   where state in ('open', 'closing') group by state`,
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
