/** The figures for people. */
import type { Result } from "./bench.ts";
import type { Cell, Figures, Way } from "./figures.ts";
import { opponents, ways } from "./figures.ts";
import type { Generator } from "./load/load.ts";
import type { Machine } from "./machine.ts";
import type { Options } from "./options.ts";

export interface Report extends Result {
  readonly at: string;
  readonly generator: Generator;
  readonly options: Options;
  readonly machine: Machine;
}

const heading = [
  "SKUs",
  "connections",
  "way",
  "orders/s",
  "p50 ms",
  "p99 ms",
  "to naive",
  "to tuned",
  "to echo",
  "batch",
  "Node us",
  "PostgreSQL us",
];

/** The README shows these. */
const summaryHeading = [
  "SKUs",
  "connections",
  "naive",
  "tuned",
  "platform",
  "to naive",
  "to tuned",
  "bare HTTP",
];

export function terminalTableOf(report: Report): string {
  const rows = [heading, ...rowsOf(report.cells)];
  const widths = heading.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row.map((text, column) => text.padStart(widths[column] ?? 0)).join("  "),
  );
  return [...lines, "", ...wordsOf(report)].join("\n");
}

export function markdownOf(report: Report): string {
  const { cells } = report;
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [
    "# What the bench measured",
    "",
    "Written by `npm run bench`. The same order is placed in four ways, one right after the other:",
    "",
    "- _naive_ is one transaction per request as it is usually written (`bench/naive`): each statement",
    "  is awaited, the stock is locked and looked at, then everything is written.",
    "- _tuned_ is one transaction per request as well as it can be written (`bench/naive`): pipelined,",
    "  two round trips, the lock of the stock taken last and guarded by a constraint.",
    "- _platform_ is `POST /v1/orders` of the platform with everything that belongs to it.",
    "- _echo_ is what Fastify alone does with the same request.",
    "",
    "Figures are medians over rounds; ratios are medians of the ratios within one turn. First orders a",
    "second and how many times those of _naive_ and _tuned_ the platform takes, then everything. Batch:",
    "orders that shared a transaction. us: processor time an order.",
    "",
    line(summaryHeading),
    line(summaryHeading.map(() => "---:")),
    ...cells.map(summaryOf).map(line),
    "",
    line(heading),
    line(heading.map(() => "---:")),
    ...rowsOf(cells).map(line),
    "",
    ...wordsOf(report).map((words) => `- ${words}`),
    "",
  ].join("\n");
}

function summaryOf({ skus, connections, figures }: Cell): string[] {
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  const { naive, tuned, platform, echo } = figures;
  return [
    whole(skus),
    whole(connections),
    whole(naive.ordersPerSecond),
    whole(tuned.ordersPerSecond),
    whole(platform.ordersPerSecond),
    platform.toNaive.toFixed(1),
    platform.toTuned.toFixed(1),
    whole(echo.ordersPerSecond),
  ];
}

function rowsOf(cells: readonly Cell[]): string[][] {
  return cells.flatMap((cell) => ways.map((way) => rowOf(cell, way, cell.figures[way])));
}

function rowOf(cell: Cell, way: Way, figures: Figures): string[] {
  const { ordersPerSecond, p50Ms, p99Ms, toNaive, toTuned, toEcho, batch, nodeUs, postgresUs } =
    figures;
  const whole = (value: number | undefined) => (value === undefined ? "" : value.toFixed(0));
  return [
    String(cell.skus),
    String(cell.connections),
    way,
    ordersPerSecond.toFixed(0),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    toNaive.toFixed(2),
    toTuned.toFixed(2),
    toEcho.toFixed(2),
    way === "naive" || way === "tuned" ? "1" : whole(batch),
    whole(nodeUs),
    whole(postgresUs),
  ];
}

function wordsOf(report: Report): string[] {
  const { machine, options, durability, cells } = report;
  const { cores, processor, memoryGb, system, node } = machine;
  const pools = new Map(cells.map(({ skus, poolMax }) => [skus, poolMax]));
  const shownPools = [...pools].flatMap(([skus, poolMax]) =>
    opponents.map((way) => `${way} over ${skus} SKUs: ${poolMax[way]} connections`),
  );
  const durable = Object.entries(durability).map(([name, value]) => `${name} ${value}`);
  return [
    `${report.at.slice(0, 10)}; ${cores} cores of ${processor}, ${memoryGb} GB, ${system}`,
    `Node ${node}, PostgreSQL ${report.postgres}: ${durable.join(", ")}`,
    `programs that wanted a core in the minute before: ${machine.loadBefore.toFixed(1)}`,
    `load by ${report.generator} on the same machine; ${options.rounds} rounds of ${options.seconds} s`,
    ...shownPools,
    `${report.ordersProven} orders were acknowledged and all of them found again; the ledger is sound`,
  ];
}
