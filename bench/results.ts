/** The figures of runs on disk: a line of JSON for each, and a page that shows the last ones. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isWhole } from "./options.ts";
import type { Report } from "./report.ts";
import { pageOf } from "./report.ts";
import type { Measured } from "./run.ts";

type Kind = Measured["kind"];

/** Appends the run and, when it was a whole one, writes the page anew. */
export function keepReport(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  const { kind } = report.measured;
  appendFileSync(pathOf(folder, kind), `${JSON.stringify(report)}\n`);
  if (!isWhole(report.options)) return;
  const found = (["parts", "overload", "soak"] as const).flatMap(
    (each) => lastWhole(folder, each) ?? [],
  );
  writeFileSync(join(folder, "README.md"), pageOf(found));
}

function lastWhole(folder: string, kind: Kind): Report | undefined {
  const path = pathOf(folder, kind);
  if (!existsSync(path)) return undefined;
  const lines = readFileSync(path, "utf8").split("\n");
  const reports = lines.filter((line) => line !== "").map((line): Report => JSON.parse(line));
  return reports.findLast(({ options }) => isWhole(options));
}

function pathOf(folder: string, kind: Kind): string {
  return join(folder, `${kind}.jsonl`);
}
