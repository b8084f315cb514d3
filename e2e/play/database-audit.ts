/**
 * The audit that looks into the database itself, at any moment, also in the middle of a run: every
 * transaction leaves a whole behind, so what is committed together can be judged together. What is
 * on its way (an event that was not heard yet, a channel that has not answered) is no contradiction
 * until its time is over.
 */
import pg from "pg";
import type { Finding } from "./audit.ts";
import { askedChecks } from "./database-audit/asked.ts";
import type { Check } from "./database-audit/check.ts";
import { eventChecks } from "./database-audit/events.ts";
import { ledgerChecks } from "./database-audit/ledger.ts";
import { moneyChecks } from "./database-audit/money.ts";
import { orderChecks } from "./database-audit/orders.ts";
import { saleChecks } from "./database-audit/sales.ts";
import { unfinishedChecks } from "./database-audit/unfinished.ts";
import type { Chapter, WantedLine } from "./diary.ts";

/** What clients were told with a 2xx answer. */
export interface Told {
  readonly orders: readonly {
    readonly id: string;
    readonly key: string;
    readonly memberId: string;
    readonly lines: readonly WantedLine[];
  }[];
  /** Ways to pay, by the number that the payer was shown. */
  readonly attempts: readonly { readonly number: string; readonly orderId: string }[];
  readonly refunds: readonly {
    readonly id: string;
    readonly orderId: string;
    readonly amountMinor: number;
  }[];
  readonly cancels: readonly { readonly orderId: string }[];
}

export interface AuditedDatabase {
  readonly databaseUrl: string;
  readonly tenantId: string;
}

/** So long after its deadline something may still be waiting: whoever sees to it was killed. */
const graceMsDefault = 60_000;
/** All of the platform go by it; that of this machine may be another. */
const readTime = "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms";
/** Of each sentence, more of what contradicts it than a person reads. */
const wordsMax = 100;

/**
 * What may be judged right now, in one snapshot. `told` is what was acknowledged before the call;
 * commands whose answers are still on their way may be there or not. Nothing is waited for.
 */
export async function auditNow(
  { databaseUrl, tenantId }: AuditedDatabase,
  told: Told,
  { graceMs = graceMsDefault }: { readonly graceMs?: number } = {},
): Promise<Finding[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  // Its loss fails the statement under way, which says so.
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("begin isolation level repeatable read read only");
    // What is joined over JSON is guessed to be a few rows: thousands took 9 s in a loop, 0.1 s so.
    await client.query("set local enable_nestloop = off");
    const [time] = (await client.query<{ ms: number }>(readTime)).rows;
    return await auditWithin(client, { tenantId, told, graceMs, now: time?.ms ?? Number.NaN });
  } finally {
    await client.end();
  }
}

export interface Audited {
  readonly tenantId: string;
  readonly told: Told;
  readonly graceMs: number;
  /** Epoch milliseconds by the clock of the platform. */
  readonly now: number;
}

const checks: readonly Check[] = [
  ...askedChecks,
  ...orderChecks,
  ...moneyChecks,
  ...saleChecks,
  ...ledgerChecks,
  ...eventChecks,
  ...unfinishedChecks,
];

/** The same inside of a transaction that is open. */
export async function auditWithin(client: pg.Client, audited: Audited): Promise<Finding[]> {
  const { tenantId, told, graceMs, now } = audited;
  const values = [tenantId, new Date(now - graceMs).toISOString(), JSON.stringify(told)];
  const findings: Finding[] = [];
  for (const { sentence, counted, text } of checks) {
    // Every statement names all parameters, whether it needs them or not.
    const given = `given as (select $1::uuid, $2::timestamptz as overdue, $3::json as told)`;
    const found = await client.query<{ words: string }>(
      `with ${given} select words from (${text}) as found limit ${wordsMax}`,
      values,
    );
    const [row] = (
      await client.query<{ count: string }>(
        `with ${given} select count(*) from (${counted}) as counted`,
        values,
      )
    ).rows;
    findings.push({
      sentence: `${row?.count ?? 0} ${sentence}`,
      contradictions: found.rows.map(({ words }) => words),
    });
  }
  return findings;
}

export const nothingTold: Told = { orders: [], attempts: [], refunds: [], cancels: [] };

/** What members were told in their stories so far. */
export function toldIn(chapters: Iterable<Chapter>): Told {
  const told = {
    orders: new Array<Told["orders"][number]>(),
    attempts: new Array<Told["attempts"][number]>(),
    refunds: new Array<Told["refunds"][number]>(),
    cancels: new Array<Told["cancels"][number]>(),
  };
  for (const { memberId, order, attempts, refunds, hasCancelled } of chapters) {
    if (order === undefined) continue;
    const { id: orderId, key, lines } = order;
    told.orders.push({ id: orderId, key, memberId, lines });
    told.attempts.push(...attempts.map(({ number }) => ({ number, orderId })));
    told.refunds.push(...refunds.map(({ id, amountMinor }) => ({ id, orderId, amountMinor })));
    if (hasCancelled) told.cancels.push({ orderId });
  }
  return told;
}
