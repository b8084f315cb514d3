import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { required } from "./assert.ts";
import type { BatchObserver, Committers } from "./batch.ts";
import { createCommitters } from "./batch.ts";
import { createDatabase, FaultError, OverloadFault, statement } from "./database.ts";
import type { IdempotencyKey } from "./idempotency.ts";
import { createIds } from "./ids.ts";
import type { Operation } from "./operation.ts";
import { isRefusal } from "./refusal.ts";
import { holdLock, killConnection, rawConnection, untilBlocked } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { startLossyProxy } from "./testing/lossy-proxy.ts";
import type { Take, Taken, World } from "./testing/taking.ts";
import { insertEntries, lockCounter, take, takingTables } from "./testing/taking.ts";
import { systemClock } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query(takingTables);
const ids = createIds({ clock: systemClock });
const opened: { stop?(): Promise<void>; close?(): Promise<void> }[] = [];

/** One process: its connections and its committers. */
function startProcess(options: Partial<Parameters<typeof createCommitters>[0]> = {}, at = url) {
  const database = createDatabase({ url: at, clock: systemClock });
  const committers = createCommitters({ database, ...options });
  opened.push(committers, database);
  return { database, committers };
}

let tenantId: string;
beforeEach(async () => {
  tenantId = ids.next();
  await raw.query("insert into probe.counters values ($1, 'left', 1000)", [tenantId]);
});
afterEach(async () => {
  for (const each of opened.splice(0)) await (each.stop?.() ?? each.close?.());
});
afterAll(() => raw.end());

const sleep = statement("probe.sleep", "select pg_sleep(0.05)");

function takeOne(amount = 1n): Take {
  return { id: ids.next(), amount };
}

function keyOf(key: string, body = "body"): IdempotencyKey {
  return { key, bodyHash: createHash("sha256").update(body).digest() };
}

async function entriesOf(tenant = tenantId) {
  const { rows } = await raw.query<{ count: number; left: number }>(
    `select (select count(*)::integer from probe.entries where tenant_id = $1) as count,
            (select value::integer from probe.counters where tenant_id = $1) as left`,
    [tenant],
  );
  return required(rows[0], "a row");
}

/** Collects what the committers tell. */
function watch() {
  const sizes: number[] = [];
  const retries: string[] = [];
  let depth = 0;
  const observe: BatchObserver = {
    committed: (_operation, size) => void sizes.push(size),
    queued: (now) => void (depth = now),
    retried: (_operation, why) => void retries.push(why),
  };
  return { observe, sizes, retries, depth: () => depth };
}

describe("a batch", () => {
  test("is what has come while the one before it was committing", async () => {
    const seen = watch();
    const { committers } = startProcess({ observe: seen.observe });
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () => committers.run(take, tenantId, takeOne())),
    );
    expect(outcomes.every(({ kind }) => kind === "taken")).toBe(true);
    expect(await entriesOf()).toEqual({ count: 100, left: 900 });
    expect(seen.sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
    expect(Math.max(...seen.sizes)).toBeLessThanOrEqual(take.batchMax);
    expect(seen.sizes.length).toBeLessThan(10);
    expect(seen.depth()).toBe(0);
  });

  test("decides one command after the other, each seeing those before it", async () => {
    const { committers } = startProcess();
    const outcomes = await Promise.all(
      [600n, 300n, 200n, 100n].map((amount) => committers.run(take, tenantId, takeOne(amount))),
    );
    expect(outcomes.map((each) => (each.kind === "taken" ? each.left : each.code))).toEqual([
      400n,
      100n,
      "none_left",
      0n,
    ]);
  });

  test.each([
    ["a bug in its decision", 13n, "thirteen is a bug"],
    ["an error in the database", 14n, "counters_value_check"],
  ])("is run one by one after %s, so that only that command fails", async (_name, bad, message) => {
    const { committers } = startProcess();
    const amounts = [1n, 2n, bad, 3n, 4n];
    const results = await Promise.allSettled(
      amounts.map((amount) => committers.run(take, tenantId, takeOne(amount))),
    );
    const failed = results.filter((result) => result.status === "rejected");
    expect(failed).toHaveLength(1);
    expect(String(failed[0]?.reason)).toContain(message);
    expect(results[2]?.status).toBe("rejected");
    expect(await entriesOf()).toEqual({ count: 4, left: 990 });
  });

  test("holds commands of one tenant only, and tenants take turns", async () => {
    const order: string[] = [];
    const noting: Operation<Take, World, Taken> = {
      ...take,
      name: "probe.note",
      batchMax: 2,
      load: (tx, commands) => {
        order.push(`${tx.tenantId} ${commands.length}`);
        return take.load(tx, commands);
      },
    };
    const [a, b, c] = [ids.next(), ids.next(), ids.next()];
    const { committers } = startProcess();
    const runs = [a, a, a, a, a, b, c, b].map((tenant) =>
      committers.run(noting, tenant, takeOne()),
    );
    expect((await Promise.all(runs)).every(isRefusal)).toBe(true);
    expect(order).toEqual([`${a} 2`, `${b} 2`, `${c} 1`, `${a} 2`, `${a} 1`]);
  });
});

describe("the queue", () => {
  test("is bounded: who comes too late is told to come back", async () => {
    const { committers } = startProcess({ queueMax: 3 });
    const lock = await holdLock(url, lockCounter.text, [tenantId]);
    const working = committers.run(take, tenantId, takeOne());
    await untilBlocked(raw);
    const waiting = Array.from({ length: 3 }, () => committers.run(take, tenantId, takeOne()));
    const tooLate = await committers.run(take, tenantId, takeOne()).catch((error) => error);
    expect(tooLate).toBeInstanceOf(OverloadFault);
    expect(tooLate.retryAfterMs).toBeGreaterThan(0);
    await lock.release();
    await Promise.all([working, ...waiting]);
    expect(await entriesOf()).toEqual({ count: 4, left: 996 });
  });

  test("is bounded by time: while nothing moves, who comes is told so at once", async () => {
    const { committers } = startProcess();
    const lock = await holdLock(url, lockCounter.text, [tenantId]);
    const working = committers.run(take, tenantId, takeOne());
    await untilBlocked(raw);
    const waiting = committers.run(take, tenantId, takeOne());
    expect(committers.isFull()).toBe(false);
    await expect.poll(committers.isFull, { timeout: 5_000 }).toBe(true);
    const tooLate = await committers.run(take, tenantId, takeOne()).catch((error) => error);
    expect(tooLate).toBeInstanceOf(OverloadFault);
    expect(tooLate).toMatchObject({ message: "too many commands are waiting" });
    await lock.release();
    await Promise.all([working, waiting]);
    expect(committers.isFull()).toBe(false);
    await committers.run(take, tenantId, takeOne());
    expect(await entriesOf()).toEqual({ count: 3, left: 997 });
  });

  test("is bounded by the throughput: a slow database has a short queue", async () => {
    const { committers } = startProcess();
    const slow = { ...take, name: "probe.slow", batchMax: 40 };
    /** Gives how many were refused. */
    async function come(count: number): Promise<number> {
      const commands = Array.from({ length: count }, () =>
        committers.run(slow, tenantId, takeOne()),
      );
      const settled = await Promise.allSettled(commands);
      return settled.filter(({ status }) => status === "rejected").length;
    }
    let refused = 0;
    // Each batch waits as long for the lock as this holds it: 40 commands in a quarter of a second.
    for (let batch = 0; batch < 2; batch += 1) {
      const lock = await holdLock(url, lockCounter.text, [tenantId]);
      const working = come(40);
      await untilBlocked(raw);
      await lock.client.query("select pg_sleep(0.25)");
      await lock.release();
      refused += await working;
    }
    const lock = await holdLock(url, lockCounter.text, [tenantId]);
    const working = come(400);
    await untilBlocked(raw);
    await lock.release();
    refused += await working;
    // At that throughput some 60 commands take 400 ms.
    expect(refused).toBeGreaterThan(200);
    expect(await entriesOf()).toMatchObject({ count: 480 - refused });
  });

  test("is shorter in a crowd that stays than in a moment's rush", async () => {
    const { committers } = startProcess();
    const slow: typeof take = {
      ...take,
      name: "probe.crowd",
      batchMax: 40,
      async load(tx, commands) {
        await tx.rows(sleep, []);
        return take.load(tx, commands);
      },
    };
    /** Comes faster than batches go, and gives the longest queue that it sees. */
    async function rush(ms: number): Promise<number> {
      const until = performance.now() + ms;
      let longest = 0;
      while (performance.now() < until) {
        for (let count = 0; count < 40; count += 1)
          settled.push(committers.run(slow, tenantId, takeOne()).catch(() => undefined));
        longest = Math.max(longest, committers.depth());
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return longest;
    }
    const settled: Promise<unknown>[] = [];
    const atFirst = await rush(300);
    await rush(500);
    expect(await rush(400)).toBeLessThan(atFirst * 0.6);
    await Promise.all(settled);
  });

  test("is finished by a stop, which takes nothing new", async () => {
    const { committers } = startProcess();
    const accepted = Array.from({ length: 200 }, () => committers.run(take, tenantId, takeOne()));
    const stopped = committers.stop();
    await expect(committers.run(take, tenantId, takeOne())).rejects.toThrow("stopping");
    await stopped;
    expect(await Promise.all(accepted)).toHaveLength(200);
    expect(await entriesOf()).toMatchObject({ count: 200 });
  });
});

describe("an idempotency key [ORD-02] [ORD-04] [KRN-11]", () => {
  function keyed(committers: Committers, key: IdempotencyKey, command = takeOne()) {
    return committers.runKeyed(take, tenantId, key, command);
  }

  test("sent 50 times at once is executed once and answered 50 times alike", async () => {
    const processes = [startProcess(), startProcess()];
    const key = keyOf("same");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        keyed(required(processes[index % 2], "a process").committers, key),
      ),
    );
    const bodies = answers.map((each) => (isRefusal(each) ? each.code : each.body));
    expect(new Set(bodies).size).toBe(1);
    expect(answers[0]).toMatchObject({ kind: "answered", status: 201 });
    const first = answers.filter((each) => !isRefusal(each) && each.replayed === undefined);
    expect(first).toHaveLength(1);
    expect(await entriesOf()).toEqual({ count: 1, left: 999 });
  });

  test("sent again later, also to another process, gets the first answer", async () => {
    const first = await keyed(startProcess().committers, keyOf("later"));
    const again = await keyed(startProcess().committers, keyOf("later"));
    expect(first).not.toHaveProperty("replayed");
    expect(again).toEqual({ ...first, replayed: true });
    expect(await entriesOf()).toMatchObject({ count: 1 });
  });

  test("with another body is refused, at once and later", async () => {
    const { committers } = startProcess();
    const [first, other] = await Promise.all([
      keyed(committers, keyOf("reused")),
      keyed(committers, keyOf("reused", "other body")),
    ]);
    expect(first).toMatchObject({ kind: "answered" });
    expect(other).toMatchObject({ code: "idempotency_key_reused" });
    const later = await keyed(committers, keyOf("reused", "other body"));
    expect(later).toMatchObject({ code: "idempotency_key_reused" });
  });

  test("of a refused command is decided anew", async () => {
    const { committers } = startProcess();
    const big = takeOne(2_000n);
    expect(await keyed(committers, keyOf("refused"), big)).toMatchObject({ code: "none_left" });
    await raw.query("update probe.counters set value = 3000 where tenant_id = $1", [tenantId]);
    const again = await keyed(committers, keyOf("refused"), big);
    expect(again).toMatchObject({ kind: "answered" });
  });

  test("gets the answer of the process that was first, even when that took the last one", async () => {
    await raw.query("update probe.counters set value = 1 where tenant_id = $1", [tenantId]);
    const processes = [startProcess(), startProcess()];
    const lock = await holdLock(url, lockCounter.text, [tenantId]);
    const running = processes.map(({ committers }) => keyed(committers, keyOf("last one")));
    await untilBlocked(raw, 2);
    await lock.release();
    const [left, right] = await Promise.all(running);
    const isLeftFirst = left !== undefined && !("replayed" in left);
    const [first, second] = isLeftFirst ? [left, right] : [right, left];
    expect(first).toMatchObject({ kind: "answered" });
    expect(second).toEqual({ ...first, replayed: true });
  });

  test("of one tenant means nothing to another", async () => {
    const { committers } = startProcess();
    const other = ids.next();
    await raw.query("insert into probe.counters values ($1, 'left', 5)", [other]);
    const answers = await Promise.all(
      [tenantId, other].map((tenant) =>
        committers.runKeyed(take, tenant, keyOf("shared"), takeOne()),
      ),
    );
    expect(answers.map(isRefusal)).toEqual([false, false]);
    expect(await entriesOf(other)).toEqual({ count: 1, left: 4 });
  });
});

describe("when the connection is lost", () => {
  test("in the middle of a batch, the batch is loaded anew", async () => {
    const seen = watch();
    const { committers } = startProcess({ observe: seen.observe });
    const lock = await holdLock(url, lockCounter.text, [tenantId]);
    const running = [takeOne(), takeOne()].map((each) => committers.run(take, tenantId, each));
    const [pid] = await untilBlocked(raw);
    await killConnection(raw, required(pid, "a blocked connection"));
    await lock.release();
    await Promise.all(running);
    expect(seen.retries.length).toBeGreaterThan(0);
    expect(await entriesOf()).toEqual({ count: 2, left: 998 });
  });

  test.each(["before", "after"] as const)(
    "at COMMIT, %s it was done, the key makes the repetition safe",
    async (when) => {
      const proxy = await startLossyProxy(url);
      const { committers } = startProcess({}, proxy.url);
      opened.push(proxy);
      // The connection stands, so that the cut COMMIT is that of the command.
      await committers.run(take, tenantId, takeOne());
      proxy.cutNextCommit(when);
      const answer = await committers.runKeyed(take, tenantId, keyOf("lost"), takeOne());
      expect(answer).toEqual({
        kind: "answered",
        status: 201,
        body: expect.stringContaining('"left":998'),
      });
      expect(proxy.cuts()).toBe(1);
      expect(await entriesOf()).toEqual({ count: 2, left: 998 });
    },
  );

  test("for good, everybody is told that the database is away", async () => {
    const { committers } = startProcess({}, "postgresql://nobody@127.0.0.1:1/none");
    const results = await Promise.allSettled(
      [takeOne(), takeOne()].map((each) => committers.run(take, tenantId, each)),
    );
    for (const result of results) {
      expect(result).toMatchObject({ status: "rejected", reason: expect.any(FaultError) });
    }
  });
});

test("a transaction whose COMMIT is answered ROLLBACK is an error, and nothing is told or kept", async () => {
  const { database } = startProcess();
  const broken = statement("probe.broken", "select 1 / 0");
  const hot = await database.connectHot();
  for (const connection of [database, hot]) {
    let told = false;
    const done = connection.transaction(tenantId, async (tx) => {
      tx.write(insertEntries, [tenantId, [ids.next()], [1n]]);
      // A caught error does not mend the transaction: PostgreSQL has given it up.
      await tx.rows(broken, []).catch(() => undefined);
      tx.afterCommit(() => (told = true));
    });
    await expect(done).rejects.toThrow("division by zero");
    expect(told).toBe(false);
  }
  await hot.close();
  expect(await entriesOf()).toMatchObject({ count: 0 });
});

test("the first error of a transaction is the one that is told", async () => {
  const { database } = startProcess();
  const twice = [ids.next(), ids.next()];
  const done = database.transaction(tenantId, async (tx) => {
    tx.write(insertEntries, [tenantId, [twice[0] ?? "", twice[0] ?? ""], [1n, 1n]]);
    await tx.rows(lockCounter, [tenantId]);
  });
  await expect(done).rejects.toThrow("duplicate key");
});
