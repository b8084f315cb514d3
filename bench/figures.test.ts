import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Round, Way } from "./figures.ts";
import { byWay, figuresOf, median, quantileBetween, readBuckets, slopeOf } from "./figures.ts";
import type { Options } from "./options.ts";
import { parts, readOptions } from "./options.ts";
import { ofPeaks } from "./overload.ts";
import type { Report } from "./report.ts";
import { keepReport } from "./results.ts";
import type { Measured } from "./run.ts";

const unknown = {
  batch: undefined,
  nodeUs: undefined,
  postgresUs: undefined,
  generatorUs: undefined,
  walBytes: undefined,
};

function roundOf(perSecond: number): Round {
  return { perSecond, p50Ms: 1, p99Ms: 2, ...unknown };
}

const rates: Readonly<Record<Way, number>> = {
  naive: 200,
  tuned: 500,
  platform: 3_000,
  sale: 2_700,
  edge: 10_000,
  echo: 20_000,
};

test("ratios are taken within a turn, so a turn on a slow machine does not bend them", async () => {
  const turn = (slowness: number, platform: number) =>
    byWay((way) => {
      const perSecond = (way === "platform" ? platform : rates[way]) / slowness;
      return { ...roundOf(perSecond), p50Ms: slowness, p99Ms: 10 * slowness };
    });
  const turns = [await turn(1, 1_600), await turn(10, 1_800), await turn(2, 2_000)];
  expect(figuresOf(turns, "platform")).toEqual({
    perSecond: 1_000,
    p50Ms: 2,
    p99Ms: 20,
    ...unknown,
    toNaive: 9,
    toTuned: 3.6,
    toPlatform: 1,
    toEdge: 0.18,
    toEcho: 0.09,
  });
  expect(figuresOf(turns, "tuned").toNaive).toBe(2.5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("the slope of memory is that of the line through all points", () => {
  expect(slopeOf([1, 2, 3].map((x) => ({ x, y: 100 + 7 * x })))).toBeCloseTo(7);
  expect(slopeOf([{ x: 1, y: 5 }])).toBe(0);
});

function reportOf(measured: Measured, mode: Options["mode"]): Report {
  const connections = [64, 256];
  return {
    at: "2027-01-02T03:04:05.000Z",
    minutes: 11.25,
    generator: "wrk",
    options: { seconds: 1, rounds: 1, connections, notices: 10, orders: 10, mode },
    machine: {
      cores: 2,
      processor: "p",
      memoryGb: 8,
      system: "s",
      node: "24",
      nodeOptions: "--max-semi-space-size=64",
      loadBefore: 0,
    },
    durability: { fsync: "on" },
    postgres: "18",
    measured,
  };
}
async function partsOf(platform: number): Promise<Measured> {
  const turn = await byWay((way) => ({
    ...roundOf(way === "platform" ? platform : rates[way]),
    walBytes: 1_234,
  }));
  const notices = { ...roundOf(4_000), ordersPaidPerSecond: 3_500 };
  return {
    kind: "parts",
    cells: [
      {
        goods: "many",
        skus: 1_000,
        connections: 64,
        poolMax: { naive: 32, tuned: 8 },
        figures: await byWay((way) => figuresOf([turn], way)),
        turns: [turn],
      },
    ],
    ordersProven: 3_700,
    notices: [{ connections: 64, notices: 10, figures: notices, rounds: [notices] }],
    closing: [
      {
        orders: 100_000,
        perSecond: 12_345,
        batches: 200,
        ordersPerBatch: 500,
        p50Ms: 40,
        p99Ms: 80,
        nodeUs: undefined,
        postgresUs: undefined,
        walBytes: 1_800,
      },
    ],
  };
}

test("every run is kept as a line, and the page shows the last whole run of each kind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tongbao-results-"));
  const whole = { kind: "parts", parts } as const;
  keepReport(folder, reportOf(await partsOf(3_000), whole));
  const peaks = [{ processes: 1, perSecond: 9_000, p50Ms: 1, p99Ms: 2 }] as const;
  const twice = {
    processes: 1,
    factor: 2,
    offeredPerSecond: 18_000,
    acceptedPerSecond: 8_100,
    p50Ms: 300,
    p99Ms: 500,
    shed: 29_000,
  };
  const [peak] = peaks;
  // The machine got faster meanwhile.
  const around = [8_000, 10_000].map((perSecond) => ({ ...peak, perSecond }));
  const figures = [ofPeaks(twice, around)];
  const overload = { kind: "overload", peaks, figures, rounds: figures, ordersProven: 5 } as const;
  keepReport(folder, reportOf(overload, { kind: "overload" }));
  keepReport(folder, reportOf(await partsOf(1), { kind: "parts", parts: ["many"] }));
  const page = readFileSync(join(folder, "README.md"), "utf8").split("\n");
  const kept = readFileSync(join(folder, "parts.jsonl"), "utf8").trim().split("\n");
  rmSync(folder, { recursive: true });
  expect(kept).toHaveLength(2);
  const rows = [
    "| 1,000 | 64 | 200 | 500 | 3,000 | 2,700 | 10,000 | 20,000 | 15.0 | 6.0 | 0.30 | 0.15 | 0.90 |",
    "| 1,000 | 64 | naive | 200 | 1.0 | 2.0 | 1.00 | 0.40 | 0.02 | 0.01 |  |  |  |  | 1,234 |",
    "| 64 | 4,000 | 1.0 | 2.0 |  |  |  |  |  | 3,500 |",
    "| 100,000 | 12,345 | 40.0 | 80.0 | 500 |  |  | 1,800 |",
    "| 1 | 2 times | 18,000 | 8,100 | 90 % | 300.0 | 500.0 | 29,000 |",
    "- naive over 1000 SKUs: 32 connections",
    "- Node 24 --max-semi-space-size=64, PostgreSQL 18: fsync on",
  ];
  for (const row of rows) expect(page).toContain(row);
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
  expect(quantileBetween(look([50, 50, 50, 50]), look([50, 50, 60, 60]), 0.5)).toBe(3);
  expect(quantileBetween(look([0, 0, 0, 0]), look([0, 0, 0, 5]), 0.5)).toBe(4);
  expect(quantileBetween(look([5, 5, 5, 5]), look([5, 5, 5, 5]), 0.5)).toBeUndefined();
});

test.each([
  [["--seconds", "0"], "--seconds must be a whole number from 1 to 600"],
  [["--rounds", "many"], "--rounds must be a whole number from 1 to 100"],
  [["--notices", "-1"], "--notices"],
  [["--orders", "9999999"], "--orders must be a whole number from 1 to 1000000"],
  [["--connections", "64,"], "--connections must be whole numbers"],
  [["--only", "hot,cold"], "--only must be some of hot, many, notices, closing"],
  [["--soak", "0"], "--soak must be a whole number of minutes from 1 to 1440"],
  [["--soak", "1", "--overload"], "exclude each other"],
  [["--fast"], "--fast"],
])("refuses %j and says what is allowed", (args, message) => {
  const read = readOptions(args);
  expect(read.kind === "wrong" ? read.message : read.kind).toContain(message);
});

test("without options everything is measured", () => {
  expect(readOptions([])).toEqual({
    kind: "options",
    options: {
      mode: { kind: "parts", parts: ["hot", "many", "notices", "closing"] },
      seconds: 3,
      rounds: 3,
      connections: [64, 128, 256],
      notices: 6_000,
      orders: 100_000,
    },
  });
  expect(readOptions(["--only", "closing,hot", "--connections", "8"])).toMatchObject({
    options: { connections: [8], mode: { parts: ["hot", "closing"] } },
  });
  expect(readOptions(["--soak", "10"])).toMatchObject({
    options: { mode: { kind: "soak", minutes: 10 } },
  });
});
