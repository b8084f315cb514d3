import type { Tx } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import type { AttemptId, PaymentsWorld, RefundId } from "../domain/types.ts";
import { emptyWorld } from "../domain/world.ts";
import type { AttemptRow, PaymentRow, RefundRow } from "./rows.ts";
import {
  attemptColumns,
  attemptOf,
  paymentColumns,
  paymentOf,
  refundColumns,
  refundOf,
} from "./rows.ts";

// The payments that are meant. Which they are never changes, so each statement works it out for
// itself and before it locks anything: all of them leave in one flight.
const meantPaymentIds = `array(
     select id from payments.payments where tenant_id = $1 and reference = any($2::uuid[])
     union all
     select payment_id from payments.attempts where tenant_id = $1 and id = any($3::uuid[])
     union all
     select payment_id from payments.attempts where tenant_id = $1 and number = any($4::text[])
     union all
     select a.payment_id from payments.refunds r
     join payments.attempts a on a.tenant_id = $1 and a.id = r.attempt_id
     where r.tenant_id = $1 and r.id = any($5::uuid[])
     union all
     select a.payment_id from payments.refunds r
     join payments.attempts a on a.tenant_id = $1 and a.id = r.attempt_id
     where r.tenant_id = $1 and r.number = any($6::text[]))`;

// Payments are locked before attempts, and attempts before refunds, each in the order of their ids.
const lockPayments = statement(
  "payments.lock_payments",
  `select ${paymentColumns}
   from payments.payments
   where tenant_id = $1 and id = any(${meantPaymentIds})
   order by id for no key update`,
);

const lockAttempts = statement(
  "payments.lock_attempts",
  `select ${attemptColumns}
   from payments.attempts
   where tenant_id = $1 and payment_id = any(${meantPaymentIds})
   order by id for no key update`,
);

const lockRefunds = statement(
  "payments.lock_refunds",
  `select ${refundColumns}
   from payments.refunds
   where tenant_id = $1 and attempt_id = any(array(
     select id from payments.attempts where tenant_id = $1 and payment_id = any(${meantPaymentIds})))
   order by id for no key update`,
);

/** Payments are named by any of these; each comes whole. */
export interface WantedPayments {
  readonly references?: readonly string[];
  readonly attempts?: readonly AttemptId[];
  readonly attemptNumbers?: readonly string[];
  readonly refunds?: readonly RefundId[];
  readonly refundNumbers?: readonly string[];
}

/**
 * Locks payments with all their attempts and refunds. The locks leave at once, with the first
 * flight of the caller's `load`.
 */
export async function loadPayments(tx: Tx, wanted: WantedPayments): Promise<PaymentsWorld> {
  const { references = [], attempts = [], attemptNumbers = [] } = wanted;
  const { refunds = [], refundNumbers = [] } = wanted;
  const named = [references, attempts, attemptNumbers, refunds, refundNumbers];
  const world = emptyWorld();
  if (named.every(({ length }) => length === 0)) return world;
  const values = [tx.tenantId, ...named];
  const [payments, attemptRows, refundRows] = await Promise.all([
    tx.rows<PaymentRow>(lockPayments, values),
    tx.rows<AttemptRow>(lockAttempts, values),
    tx.rows<RefundRow>(lockRefunds, values),
  ]);
  for (const row of payments) world.payments.set(row.reference, paymentOf(row));
  for (const row of attemptRows) world.attempts.set(row.id, attemptOf(row));
  for (const row of refundRows) world.refunds.set(row.id, refundOf(row));
  return world;
}
