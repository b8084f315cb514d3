import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { required } from "./assert.ts";
import type { Tx } from "./database.ts";
import { createDatabase, statement } from "./database.ts";
import type { StoredEvent } from "./events.ts";
import { createIds } from "./ids.ts";
import { createParkedEvents } from "./parked-events.ts";
import type { Subscription, SubscriptionObserver } from "./subscriptions.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { holdLock, killConnection, rawConnection, untilBlocked } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { systemClock } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query(`create schema probe;
  create table probe.gate (id integer primary key);
  insert into probe.gate values (1);
  create table probe.effects (tenant_id uuid, position bigint generated always as identity,
                              seq bigint not null, type text not null);
  create table probe.once (tenant_id uuid, type text, primary key (tenant_id, type))`);
const emitting = createDatabase({ url, clock: systemClock });
const ids = createIds({ clock: systemClock });

let tenantId: string;
const opened: { stop(): Promise<void> }[] = [];
beforeEach(() => void (tenantId = ids.next()));
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
  await raw.query(
    "truncate kernel.events, kernel.event_heads, kernel.cursors, kernel.parked_events",
  );
});
afterAll(async () => {
  await emitting.close();
  await raw.end();
});

const insertEffects = statement(
  "probe.effects",
  `insert into probe.effects (tenant_id, seq, type)
   select $1, e.seq, e.type from unnest($2::bigint[], $3::text[]) as e (seq, type)`,
);

function writeEffects(tx: Tx, events: readonly StoredEvent[]): void {
  const seqs = events.map(({ seq }) => seq);
  const types = events.map(({ type }) => type);
  tx.write(insertEffects, [tx.tenantId, seqs, types]);
}

const writing: Subscription = {
  name: "probe",
  types: ["good", "bad"],
  batchMax: 10,
  apply: async (tx, events) => writeEffects(tx, events),
};

interface Running {
  readonly parked: bigint[];
  readonly failures: unknown[];
}

/** One process with one subscription, whose pauses are short. */
function start(subscription: Subscription): Running {
  const parked: bigint[] = [];
  const failures: unknown[] = [];
  const observe: SubscriptionObserver = {
    applied: () => undefined,
    failed: (_name, error) => void failures.push(error),
    parked: (_name, _tenantId, seq) => void parked.push(seq),
  };
  const database = createDatabase({ url, clock: systemClock });
  const subscriptions = createSubscriptions({
    database,
    subscriptions: [subscription],
    observe,
    firstPauseMs: 1,
  });
  const stop = async () => {
    await subscriptions.stop();
    await database.close();
  };
  opened.push({ stop });
  return { parked, failures };
}

function emit(...types: string[]): Promise<void> {
  return emitTo(tenantId, ...types);
}

function emitTo(tenant: string, ...types: string[]): Promise<void> {
  return emitting.transaction(tenant, async (tx) => {
    tx.emit(types.map((type) => ({ type, data: { type } })));
  });
}

/** In the order in which they were applied. */
async function effectsOf(tenant = tenantId): Promise<[number, string][]> {
  const { rows } = await raw.query<{ seq: string; type: string }>(
    "select seq, type from probe.effects where tenant_id = $1 order by position",
    [tenant],
  );
  return rows.map(({ seq, type }) => [Number(seq), type]);
}

async function cursorOf(tenant = tenantId): Promise<number> {
  const { rows } = await raw.query<{ seq: string }>(
    "select seq from kernel.cursors where tenant_id = $1 and subscription = 'probe'",
    [tenant],
  );
  return Number(rows[0]?.seq ?? 0);
}

function untilCursor(seq: number, tenant = tenantId): Promise<void> {
  return expect.poll(() => cursorOf(tenant), { timeout: 20_000 }).toBe(seq);
}

test("events are applied in order, once; those of other types are passed by", async () => {
  await emit("good", "other", "good");
  start(writing);
  await untilCursor(3);
  await emit("other", "good");
  await untilCursor(5);
  expect(await effectsOf()).toEqual([
    [1, "good"],
    [3, "good"],
    [5, "good"],
  ]);
});

test("an event whose transaction stays open while others want to commit comes in order, once", async () => {
  start(writing);
  await emit("good");
  await untilCursor(1);
  const open = await holdLock(
    url,
    "update kernel.event_heads set seq = seq + 1 where tenant_id = $1",
    [tenantId],
  );
  const later = [emit("good"), emit("good")];
  await untilBlocked(raw, 2);
  expect(await cursorOf()).toBe(1);
  await open.client.query("insert into kernel.events values ($1, 2, now(), 'bad', '{}')", [
    tenantId,
  ]);
  await open.release();
  await Promise.all(later);
  await untilCursor(4);
  expect(await effectsOf()).toEqual([
    [1, "good"],
    [2, "bad"],
    [3, "good"],
    [4, "good"],
  ]);
});

test("effects happen exactly once although the connection dies between them and the cursor", async () => {
  const passGate = statement("probe.gate", "select 1 from probe.gate for share");
  await emit("good", "good", "good");
  const gate = await holdLock(url, "select 1 from probe.gate for update");
  start({
    ...writing,
    apply: async (tx, events) => {
      writeEffects(tx, events);
      await tx.rows(passGate, []);
    },
  });
  const [pid] = await untilBlocked(raw);
  await killConnection(raw, required(pid, "the subscription's connection"));
  await gate.release();
  await untilCursor(3);
  expect(await effectsOf()).toEqual([
    [1, "good"],
    [2, "good"],
    [3, "good"],
  ]);
});

test("two processes share a subscription without applying anything twice or out of order", async () => {
  start(writing);
  start(writing);
  const tenants = [tenantId, ids.next(), ids.next()];
  for (let round = 0; round < 30; round += 1) {
    await Promise.all(tenants.map((tenant) => emitTo(tenant, "good", "good")));
  }
  for (const tenant of tenants) {
    await untilCursor(60, tenant);
    const seqs = (await effectsOf(tenant)).map(([seq]) => seq);
    expect(seqs).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
  }
});

test("a cursor that is wound back applies everything again", async () => {
  start(writing);
  await emit("good", "good");
  await untilCursor(2);
  await raw.query("update kernel.cursors set seq = 0 where tenant_id = $1", [tenantId]);
  await untilCursor(2);
  await expect.poll(() => effectsOf()).toHaveLength(4);
});

/** Fails on bad events until it is mended. */
function fragile(fail: (tx: Tx) => void | Promise<void>) {
  const state = { isMended: false, tries: 0 };
  const subscription: Subscription = {
    ...writing,
    apply: async (tx, events) => {
      writeEffects(tx, events);
      if (state.isMended || !events.some(({ type }) => type === "bad")) return;
      state.tries += 1;
      await fail(tx);
    },
  };
  return { state, subscription };
}

const throwing = () => {
  throw new Error("cannot apply this");
};
const insertTwice = statement("probe.twice", "insert into probe.once values ($1, 'x'), ($1, 'x')");

test.each([
  ["a bug", throwing, "cannot apply this"],
  ["a unique violation", (tx: Tx) => tx.write(insertTwice, [tx.tenantId]), "once_pkey"],
])("an event that always fails by %s is parked, and the others go on", async (_name, fail, why) => {
  const { state, subscription } = fragile(fail);
  await emit("good", "good", "bad", "good", "bad", "good");
  const { parked, failures } = start(subscription);
  await untilCursor(6);
  await expect.poll(() => parked).toEqual([3n, 5n]);
  expect((await effectsOf()).map(([seq]) => seq)).toEqual([1, 2, 4, 6]);
  // Once with its batch, then six times alone; the second one six times alone.
  expect(state.tries).toBe(13);
  expect(String(failures.at(-1))).toContain(why);
  const { rows } = await raw.query(
    "select seq::integer, attempts, error like $2 as explained from kernel.parked_events where tenant_id = $1 order by seq",
    [tenantId, `%${why}%`],
  );
  expect(rows).toEqual([
    { seq: 3, attempts: 6, explained: true },
    { seq: 5, attempts: 6, explained: true },
  ]);
});

test("an event that was parked and dropped is parked again after the cursor was wound back", async () => {
  const { subscription } = fragile(throwing);
  await emit("bad");
  const { parked } = start(subscription);
  await expect.poll(() => parked, { timeout: 20_000 }).toEqual([1n]);
  const decisions = createParkedEvents({ database: emitting, subscriptions: [] });
  const drop = async () => {
    const key = { key: ids.next(), bodyHash: Buffer.alloc(32) };
    const decision = { subscription: "probe", seq: 1n, by: "test", reason: "a mistake" };
    return (await decisions.drop(tenantId, key, decision)).kind;
  };
  expect(await drop()).toBe("answered");
  await raw.query("update kernel.cursors set seq = 0 where tenant_id = $1", [tenantId]);
  await expect.poll(() => parked, { timeout: 20_000 }).toEqual([1n, 1n]);
  expect(await drop()).toBe("answered");
});

test("one tenant's trouble does not hold up another", async () => {
  const other = ids.next();
  let otherDone = false;
  const { subscription } = fragile(throwing);
  const applied = subscription.apply;
  start({
    ...subscription,
    apply: async (tx, events) => {
      // The troubled one stays in trouble until the other has been served.
      if (tx.tenantId === tenantId && !otherDone) throw new Error("not before the other");
      await applied(tx, events);
    },
  });
  await emit("good");
  await emitTo(other, "good", "good");
  await untilCursor(2, other);
  expect(await effectsOf()).toEqual([]);
  otherDone = true;
  await untilCursor(1);
});
