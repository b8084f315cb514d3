/**
 * `npm run bench`: two ways of one transaction per request, the platform and the bare HTTP limit
 * side by side, on a PostgreSQL and a shop of their own that are gone afterwards.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from "../server/kernel/embedded-postgres.ts";
import type { EmbeddedPostgres } from "../server/kernel/embedded-postgres.ts";
import { exitWithParent } from "../server/kernel/parent.ts";
import { BenchError, runBench } from "./bench.ts";
import { findGenerator } from "./load/load.ts";
import { describeMachine } from "./machine.ts";
import type { Options } from "./options.ts";
import { readOptions, usage } from "./options.ts";
import { markdownOf, terminalTableOf } from "./report.ts";
import type { Report } from "./report.ts";
import { runScaleProgram } from "./scale/main.ts";

/** sysexits.h */
const wrongUseExit = 64;
const loadBeforeMax = 0.5;

const args = process.argv.slice(2);
const read = readOptions(args);
if (args.includes("--scale")) {
  process.exitCode = await runScaleProgram(args);
} else if (read.kind === "help") {
  process.stdout.write(`${usage}\n`);
} else if (read.kind === "wrong") {
  process.stderr.write(`${read.message}. See npm run bench -- --help\n`);
  process.exitCode = wrongUseExit;
} else {
  process.exitCode = await main(read.options);
}

async function main(options: Options): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), "tongbao-bench-"));
  // As root PostgreSQL runs as another user, who has to get in.
  chmodSync(home, 0o755);
  let postgres: EmbeddedPostgres | undefined;
  let stopped = false;
  // Without its database the round under way fails at once, and everything comes down in order.
  const stop = async () => {
    stopped = true;
    await postgres?.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
  exitWithParent(() => void stop());
  let keptForALook = false;
  const machine = describeMachine();
  if (machine.loadBefore > loadBeforeMax) {
    say(`others use this machine (load ${machine.loadBefore.toFixed(1)}): compare ratios only`);
  }
  try {
    postgres = await startEmbeddedPostgres({ home, log: say });
    const result = await runBench({
      options,
      generator: findGenerator(),
      home,
      databaseUrl: postgres.url,
      postgresPid: postgres.pid,
      manySkus: 1_000,
      poolSizes: [4, 8, 16, 32],
      warmupSeconds: 2,
      say,
    });
    const at = new Date().toISOString();
    finish({ at, generator: findGenerator(), options, machine, ...result });
    return 0;
  } catch (error) {
    if (stopped) say("stopped");
    else if (error instanceof EmbeddedPostgresError) say(error.message);
    else if (error instanceof BenchError) say(`FAILED: ${error.message}`);
    else throw error;
    keptForALook = error instanceof BenchError && !stopped;
    return 1;
  } finally {
    await stop();
    if (!keptForALook) rmSync(home, { recursive: true, force: true });
  }
}

/** A run of a part of it is shown and not kept. */
function finish(report: Report): void {
  process.stdout.write(`\n${terminalTableOf(report)}\n`);
  if (report.options.goods.length < 2) return;
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "latest.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(folder, "README.md"), markdownOf(report));
  say("kept in bench/results");
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
