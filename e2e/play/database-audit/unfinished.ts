/** Nothing waits past its deadline: `$2` is the instant before which a deadline is overdue. */
import type { Check } from "./check.ts";
import { open } from "./orders.ts";

export const unfinishedChecks: readonly Check[] = [
  {
    sentence: "unfinished orders are within their time",
    counted: `select from orders.orders where tenant_id = $1 and state in ${open}`,
    text: `
      select format('the order %s is %s, and should have been closed at %s', number, state, close_due_at)
               as words
      from orders.orders
      where tenant_id = $1 and state in ('pending_payment', 'paying') and close_due_at < $2
      union all
      select format('the order %s is closing since %s, and its payment is %s', o.number, o.changed_at,
               coalesce(p.state, 'not there'))
      from orders.orders o
      left join payments.payments p on p.tenant_id = $1 and p.reference = o.id
      where o.tenant_id = $1 and o.state = 'closing' and o.changed_at < $2
        and p.state is distinct from 'closing' and coalesce(p.changed_at, o.changed_at) < $2
      union all
      select format('the order %s is paid, and should have been completed at %s', number, complete_due_at)
      from orders.orders
      where tenant_id = $1 and state = 'paid' and complete_due_at < $2`,
  },
  {
    sentence: "open attempts and refunds are asked about in time",
    counted: `select from payments.attempts where tenant_id = $1 and next_action_at is not null
      union all select from payments.refunds where tenant_id = $1 and next_action_at is not null`,
    text: `
      select format('the attempt %s is %s, and should have been asked about at %s', number, state,
               next_action_at) as words
      from payments.attempts where tenant_id = $1 and next_action_at < $2
      union all
      select format('the refund %s is %s, and should have been asked about at %s', number, state,
               next_action_at)
      from payments.refunds where tenant_id = $1 and next_action_at < $2
      union all
      select format('the payment of the order %s is closing, and none of its attempts is open', p.reference)
      from payments.payments p
      where p.tenant_id = $1 and p.state = 'closing' and not exists (
        select from payments.attempts a
        where a.tenant_id = $1 and a.payment_id = p.id and a.next_action_at is not null)
      union all
      select format('the refund %s of the order is under way since %s, and over in payments', o.number,
               o.requested_at)
      from orders.refunds o join payments.refunds p on p.tenant_id = $1 and p.id = o.id
      where o.tenant_id = $1 and o.state = 'under_way' and p.state in ('refunded', 'failed')
        and p.changed_at < $2`,
  },
];
