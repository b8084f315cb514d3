import type pg from "pg";
import { required } from "../assert.ts";

interface PlanNode {
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  /** Of a scan that reads the index alone: of all loops. */
  readonly "Heap Fetches"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** What a statement read. */
export interface Plan {
  /** From the outside to the inside; a relation that is read without an index by its own name. */
  readonly indexes: readonly string[];
  readonly blocks: number;
  /** Of tables, also those that were looked at for nothing. */
  readonly rows: number;
  /** Of indexes that are read without their table. */
  readonly entries: number;
}

/** Runs it, and tells how PostgreSQL went about it. */
export async function explain(
  client: pg.ClientBase | pg.Pool,
  text: string,
  values: readonly unknown[] = [],
): Promise<Plan> {
  const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
    `explain (analyze, buffers, format json) ${text}`,
    [...values],
  );
  const [{ Plan: plan }] = required(rows[0], "a plan")["QUERY PLAN"];
  const blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
  return { indexes: indexesIn(plan), blocks, rows: rowsIn(plan), entries: entriesIn(plan) };
}

function indexesIn(plan: PlanNode): string[] {
  const own = plan["Index Name"] ?? (plan.Plans === undefined ? plan["Relation Name"] : undefined);
  return [...(own === undefined ? [] : [own]), ...(plan.Plans ?? []).flatMap(indexesIn)];
}

function rowsIn(plan: PlanNode): number {
  const removed =
    (plan["Rows Removed by Filter"] ?? 0) + (plan["Rows Removed by Index Recheck"] ?? 0);
  const isTable = plan["Relation Name"] !== undefined;
  const looked = isTable ? (plan["Actual Rows"] + removed) * plan["Actual Loops"] : 0;
  const own = plan["Heap Fetches"] ?? looked;
  return (plan.Plans ?? []).reduce((sum, inner) => sum + rowsIn(inner), own);
}

function entriesIn(plan: PlanNode): number {
  const own = plan["Heap Fetches"] === undefined ? 0 : plan["Actual Rows"] * plan["Actual Loops"];
  return (plan.Plans ?? []).reduce((sum, inner) => sum + entriesIn(inner), own);
}
