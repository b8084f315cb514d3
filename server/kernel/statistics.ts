/**
 * PostgreSQL counts a table that has grown from nothing only at its next round, up to a minute
 * later. Until then it believes that a tenant has a two-hundredth of the rows, and joins a batch of
 * 128 with all of them (measured with 7,000 rows: 227 ms instead of 3, and 490 us a notice). So
 * such tables are counted as soon as they have rows; later PostgreSQL keeps the count up by itself.
 */
import type { Database } from "./database.ts";
import type { Pulse } from "./pulses.ts";
import { secondMs } from "./time.ts";

/** PostgreSQL's own threshold. In fewer rows a tenant may stand once, and look like a key. */
const rowsMin = 50;
/** Asking takes PostgreSQL 0.3 ms, and waiting longer is what this is against. */
const everyMs = 2 * secondMs;

const selectUncounted = `
  select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and c.reltuples <= 0 and pg_stat_get_live_tuples(c.oid) >= $1
    and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
    and pg_has_role(c.relowner, 'usage')`;

export function countNewTables(database: Pick<Database, "pools">): Pulse {
  return { name: "kernel.count_new_tables", everyMs, beat: () => countOnce(database) };
}

/** Gives the tables that were counted. What another process is counting is left to it. */
export async function countOnce({ pools }: Pick<Database, "pools">): Promise<string[]> {
  const counted: string[] = [];
  for (const pool of pools()) {
    const { rows } = await pool.query<{ name: string }>(selectUncounted, [rowsMin]);
    for (const { name } of rows) {
      await pool.query(`analyze (skip_locked) ${name}`);
      counted.push(name);
    }
  }
  return counted;
}
