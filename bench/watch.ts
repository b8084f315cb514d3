/** What a stretch of work takes: looks at processes and database before and after. */
import type pg from "pg";
import type { Buckets, Used } from "./figures.ts";
import { quantileBetween, readBuckets } from "./figures.ts";
import { endedChildrenSeconds, processorSeconds } from "./processor-time.ts";
import type { Program } from "./stage.ts";

export interface Watched {
  readonly client: pg.Client;
  readonly program: Program;
  /** Whether the work is PostgreSQL's too. */
  readonly isStored: boolean;
  readonly postgresPid: number | undefined;
  /** The operation of the platform whose batches are wanted. */
  readonly operation: string | undefined;
}

interface Look {
  readonly node: number | undefined;
  readonly postgres: number | undefined;
  readonly generator: number | undefined;
  readonly walBytes: number;
  readonly batches: Buckets;
}

/** Looks now; the function that it gives looks again and shares the difference out. */
export async function startWatch(watched: Watched): Promise<(count: number) => Promise<Used>> {
  const before = await look(watched);
  return async (count) => {
    const after = await look(watched);
    const each = (key: "node" | "postgres" | "generator"): number | undefined => {
      const [from, to] = [before[key], after[key]];
      return from === undefined || to === undefined ? undefined : ((to - from) * 1e6) / count;
    };
    const { isStored } = watched;
    return {
      nodeUs: each("node"),
      postgresUs: isStored ? each("postgres") : undefined,
      generatorUs: each("generator"),
      walBytes: isStored ? (after.walBytes - before.walBytes) / count : undefined,
      batch: quantileBetween(before.batches, after.batches, 0.5),
    };
  };
}

async function look({ client, program, postgresPid, operation }: Watched): Promise<Look> {
  const { rows } = await client.query<{ bytes: string }>(
    "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes",
  );
  const metrics = operation === undefined ? "" : await readMetrics(program);
  return {
    node: processorSeconds(program.pid),
    postgres: postgresPid === undefined ? undefined : processorSeconds(postgresPid),
    generator: endedChildrenSeconds(),
    walBytes: Number(rows[0]?.bytes),
    batches: readBuckets(metrics, {
      name: "tongbao_batch_size",
      label: `operation="${operation ?? ""}"`,
    }),
  };
}

export async function readMetrics({ address }: Program): Promise<string> {
  return (await fetch(`${address}/metrics`)).text();
}

/** Whatever a round leaves behind is done long before. */
const settleTimeoutMs = 120_000;
const settlePollMs = 50;
/** Looks in a row at which nobody worked: between two transactions a connection is idle too. */
const quietLooks = 3;

/** What was cut off at the end of a load is still worked on; the next one waits. */
export async function settle(client: pg.Client): Promise<void> {
  let quiet = 0;
  await until("the database did not come to rest", async () => {
    const { rows } = await client.query<{ busy: number }>(
      `select count(*)::integer as busy from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend'
         and state <> 'idle' and pid <> pg_backend_pid()`,
    );
    quiet = rows[0]?.busy === 0 ? quiet + 1 : 0;
    return quiet === quietLooks;
  });
}

/** Something else came than the bench may count, or the books do not say what the answers said. */
export class BenchError extends Error {
  override name = "BenchError";
}

export async function until(otherwise: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + settleTimeoutMs;
  while (performance.now() < deadline) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, settlePollMs));
  }
  throw new BenchError(otherwise);
}
