import { afterAll, afterEach, expect, test } from "vitest";
import type { Tx } from "./database.ts";
import { createDatabase, statement, timestamp } from "./database.ts";
import type { Deadline } from "./deadlines.ts";
import { createDeadlines } from "./deadlines.ts";
import { createIds } from "./ids.ts";
import { rawConnection } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { createManualClock, minuteMs, systemClock } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query(`create schema probe;
  create table probe.rows (tenant_id uuid, id integer, due_at timestamptz not null,
                           swept integer not null default 0, primary key (tenant_id, id))`);
const clock = createManualClock(Date.UTC(2026, 0, 1));
const ids = createIds({ clock: systemClock });
const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
  await raw.query("truncate probe.rows");
});
afterAll(() => raw.end());

const tenantsDue = statement(
  "probe.tenants_due",
  "select distinct tenant_id from probe.rows where swept = 0 and due_at <= $1 order by tenant_id",
);
const takeDue = statement(
  "probe.take_due",
  `update probe.rows r set swept = r.swept + 1
   from (select id from probe.rows
         where tenant_id = $1 and swept = 0 and due_at <= $2
         order by id limit $3 for update skip locked) due
   where r.tenant_id = $1 and r.id = due.id
   returning r.id`,
);

async function sweep(tx: Tx, limit: number): Promise<number[]> {
  const rows = await tx.rows<{ id: number }>(takeDue, [tx.tenantId, timestamp(tx.now), limit]);
  return rows.map(({ id }) => id);
}

/** One process with one deadline; it sweeps when hinted, and else every minute. */
function start(options: Pick<Deadline, "batchMax" | "sweep">) {
  const database = createDatabase({ url, clock });
  const failures: unknown[] = [];
  const deadlines = createDeadlines({
    database,
    clock,
    deadlines: [{ name: "probe", everyMs: minuteMs, tenantsDue, ...options }],
    observe: { swept: () => undefined, failed: (_name, error) => void failures.push(error) },
  });
  const stop = async () => {
    await deadlines.stop();
    await database.close();
  };
  opened.push({ stop });
  return { deadlines, failures, hint: () => deadlines.hint("probe") };
}

async function addRows(tenantId: string, count: number): Promise<void> {
  await raw.query(
    "insert into probe.rows select $1, id, $2 from generate_series(1, $3::integer) as id",
    [tenantId, timestamp(clock.now()), count],
  );
}

/** How often rows were swept -> how many rows. */
async function sweptOf(tenantId: string): Promise<Record<string, number>> {
  const { rows } = await raw.query<{ swept: number; count: number }>(
    `select swept, count(*)::integer as count from probe.rows where tenant_id = $1
     group by swept order by swept`,
    [tenantId],
  );
  return Object.fromEntries(rows.map(({ swept, count }) => [swept, count]));
}

test("what is due is swept in batches until nothing is left, and what is not due stays", async () => {
  const tenantId = ids.next();
  await addRows(tenantId, 25);
  const early = ids.next();
  clock.advance(minuteMs);
  await addRows(early, 1);
  clock.advance(-1);
  const taken: number[] = [];
  start({
    batchMax: 10,
    sweep: async (tx, limit) => {
      const rows = await sweep(tx, limit);
      taken.push(rows.length);
      return rows.length;
    },
  });
  await expect.poll(() => sweptOf(tenantId)).toEqual({ 1: 25 });
  // Behind a full batch two sweepers go on; one of them may find nothing left.
  expect(taken.filter((rows) => rows > 0).toSorted((a, b) => b - a)).toEqual([10, 10, 5]);
  expect(taken.length).toBeLessThanOrEqual(4);
  expect(await sweptOf(early)).toEqual({ 0: 1 });
});

test("two sweepers at the same rows share them: none is taken twice, none is left", async () => {
  const tenantId = ids.next();
  await addRows(tenantId, 20);
  // Neither commits its first batch before both have taken one.
  let arrived = 0;
  let bothArrived = () => undefined as void;
  const barrier = new Promise<void>((resolve) => (bothArrived = resolve));
  const batches: number[][] = [];
  const options = {
    batchMax: 10,
    sweep: async (tx: Tx, limit: number) => {
      const rows = await sweep(tx, limit);
      batches.push(rows);
      arrived += 1;
      if (arrived === 2) bothArrived();
      await barrier;
      return rows.length;
    },
  };
  start(options);
  start(options);
  await expect.poll(() => sweptOf(tenantId)).toEqual({ 1: 20 });
  const [first = [], second = []] = batches;
  expect([first.length, second.length]).toEqual([10, 10]);
  expect(new Set([...first, ...second]).size).toBe(20);
});

test("a sweep that fails leaves its rows due, and other tenants get theirs", async () => {
  const tenants = [ids.next(), ids.next()].toSorted();
  const [troubled = "", other = ""] = tenants;
  await addRows(troubled, 3);
  await addRows(other, 3);
  let isMended = false;
  const { failures, hint } = start({
    batchMax: 10,
    sweep: async (tx, limit) => {
      const rows = await sweep(tx, limit);
      if (tx.tenantId === troubled && !isMended) throw new Error("cannot close these");
      return rows.length;
    },
  });
  await expect.poll(() => sweptOf(other)).toEqual({ 1: 3 });
  expect(await sweptOf(troubled)).toEqual({ 0: 3 });
  expect(String(failures[0])).toContain("cannot close these");
  isMended = true;
  hint();
  await expect.poll(() => sweptOf(troubled)).toEqual({ 1: 3 });
});
