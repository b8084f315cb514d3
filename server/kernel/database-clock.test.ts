import { afterAll, expect, test } from "vitest";
import type { ClockReading } from "./database-clock.ts";
import { createSteeredClock, followDatabaseClock } from "./database-clock.ts";
import { required } from "./assert.ts";
import { rawConnection } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { startLossyProxy } from "./testing/lossy-proxy.ts";
import { withSeed } from "./testing/random.ts";
import type { Clock } from "./time.ts";
import { hourMs, minuteMs, secondMs } from "./time.ts";

const startMs = Date.UTC(2026, 10, 21, 12);

/** A process and a database, each with a time of its own. */
function openWorld() {
  let monotonic = 5_000;
  let aheadMs = startMs;
  const databaseMs = () => monotonic + aheadMs;
  /** The database reads its time after so much of the way there and back. */
  function reading(roundTripMs = 2, share = 0.5): ClockReading {
    const sentAt = monotonic;
    monotonic += roundTripMs * share;
    const read = databaseMs();
    monotonic += roundTripMs * (1 - share);
    return { sentAt, receivedAt: monotonic, databaseMs: read };
  }
  const clock = createSteeredClock(() => monotonic, [reading()]);
  return {
    clock,
    reading,
    databaseMs,
    wait: (ms: number) => void (monotonic += ms),
    /** The database's time jumps; or, the other way round, the process slept. */
    jump: (ms: number) => void (aheadMs += ms),
    offMs: () => clock.now() - Math.floor(databaseMs()),
    steer: (roundTripMs?: number, share?: number) => clock.steer(reading(roundTripMs, share)),
  };
}

test("it shows the database's time in whole milliseconds and goes on without readings", () => {
  const { clock, offMs, wait } = openWorld();
  expect(offMs()).toBe(0);
  wait(hourMs + 0.4);
  expect(offMs()).toBe(0);
  expect(Number.isInteger(clock.now())).toBe(true);
});

test("of the last readings the one with the shortest round trip is believed", () => {
  const { offMs, steer, wait } = openWorld();
  for (const share of [0, 1, 0, 1, 0]) {
    wait(secondMs);
    steer(80, share);
    wait(secondMs);
    expect(offMs()).toBe(0);
  }
});

test("a small difference is worked off by half of the time that passes, either way", () => {
  for (const jumpMs of [40, -40]) {
    const { jump, offMs, steer, wait } = openWorld();
    jump(jumpMs);
    steer();
    expect(offMs()).toBe(-jumpMs);
    wait(40);
    expect(offMs()).toBe(-jumpMs / 2);
    wait(40);
    expect(offMs()).toBe(0);
    wait(1_000);
    expect(offMs()).toBe(0);
  }
});

test("after the machine has slept it takes the database's time at once", () => {
  const { jump, offMs, steer } = openWorld();
  jump(hourMs);
  steer();
  // What is certain when the answer comes is half of the round trip less than what is likely.
  expect(offMs()).toBe(-1);
});

test("an answer that took long moves it no further than the time that it brings", () => {
  for (const jumpMs of [0, hourMs]) {
    const onTheWayBack = openWorld();
    onTheWayBack.jump(jumpMs);
    onTheWayBack.steer(2 * secondMs, 0);
    expect(onTheWayBack.offMs()).toBe(jumpMs === 0 ? 0 : -2 * secondMs);
    const onTheWayThere = openWorld();
    onTheWayThere.jump(jumpMs);
    onTheWayThere.steer(2 * secondMs, 1);
    expect(onTheWayThere.offMs()).toBe(0);
  }
});

test("when the database was set back it goes on at half speed until that has come up", () => {
  const { clock, jump, offMs, steer, wait } = openWorld();
  jump(-hourMs);
  steer();
  let last = clock.now();
  for (let second = 0; second < 7_190; second += 1) {
    wait(secondMs - 2);
    steer();
    const now = clock.now();
    expect(now - last).toBeGreaterThan(0.4 * secondMs);
    expect(now - last).toBeLessThan(0.6 * secondMs);
    last = now;
  }
  expect(offMs()).toBeGreaterThan(0);
  wait(10 * secondMs);
  steer();
  wait(secondMs);
  expect(offMs()).toBe(0);
});

test("it never goes back and is right again at last, whatever happens", () =>
  withSeed((random) => {
    for (let run = 0; run < 100; run += 1) {
      const { clock, jump, offMs, steer, wait } = openWorld();
      let last = clock.now();
      for (let step = 0; step < 100; step += 1) {
        if (random.chance(0.1)) jump(random.below(2 * minuteMs) - minuteMs);
        else if (random.chance(0.4)) steer(random.below(200), random.below(11) / 10);
        else wait(random.below(3 * secondMs));
        const now = clock.now();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
      // At half speed a hundred steps back of a minute at most are gone in two hundred minutes.
      for (let minute = 0; minute < 200; minute += 1) {
        steer(2, random.below(11) / 10);
        wait(minuteMs);
      }
      expect(Math.abs(offMs())).toBeLessThanOrEqual(2);
    }
  }));

const { url } = await testDatabase();
const raw = await rawConnection(url);
afterAll(() => raw.end());

/** By how much PostgreSQL's time is outside of what the clock showed before and after. */
async function offMs(clock: Clock): Promise<number> {
  const before = clock.now();
  const { rows } = await raw.query<{ ms: number }>(
    "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms",
  );
  const read = required(rows[0], "a time").ms;
  return Math.max(0, before - read, read - clock.now());
}

/** Both times were read over a busy machine's connections. */
const toleratedMs = 50;

test("it follows PostgreSQL, and goes on by itself while it cannot", async () => {
  const proxy = await startLossyProxy(url);
  const said: string[] = [];
  const say = (_: unknown, text?: string) => void said.push(text ?? String(_));
  const log = { info: say, warn: say };
  const clock = await followDatabaseClock({ url: proxy.url, log, everyMs: 20 });
  expect(await offMs(clock)).toBeLessThan(toleratedMs);
  const connections = `from pg_stat_activity
    where application_name = 'tongbao-clock' and datname = current_database()`;
  expect((await raw.query(`select pg_terminate_backend(pid) ${connections}`)).rowCount).toBe(1);
  const lost = "the database's time is not read; the clock goes on by itself";
  const found = "the database's time is read again";
  await expect.poll(() => said).toEqual([lost, found]);
  // Nobody is told that this connection leads nowhere any more.
  proxy.freeze();
  await expect.poll(() => said, { timeout: 20_000 }).toEqual([lost, found, lost, found]);
  expect(await offMs(clock)).toBeLessThan(toleratedMs);
  await clock.stop();
  const stoppedAt = clock.now();
  await expect.poll(() => clock.now() - stoppedAt).toBeGreaterThan(100);
  expect(await offMs(clock)).toBeLessThan(toleratedMs);
  await proxy.close();
  await expect.poll(async () => (await raw.query(`select ${connections}`)).rowCount).toBe(0);
});

test("without a database there is no clock", async () => {
  const log = { info: () => undefined, warn: () => undefined };
  const nobody = followDatabaseClock({ url: "postgresql://127.0.0.1:9/tongbao", log });
  await expect(nobody).rejects.toThrow("ECONNREFUSED");
});
