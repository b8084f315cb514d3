/**
 * Work that calls the outside, on graphile-worker. A job is a hint that something is due, keyed by
 * its business id: what is due stands in a column of the business row, so a job that is lost or
 * runs twice does no harm, and whoever has nothing to do any more simply returns.
 */
import type { Runner, TaskList } from "graphile-worker";
import { Logger, run, runMigrations } from "graphile-worker";
import pg from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tx } from "./database.ts";
import { statement } from "./database.ts";

export interface Job {
  readonly task: string;
  /** With tenant and task, the key of the job: a second one takes the place of a waiting first. */
  readonly id: string;
}

export interface JobPayload {
  readonly tenantId: string;
  readonly id: string;
}

export type JobHandler = (payload: JobPayload, signal: AbortSignal) => Promise<void>;

/** Jobs mostly wait for channels; the channels' own limits stand in their guards. */
const concurrentJobsMax = 32;
const fetchedAheadMax = 64;
const pollIntervalMs = 500;
const poolMax = 6;
const restartPauseMs = 1_000;

const addJobs = statement(
  "kernel.add_jobs",
  // One attempt each: the deadline of the business row brings the job back, with its own schedule.
  `select graphile_worker.add_jobs(array(
     select row(j.task, json_build_object('tenantId', $1::text, 'id', j.id), null, null, 1::smallint,
                j.task || ' ' || $1::text || ' ' || j.id, null, null)::graphile_worker.job_spec
     from (select distinct task, id from unnest($2::text[], $3::text[]) as j (task, id)) j))`,
);

/** Written with the transaction that made the jobs due. */
export function enqueueJobs(tx: Tx, jobs: readonly Job[]): void {
  if (jobs.length === 0) return;
  tx.write(addJobs, [tx.tenantId, jobs.map(({ task }) => task), jobs.map(({ id }) => id)]);
}

const quiet = new Logger(() => () => undefined);

export async function migrateJobs(url: string): Promise<void> {
  await runMigrations({ connectionString: url, logger: quiet });
}

export interface JobsOptions {
  readonly url: string;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  readonly onError: (message: string, error: unknown) => void;
}

export type Jobs = ReturnType<typeof createJobs>;

export function createJobs(options: JobsOptions) {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: poolMax,
    application_name: "tongbao-jobs",
  });
  const onLost = (error: Error) =>
    options.onError("a connection of the job runner was lost", error);
  pool.on("error", onLost);
  // A connection in use tells its loss itself; the pool speaks for idle ones only.
  pool.on("connect", (client) => client.on("error", onLost));
  const stopping = new AbortController();
  let runner: Runner | undefined;

  const taskList: TaskList = Object.fromEntries(
    Object.entries(options.handlers).map(([task, handler]) => [
      task,
      async (payload: unknown) => {
        try {
          await handler(parsePayload(payload), stopping.signal);
        } catch (error) {
          options.onError(`job ${task} failed`, error);
          throw error;
        }
      },
    ]),
  );

  async function keepRunning(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        runner = await run({
          pgPool: pool,
          taskList,
          logger: quiet,
          noHandleSignals: true,
          preset: {
            worker: {
              concurrentJobs: concurrentJobsMax,
              pollInterval: pollIntervalMs,
              completeJobBatchDelay: 5,
              localQueue: { size: fetchedAheadMax },
            },
          },
        });
        // The stop may have come while the runner was starting.
        if (stopping.signal.aborted) await runner.stop();
        await runner.promise;
      } catch (error) {
        // The database went away; the runner gives up after some tries, we do not.
        options.onError("the job runner stopped and starts again", error);
      }
      if (!stopping.signal.aborted) await sleep(restartPauseMs);
    }
  }
  const running = keepRunning();

  return {
    async stop(): Promise<void> {
      stopping.abort();
      await runner?.stop().catch(() => undefined);
      await running;
      await pool.end();
    },
  };
}

function parsePayload(payload: unknown): JobPayload {
  if (
    typeof payload === "object" &&
    payload !== null &&
    "tenantId" in payload &&
    "id" in payload &&
    typeof payload.tenantId === "string" &&
    typeof payload.id === "string"
  ) {
    return { tenantId: payload.tenantId, id: payload.id };
  }
  throw new TypeError("a job without tenant and id");
}
