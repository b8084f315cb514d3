import { afterAll, expect, test } from "vitest";
import { createCommitters } from "./batch.ts";
import { createDatabase, statement } from "./database.ts";
import { createIds } from "./ids.ts";
import type { JobHandler } from "./jobs.ts";
import { enqueueJobs } from "./jobs.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { Operation } from "./operation.ts";
import type { Subscription } from "./subscriptions.ts";
import { rawConnection } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { createManualClock } from "./time.ts";
import type { Reactions } from "./work.ts";
import { startWork } from "./work.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query(`create schema probe;
  create table probe.answers (tenant_id uuid, id text, primary key (tenant_id, id));
  create table probe.due (tenant_id uuid, id integer)`);
const clock = createManualClock(Date.UTC(2026, 0, 31, 12));
const ids = createIds({ clock });
afterAll(() => raw.end());

const patience = { timeout: 20_000 };
const insertAnswer = statement("probe.answer", "insert into probe.answers values ($1, $2)");
const deleteDue = statement(
  "probe.take_due",
  "delete from probe.due where tenant_id = $1 returning id",
);

/** Records what the outside has answered, as a job does it. */
const record: Operation<string, undefined, string> = {
  name: "probe.record",
  batchMax: 10,
  load: () => Promise.resolve(undefined),
  decide: (_world, id) => id,
  save: (tx, _world, recorded) => {
    for (const id of recorded) tx.write(insertAnswer, [tx.tenantId, id]);
  },
};

/** One process that works, and what it logs and measures. */
function startProcess(make: (committers: ReturnType<typeof createCommitters>) => Reactions) {
  const lines: { msg: string }[] = [];
  const log = createLog({
    level: "debug",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics({ clock });
  const database = createDatabase({ url, clock, onEvents: () => work.hint() });
  const committers = createCommitters({ database });
  const work = startWork({ database, clock, log, metrics, reactions: make(committers) });
  return {
    database,
    work,
    messages: () => lines.map(({ msg }) => msg),
    figure: async (name: string) =>
      (await metrics.text()).split("\n").find((line) => line.startsWith(`tongbao_${name}`)),
    async stop() {
      await work.stop();
      await committers.stop();
      await database.close();
    },
  };
}

const asking: Subscription = {
  name: "probe.asking",
  types: ["wanted"],
  batchMax: 10,
  apply: async (tx, events) =>
    enqueueJobs(
      tx,
      events.map(({ seq }) => ({ task: "ask", id: String(seq) })),
    ),
};

async function answers(tenantId: string): Promise<string[]> {
  const { rows } = await raw.query<{ id: string }>(
    "select id from probe.answers where tenant_id = $1 order by id",
    [tenantId],
  );
  return rows.map(({ id }) => id);
}

test("an event makes a job, the job records an answer, and the figures tell of both [OBS-10]", async () => {
  const tenantId = ids.next();
  let isDown = true;
  const running = startProcess((committers) => ({
    deadlines: [
      {
        name: "probe.due",
        everyMs: 10,
        batchMax: 5,
        tenantsDue: statement("probe.due", "select tenant_id from probe.due where $1 <> ''"),
        sweep: async (tx) => (await tx.rows(deleteDue, [tx.tenantId])).length,
      },
    ],
    subscriptions: [asking],
    jobs: {
      ask: async ({ tenantId: tenant, id }) => {
        if (isDown) throw new Error("the outside is down");
        await committers.run(record, tenant, id);
      },
    },
    watches: [],
  }));
  const emit = () =>
    running.database.transaction(tenantId, async (tx) => tx.emit([{ type: "wanted", data: {} }]));

  await emit();
  await expect
    .poll(() => running.figure("work_failures_total"), patience)
    .toBe('tongbao_work_failures_total{kind="job",name="ask"} 1');
  expect(running.messages()).toContain("a job failed; it comes back when its row is due");
  isDown = false;
  await emit();
  await expect.poll(() => answers(tenantId), patience).toEqual(["2"]);
  expect(await running.figure("events_applied_total")).toBe(
    'tongbao_events_applied_total{subscription="probe.asking"} 2',
  );
  await raw.query("insert into probe.due values ($1, 1), ($1, 2)", [tenantId]);
  await expect
    .poll(() => running.figure("deadlines_swept_total"), patience)
    .toBe('tongbao_deadlines_swept_total{deadline="probe.due"} 2');
  await running.stop();
});

test("a stop waits for the job under way, whose answer is still recorded", async () => {
  const tenantId = ids.next();
  let begin = () => undefined as void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const running = startProcess((committers) => {
    const ask: JobHandler = async ({ tenantId: tenant, id }, signal) => {
      begin();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      // The outside takes longer to answer than committers take to stop.
      for (let step = 0; step < 20; step += 1) await raw.query("select 1");
      await committers.run(record, tenant, id);
    };
    return { deadlines: [], subscriptions: [asking], jobs: { ask }, watches: [] };
  });
  await running.database.transaction(tenantId, async (tx) => {
    tx.emit([{ type: "wanted", data: {} }]);
  });
  await begun;
  await running.stop();
  expect(await answers(tenantId)).toEqual(["1"]);
});

test("with nothing to react to there is nothing to do, and nothing fails", async () => {
  const running = startProcess(() => ({
    deadlines: [],
    subscriptions: [],
    jobs: {},
    watches: [],
  }));
  await running.database.transaction(ids.next(), async (tx) => {
    tx.emit([{ type: "wanted", data: {} }]);
  });
  await running.stop();
  expect(await running.figure("work_failures_total{")).toBeUndefined();
  expect(running.messages()).toEqual([]);
});
