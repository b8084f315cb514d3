import pg from "pg";
import type { Statement } from "../database.ts";
import { hotOptions } from "../database.ts";
import type { Plan } from "./plans.ts";
import { explain } from "./plans.ts";

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
    explain: (...values: readonly string[]): Promise<Plan> =>
      explain(client, `execute probe(${values.join(", ")})`),

    end: () => client.end(),
  };
}

/** An array of uuids as a value for `explain`. */
export function uuids(ids: readonly string[]): string {
  return `array['${ids.join("','")}']::uuid[]`;
}
