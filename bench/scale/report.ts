/** What a run with many orders has shown, for people. */
import type { Machine } from "../machine.ts";
import type { ScaleResult } from "./run.ts";

export interface ScaleReport extends ScaleResult {
  readonly at: string;
  readonly machine: Machine;
}

/** What is asked of the platform. */
const answerMsMax = 20;
const fullToEmptyMin = 0.85;

const heading = ["question", "requests", "p50 ms", "p99 ms", ""];

export function wordsOf(report: ScaleReport): string {
  const rows = [heading, ...rowsOf(report)];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  return [
    ...factsOf(report),
    "",
    ...rows.map(([name = "", ...figures]) =>
      [name.padEnd(width), ...figures.map((text) => text.padStart(9))].join(" ").trimEnd(),
    ),
  ].join("\n");
}

export function markdownOf(report: ScaleReport): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  return [
    "# A year of orders",
    "",
    "Written by `npm run bench -- --scale`. The plans of the slowest requests are in `scale.json`.",
    "Prepared by SQL: orders, refunds, history, transfers, accounts, events, kept answers; payments'",
    "own tables (attempts, notices, trade log) are not.",
    "",
    ...factsOf(report).map((fact) => `- ${fact}`),
    "",
    line(heading),
    line(["---", "---:", "---:", "---:", "---"]),
    ...rowsOf(report).map(line),
    "",
  ].join("\n");
}

function factsOf({ at, machine, orders, filled, throughput }: ScaleReport): string[] {
  const { emptyPerSecond, fullPerSecond, fullToEmpty, turns } = throughput;
  const rows = Object.values(filled.rows).reduce((sum, count) => sum + count, 0);
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  return [
    `${at.slice(0, 10)}; ${machine.cores} cores of ${machine.processor}, ${machine.memoryGb} GB`,
    `programs that wanted a core in the minute before: ${machine.loadBefore.toFixed(1)}`,
    `${whole(orders)} orders, ${whole(rows)} rows, ${(filled.bytes / 1e9).toFixed(1)} GB, ` +
      `prepared in ${filled.seconds} s`,
    `new orders: ${whole(emptyPerSecond)} a second empty, ${whole(fullPerSecond)} full, ` +
      `${(100 * fullToEmpty).toFixed(0)} % (median of ${turns.length} turns)` +
      (fullToEmpty < fullToEmptyMin ? ": TOO SLOW" : ""),
  ];
}

function rowsOf({ answered }: ScaleReport): string[][] {
  return answered.map(({ name, requests, p50Ms, p99Ms }) => [
    name,
    String(requests),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    p99Ms > answerMsMax ? "TOO SLOW" : "",
  ]);
}
