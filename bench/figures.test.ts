import { expect, test } from "vitest";
import type { Turn } from "./figures.ts";
import { figuresOf, median, medianBetween, readBuckets } from "./figures.ts";
import { readOptions } from "./options.ts";
import { markdownOf } from "./report.ts";

test("ratios are taken within a turn, so a turn on a slow machine does not bend them", () => {
  const turn = (slowness: number, platform: number): Turn => {
    const round = (ordersPerSecond: number) => ({
      ordersPerSecond: ordersPerSecond / slowness,
      p50Ms: slowness,
      p99Ms: 10 * slowness,
    });
    return {
      naive: round(100),
      tuned: round(200),
      platform: round(platform),
      echo: round(2_000),
    };
  };
  const { platform, naive, tuned } = figuresOf([turn(1, 800), turn(10, 900), turn(2, 1_000)]);
  expect(platform).toEqual({
    ordersPerSecond: 500,
    p50Ms: 2,
    p99Ms: 20,
    toNaive: 9,
    toTuned: 4.5,
    toEcho: 0.45,
  });
  expect([naive.toNaive, naive.toTuned]).toEqual([1, 0.5]);
  expect([tuned.toNaive, tuned.toTuned]).toEqual([2, 1]);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("the page of results sums a cell up in a row as the README has it, then shows each way", () => {
  const round = (ordersPerSecond: number) => ({ ordersPerSecond, p50Ms: 1, p99Ms: 2 });
  const turn = {
    naive: round(200),
    tuned: round(500),
    platform: round(3_000),
    echo: round(20_000),
  };
  const page = markdownOf({
    at: "2027-01-02T03:04:05.000Z",
    generator: "wrk",
    options: { seconds: 1, rounds: 1, connections: [64], goods: ["many"] },
    machine: { cores: 2, processor: "p", memoryGb: 8, system: "s", node: "24", loadBefore: 0 },
    durability: { fsync: "on" },
    postgres: "18",
    cells: [
      {
        goods: "many",
        skus: 1_000,
        connections: 64,
        poolMax: { naive: 32, tuned: 8 },
        figures: figuresOf([turn]),
        turns: [turn],
      },
    ],
    ordersProven: 3_700,
  });
  const rows = [
    "| 1,000 | 64 | 200 | 500 | 3,000 | 15.0 | 6.0 | 20,000 |",
    "| 1000 | 64 | naive | 200 | 1.0 | 2.0 | 1.00 | 0.40 | 0.01 | 1 |  |  |",
    "| 1000 | 64 | platform | 3000 | 1.0 | 2.0 | 15.00 | 6.00 | 0.15 |  |  |  |",
    "- naive over 1000 SKUs: 32 connections",
    "- tuned over 1000 SKUs: 8 connections",
  ];
  for (const row of rows) expect(page.split("\n")).toContain(row);
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
