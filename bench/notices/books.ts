/** The proof behind the figures of notices: each was booked once, and its order is paid. */
import type pg from "pg";
import type { OpenAttempt } from "./prepare.ts";

/** Of the attempts whose notices were acknowledged: a sentence for everything that is wrong. */
export async function findNoticeFaults(
  client: pg.Client,
  tenantId: string,
  attempts: readonly Pick<OpenAttempt, "attemptId" | "orderId" | "number">[],
): Promise<string[]> {
  const count = async (text: string, ids: readonly string[]): Promise<number> => {
    const { rows } = await client.query<{ count: number }>(text, [tenantId, ids]);
    return rows[0]?.count ?? 0;
  };
  const attemptIds = attempts.map(({ attemptId }) => attemptId);
  const orderIds = attempts.map(({ orderId }) => orderId);
  const found = {
    "notices kept as paid, each delivered once": await count(
      `select count(*)::integer as count from payments.notices
       where tenant_id = $1 and attempt_number = any($2::text[]) and verdict = 'paid'
         and deliveries = 1`,
      attempts.map(({ number }) => number),
    ),
    "attempts paid": await count(
      `select count(*)::integer as count from payments.attempts
       where tenant_id = $1 and id = any($2::uuid[]) and state = 'paid' and not surplus`,
      attemptIds,
    ),
    "transfers of captured money": await count(
      `select count(*)::integer as count from ledger.transfers
       where tenant_id = $1 and bundle_id = any($2::uuid[]) and phase = 'posted'`,
      attemptIds,
    ),
    "payments paid": await count(
      `select count(*)::integer as count from payments.payments
       where tenant_id = $1 and reference = any($2::uuid[]) and state = 'paid'`,
      orderIds,
    ),
    "orders paid": await count(
      `select count(*)::integer as count from orders.orders
       where tenant_id = $1 and id = any($2::uuid[]) and state = 'paid'`,
      orderIds,
    ),
    "steps to paid": await count(
      `select count(*)::integer as count from orders.history
       where tenant_id = $1 and order_id = any($2::uuid[]) and to_state = 'paid'`,
      orderIds,
    ),
    "units sold for good": await count(
      `select count(*)::integer as count from ledger.transfers
       where tenant_id = $1 and bundle_id = any($2::uuid[]) and phase = 'post'`,
      orderIds,
    ),
    "events payment_paid": await count(
      `select count(*)::integer as count from kernel.events
       where tenant_id = $1 and type = 'payment_paid'
         and (data ->> 'attemptId') = any($2::text[])`,
      attemptIds,
    ),
  };
  return Object.entries(found).flatMap(([what, number]) =>
    number === attempts.length
      ? []
      : [`${attempts.length} notices were acknowledged, but there are ${number} ${what}`],
  );
}
