/** How long the oldest sale of each state that must be left has been in it, for the metrics. */
import { statement } from "../../../kernel/database.ts";

export const oldestSales = statement(
  "sales.oldest_unfinished",
  // Not by changed_at: a sale that is given more units stays what it was.
  `select state, min(entered_at) as since from (
     select state, case state when 'open' then greatest(opens_at, scheduled_at)
                   else scheduled_at end as entered_at
     from sales.sales where state in ('scheduled', 'open')) as unfinished
   group by state`,
);
