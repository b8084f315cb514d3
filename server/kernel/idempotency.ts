import { required } from "./assert.ts";
import type { Tx } from "./database.ts";
import { statement, timestamp } from "./database.ts";
import type { Answer } from "./operation.ts";

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

const deleteExpired = statement(
  "kernel.delete_expired_answers",
  `delete from kernel.idempotency_keys
   where tenant_id = $1 and key in (
     select key from kernel.idempotency_keys
     where tenant_id = $1 and answered_at < $2 limit $3)`,
);

/** Answers are kept for a week: longer than any client or job repeats a request. */
export const keptAnswerLifeMs = 7 * 24 * 3600 * 1000;
const expiredPerRunMax = 5_000;

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

/** Takes away answers past their life, a bounded number a call. */
export function forgetExpiredAnswers(tx: Tx): void {
  tx.write(deleteExpired, [tx.tenantId, timestamp(tx.now - keptAnswerLifeMs), expiredPerRunMax]);
}

/** Same key, same body: the first answer. Same key, other body: undefined. */
export function replay(
  kept: ReadonlyMap<string, KeptAnswer>,
  key: IdempotencyKey,
): Answer | undefined {
  const earlier = required(kept.get(key.key), "a kept answer");
  if (!earlier.bodyHash.equals(key.bodyHash)) return undefined;
  return { kind: "answered", status: earlier.status, body: earlier.body };
}
