import { expect, test } from "vitest";
import { createPace } from "./pace.ts";

function paceAfter(batches: readonly (readonly [commands: number, ms: number])[], committers = 1) {
  const pace = createPace(committers);
  for (const [commands, ms] of batches) pace.worked(commands, ms);
  return pace;
}

const times = (count: number, batch: readonly [number, number]) =>
  Array.from({ length: count }, () => batch);

test("a queue is as long as large batches have taken, with each committer doing its part", () => {
  expect(paceAfter([]).waitMs(4_000)).toBe(0);
  expect(paceAfter(times(3, [100, 20])).waitMs(1_000)).toBeCloseTo(200);
  expect(paceAfter(times(3, [100, 20]), 2).waitMs(1_000)).toBeCloseTo(100);
});

test("a small batch does not say that a large one would be slow", () => {
  expect(paceAfter(times(50, [1, 10])).waitMs(1_000)).toBe(0);
  expect(paceAfter([...times(3, [100, 20]), ...times(50, [1, 10])]).waitMs(1_000)).toBeCloseTo(200);
});

test("one slow batch is an accident, several are a new pace", () => {
  const usual = times(10, [100, 20]);
  expect(paceAfter([...usual, [100, 200]]).waitMs(1_000)).toBeLessThan(700);
  expect(paceAfter([...usual, ...times(10, [100, 200])]).waitMs(1_000)).toBeGreaterThan(1_700);
});

test("after a standstill batches of any size bring the pace back", () => {
  const standstill = times(5, [100, 30_000]);
  expect(paceAfter(standstill).waitMs(10)).toBeGreaterThan(700);
  expect(paceAfter([...standstill, ...times(15, [2, 2])]).waitMs(500)).toBeLessThan(700);
});
