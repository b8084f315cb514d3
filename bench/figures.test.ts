import { expect, test } from "vitest";
import type { Turn } from "./figures.ts";
import { figuresOf, median, medianBetween, readBuckets } from "./figures.ts";
import { readOptions } from "./options.ts";

test("ratios are taken within a turn, so a turn on a slow machine does not bend them", () => {
  const turn = (slowness: number, platform: number): Turn => {
    const round = (ordersPerSecond: number) => ({
      ordersPerSecond: ordersPerSecond / slowness,
      p50Ms: slowness,
      p99Ms: 10 * slowness,
    });
    return { naive: round(100), platform: round(platform), echo: round(2_000) };
  };
  const { platform, naive } = figuresOf([turn(1, 800), turn(10, 900), turn(2, 1_000)]);
  expect(platform).toEqual({
    ordersPerSecond: 500,
    p50Ms: 2,
    p99Ms: 20,
    toNaive: 9,
    toEcho: 0.45,
  });
  expect(naive.toNaive).toBe(1);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("the median batch is that of the batches between two looks at the metrics", () => {
  const text = (counts: readonly number[]) =>
    ["1", "2", "4", "+Inf"]
      .map((le, at) => `size_bucket{le="${le}",operation="place"} ${counts[at]}`)
      .concat('size_bucket{le="1",operation="other"} 77', 'size_sum{operation="place"} 9')
      .join("\n");
  const look = (counts: readonly number[]) =>
    readBuckets(text(counts), { name: "size", label: 'operation="place"' });
  expect(look([1, 2, 3, 4]).map(({ count }) => count)).toEqual([1, 2, 3, 4]);
  // Ten batches of 3 or 4 came between.
  expect(medianBetween(look([50, 50, 50, 50]), look([50, 50, 60, 60]))).toBe(3);
  expect(medianBetween(look([0, 0, 0, 0]), look([0, 0, 0, 5]))).toBe(4);
  expect(medianBetween(look([5, 5, 5, 5]), look([5, 5, 5, 5]))).toBeUndefined();
});

test.each([
  [["--seconds", "0"], "--seconds must be a whole number from 1 to 600"],
  [["--rounds", "many"], "--rounds must be a whole number from 1 to 100"],
  [["--connections", "64,"], "--connections must be whole numbers"],
  [["--only", "cold"], "--only must be hot or many"],
  [["--fast"], "--fast"],
])("refuses %j and says what is allowed", (args, message) => {
  const read = readOptions(args);
  expect(read.kind === "wrong" ? read.message : read.kind).toContain(message);
});

test("without options everything is measured", () => {
  expect(readOptions([])).toEqual({
    kind: "options",
    options: { seconds: 5, rounds: 3, connections: [64, 256], goods: ["hot", "many"] },
  });
  expect(readOptions(["--only", "hot", "--connections", "8"])).toMatchObject({
    options: { connections: [8], goods: ["hot"] },
  });
});
