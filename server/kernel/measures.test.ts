import { afterAll, beforeEach, expect, test } from "vitest";
import { createDatabase, statement } from "./database.ts";
import { createIds } from "./ids.ts";
import { enqueueJobs } from "./jobs.ts";
import { defineMachine } from "./machine.ts";
import { registerMeasures, watchStates } from "./measures.ts";
import { createMetrics } from "./metrics.ts";
import type { Subscription } from "./subscriptions.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { rawConnection } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { createManualClock, minuteMs } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query(`create schema probe;
  create table probe.things (tenant_id uuid, state text, changed_at timestamptz)`);
const clock = createManualClock(Date.UTC(2026, 0, 31, 12));
const database = createDatabase({ url, clock });
const ids = createIds({ clock });
afterAll(async () => {
  await database.close();
  await raw.end();
});

const left = { deadline: "due_at", findOut: "look", owner: "probe" };
const machine = defineMachine({
  name: "thing",
  states: { waiting: left, stuck: left, done: { final: true } },
  initial: "waiting",
  moves: { waiting: ["stuck", "done"], stuck: ["done"] },
});
const oldest = statement(
  "probe.oldest",
  "select state, min(changed_at) as since from probe.things where state <> 'done' group by state",
);
const metrics = createMetrics({ clock });
registerMeasures({
  metrics,
  database,
  clock,
  subscriptions: ["probe.first", "probe.second"],
  watches: [watchStates(machine, ["waiting", "stuck"], oldest)],
});

beforeEach(() => raw.query("truncate probe.things, kernel.events, kernel.event_heads cascade"));

/** A figure as Prometheus reads it; undefined when it is not there. */
async function figure(name: string): Promise<number | undefined> {
  // The figures are kept for two seconds.
  clock.advance(2_000);
  const lines = (await metrics.text()).split("\n");
  const line = lines.find((each) => each.startsWith(`tongbao_${name} `));
  return line === undefined ? undefined : Number(line.split(" ")[1]);
}

const lag = (subscription: string) => figure(`event_lag{subscription="${subscription}"}`);
const parked = (subscription: string) => figure(`events_parked{subscription="${subscription}"}`);

test("the lag of each subscription counts the events of all tenants, and falls to zero [OBS-10]", async () => {
  expect(await lag("probe.first")).toBe(0);
  const emit = (count: number) =>
    database.transaction(ids.next(), async (tx) => {
      tx.emit(Array.from({ length: count }, () => ({ type: "happened", data: {} })));
    });
  await emit(3);
  await emit(4);
  expect(await lag("probe.first")).toBe(7);
  const first: Subscription = {
    name: "probe.first",
    types: ["happened"],
    batchMax: 2,
    apply: () => Promise.resolve(),
  };
  let applied = 0;
  const subscriptions = createSubscriptions({
    database,
    subscriptions: [first],
    observe: {
      applied: (_name, events) => void (applied += events),
      failed: () => undefined,
      parked: () => undefined,
    },
  });
  await expect.poll(() => applied).toBe(7);
  await subscriptions.stop();
  expect(await lag("probe.first")).toBe(0);
  expect(await lag("probe.second")).toBe(7);
});

test("events that wait for a person are counted until somebody has decided [OBS-10]", async () => {
  expect(await parked("probe.first")).toBe(0);
  const tenantId = ids.next();
  await database.transaction(tenantId, async (tx) => {
    tx.emit([1, 2].map((data) => ({ type: "happened", data })));
  });
  await raw.query(
    `insert into kernel.parked_events (tenant_id, subscription, seq, parked_at, error, attempts)
     values ($1, 'probe.first', 1, now(), 'e', 6), ($1, 'probe.first', 2, now(), 'e', 6),
            ($1, 'probe.former', 1, now(), 'e', 6)`,
    [tenantId],
  );
  expect(await parked("probe.first")).toBe(2);
  expect(await parked("probe.former")).toBe(1);
  await raw.query(
    `update kernel.parked_events
     set resolved_at = now(), resolution = 'dropped', resolved_by = 'ada', reason = 'a test'
     where seq = 1`,
  );
  expect(await parked("probe.first")).toBe(1);
  // A subscription that is no more leaves no figure behind.
  expect(await parked("probe.former")).toBeUndefined();
});

test("jobs that nobody has taken are counted, others are not [OBS-06] [OBS-10]", async () => {
  expect(await figure("job_backlog")).toBe(0);
  await database.transaction(ids.next(), async (tx) =>
    enqueueJobs(
      tx,
      ["a", "b", "taken", "later"].map((id) => ({ task: "probe", id })),
    ),
  );
  await raw.query(
    `update graphile_worker._private_jobs set attempts = 1, locked_at = now()
     where key like '% taken'`,
  );
  await raw.query(
    `update graphile_worker._private_jobs set run_at = now() + interval '1 hour'
     where key like '% later'`,
  );
  expect(await figure("job_backlog")).toBe(2);
});

test("the age of the oldest in each unfinished state is told, over all tenants [OBS-10]", async () => {
  const age = (state: string) =>
    figure(`oldest_unfinished_seconds{machine="thing",state="${state}"}`);
  expect(await age("waiting")).toBe(0);
  const since = new Date(clock.now() - minuteMs).toISOString();
  const later = new Date(clock.now()).toISOString();
  await raw.query(
    `insert into probe.things values ($1, 'waiting', $3), ($2, 'waiting', $4), ($1, 'done', $3)`,
    [ids.next(), ids.next(), since, later],
  );
  expect(await age("waiting")).toBe(62);
  expect(await age("waiting")).toBe(64);
  expect(await age("stuck")).toBe(0);
  await raw.query("update probe.things set state = 'done'");
  expect(await age("waiting")).toBe(0);
});

test("a state that need not be left cannot be watched", () => {
  expect(() => watchStates(machine, ["done"], oldest)).toThrow("need not be left");
});
