import { afterAll, afterEach, expect, test } from "vitest";
import { createDatabase } from "./database.ts";
import { createIds } from "./ids.ts";
import type { Job, JobHandler, JobPayload } from "./jobs.ts";
import { createJobs, enqueueJobs } from "./jobs.ts";
import { rawConnection } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { startLossyProxy } from "./testing/lossy-proxy.ts";
import { systemClock } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
const database = createDatabase({ url, clock: systemClock });
const ids = createIds({ clock: systemClock });
const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
  await raw.query("delete from graphile_worker._private_jobs");
});
afterAll(async () => {
  await database.close();
  await raw.end();
});

/** A runner of the task `probe`, and what it was given. */
function start(handle: JobHandler = () => Promise.resolve()) {
  const done: JobPayload[] = [];
  const errors: unknown[] = [];
  const probe: JobHandler = async (payload, signal) => {
    await handle(payload, signal);
    done.push(payload);
  };
  const jobs = createJobs({
    url,
    handlers: { probe },
    onFailed: (_task, error) => void errors.push(error),
    onError: (_message, error) => void errors.push(error),
  });
  opened.push(jobs);
  return { jobs, done, errors };
}

function enqueue(tenantId: string, ...jobIds: string[]): Promise<void> {
  const jobs = jobIds.map((id): Job => ({ task: "probe", id }));
  return database.transaction(tenantId, async (tx) => enqueueJobs(tx, jobs));
}

/** Jobs in the table: waiting, under way and left over. */
async function kept(): Promise<number> {
  const { rows } = await raw.query<{ count: number }>(
    "select count(*)::integer as count from graphile_worker._private_jobs",
  );
  return rows[0]?.count ?? 0;
}

const patience = { timeout: 20_000 };

test("a job runs after the transaction that made it due, and never without it", async () => {
  const tenantId = ids.next();
  const failing = database.transaction(tenantId, async (tx) => {
    enqueueJobs(tx, [{ task: "probe", id: "never" }]);
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  await enqueue(tenantId, "a", "b");
  const { done } = start();
  await expect.poll(() => done.length, patience).toBe(2);
  expect(done.toSorted((left, right) => (left.id < right.id ? -1 : 1))).toEqual([
    { tenantId, id: "a" },
    { tenantId, id: "b" },
  ]);
});

test("a job that waits already is not there twice, neither from one nor from two transactions", async () => {
  const tenantId = ids.next();
  await enqueue(tenantId, "a", "a", "b");
  await enqueue(tenantId, "b", "a");
  expect(await kept()).toBe(2);
});

test("two tenants may have jobs of one id", async () => {
  const tenants = [ids.next(), ids.next()];
  for (const tenantId of tenants) await enqueue(tenantId, "daily");
  const { done } = start();
  await expect
    .poll(() => done.map(({ tenantId }) => tenantId).toSorted(), patience)
    .toEqual(tenants);
});

test("a job that failed is told once, does not run again by itself, and runs when it is due again", async () => {
  const tenantId = ids.next();
  let isMended = false;
  const { done, errors } = start(async () => {
    if (!isMended) throw new Error("the channel is down");
  });
  await enqueue(tenantId, "a");
  await expect.poll(() => errors.length, patience).toBe(1);
  await expect.poll(kept, patience).toBe(0);
  isMended = true;
  await enqueue(tenantId, "a");
  await expect.poll(() => done.length, patience).toBe(1);
  expect(errors).toHaveLength(1);
});

test("jobs that fail again and again leave nothing in the table [JOB-14]", async () => {
  const tenantId = ids.next();
  const { errors } = start(async () => {
    throw new Error("the channel is down");
  });
  for (let round = 1; round <= 5; round += 1) {
    await enqueue(tenantId, "a", "b");
    await expect.poll(() => errors.length, patience).toBe(2 * round);
    await expect.poll(kept, patience).toBe(0);
  }
});

test("a job due again while it runs and fails runs once more, and leaves nothing", async () => {
  const tenantId = ids.next();
  let begin = () => undefined as void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  let finish = () => undefined as void;
  const mayFinish = new Promise<void>((resolve) => (finish = resolve));
  const { errors } = start(async () => {
    begin();
    await mayFinish;
    throw new Error("the channel is down");
  });
  await enqueue(tenantId, "a");
  await begun;
  await enqueue(tenantId, "a");
  finish();
  await expect.poll(() => errors.length, patience).toBe(2);
  await expect.poll(kept, patience).toBe(0);
});

test("what a killed worker had taken can be due again at once, and is cleared away [JOB-07]", async () => {
  const tenantId = ids.next();
  await enqueue(tenantId, "a", "b");
  // As the runner takes them; then the process is gone.
  await raw.query(
    `update graphile_worker._private_jobs
     set attempts = 1, locked_by = 'killed', locked_at = now() - interval '5 hours'`,
  );
  await enqueue(tenantId, "a");
  expect(await kept()).toBe(3);
  const { done } = start();
  await expect.poll(() => done, patience).toEqual([{ tenantId, id: "a" }]);
  await expect.poll(kept, patience).toBe(0);
});

test("without a task nothing is run, and the stop is quiet", async () => {
  const errors: unknown[] = [];
  const idle = new URL(url);
  idle.searchParams.set("application_name", "idle");
  const jobs = createJobs({
    url: idle.href,
    handlers: {},
    onFailed: (_task, error) => void errors.push(error),
    onError: (_message, error) => void errors.push(error),
  });
  // By the time that another runner has done a job, this one would have connected.
  const { done } = start();
  await enqueue(ids.next(), "a");
  await expect.poll(() => done.length, patience).toBe(1);
  const { rows } = await raw.query(
    "select 1 from pg_stat_activity where datname = current_database() and application_name = 'idle'",
  );
  await jobs.stop();
  expect({ errors, connections: rows.length }).toEqual({ errors: [], connections: 0 });
});

test("a job that becomes due while it runs, runs again afterwards", async () => {
  const tenantId = ids.next();
  let begin = () => undefined as void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  let finish = () => undefined as void;
  const mayFinish = new Promise<void>((resolve) => (finish = resolve));
  const { done } = start(async () => {
    begin();
    await mayFinish;
  });
  await enqueue(tenantId, "a");
  await begun;
  await enqueue(tenantId, "a");
  finish();
  await expect.poll(() => done.length, patience).toBe(2);
});

test("the runner goes on after all of its connections were killed", async () => {
  const tenantId = ids.next();
  const { done, errors } = start();
  await enqueue(tenantId, "before");
  await expect.poll(() => done.length, patience).toBe(1);
  await raw.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'tongbao-jobs'`,
  );
  await enqueue(tenantId, "after");
  await expect.poll(() => done.length, patience).toBe(2);
  expect(errors.length).toBeGreaterThan(0);
});

test("a stop lets the job under way end, and tells it", async () => {
  const tenantId = ids.next();
  let begin = () => undefined as void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const { jobs, done } = start(async (_payload, signal) => {
    begin();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  });
  await enqueue(tenantId, "a");
  await begun;
  opened.splice(0);
  await jobs.stop();
  expect(done).toEqual([{ tenantId, id: "a" }]);
});

test("a runner may be stopped before it has started", async () => {
  const { jobs } = start();
  opened.splice(0);
  await expect(jobs.stop()).resolves.toBeUndefined();
});

test("a runner that waits for ever for an answer is given up for a new one", async () => {
  const proxy = await startLossyProxy(url);
  const done: string[] = [];
  const errors: unknown[] = [];
  const jobs = createJobs({
    url: proxy.url,
    handlers: { probe: async ({ id }) => void done.push(id) },
    silentMsMax: 2_000,
    onFailed: (_task, error) => void errors.push(error),
    onError: (_message, error) => void errors.push(error),
  });
  opened.push(jobs);
  const tenantId = ids.next();
  await enqueue(tenantId, "before");
  await expect.poll(() => done, patience).toEqual(["before"]);

  proxy.freeze();
  await enqueue(tenantId, "after");
  await expect.poll(() => done, patience).toEqual(["before", "after"]);
  expect(errors.map(String)).toContain("Error: no sign of life for 2 s");
  await jobs.stop();
  await proxy.close();
});
