import { expect, test } from "vitest";
import { createThroughput } from "./throughput.ts";

function throughputAfter(
  batches: readonly (readonly [commands: number, ms: number])[],
  committers = 1,
) {
  const throughput = createThroughput(committers);
  for (const [commands, ms] of batches) throughput.worked(commands, ms);
  return throughput;
}

const times = (count: number, batch: readonly [number, number]) =>
  Array.from({ length: count }, () => batch);

test("a queue is as long as large batches have taken, with each committer doing its part", () => {
  expect(throughputAfter([]).waitMs(4_000)).toBe(0);
  expect(throughputAfter(times(3, [100, 20])).waitMs(1_000)).toBeCloseTo(200);
  expect(throughputAfter(times(3, [100, 20]), 2).waitMs(1_000)).toBeCloseTo(100);
});

test("a small batch does not say that a large one would be slow", () => {
  expect(throughputAfter(times(50, [1, 10])).waitMs(1_000)).toBe(0);
  expect(
    throughputAfter([...times(3, [100, 20]), ...times(50, [1, 10])]).waitMs(1_000),
  ).toBeCloseTo(200);
});

test("one slow batch is an accident, several are a new throughput", () => {
  const usual = times(10, [100, 20]);
  expect(throughputAfter([...usual, [100, 200]]).waitMs(1_000)).toBeLessThan(700);
  expect(throughputAfter([...usual, ...times(10, [100, 200])]).waitMs(1_000)).toBeGreaterThan(
    1_700,
  );
});

test("after a standstill batches of any size bring the throughput back", () => {
  const standstill = times(5, [100, 30_000]);
  expect(throughputAfter(standstill).waitMs(10)).toBeGreaterThan(700);
  expect(throughputAfter([...standstill, ...times(15, [2, 2])]).waitMs(500)).toBeLessThan(700);
});
