import { required } from "./assert.ts";
import type { Tx } from "./database.ts";
import { statement, timestamp } from "./database.ts";
import type { Deadline } from "./deadlines.ts";
import type { Answer } from "./operation.ts";
import { dayMs, minuteMs } from "./time.ts";

/** What a caller promises: the same key always comes with the same body [ORD-04]. */
export interface IdempotencyKey {
  /** Scoped by the caller's identity, so that two callers may use the same text. */
  readonly key: string;
  /** SHA-256 of method, route and canonical body. */
  readonly bodyHash: Buffer;
}

export interface KeptAnswer extends Answer {
  readonly bodyHash: Buffer;
}

interface KeptRow {
  key: string;
  body_hash: Buffer;
  status: number;
  body: string;
}

const selectKept = statement(
  "kernel.load_kept_answers",
  `select key, body_hash, status, body from kernel.idempotency_keys
   where tenant_id = $1 and key = any($2::text[])`,
);

const insertKept = statement(
  "kernel.keep_answers",
  // Sorted, so that two batches with the same keys wait for each other in one order only. A key
  // that another process has just taken fails the batch; loaded anew it finds that answer.
  `insert into kernel.idempotency_keys (tenant_id, key, body_hash, answered_at, status, body)
   select $1, k.key, decode(k.body_hash, 'hex'), $2, k.status, k.body
   from unnest($3::text[], $4::text[], $5::smallint[], $6::text[]) as k (key, body_hash, status, body)
   order by k.key`,
);

export async function loadKeptAnswers(
  tx: Tx,
  keys: readonly IdempotencyKey[],
): Promise<Map<string, KeptAnswer>> {
  const rows = await tx.rows<KeptRow>(selectKept, [tx.tenantId, keys.map(({ key }) => key)]);
  return new Map(
    rows.map((row) => [
      row.key,
      { kind: "answered", status: row.status, body: row.body, bodyHash: row.body_hash },
    ]),
  );
}

export function keepAnswers(
  tx: Tx,
  answers: readonly { readonly key: IdempotencyKey; readonly answer: Answer }[],
): void {
  if (answers.length === 0) return;
  tx.write(insertKept, [
    tx.tenantId,
    timestamp(tx.now),
    answers.map(({ key }) => key.key),
    answers.map(({ key }) => key.bodyHash.toString("hex")),
    answers.map(({ answer }) => answer.status),
    answers.map(({ answer }) => answer.body),
  ]);
}

/** Same key, same body: the first answer. Same key, other body: undefined. */
export function replay(
  kept: ReadonlyMap<string, KeptAnswer>,
  key: IdempotencyKey,
): Answer | undefined {
  const earlier = required(kept.get(key.key), "a kept answer");
  if (!earlier.bodyHash.equals(key.bodyHash)) return undefined;
  return { kind: "answered", status: earlier.status, body: earlier.body, replayed: true };
}

/** Answers are kept for a week: longer than any client or job repeats a request. */
const keptAnswerLifeDays = 7;
export const keptAnswerLifeMs = keptAnswerLifeDays * dayMs;

const tenantsWithExpired = statement(
  "kernel.tenants_with_expired_answers",
  // One look a tenant into the index by age, however many answers there are.
  `-- across tenants: every tenant's answers grow old
   with recursive tenants as (
     (select tenant_id from kernel.idempotency_keys order by tenant_id limit 1)
     union all
     select (select k.tenant_id from kernel.idempotency_keys k
             where k.tenant_id > t.tenant_id order by k.tenant_id limit 1)
     from tenants t where t.tenant_id is not null
   )
   select t.tenant_id from tenants t
   where t.tenant_id is not null and exists (
     select 1 from kernel.idempotency_keys k
     where k.tenant_id = t.tenant_id
       and k.answered_at < $1::timestamptz - interval '${keptAnswerLifeDays} days')`,
);

const deleteExpired = statement(
  "kernel.delete_expired_answers",
  `with gone as (
     delete from kernel.idempotency_keys
     where tenant_id = $1 and key in (
       select key from kernel.idempotency_keys
       where tenant_id = $1 and answered_at < $2
       order by answered_at limit $3
       for update skip locked)
     returning key
   )
   select count(*)::integer as answers from gone`,
);

/** What lies a little longer does no harm. */
const forgetEveryMs = 10 * minuteMs;
/** Some ten milliseconds of deleting, so that orders of the same moment hardly notice. */
const forgetBatchMax = 2_000;

/** Keeps the table to a week's worth, whatever the traffic. */
export const forgetAnswers: Deadline = {
  name: "kernel.forget_answers",
  everyMs: forgetEveryMs,
  batchMax: forgetBatchMax,
  tenantsDue: tenantsWithExpired,
  sweep: forgetExpiredAnswers,
};

/** Takes away up to `limit` answers past their life; gives how many. */
async function forgetExpiredAnswers(tx: Tx, limit: number): Promise<number> {
  const values = [tx.tenantId, timestamp(tx.now - keptAnswerLifeMs), limit];
  const [row] = await tx.rows<{ answers: number }>(deleteExpired, values);
  return row?.answers ?? 0;
}
