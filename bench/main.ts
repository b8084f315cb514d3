/**
 * `npm run bench`: the platform beside one transaction per request and the bare HTTP limit, its
 * notices, its closing of orders, its limits; on a PostgreSQL and a shop of their own that are gone
 * afterwards.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from "../server/kernel/embedded-postgres.ts";
import type { EmbeddedPostgres } from "../server/kernel/embedded-postgres.ts";
import { exitWithParent } from "../server/kernel/parent.ts";
import { findGenerator } from "./load/load.ts";
import { makeLogFiles } from "./log-files.ts";
import { describeMachine } from "./machine.ts";
import type { Options } from "./options.ts";
import { readOptions, usage } from "./options.ts";
import { terminalTextOf } from "./report.ts";
import { keepReport } from "./results.ts";
import { runBench } from "./run.ts";
import { runScaleProgram } from "./scale/main.ts";
import { BenchError } from "./watch.ts";

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
  const startedAt = performance.now();
  const generator = findGenerator();
  try {
    postgres = await startEmbeddedPostgres({ home, log: say });
    say("making the log's files");
    await makeLogFiles(postgres.url);
    const result = await runBench({
      options,
      generator,
      home,
      databaseUrl: postgres.url,
      postgresPid: postgres.pid,
      manySkus: 1_000,
      poolSizes: [4, 8, 16, 32],
      warmupSeconds: 1,
      sampleEveryMs: 5_000,
      say,
    });
    const at = new Date().toISOString();
    const minutes = (performance.now() - startedAt) / 60_000;
    const report = { at, minutes, generator, options, machine, ...result };
    process.stdout.write(`\n${terminalTextOf(report)}\n`);
    keepReport(join(import.meta.dirname, "results"), report);
    say("kept in bench/results");
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

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
