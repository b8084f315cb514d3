import { afterAll, expect, test } from "vitest";
import { createDatabase, statement } from "./database.ts";
import { encodeEventData } from "./events.ts";
import { createIds } from "./ids.ts";
import { holdLock, rawConnection, untilBlocked } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { createManualClock, systemClock } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
const clock = createManualClock(Date.UTC(2026, 0, 1));
const told: string[] = [];
const onEvents = (tenantId: string) => void told.push(tenantId);
const database = createDatabase({ url, clock, poolMax: 20, onEvents });
const ids = createIds({ clock: systemClock });
afterAll(async () => {
  await database.close();
  await raw.end();
});

async function eventsOf(tenantId: string) {
  const { rows } = await raw.query<{ seq: string; type: string; data: unknown; at: Date }>(
    "select seq, type, data, at from kernel.events where tenant_id = $1 order by seq",
    [tenantId],
  );
  return rows.map(({ seq, ...rest }) => ({ seq: Number(seq), ...rest }));
}

function emit(tenantId: string, ...types: string[]): Promise<void> {
  return database.transaction(tenantId, async (tx) => {
    tx.emit(types.map((type) => ({ type, data: { amount: 12n, of: type } })));
  });
}

test("events are numbered without a gap in the order in which they were emitted", async () => {
  const tenantId = ids.next();
  await emit(tenantId, "a", "b");
  await emit(tenantId, "c");
  expect(await eventsOf(tenantId)).toEqual(
    ["a", "b", "c"].map((type, index) => ({
      seq: index + 1,
      type,
      data: { amount: 12, of: type },
      at: new Date(clock.now()),
    })),
  );
});

test("many transactions at once get numbers without a gap, and those of one stay together", async () => {
  const tenantId = ids.next();
  const names = Array.from({ length: 40 }, (_, index) => `t${index}`);
  await Promise.all(names.map((name) => emit(tenantId, name, name, name)));
  const events = await eventsOf(tenantId);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 120 }, (_, at) => at + 1));
  const triples = Array.from({ length: 40 }, (_, at) => events.slice(at * 3, at * 3 + 3));
  expect(triples.every((three) => new Set(three.map(({ type }) => type)).size === 1)).toBe(true);
});

test("a transaction that fails leaves neither events nor a gap, and tells nobody", async () => {
  const tenantId = ids.next();
  await emit(tenantId, "before");
  const hints = told.length;
  const failing = database.transaction(tenantId, async (tx) => {
    tx.emit([{ type: "never", data: {} }]);
    tx.write(statement("probe.fail", "select 1 / 0"), []);
  });
  await expect(failing).rejects.toThrow("division by zero");
  expect(told).toHaveLength(hints);
  await emit(tenantId, "after");
  const events = await eventsOf(tenantId);
  expect(events.map(({ seq, type }) => [seq, type])).toEqual([
    [1, "before"],
    [2, "after"],
  ]);
  expect(told.slice(hints)).toEqual([tenantId]);
});

/**
 * Why numbers come from a locked head and not from an identity column: a cursor over the latter
 * overtakes a transaction that took its number and has not committed, and never sees it.
 */
test("an open transaction is overtaken under an identity column, and never under the head", async () => {
  await raw.query(`create schema probe;
    create table probe.identity_log (seq bigint generated always as identity primary key, type text)`);
  const slowInsert = "insert into probe.identity_log (type) values ('slow')";
  const slow = await holdLock(url, slowInsert);
  await raw.query("insert into probe.identity_log (type) values ('quick')");
  const read = async (cursor: number) => {
    const { rows } = await raw.query<{ seq: string; type: string }>(
      "select seq, type from probe.identity_log where seq > $1 order by seq",
      [cursor],
    );
    return rows.map(({ seq, type }) => [Number(seq), type]);
  };
  expect(await read(0)).toEqual([[2, "quick"]]);
  await slow.release();
  // The cursor stands at 2, and number 1 has come too late for it.
  expect(await read(2)).toEqual([]);

  const tenantId = ids.next();
  await emit(tenantId, "first");
  const open = await holdLock(
    url,
    "update kernel.event_heads set seq = seq + 1 where tenant_id = $1",
    [tenantId],
  );
  const quick = emit(tenantId, "quick");
  await untilBlocked(raw);
  expect(await eventsOf(tenantId)).toHaveLength(1);
  await open.client.query("insert into kernel.events values ($1, 2, now(), 'slow', '{}')", [
    tenantId,
  ]);
  await open.release();
  await quick;
  expect((await eventsOf(tenantId)).map(({ type }) => type)).toEqual(["first", "slow", "quick"]);
});

test("amounts leave as integers, however deep they stand", () => {
  expect(encodeEventData({ total: 1_999n, lines: [{ price: 1n, title: "Mug" }] })).toBe(
    '{"total":1999,"lines":[{"price":1,"title":"Mug"}]}',
  );
  expect(encodeEventData({ title: "Mug" })).toBe('{"title":"Mug"}');
});
