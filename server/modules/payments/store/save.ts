import type { Tx } from "../../../kernel/database.ts";
import { optionalTimestamps, statement, timestamp, timestamps } from "../../../kernel/database.ts";
import type { Attempt, LogEntry, Payment, PaymentsWorld, Refund } from "../domain/types.ts";

const insertPayments = statement(
  "payments.insert_payments",
  `insert into payments.payments
     (tenant_id, id, reference, description, amount, currency, state, paid_attempt_id, paid_at,
      created_at, changed_at)
   select $1, p.id, p.reference, p.description, p.amount, p.currency, p.state, p.paid_attempt_id,
          p.paid_at, p.created_at, $2
   from unnest($3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::text[], $8::text[],
               $9::uuid[], $10::timestamptz[], $11::timestamptz[])
     as p (id, reference, description, amount, currency, state, paid_attempt_id, paid_at,
           created_at)`,
);

const updatePayments = statement(
  "payments.update_payments",
  `update payments.payments p
   set state = n.state, paid_attempt_id = n.paid_attempt_id, paid_at = n.paid_at, changed_at = $2
   from unnest($3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[])
     as n (id, state, paid_attempt_id, paid_at)
   where p.tenant_id = $1 and p.id = n.id`,
);

const insertAttempts = statement(
  "payments.insert_attempts",
  `insert into payments.attempts
     (tenant_id, id, payment_id, number, account_id, channel, method, amount, currency, state,
      payer_id, payer_ip, return_url, instruction, usable_until, expires_at, channel_trade_number,
      paid_at, surplus, failure, next_action_at, asked, created_at, changed_at)
   select $1, a.id, a.payment_id, a.number, a.account_id, a.channel, a.method, a.amount, a.currency,
          a.state, a.payer_id, a.payer_ip, a.return_url, a.instruction::json, a.usable_until,
          a.expires_at, a.channel_trade_number, a.paid_at, a.surplus, a.failure, a.next_action_at,
          a.asked, a.created_at, $2
   from unnest($3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::bigint[],
               $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
               $16::timestamptz[], $17::timestamptz[], $18::text[], $19::timestamptz[],
               $20::boolean[], $21::text[], $22::timestamptz[], $23::integer[], $24::timestamptz[])
     as a (id, payment_id, number, account_id, channel, method, amount, currency, state, payer_id,
           payer_ip, return_url, instruction, usable_until, expires_at, channel_trade_number,
           paid_at, surplus, failure, next_action_at, asked, created_at)`,
);

const updateAttempts = statement(
  "payments.update_attempts",
  `update payments.attempts a
   set state = n.state, instruction = n.instruction::json, usable_until = n.usable_until,
       channel_trade_number = n.channel_trade_number, paid_at = n.paid_at, surplus = n.surplus,
       failure = n.failure, next_action_at = n.next_action_at, asked = n.asked, changed_at = $2
   from unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::timestamptz[],
               $9::boolean[], $10::text[], $11::timestamptz[], $12::integer[])
     as n (id, state, instruction, usable_until, channel_trade_number, paid_at, surplus, failure,
           next_action_at, asked)
   where a.tenant_id = $1 and a.id = n.id`,
);

const insertRefunds = statement(
  "payments.insert_refunds",
  `insert into payments.refunds
     (tenant_id, id, number, attempt_id, reference, cause, amount, currency, reason, state,
      channel_refund_number, refunded_at, failure, next_action_at, asked, requested_by, created_at,
      changed_at)
   select $1, r.id, r.number, r.attempt_id, r.reference, r.cause, r.amount, r.currency, r.reason,
          r.state, r.channel_refund_number, r.refunded_at, r.failure, r.next_action_at, r.asked,
          r.requested_by, r.created_at, $2
   from unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::bigint[], $9::text[],
               $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::text[],
               $15::timestamptz[], $16::integer[], $17::text[], $18::timestamptz[])
     as r (id, number, attempt_id, reference, cause, amount, currency, reason, state,
           channel_refund_number, refunded_at, failure, next_action_at, asked, requested_by,
           created_at)`,
);

const updateRefunds = statement(
  "payments.update_refunds",
  `update payments.refunds r
   set state = n.state, channel_refund_number = n.channel_refund_number,
       refunded_at = n.refunded_at, failure = n.failure, next_action_at = n.next_action_at,
       asked = n.asked, changed_at = $2
   from unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::timestamptz[],
               $9::integer[])
     as n (id, state, channel_refund_number, refunded_at, failure, next_action_at, asked)
   where r.tenant_id = $1 and r.id = n.id`,
);

const insertLog = statement(
  "payments.insert_trade_log",
  `insert into payments.trade_log
     (tenant_id, id, attempt_id, refund_id, at, what, outcome, detail)
   select $1, l.id, l.attempt_id, l.refund_id, $2, l.what, l.outcome, l.detail
   from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[])
     as l (id, attempt_id, refund_id, what, outcome, detail)`,
);

/** Writes what decisions did to the world: one statement a table. */
export function savePayments(tx: Tx, { written }: PaymentsWorld): void {
  savePaymentRows(tx, [...written.newPayments], [...written.changedPayments]);
  insertAttemptRows(tx, [...written.newAttempts]);
  updateAttemptRows(tx, [...written.changedAttempts]);
  saveRefundRows(tx, [...written.newRefunds], [...written.changedRefunds]);
  saveLog(tx, written.log);
  tx.emit(written.events);
}

function savePaymentRows(tx: Tx, fresh: readonly Payment[], changed: readonly Payment[]): void {
  if (fresh.length > 0) {
    tx.write(insertPayments, [
      tx.tenantId,
      timestamp(tx.now),
      fresh.map(({ id }) => id),
      fresh.map(({ reference }) => reference),
      fresh.map(({ description }) => description),
      fresh.map(({ amountMinor }) => amountMinor),
      fresh.map(({ currency }) => currency),
      fresh.map(({ state }) => state),
      fresh.map(({ paidAttemptId }) => paidAttemptId ?? null),
      optionalTimestamps(fresh.map(({ paidAt }) => paidAt)),
      timestamps(fresh.map(({ createdAt }) => createdAt)),
    ]);
  }
  if (changed.length === 0) return;
  tx.write(updatePayments, [
    tx.tenantId,
    timestamp(tx.now),
    changed.map(({ id }) => id),
    changed.map(({ state }) => state),
    changed.map(({ paidAttemptId }) => paidAttemptId ?? null),
    optionalTimestamps(changed.map(({ paidAt }) => paidAt)),
  ]);
}

function insertAttemptRows(tx: Tx, attempts: readonly Attempt[]): void {
  if (attempts.length === 0) return;
  tx.write(insertAttempts, [
    tx.tenantId,
    timestamp(tx.now),
    attempts.map(({ id }) => id),
    attempts.map(({ paymentId }) => paymentId),
    attempts.map(({ number }) => number),
    attempts.map(({ accountId }) => accountId),
    attempts.map(({ channel }) => channel),
    attempts.map(({ method }) => method),
    attempts.map(({ amountMinor }) => amountMinor),
    attempts.map(({ currency }) => currency),
    attempts.map(({ state }) => state),
    attempts.map(({ payerId }) => payerId ?? null),
    attempts.map(({ payerIp }) => payerIp ?? null),
    attempts.map(({ returnUrl }) => returnUrl ?? null),
    attempts.map(instructionText),
    optionalTimestamps(attempts.map(({ usableUntil }) => usableUntil)),
    timestamps(attempts.map(({ expiresAt }) => expiresAt)),
    attempts.map(({ channelTradeNumber }) => channelTradeNumber ?? null),
    optionalTimestamps(attempts.map(({ paidAt }) => paidAt)),
    attempts.map(({ surplus }) => surplus),
    attempts.map(({ failure }) => failure ?? null),
    optionalTimestamps(attempts.map(({ nextActionAt }) => nextActionAt)),
    attempts.map(({ asked }) => asked),
    timestamps(attempts.map(({ createdAt }) => createdAt)),
  ]);
}

function updateAttemptRows(tx: Tx, attempts: readonly Attempt[]): void {
  if (attempts.length === 0) return;
  tx.write(updateAttempts, [
    tx.tenantId,
    timestamp(tx.now),
    attempts.map(({ id }) => id),
    attempts.map(({ state }) => state),
    attempts.map(instructionText),
    optionalTimestamps(attempts.map(({ usableUntil }) => usableUntil)),
    attempts.map(({ channelTradeNumber }) => channelTradeNumber ?? null),
    optionalTimestamps(attempts.map(({ paidAt }) => paidAt)),
    attempts.map(({ surplus }) => surplus),
    attempts.map(({ failure }) => failure ?? null),
    optionalTimestamps(attempts.map(({ nextActionAt }) => nextActionAt)),
    attempts.map(({ asked }) => asked),
  ]);
}

function saveRefundRows(tx: Tx, fresh: readonly Refund[], changed: readonly Refund[]): void {
  if (fresh.length > 0) {
    tx.write(insertRefunds, [
      tx.tenantId,
      timestamp(tx.now),
      fresh.map(({ id }) => id),
      fresh.map(({ number }) => number),
      fresh.map(({ attemptId }) => attemptId),
      fresh.map(({ reference }) => reference),
      fresh.map(({ cause }) => cause),
      fresh.map(({ amountMinor }) => amountMinor),
      fresh.map(({ currency }) => currency),
      fresh.map(({ reason }) => reason),
      fresh.map(({ state }) => state),
      fresh.map(({ channelRefundNumber }) => channelRefundNumber ?? null),
      optionalTimestamps(fresh.map(({ refundedAt }) => refundedAt)),
      fresh.map(({ failure }) => failure ?? null),
      optionalTimestamps(fresh.map(({ nextActionAt }) => nextActionAt)),
      fresh.map(({ asked }) => asked),
      fresh.map(({ requestedBy }) => requestedBy),
      timestamps(fresh.map(({ createdAt }) => createdAt)),
    ]);
  }
  if (changed.length === 0) return;
  tx.write(updateRefunds, [
    tx.tenantId,
    timestamp(tx.now),
    changed.map(({ id }) => id),
    changed.map(({ state }) => state),
    changed.map(({ channelRefundNumber }) => channelRefundNumber ?? null),
    optionalTimestamps(changed.map(({ refundedAt }) => refundedAt)),
    changed.map(({ failure }) => failure ?? null),
    optionalTimestamps(changed.map(({ nextActionAt }) => nextActionAt)),
    changed.map(({ asked }) => asked),
  ]);
}

function saveLog(tx: Tx, log: readonly LogEntry[]): void {
  if (log.length === 0) return;
  tx.write(insertLog, [
    tx.tenantId,
    timestamp(tx.now),
    log.map(({ id }) => id),
    log.map(({ attemptId }) => attemptId),
    log.map(({ refundId }) => refundId ?? null),
    log.map(({ what }) => what),
    log.map(({ outcome }) => outcome),
    log.map(({ detail }) => detail ?? null),
  ]);
}

function instructionText({ instruction }: Attempt): string | null {
  return instruction === undefined ? null : JSON.stringify(instruction);
}
