import pg from "pg";
import { required } from "../assert.ts";
import type { Statement } from "../database.ts";
import { hotOptions } from "../database.ts";

/** What a plan has used; blocks of 8 kB, read or found in memory. */
export interface UsedPlan {
  readonly indexes: readonly string[];
  readonly blocks: number;
}

interface PlanNode {
  readonly "Index Name"?: string;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly Plans?: readonly PlanNode[];
}

/**
 * A connection with the settings of a committer's, to be looked into: a statement is planned once
 * there, by what its tables have then, for whatever it is asked later.
 */
export async function planningConnection(url: string, { text }: Statement) {
  const client = new pg.Client({ connectionString: url, options: hotOptions });
  await client.connect();
  await client.query(`prepare probe as ${text}`);
  return {
    query: (sql: string, values?: unknown[]) => client.query(sql, values),

    /** Plans the statement anew, at once after `sql`. */
    async planAfter(sql: string): Promise<void> {
      await client.query("deallocate probe");
      await client.query(sql);
      await client.query(`prepare probe as ${text}`);
    },

    /** Runs it with values that are written as SQL. */
    async explain(...values: readonly string[]): Promise<UsedPlan> {
      const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
        `explain (analyze, format json) execute probe(${values.join(", ")})`,
      );
      const [{ Plan: plan }] = required(rows[0], "a plan")["QUERY PLAN"];
      const blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
      return { indexes: indexesIn(plan), blocks };
    },

    end: () => client.end(),
  };
}

/** An array of uuids as a value for `explain`. */
export function uuids(ids: readonly string[]): string {
  return `array['${ids.join("','")}']::uuid[]`;
}

function indexesIn(plan: PlanNode): string[] {
  const own = plan["Index Name"];
  return [...(own === undefined ? [] : [own]), ...(plan.Plans ?? []).flatMap(indexesIn)];
}
