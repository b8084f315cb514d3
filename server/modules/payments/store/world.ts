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

// Payments are locked before attempts, and attempts before refunds, each in the order of their ids.
// Which rows are meant never changes, so it is worked out before the rows are locked.
const lockPayments = statement(
  "payments.lock_payments",
  `select ${paymentColumns}
   from payments.payments
   where tenant_id = $1 and reference = any($2::uuid[])
   order by id for no key update`,
);

const lockAttempts = statement(
  "payments.lock_attempts",
  `select ${attemptColumns}
   from payments.attempts
   where tenant_id = $1 and payment_id = any(array(
     select id from payments.payments where tenant_id = $1 and reference = any($2::uuid[])))
   order by id for no key update`,
);

const lockRefunds = statement(
  "payments.lock_refunds",
  `select ${refundColumns}
   from payments.refunds
   where tenant_id = $1 and reference = any($2::uuid[])
   order by id for no key update`,
);

const selectReferences = statement(
  "payments.references_of",
  `select p.reference from payments.attempts a
   join payments.payments p on p.tenant_id = $1 and p.id = a.payment_id
   where a.tenant_id = $1 and a.id = any($2::uuid[])
   union
   select p.reference from payments.attempts a
   join payments.payments p on p.tenant_id = $1 and p.id = a.payment_id
   where a.tenant_id = $1 and a.number = any($3::text[])
   union
   select reference from payments.refunds where tenant_id = $1 and id = any($4::uuid[])
   union
   select reference from payments.refunds where tenant_id = $1 and number = any($5::text[])`,
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
 * Locks payments with all their attempts and refunds. By reference the locks leave at once, with
 * the first flight of the caller's `load`; by anything else they wait for one look-up before.
 */
export async function loadPayments(tx: Tx, wanted: WantedPayments): Promise<PaymentsWorld> {
  const given = wanted.references ?? [];
  const { attempts = [], attemptNumbers = [], refunds = [], refundNumbers = [] } = wanted;
  const others = [attempts, attemptNumbers, refunds, refundNumbers];
  const world = emptyWorld();
  if (others.every(({ length }) => length === 0)) return fill(tx, world, given);
  const found = await tx.rows<{ reference: string }>(selectReferences, [tx.tenantId, ...others]);
  return fill(tx, world, [...given, ...found.map(({ reference }) => reference)]);
}

async function fill(
  tx: Tx,
  world: PaymentsWorld,
  wanted: readonly string[],
): Promise<PaymentsWorld> {
  const references = [...new Set(wanted)];
  if (references.length === 0) return world;
  const values = [tx.tenantId, references];
  const [payments, attempts, refunds] = await Promise.all([
    tx.rows<PaymentRow>(lockPayments, values),
    tx.rows<AttemptRow>(lockAttempts, values),
    tx.rows<RefundRow>(lockRefunds, values),
  ]);
  for (const row of payments) world.payments.set(row.reference, paymentOf(row));
  for (const row of attempts) world.attempts.set(row.id, attemptOf(row));
  for (const row of refunds) world.refunds.set(row.id, refundOf(row));
  return world;
}
