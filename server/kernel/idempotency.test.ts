import { createHash } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { createDatabase, sqlState, timestamp } from "./database.ts";
import { createDeadlines } from "./deadlines.ts";
import {
  forgetAnswers,
  keepAnswers,
  keptAnswerLifeMs,
  loadKeptAnswers,
  replay,
} from "./idempotency.ts";
import { createIds } from "./ids.ts";
import { holdLock, rawConnection, untilBlocked } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { createManualClock, systemClock } from "./time.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 0, 1));
const database = createDatabase({ url, clock });
const ids = createIds({ clock: systemClock });
const raw = await rawConnection(url);
afterAll(async () => {
  await raw.end();
  await database.close();
});

function keyOf(key: string, body = "body") {
  return { key, bodyHash: createHash("sha256").update(body).digest() };
}

function keep(tenantId: string, ...keys: string[]): Promise<void> {
  return database.transaction(tenantId, async (tx) => {
    keepAnswers(
      tx,
      keys.map((key) => ({
        key: keyOf(key),
        answer: { kind: "answered", status: 201, body: `{"of":"${key}","sign":"元"}` },
      })),
    );
  });
}

function load(tenantId: string, ...keys: string[]) {
  return database.transaction(tenantId, (tx) =>
    loadKeptAnswers(
      tx,
      keys.map((key) => keyOf(key)),
    ),
  );
}

test("an answer is kept to the byte, and only for its tenant", async () => {
  const tenantId = ids.next();
  await keep(tenantId, "a", "b");
  const kept = await load(tenantId, "a", "c");
  expect([...kept.keys()]).toEqual(["a"]);
  expect(replay(kept, keyOf("a"))).toEqual({
    kind: "answered",
    status: 201,
    body: '{"of":"a","sign":"元"}',
    replayed: true,
  });
  expect(replay(kept, keyOf("a", "other body"))).toBeUndefined();
  expect(await load(ids.next(), "a")).toEqual(new Map());
});

test("a key is taken once, whoever comes second [ORD-04]", async () => {
  const tenantId = ids.next();
  await keep(tenantId, "a");
  await expect(keep(tenantId, "b", "a")).rejects.toSatisfy((error) => sqlState(error) === "23505");
  expect([...(await load(tenantId, "a", "b")).keys()]).toEqual(["a"]);
});

test("two batches that take the same keys in another order do not deadlock [KRN-27]", async () => {
  const tenantId = ids.next();
  const keys = ["a", "b", "c", "d", "e"];
  // Both have begun when they come to the key in the middle, and wait there for somebody else.
  const middle = await holdLock(
    url,
    `insert into kernel.idempotency_keys values ($1, 'c', sha256('body'), now(), 200, '{}')`,
    [tenantId],
  );
  const keeping = Promise.allSettled([
    keep(tenantId, ...keys),
    keep(tenantId, ...keys.toReversed()),
  ]);
  await untilBlocked(raw, 2);
  await middle.client.query("rollback");
  const results = await keeping;
  const failures = results.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
  expect(failures.map(sqlState)).toEqual(["23505"]);
});

test("answers of every tenant are forgotten after a week, and not before [ORD-04]", async () => {
  await raw.query("truncate kernel.idempotency_keys");
  const tenants = [ids.next(), ids.next()];
  const bystander = ids.next();
  for (const tenantId of tenants) await keep(tenantId, "old", "older");
  clock.advance(1);
  for (const tenantId of [...tenants, bystander]) await keep(tenantId, "young");
  const due = async () => {
    const { rows } = await raw.query<{ tenant_id: string }>(forgetAnswers.tenantsDue.text, [
      timestamp(clock.now()),
    ]);
    return rows.map((row) => row.tenant_id);
  };
  clock.advance(keptAnswerLifeMs - 1);
  expect(await due()).toEqual([]);
  clock.advance(1);
  expect(await due()).toEqual(tenants.toSorted());

  const swept: number[] = [];
  const deadlines = createDeadlines({
    database,
    clock,
    // Batches of one, so that it takes several.
    deadlines: [{ ...forgetAnswers, batchMax: 1 }],
    observe: {
      swept: (_deadline, rows) => void swept.push(rows),
      failed: (_deadline, error) => expect.unreachable(String(error)),
    },
  });
  await expect.poll(due, { timeout: 20_000 }).toEqual([]);
  await deadlines.stop();
  expect(swept).toEqual([1, 1, 1, 1]);
  for (const tenantId of [...tenants, bystander])
    expect([...(await load(tenantId, "old", "older", "young")).keys()]).toEqual(["young"]);
});
