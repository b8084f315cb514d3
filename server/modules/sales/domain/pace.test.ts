import { expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import type { SeededRandom } from "../../../kernel/testing/random.ts";
import { withSeed } from "../../../kernel/testing/random.ts";
import type { Pace } from "./pace.ts";
import { nextPace, spent, startPace } from "./pace.ts";

const startMs = Date.parse("2026-11-21T10:00:00.000Z");
const calm = { depth: 0, depthMax: 4096, waiting: true };
const full = { ...calm, depth: 4096 };

function after(pace: Pace, load: typeof calm, ms: number): Pace {
  let next = pace;
  for (let passed = 0; passed < ms; passed += 250) next = nextPace(next, load, next.at + 250);
  return next;
}

test("a short queue lets the pace grow slowly, a long one halves it every two seconds [FLS-09]", () => {
  const start = startPace(startMs);
  const grown = after(start, calm, 9_000);
  expect(grown.perSecond / start.perSecond).toBeCloseTo(2, 0);
  const halved = nextPace(grown, full, grown.at + 250);
  expect(halved.perSecond).toBe(grown.perSecond / 2);
  expect(after(halved, full, 1_750).perSecond).toBe(halved.perSecond);
  expect(after(halved, full, 2_000).perSecond).toBe(halved.perSecond / 2);
});

test("a queue that is neither short nor long leaves the pace as it is [FLS-09]", () => {
  const start = startPace(startMs);
  expect(after(start, { ...calm, depth: 600 }, 5_000).perSecond).toBe(start.perSecond);
});

test("the pace has a floor, so that nobody waits for ever, and a ceiling [FLS-09]", () => {
  const start = startPace(startMs);
  const slowest = after(start, full, 60_000);
  expect(slowest.perSecond).toBe(20);
  expect(slowest.allowance).toBeGreaterThanOrEqual(1);
  expect(after(start, calm, 600_000).perSecond).toBe(20_000);
});

test("while nobody waits the pace comes back to what was safe, and grows no further", () => {
  const idle = { ...calm, waiting: false };
  const slowest = after(startPace(startMs), full, 60_000);
  const rested = after(slowest, idle, 60_000);
  expect(rested.perSecond).toBeGreaterThanOrEqual(350);
  expect(rested.perSecond).toBeLessThan(500);
  expect(after(rested, idle, 60_000).perSecond).toBe(rested.perSecond);
});

test("half a second of the pace is saved up, and what is spent is gone [FLS-09]", () => {
  const rested = after(startPace(startMs), { ...calm, waiting: false }, 60_000);
  expect(rested).toMatchObject({ perSecond: 500, allowance: 250 });
  const used = spent(rested, 240);
  expect(used.allowance).toBe(10);
  expect(nextPace(used, { ...calm, waiting: false }, used.at + 100).allowance).toBe(60);
  expect(spent(used, 50).allowance).toBe(0);
});

/** A process that takes in so many orders a second, and people who order when they are ready. */
function simulate(given: {
  readonly random: SeededRandom;
  readonly seconds: number;
  readonly capacityAt: (second: number) => number;
  /** Seconds until the slowest has ordered, and how many of a hundred order at all. */
  readonly lagMax: number;
  readonly buyers: number;
}) {
  const { random, seconds, capacityAt, lagMax, buyers } = given;
  const steps = seconds * 4;
  const arrivals = Array.from({ length: steps + 4 * (lagMax + 2) }, () => 0);
  const perSecond = Array.from({ length: seconds }, () => ({ admitted: 0, done: 0, refused: 0 }));
  let pace = startPace(startMs);
  let depth = 0;
  for (let step = 0; step < steps; step += 1) {
    const second = Math.floor(step / 4);
    const figures = required(perSecond[second], "the second");
    pace = nextPace(pace, { depth, depthMax: 4096, waiting: true }, startMs + step * 250);
    const admitted = Math.floor(pace.allowance);
    pace = spent(pace, admitted);
    figures.admitted += admitted;
    for (let group = 0; group < 10; group += 1) {
      const at = step + 1 + random.below(lagMax * 4 + 1);
      arrivals[at] = (arrivals[at] ?? 0) + (admitted * buyers) / 1000;
    }
    const come = arrivals[step] ?? 0;
    const done = Math.min(depth + come, capacityAt(second) / 4);
    const left = depth + come - done;
    // Who finds the queue full comes back a second later, as Retry-After says.
    const refused = Math.max(0, left - 4096);
    arrivals[step + 4] = (arrivals[step + 4] ?? 0) + refused;
    depth = left - refused;
    figures.done += done;
    figures.refused += refused;
  }
  const sum = (name: "admitted" | "done" | "refused", from: number, to: number) =>
    perSecond.slice(from, to).reduce((total, each) => total + each[name], 0);
  return { perSecond, sum };
}

test("the pace finds what a machine holds, whatever it is, and stays there [FLS-09]", () =>
  withSeed((random) => {
    for (let run = 0; run < 60; run += 1) {
      const capacity = 100 + random.below(9_900);
      const lagMax = random.below(6);
      const buyers = 50 + random.below(51);
      const { sum, perSecond } = simulate({
        random,
        seconds: 360,
        capacityAt: () => capacity,
        lagMax,
        buyers,
      });
      const what = `${capacity} a second, ${lagMax} s, ${buyers} %`;
      const used = sum("done", 120, 360) / (240 * capacity);
      expect(used, what).toBeGreaterThan(0.6);
      expect(sum("refused", 120, 360) / sum("done", 120, 360), what).toBeLessThan(0.1);
      expect(Math.min(...perSecond.map(({ admitted }) => admitted)), what).toBeGreaterThan(0);
    }
  }));

test("the pace follows a machine that weakens, and recovers with it [FLS-09]", () =>
  withSeed((random) => {
    for (let run = 0; run < 20; run += 1) {
      const strong = 2_000 + random.below(6_000);
      const capacityAt = (second: number) => (second >= 150 && second < 210 ? strong / 10 : strong);
      const { sum } = simulate({ random, seconds: 420, capacityAt, lagMax: 2, buyers: 80 });
      const what = `${strong} a second`;
      // Half a minute after the change it is admitted what a tenth of the machine can hold.
      expect(sum("admitted", 180, 210) / 30, what).toBeLessThan((strong / 10 / 0.8) * 1.3);
      expect(sum("done", 300, 420) / 120, what).toBeGreaterThan(strong * 0.6);
    }
  }));
