/**
 * Sends requests to whoever listens and counts the answers. Orders are sent with wrk where it is
 * installed, which takes a tenth of a core for it; everything else, and orders on other machines,
 * with the generator beside this, which takes 27 us of a processor a request.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { OrderLoad } from "./requests.ts";
import { firstMemberOf, membersMax } from "./requests.ts";

export interface Load extends OrderLoad {
  readonly connections: number;
  readonly seconds: number;
}

/** What the generator reads. */
export interface GeneratorLoad extends OrderLoad {
  /** Of all processes that answer, which take turns; `address` is then what stands in Host. */
  readonly addresses?: readonly string[];
  readonly connections: number;
  /** Absent where a list of requests is sent to its end. */
  readonly seconds?: number;
  /** Sent at this rate whatever the answers are; `connections` are open from the start. */
  readonly perSecond?: number;
  /** Prepared requests, sent once each in place of orders. */
  readonly requestsPath?: string;
  /** Takes the ids in the answers 2xx, one a line. */
  readonly idsPath?: string;
}

export interface Counts {
  /** At most so many requests have reached the server; those cut off at the end have no answer. */
  readonly sent: number;
  readonly answered: number;
  /** Answered 2xx. */
  readonly created: number;
  /** Answered 503. */
  readonly shed: number;
  /** How many of the other answers had which status; told by our own generator. */
  readonly others?: Readonly<Record<number, number>>;
  /** Connections that failed, were closed by the server, or took too long. */
  readonly broken: number;
  /** Of `created`, those that were answered within `seconds`. */
  readonly counted: number;
  readonly seconds: number;
  /** Of what was answered 2xx. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export type Generator = "wrk" | "own";

export function findGenerator(path = process.env["PATH"] ?? ""): Generator {
  const hasWrk = path.split(delimiter).some((folder) => existsSync(join(folder, "wrk")));
  return hasWrk ? "wrk" : "own";
}

/** Runs one load of orders. `folder` takes the file that tells the generator what to send. */
export function runLoad(generator: Generator, load: Load, folder: string): Promise<Counts> {
  if (generator === "own") return runGenerator(load, folder);
  const args = [
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
  return withCell(join(folder, `${load.run}.lua`), luaOf(load), (cell) =>
    countsFrom("wrk", args, cell),
  );
}

export function runGenerator(load: GeneratorLoad, folder: string): Promise<Counts> {
  const args = [join(import.meta.dirname, "generator.ts")];
  return withCell(join(folder, `${load.run}.json`), JSON.stringify(load), (cell) =>
    countsFrom(process.execPath, args, cell),
  );
}

/** The file holds a token. */
async function withCell<Result>(
  path: string,
  text: string,
  work: (path: string) => Promise<Result>,
): Promise<Result> {
  await writeFile(path, text, { mode: 0o600 });
  try {
    return await work(path);
  } finally {
    await rm(path);
  }
}

/** Tokens, ids and addresses have no quotes or backslashes, so JSON's texts are Lua's too. */
function luaOf({ address, token, run, skuIds, saleIds = [] }: Load): string {
  const { host } = new URL(address);
  const list = (texts: readonly string[]) =>
    `{ ${texts.map((text) => JSON.stringify(text)).join(", ")} }`;
  const fields = {
    host: JSON.stringify(host),
    token: JSON.stringify(token),
    run: JSON.stringify(run),
    members: membersMax,
    firstMember: firstMemberOf(run),
    skus: list(skuIds),
    sales: list(saleIds),
  };
  const assignments = Object.entries(fields).map(([name, value]) => `${name} = ${value}`);
  return `return { ${assignments.join(", ")} }\n`;
}

async function countsFrom(command: string, args: readonly string[], cell: string): Promise<Counts> {
  const child = spawn(command, args, {
    env: { ...process.env, BENCH_CELL: cell },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const code = await new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  const json = /^RESULT (.+)$/m.exec(output)?.[1];
  if (code !== 0 || json === undefined)
    throw new Error(`${command} ended with ${String(code)} and no result: ${output}`);
  const counts: Counts = JSON.parse(json);
  return counts;
}
