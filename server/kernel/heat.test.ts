import { expect, test } from "vitest";
import { required } from "./assert.ts";
import { createHeat } from "./heat.ts";
import type { SeededRandom } from "./testing/random.ts";
import { withSeed } from "./testing/random.ts";
import { createManualClock, dayMs, secondMs } from "./time.ts";

const halfLifeMs = 5 * secondMs;

function setUp(countersMax = 64) {
  const clock = createManualClock(Date.UTC(2026, 10, 11));
  return { clock, heat: createHeat<string>({ clock, halfLifeMs, countersMax }) };
}

/** Few keys are asked for often, many now and then: key n about 1 in n times. */
function zipf(random: SeededRandom, keys: number): string {
  return `k-${Math.floor(keys ** (random.below(1_000_000) / 1_000_000))}`;
}

/** What was asked with all counts kept: nothing is bounded here, and nothing is guessed. */
function createTruth(now: () => number) {
  const asks = new Map<string, number[]>();
  return {
    touch: (key: string) => void asks.set(key, [...(asks.get(key) ?? []), now()]),
    rate(key: string): number {
      const counts = (asks.get(key) ?? []).map((at) => 2 ** ((at - now()) / halfLifeMs));
      return (counts.reduce((sum, count) => sum + count, 0) * Math.LN2 * secondMs) / halfLifeMs;
    },
    keys: () => [...asks.keys()],
  };
}

test("tells at most what was asked for, and misses nothing that is hot [FLS-03]", () =>
  withSeed((random) => {
    const { clock, heat } = setUp();
    const truth = createTruth(clock.now);
    for (let ask = 0; ask < 5_000; ask += 1) {
      const key = zipf(random, 2_000);
      heat.touch(key);
      truth.touch(key);
      if (random.chance(0.5)) clock.advance(random.below(5));
    }
    const rates = truth.keys().map((key) => ({ key, rate: truth.rate(key) }));
    const all = rates.reduce((sum, { rate }) => sum + rate, 0);
    for (const { key, rate } of rates) {
      expect(heat.rate(key), key).toBeLessThanOrEqual(rate + 1e-6);
      // Space-Saving's bound: what is missing is at most one ask in so many as there are counters.
      expect(heat.rate(key), key).toBeGreaterThanOrEqual(rate - all / 64 - 1e-6);
    }
    const hottest = required(rates.toSorted((a, b) => b.rate - a.rate)[0], "a key");
    expect(heat.hottest(3, all / 32)).toContain(hottest.key);
    expect(heat.size()).toBe(64);
  }));

test("a swarm of keys asked for once makes none of them hot", () => {
  const { heat } = setUp();
  for (let key = 0; key < 100_000; key += 1) heat.touch(`scan-${key}`);
  expect(heat.hottest(10, 1)).toEqual([]);
});

test("a key stays hot while a swarm passes by", () => {
  const { heat } = setUp();
  for (let ask = 0; ask < 50_000; ask += 1) {
    heat.touch(`scan-${ask}`);
    if (ask % 10 === 0) heat.touch("hot");
  }
  expect(heat.hottest(10, 100)).toEqual(["hot"]);
});

test("tells the rate of a steady stream and forgets it by halves", () => {
  const { clock, heat } = setUp();
  for (let ask = 0; ask < 10_000; ask += 1) {
    heat.touch("steady");
    clock.advance(10);
  }
  expect(heat.rate("steady")).toBeGreaterThan(99);
  expect(heat.rate("steady")).toBeLessThan(101);
  clock.advance(halfLifeMs);
  expect(heat.rate("steady")).toBeCloseTo(50, 0);
  clock.advance(10 * halfLifeMs);
  expect(heat.hottest(10, 1)).toEqual([]);
});

test("counts on for days without losing what is asked for now", () => {
  const { clock, heat } = setUp();
  for (let day = 0; day < 100; day += 1) {
    for (let ask = 0; ask < 100; ask += 1) heat.touch(`day-${day}`);
    expect(heat.hottest(10, 1)).toEqual([`day-${day}`]);
    clock.advance(dayMs);
  }
});

test("gives the hottest first, and no more than asked for", () => {
  const { heat } = setUp();
  for (const [key, asks] of [
    ["warm", 200],
    ["hottest", 400],
    ["hot", 300],
    ["cold", 3],
  ] as const) {
    for (let ask = 0; ask < asks; ask += 1) heat.touch(key);
  }
  expect(heat.hottest(10, 20)).toEqual(["hottest", "hot", "warm"]);
  expect(heat.hottest(1, 20)).toEqual(["hottest"]);
});

test("the coldest gives way, in whatever order they were asked for", () =>
  withSeed((random) => {
    for (let round = 0; round < 100; round += 1) {
      const { heat } = setUp(15);
      // Key n is asked for n + 1 times, so that no two are equally cold.
      const asks = Array.from({ length: 15 }, (_, n) => Array.from({ length: n + 1 }, () => n));
      for (const n of random.shuffle(asks.flat())) heat.touch(`k-${n}`);
      for (let n = 0; n < 5; n += 1) {
        // What gave way left its count as the new one's error: that one stays and is warmed up.
        for (let ask = 0; ask < 100; ask += 1) heat.touch(`new-${n}`);
        const gone = asks.flatMap((_, k) => (heat.rate(`k-${k}`) === 0 ? [k] : []));
        expect(gone).toEqual(Array.from({ length: n + 1 }, (_, k) => k));
      }
    }
  }));
