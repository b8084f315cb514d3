/**
 * `npm test`: everything that the project checks, closing with `N passed, N failed`, where each
 * static check counts as one. `npm test -- <filter>` runs the tests of matching files alone.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { EmbeddedPostgresError } from "../server/kernel/embedded-postgres.ts";
import { exitWithParent } from "../server/kernel/parent.ts";
import { onStopSignals } from "./start/signals.ts";
import { createTerminal } from "./terminal.ts";
import { startTestPostgres } from "./test/postgres.ts";
import type { TestPostgres } from "./test/postgres.ts";
import { countRandomSteps, countVitest } from "./test/vitest-report.ts";
import type { Counts } from "./test/vitest-report.ts";

interface Check {
  readonly name: string;
  /** Arguments of node. */
  readonly args: readonly string[];
}

const root = resolve(import.meta.dirname, "..");

/** The quick ones first: what they find, the later ones would only say at greater length. */
const checks: readonly Check[] = [
  { name: "tidy", args: ["tools/tidy.ts"] },
  { name: "types", args: [inPackage("typescript/bin/tsc"), "-p", "."] },
  { name: "lint", args: [inPackage("oxlint/bin/oxlint")] },
  { name: "format", args: [inPackage("oxfmt/bin/oxfmt"), "--check"] },
  { name: "generated files", args: ["tools/generate.ts", "--check"] },
  { name: "unused code", args: [inPackage("knip/bin/knip.js")] },
];

const terminal = createTerminal();
let running: ChildProcess | undefined;
let stopping = false;

function stop(): void {
  stopping = true;
  running?.kill("SIGTERM");
}
onStopSignals(stop);
exitWithParent(stop);

process.exitCode = await main(process.argv.slice(2));

async function main(filter: readonly string[]): Promise<number> {
  const counts = filter.length === 0 ? [await runChecks()] : [];
  if (!stopping) counts.push(await runTests(filter));
  if (stopping) {
    terminal.say("stopped");
    return 1;
  }
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

async function runChecks(): Promise<Counts> {
  const failed: string[] = [];
  for (const { name, args } of checks) {
    if (stopping) break;
    const startedAt = performance.now();
    const { code, output } = await terminal.step(name, () => runQuietly(args));
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    if (code === 0) {
      terminal.say(`ok      ${name} (${seconds} s)`);
    } else {
      failed.push(name);
      terminal.say(`FAILED  ${name} (${seconds} s)\n${output.trimEnd()}\n`);
    }
  }
  return { passed: checks.length - failed.length, failed: failed.length };
}

async function runTests(filter: readonly string[]): Promise<Counts> {
  const reports = mkdtempSync(join(tmpdir(), "tongbao-report-"));
  let postgres: TestPostgres | undefined;
  try {
    const given = process.env["TEST_DATABASE_URL"];
    if (given === undefined || given === "") {
      postgres = await terminal.step("Starting PostgreSQL", () => startTestPostgres(terminal.say));
    }
    if (stopping) return { passed: 0, failed: 0 };
    const report = join(reports, "vitest.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const code = await runVisibly(
      [inPackage("vitest/vitest.mjs"), "run", ...reporters, ...filter],
      {
        TEST_DATABASE_URL: postgres?.url ?? given ?? "",
      },
    );
    const steps = countRandomSteps(report);
    if (steps > 0) terminal.say(`${steps.toLocaleString("en")} random steps of state machines`);
    return countVitest(report, code);
  } catch (error) {
    if (!(error instanceof EmbeddedPostgresError)) throw error;
    terminal.say(error.message);
    return { passed: 0, failed: 1 };
  } finally {
    await postgres?.remove();
    rmSync(reports, { recursive: true, force: true });
  }
}

function inPackage(path: string): string {
  return join(root, "node_modules", path);
}

async function runQuietly(args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  return { code: await exitCodeOf(child), output };
}

function runVisibly(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const env = { ...process.env, ...environment };
  return exitCodeOf(spawn(process.execPath, args, { cwd: root, env, stdio: "inherit" }));
}

function exitCodeOf(child: ChildProcess): Promise<number> {
  running = child;
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => {
      running = undefined;
      done(code ?? 1);
    });
  });
}
