/** What has to be asked of a channel, and by when: the sweeps' and the jobs' side of the tables. */
import type { Database, Tx } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import type { Attempt, AttemptId, RefundId } from "../domain/types.ts";
import type { AttemptRow } from "./rows.ts";
import { attemptColumns, attemptOf } from "./rows.ts";

// A row that is taken is pushed ahead by the lease in the same statement: its answer sets the real
// next time, and a job that died is made up for when the lease is over.
const takeAttempts = statement(
  "payments.take_due_attempts",
  `update payments.attempts a set next_action_at = $3, asked = a.asked + 1
   where a.tenant_id = $1 and a.id = any(array(
     select id from payments.attempts
     where tenant_id = $1 and next_action_at <= $2
     order by next_action_at limit $4
     for no key update skip locked))
   returning a.id`,
);

const takeRefunds = statement(
  "payments.take_due_refunds",
  `update payments.refunds r set next_action_at = $3, asked = r.asked + 1
   where r.tenant_id = $1 and r.id = any(array(
     select id from payments.refunds
     where tenant_id = $1 and next_action_at <= $2
     order by next_action_at limit $4
     for no key update skip locked))
   returning r.id`,
);

export const tenantsWithAttemptsDue = statement(
  "payments.tenants_with_attempts_due",
  `select distinct tenant_id from payments.attempts where next_action_at <= $1`,
);

export const tenantsWithRefundsDue = statement(
  "payments.tenants_with_refunds_due",
  `select distinct tenant_id from payments.refunds where next_action_at <= $1`,
);

// A refund that is under way or done settles a surplus; one that failed is tried anew a day later.
const stillSurplus = `
  a.surplus and a.paid_at > $1::timestamptz - interval '1 year'
  and not exists (
    select from payments.refunds r
    where r.tenant_id = a.tenant_id and r.attempt_id = a.id
      and (r.state <> 'failed' or r.changed_at > $1::timestamptz - interval '1 day'))`;

export const tenantsWithSurplus = statement(
  "payments.tenants_with_surplus",
  `select distinct a.tenant_id from payments.attempts a where ${stillSurplus}`,
);

const selectSurplus = statement(
  "payments.surplus_attempts",
  `select a.id from payments.attempts a
   where a.tenant_id = $2 and ${stillSurplus} order by a.id limit $3`,
);

const selectAsked = statement(
  "payments.asked_attempt",
  `select ${attemptColumns}, (
     select p.description from payments.payments p where p.tenant_id = $1 and p.id = payment_id
   ) as description
   from payments.attempts where tenant_id = $1 and id = $2`,
);

export interface Taking {
  readonly leaseMs: number;
  readonly limit: number;
}

/** Takes attempts of which the channel is to be asked now, at most `limit`. */
export async function takeDueAttempts(tx: Tx, taking: Taking): Promise<AttemptId[]> {
  return takenIds<AttemptId>(await tx.rows(takeAttempts, takingValues(tx, taking)));
}

export async function takeDueRefunds(tx: Tx, taking: Taking): Promise<RefundId[]> {
  return takenIds<RefundId>(await tx.rows(takeRefunds, takingValues(tx, taking)));
}

function takingValues(tx: Tx, { leaseMs, limit }: Taking) {
  return [tx.tenantId, timestamp(tx.now), timestamp(tx.now + leaseMs), limit];
}

function takenIds<RowId>(rows: readonly { readonly id: RowId }[]): RowId[] {
  return rows.map(({ id }) => id);
}

/** Attempts whose surplus money has not gone back, nor is on its way. */
export async function selectSurplusAttempts(tx: Tx, limit: number): Promise<AttemptId[]> {
  return takenIds<AttemptId>(await tx.rows(selectSurplus, [timestamp(tx.now), tx.tenantId, limit]));
}

/** An attempt as it stands now, unlocked, with what the payer reads. */
export interface AskedAttempt {
  readonly attempt: Attempt;
  readonly description: string;
}

export async function readAskedAttempt(
  database: Database,
  tenantId: string,
  id: AttemptId,
): Promise<AskedAttempt | undefined> {
  const [row] = await database.read<AttemptRow & { description: string }>(tenantId, selectAsked, [
    tenantId,
    id,
  ]);
  return row && { attempt: attemptOf(row), description: row.description };
}
