/** The figures for people. */
import type { Result } from "./bench.ts";
import type { Cell, Figures, Way } from "./figures.ts";
import { ways } from "./figures.ts";
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
  "to echo",
  "batch",
  "Node us",
  "PostgreSQL us",
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
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    "# What the bench measured",
    "",
    "Written by `npm run bench`. The same order is placed in three ways, one right after the other:",
    "_naive_ is one transaction per request (`bench/naive`), _platform_ is `POST /v1/orders` of the",
    "platform with everything that belongs to it, _echo_ is what Fastify alone does with the same",
    "request. Figures are medians over rounds; ratios are medians of the ratios within one turn.",
    "Batch: orders that shared a transaction. us: processor time an order.",
    "",
    line(heading),
    line(heading.map(() => "---:")),
    ...rowsOf(report.cells).map(line),
    "",
    ...wordsOf(report).map((words) => `- ${words}`),
    "",
  ].join("\n");
}

function rowsOf(cells: readonly Cell[]): string[][] {
  return cells.flatMap((cell) => ways.map((way) => rowOf(cell, way, cell.figures[way])));
}

function rowOf(cell: Cell, way: Way, figures: Figures): string[] {
  const { ordersPerSecond, p50Ms, p99Ms, toNaive, toEcho, batch, nodeUs, postgresUs } = figures;
  const whole = (value: number | undefined) => (value === undefined ? "" : value.toFixed(0));
  return [
    String(cell.skus),
    String(cell.connections),
    way,
    ordersPerSecond.toFixed(0),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    toNaive.toFixed(2),
    toEcho.toFixed(2),
    way === "naive" ? "1" : whole(batch),
    whole(nodeUs),
    whole(postgresUs),
  ];
}

function wordsOf(report: Report): string[] {
  const { machine, options, durability, cells } = report;
  const { cores, processor, memoryGb, system, node } = machine;
  const pools = new Map(cells.map(({ skus, poolMax }) => [skus, poolMax]));
  const durable = Object.entries(durability).map(([name, value]) => `${name} ${value}`);
  return [
    `${report.at.slice(0, 10)}; ${cores} cores of ${processor}, ${memoryGb} GB, ${system}`,
    `Node ${node}, PostgreSQL ${report.postgres}: ${durable.join(", ")}`,
    `programs that wanted a core in the minute before: ${machine.loadBefore.toFixed(1)}`,
    `load by ${report.generator} on the same machine; ${options.rounds} rounds of ${options.seconds} s`,
    ...[...pools].map(([skus, poolMax]) => `naive over ${skus} SKUs: ${poolMax} connections`),
    `${report.ordersProven} orders were acknowledged and all of them found again; the ledger is sound`,
  ];
}
