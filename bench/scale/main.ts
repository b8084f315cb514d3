/** `npm run bench -- --scale`: the platform with a year of orders behind it. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EmbeddedPostgres } from "../../server/kernel/embedded-postgres.ts";
import { exitWithParent } from "../../server/kernel/parent.ts";
import { describeMachine } from "../machine.ts";
import type { ScaleReport } from "./report.ts";
import { markdownOf, wordsOf } from "./report.ts";
import { runScale } from "./run.ts";

const ordersDefault = 10_000_000;
/** Measured: 4.3 kB an order with everything that belongs to it, and room to sort its indexes. */
const bytesAnOrder = 5_500;
/** 65 us of processor time for the rows of an order and half of that for indexes, on two cores. */
const secondsAMillion = 60;
/** PostgreSQL's own files and the log between checkpoints. */
const bytesBesides = 6e9;
const exits = { done: 0, failed: 1, wrongUse: 64 } as const;

/** Gives the exit code. */
export async function runScaleProgram(args: readonly string[]): Promise<number> {
  const orders = readOrders(args);
  if (orders === undefined) {
    say("--scale takes nothing but --orders, a whole number from 1000 to 100000000");
    return exits.wrongUse;
  }
  const home = mkdtempSync(join(tmpdir(), "tongbao-scale-"));
  const machine = describeMachine();
  const needed = orders * bytesAnOrder + bytesBesides;
  const { bavail, bsize } = statfsSync(home);
  const minutes = Math.ceil(3 + (orders / 1e6) * (secondsAMillion / 60));
  say(`${orders.toLocaleString("en")} orders take ${gigabytes(needed)} of disk in ${tmpdir()},`);
  say(`${gigabytes(bavail * bsize)} are free; on two quiet cores it takes ${minutes} minutes`);
  if (bavail * bsize < needed) {
    say("there is too little room: give fewer --orders, or another TMPDIR");
    rmSync(home, { recursive: true });
    return exits.failed;
  }
  let postgres: EmbeddedPostgres | undefined;
  let stopped = false;
  const stop = async () => {
    stopped = true;
    await postgres?.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());
  exitWithParent(() => void stop());
  try {
    const result = await runScale({
      orders,
      skus: 1_000,
      rounds: 7,
      seconds: 5,
      warmupSeconds: 40,
      connections: 64,
      requests: 300,
      home,
      say,
      onPostgres: (started) => (postgres = started),
    });
    keep({ at: new Date().toISOString(), machine, ...result });
    return exits.done;
  } catch (error) {
    if (!stopped) throw error;
    say("stopped");
    return exits.failed;
  } finally {
    await postgres?.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

function readOrders(args: readonly string[]): number | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { scale: { type: "boolean" }, orders: { type: "string" } },
    });
    const { orders = String(ordersDefault) } = values;
    if (!/^\d{4,9}$/.test(orders)) return undefined;
    return Number(orders) >= 1_000 && Number(orders) <= 1e8 ? Number(orders) : undefined;
  } catch {
    return undefined;
  }
}

/** A whole run is kept beside the other results; of a smaller one it is said where it lies. */
function keep(report: ScaleReport): void {
  process.stdout.write(`\n${wordsOf(report)}\n`);
  const isWhole = report.orders >= ordersDefault;
  const folder = isWhole ? join(import.meta.dirname, "../results") : tmpdir();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "scale.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(folder, "scale.md"), markdownOf(report));
  say(`kept in ${isWhole ? "bench/results" : folder}: scale.md, and the plans in scale.json`);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(0)} GB`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
