/**
 * Work that calls the outside, on graphile-worker. A job is a hint that something is due, keyed by
 * its business id: what is due stands in a column of the business row, so a job that is lost or
 * runs twice does no harm, and whoever has nothing to do any more simply returns.
 */
import type { Runner, TaskList, WorkerEvents } from "graphile-worker";
import { Logger, run, runMigrations } from "graphile-worker";
import { EventEmitter } from "node:events";
import pg from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tx } from "./database.ts";
import { statement } from "./database.ts";
import { minuteMs } from "./time.ts";
import { createWakeup } from "./wakeup.ts";

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
/** One fetch for two rounds of jobs; what was not begun is lost with a process that is killed. */
const fetchedAheadMax = 64;
/** The runner is told of new jobs; it looks by itself for those whose hint was lost. */
const pollIntervalMs = 500;
/** Jobs that have ended together are deleted together, and nobody waits for that. */
const completeDelayMs = 5;
/** For the runner alone: it fetches, deletes and listens. Jobs have the database's own. */
const poolMax = 6;
/** A database that is restarting is not knocked at all the time. */
const restartPauseMs = 1_000;
/**
 * An idle runner fetches every half a second, and no job lasts so long. After PostgreSQL was killed
 * under load the runner was seen to wait for ever for a connection, without an error or a word.
 */
const silentMsMax = 30_000;
/** A runner that hangs does not stop either; its jobs come back by the deadlines of their rows. */
const stopMsMax = 10_000;
/** What a killed worker leaves is waited for by nobody: it is cleared for order, not for speed. */
const clearEveryMs = 10 * minuteMs;

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

const deleteLeft = statement(
  "kernel.delete_left_jobs",
  // A killed worker leaves the jobs that it had taken, locked and with their one attempt spent:
  // nobody would ever run or delete them. Four hours is when the runner itself gives up a lock; by
  // then the deadlines of the rows have long asked again, under the same keys.
  `delete from graphile_worker._private_jobs
   where attempts >= max_attempts
     and (locked_at is null or locked_at < now() - interval '4 hours')`,
);

const quiet = new Logger(() => () => undefined);

export async function migrateJobs(url: string): Promise<void> {
  await runMigrations({ connectionString: url, logger: quiet });
}

export interface JobsOptions {
  readonly url: string;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  /** After so long without a sign of life a runner is given up for a new one. */
  readonly silentMsMax?: number;
  /** A job threw; it is not repeated by itself. */
  readonly onFailed: (task: string, error: unknown) => void;
  /** Trouble of the runner, which goes on. */
  readonly onError: (message: string, error: unknown) => void;
}

export type Jobs = ReturnType<typeof createJobs>;

export function createJobs(options: JobsOptions) {
  const onLost = (error: Error) =>
    options.onError("a connection of the job runner was lost", error);
  const stopping = new AbortController();
  const clearing = createWakeup();
  let runner: Runner | undefined;

  function openPool(): pg.Pool {
    const pool = new pg.Pool({
      connectionString: options.url,
      max: poolMax,
      application_name: "tongbao-jobs",
    });
    pool.on("error", onLost);
    // A connection in use tells its loss itself; the pool speaks for idle ones only.
    pool.on("connect", (client) => client.on("error", onLost));
    return pool;
  }

  const taskList: TaskList = Object.fromEntries(
    Object.entries(options.handlers).map(([task, handler]) => [
      task,
      async (payload: unknown) => {
        try {
          await handler(parsePayload(payload), stopping.signal);
        } catch (error) {
          // Told, and done with: the runner would keep a job that throws in its table for ever.
          options.onFailed(task, error);
        }
      },
    ]),
  );

  async function keepRunning(): Promise<void> {
    while (!stopping.signal.aborted) {
      const pool = openPool();
      const life = watchLife(options.silentMsMax ?? silentMsMax);
      try {
        await Promise.race([runOn(pool, life.events), life.silence]);
        await pool.end();
      } catch (error) {
        // The database went away; the runner gives up after some tries, we do not.
        options.onError("the job runner stopped and starts again", error);
        // One that hangs is left to itself: waiting for it is what it does not survive.
        void runner?.kill().catch(() => undefined);
        void pool.end().catch(() => undefined);
      } finally {
        life.end();
      }
      if (!stopping.signal.aborted) await sleep(restartPauseMs);
    }
  }

  async function runOn(pool: pg.Pool, events: WorkerEvents): Promise<void> {
    const started = await run({
      pgPool: pool,
      taskList,
      events,
      logger: quiet,
      noHandleSignals: true,
      preset: {
        worker: {
          concurrentJobs: concurrentJobsMax,
          pollInterval: pollIntervalMs,
          completeJobBatchDelay: completeDelayMs,
          localQueue: { size: fetchedAheadMax },
        },
      },
    });
    runner = started;
    // The stop may have come while the runner was starting.
    if (stopping.signal.aborted) await started.stop();
    await started.promise;
  }

  async function deleteLeftJobs(): Promise<void> {
    const client = new pg.Client({ connectionString: options.url });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query(deleteLeft.text);
    } finally {
      await client.end();
    }
  }

  async function keepClear(): Promise<void> {
    while (!stopping.signal.aborted) {
      await deleteLeftJobs().catch((error: unknown) =>
        options.onError("the jobs left over were not cleared", error),
      );
      if (!stopping.signal.aborted) await clearing.wait(clearEveryMs);
    }
  }
  // Without a task there is nothing to run, and the runner refuses to.
  const hasTasks = Object.keys(taskList).length > 0;
  const running = hasTasks ? [keepRunning(), keepClear()] : [];

  return {
    async stop(): Promise<void> {
      stopping.abort();
      clearing.hint();
      const stopped = (async () => {
        await runner?.stop().catch(() => undefined);
        await Promise.all(running);
      })();
      await Promise.race([stopped, sleep(stopMsMax, undefined, { ref: false })]);
    },
  };
}

/** Rejects once the runner whose events these are has shown no sign of life for so long. */
function watchLife(msMax: number) {
  const events: WorkerEvents = new EventEmitter();
  const silence = Promise.withResolvers<never>();
  // Nobody may be waiting any more.
  silence.promise.catch(() => undefined);
  const give = () => silence.reject(new Error(`no sign of life for ${msMax / 1000} s`));
  const wait = () => setTimeout(give, msMax).unref();
  let timer = wait();
  const seen = (): void => {
    clearTimeout(timer);
    timer = wait();
  };
  events.on("localQueue:getJobs:complete", seen);
  events.on("job:start", seen);
  events.on("job:complete", seen);
  const end = (): void => {
    events.removeAllListeners();
    clearTimeout(timer);
  };
  return { events, silence: silence.promise, end };
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
