import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { required } from "./assert.ts";
import {
  createDatabase,
  FaultError,
  isConnectionLoss,
  isOutage,
  isRetryable,
  sqlState,
  statement,
  timestamp,
} from "./database.ts";
import { createIds } from "./ids.ts";
import { holdLock, killConnection, rawConnection, untilBlocked } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { createManualClock, systemClock } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query("create schema probe; create table probe.rows (id integer primary key)");
await raw.query("insert into probe.rows values (1)");
const clock = createManualClock(Date.UTC(2026, 0, 1, 8, 30, 0, 123));
const database = createDatabase({ url, clock });
const ids = createIds({ clock: systemClock });
afterAll(async () => {
  await database.close();
  await raw.end();
});

const insertRow = statement("probe.insert", "insert into probe.rows values ($1)");
const lockRow = statement("probe.lock", "select id from probe.rows where id = 1 for update");

describe("values come back as what they are", () => {
  const now = clock.now();
  const instant = "select $1::timestamptz as value";
  const texts = ["", "null", "NULL", "{}", "a,b", ' "', "\\", "\\n", '\\"', "元 🀄", "it's", "/"];
  const controls = ["\n", "\t\r\b\f", "\u0001\u001f\u007f", "\u2028"];
  const json = JSON.stringify({ title: 'a "b" \\ c\n', lines: [{ n: 1 }] });
  test.each([
    ["a bigint beyond 2^53", "select $1::bigint as value", 2n ** 62n, 2n ** 62n],
    ["an array of bigints", "select $1::bigint[] as value", [1n, -5n], [1n, -5n]],
    ["an empty array", "select $1::bigint[] as value", [], []],
    ["a list of texts that are hard to write", "select $1::text[] as value", texts, texts],
    ["a list with control characters", "select $1::text[] as value", controls, controls],
    ["a list of JSON", "select $1::text[] as value", [json, json], [json, json]],
    ["a list with nothing in it", "select $1::text[] as value", ["a", null], ["a", null]],
    [
      "a list of nothing and bigints",
      "select $1::bigint[]::text[] as value",
      [null, 2n ** 62n],
      [null, String(2n ** 62n)],
    ],
    [
      "a list of numbers",
      "select $1::float8[] as value",
      [1.5, -2e300, Number.NaN],
      [1.5, -2e300, Number.NaN],
    ],
    ["a list of booleans", "select $1::boolean[] as value", [true, false], [true, false]],
    ["a list of bytes", "select $1::bytea[] as value", [Buffer.from([0])], [Buffer.from([0])]],
    ["a list of lists", "select $1::text[][] as value", [["a"], ["b"]], [["a"], ["b"]]],
    ["a time, to the millisecond", instant, timestamp(now), now],
    ["a time of another zone", instant, "2026-01-01T16:30:00.123+08:00", now],
    ["a time before 1970", instant, timestamp(-1), -1],
    ["text with a quote and a sign", "select $1::text as value", `it's 元 "x"`, `it's 元 "x"`],
    ["bytes", "select $1::bytea as value", Buffer.from([0, 255]), Buffer.from([0, 255])],
    ["nothing", "select $1::text as value", null, null],
  ])("%s", async (name, text, sent, expected) => {
    const [row] = await database.read<{ value: unknown }>(
      ids.next(),
      statement(`probe.value_${name.replaceAll(/\W/g, "_")}`, text),
      [sent],
    );
    expect(row?.value).toEqual(expected);
  });

  test("a time, also where the server keeps another zone", async () => {
    const elsewhere = new URL(url);
    elsewhere.searchParams.set("options", "-c TimeZone=Asia/Kolkata");
    const other = createDatabase({ url: elsewhere.href, clock });
    const [row] = await other.read<{ value: unknown }>(ids.next(), statement("z", instant), [
      timestamp(now),
    ]);
    expect(row?.value).toBe(now);
    await other.close();
  });
});

test("a transaction has one time, and its hints come after its commit", async () => {
  const order: string[] = [];
  await database.transaction(ids.next(), async (tx) => {
    expect(tx.now).toBe(clock.now());
    tx.afterCommit(() => order.push("hint"));
    await tx.rows(lockRow, []);
    order.push("work");
  });
  expect(order).toEqual(["work", "hint"]);
});

const isLinux = process.platform === "linux";

test.runIf(isLinux)(
  "what is sent together travels together: a batch is two writes to the socket",
  async () => {
    const hot = await database.connectHot();
    const count = statement("probe.count", "select count(*)::integer as rows from probe.rows");
    const perBatch: number[] = [];
    for (let batch = 0; batch < 10; batch += 1) {
      const before = writesOfProcess();
      await hot.transaction(ids.next(), async (tx) => {
        await Promise.all([tx.rows(lockRow, []), tx.rows(count, []), tx.rows(count, [])]);
        tx.write(count, []);
        tx.write(count, []);
      });
      perBatch.push(writesOfProcess() - before);
    }
    await hot.close();
    // Now and then the runner of the tests writes one of its own.
    expect(Math.min(...perBatch)).toBe(2);
  },
);

/** All writes of this process since its start, as the system has counted them. */
function writesOfProcess(): number {
  return Number(/^syscw: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

test("a write is not kept back by what its transaction waits for", async () => {
  const other = await rawConnection(url);
  await database.transaction(ids.next(), async (tx) => {
    tx.write(lockRow, []);
    // Somebody else sees the lock while this transaction waits for somebody else.
    const isFree = async () => (await other.query(`${lockRow.text} skip locked`)).rowCount === 1;
    await expect.poll(isFree).toBe(false);
  });
  await other.end();
});

test("a failed transaction keeps no lock and gives its connection back in order", async () => {
  const one = createDatabase({ url, clock, poolMax: 1 });
  const failing = one.transaction(ids.next(), async (tx) => {
    await tx.rows(lockRow, []);
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  expect((await raw.query(`${lockRow.text} nowait`)).rows).toHaveLength(1);
  const twice = one.transaction(ids.next(), async (tx) => tx.write(insertRow, [1]));
  await expect(twice).rejects.toSatisfy((error) => sqlState(error) === "23505");
  expect(await one.transaction(ids.next(), (tx) => tx.rows(lockRow, []))).toHaveLength(1);
  await one.close();
});

test("a lost connection is a fault, and the next transaction has a new one", async () => {
  const lock = await holdLock(url, lockRow.text);
  const waiting = database.transaction(ids.next(), (tx) => tx.rows(lockRow, []));
  const outcome = waiting.catch((error: unknown) => error);
  const [pid] = await untilBlocked(raw);
  await killConnection(raw, required(pid, "the connection that waits"));
  const error = await outcome;
  expect(error).toBeInstanceOf(FaultError);
  expect([isConnectionLoss(error), isRetryable(error), isOutage(error)]).toEqual([
    true,
    true,
    true,
  ]);
  await lock.release();
  expect(await database.transaction(ids.next(), (tx) => tx.rows(lockRow, []))).toHaveLength(1);
});

test("a hot connection tells that it is dead", async () => {
  const hot = await database.connectHot();
  const lock = await holdLock(url, lockRow.text);
  const waiting = hot.transaction(ids.next(), (tx) => tx.rows(lockRow, []));
  const outcome = waiting.catch((error: unknown) => error);
  const [pid] = await untilBlocked(raw);
  expect(hot.isAlive()).toBe(true);
  await killConnection(raw, required(pid, "the connection that waits"));
  expect(isConnectionLoss(await outcome)).toBe(true);
  await expect.poll(() => hot.isAlive()).toBe(false);
  await lock.release();
});

test("a database that is away is a fault at every door", async () => {
  const away = createDatabase({ url: "postgresql://nobody@127.0.0.1:1/none", clock });
  const tenantId = ids.next();
  await expect(away.read(tenantId, lockRow, [])).rejects.toBeInstanceOf(FaultError);
  await expect(away.transaction(tenantId, async () => 1)).rejects.toBeInstanceOf(FaultError);
  await expect(away.connectHot()).rejects.toBeInstanceOf(FaultError);
  await away.close();
});

test("a bug in a statement is no fault and is not tried again", async () => {
  const wrong = statement("probe.wrong", "select nothing from nowhere");
  const error = await database.read(ids.next(), wrong, []).catch((caught: unknown) => caught);
  expect(error).not.toBeInstanceOf(FaultError);
  expect([isRetryable(error), isOutage(error)]).toEqual([false, false]);
});
