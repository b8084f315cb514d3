/**
 * Sends the same orders to whoever listens: with wrk where it is installed, which takes a tenth of
 * a core for it, else with autocannon, which takes as much as the server that it measures.
 */
import { spawn } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";

export interface Load {
  readonly address: string;
  readonly token: string;
  readonly skuIds: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** No two loads of a bench have the same: it begins every Idempotency-Key. */
  readonly run: string;
}

export interface Counts {
  /** At most so many requests have reached the server; those cut off at the end have no answer. */
  readonly sent: number;
  readonly answered: number;
  /** Answered 201. */
  readonly created: number;
  /** Connections that failed, were closed by the server, or took too long. */
  readonly broken: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export type Generator = "wrk" | "autocannon";

export function findGenerator(path = process.env["PATH"] ?? ""): Generator {
  const hasWrk = path.split(delimiter).some((folder) => existsSync(join(folder, "wrk")));
  return hasWrk ? "wrk" : "autocannon";
}

/** Runs one load. `folder` takes the file that tells the generator what to send. */
export async function runLoad(generator: Generator, load: Load, folder: string): Promise<Counts> {
  const cell = join(folder, `${load.run}.${generator === "wrk" ? "lua" : "json"}`);
  await writeFile(cell, generator === "wrk" ? luaOf(load) : JSON.stringify(load), { mode: 0o600 });
  const [command, ...args] = commandOf(generator, load);
  try {
    return countsOf(await outputOf(command, args, { BENCH_CELL: cell }));
  } finally {
    await rm(cell);
  }
}

function commandOf(generator: Generator, load: Load): [string, ...string[]] {
  if (generator === "autocannon") {
    return [process.execPath, join(import.meta.dirname, "autocannon.mjs")];
  }
  return [
    "wrk",
    // One thread: on a small machine a second one only takes time from the server.
    "-t1",
    `-c${load.connections}`,
    `-d${Math.ceil(load.seconds)}s`,
    "--timeout",
    "20s",
    "-s",
    join(import.meta.dirname, "wrk.lua"),
    load.address,
  ];
}

/** Tokens, ids and addresses have no quotes or backslashes, so JSON's texts are Lua's too. */
function luaOf({ address, token, run, skuIds }: Load): string {
  const quoted = skuIds.map((id) => JSON.stringify(id)).join(", ");
  const { host } = new URL(address);
  return `return { host = "${host}", token = "${token}", run = "${run}", skus = { ${quoted} } }\n`;
}

function outputOf(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => {
      if (code === 0) done(output);
      else fail(new Error(`${command} ended with ${code}: ${output}`));
    });
  });
}

function countsOf(output: string): Counts {
  const json = /^RESULT (.+)$/m.exec(output)?.[1];
  if (json === undefined) throw new Error(`the load generator gave no result: ${output}`);
  const counts: Counts = JSON.parse(json);
  return counts;
}
