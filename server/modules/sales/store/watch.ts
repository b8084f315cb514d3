/** How long the oldest sale of each state that must be left has been in it, for the metrics. */
import { statement } from "../../../kernel/database.ts";

export const oldestSales = statement(
  "sales.oldest_unfinished",
  `select state, min(changed_at) as since from sales.sales
   where state in ('scheduled', 'open') group by state`,
);
