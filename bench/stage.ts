/** What a bench runs against: a PostgreSQL and programs of its own, in a folder of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { required } from "../server/kernel/assert.ts";
import { heapArguments } from "../server/kernel/heap.ts";
import type { EdgeSettings } from "./edge/main.ts";
import type { NaiveSettings } from "./naive/main.ts";

export interface Program {
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "..");
const startTimeoutMs = 60_000;
const pollMs = 50;

/** The platform as `npm start` runs it, with its settings as they are by default. */
export async function startPlatform(given: {
  readonly home: string;
  readonly databaseUrl: string;
  /** Plays the payment channels. */
  readonly simulatorUrl?: string;
  /** Answers only, and leaves sweeps and jobs to others; without it, it does both. */
  readonly role?: "api";
  /** Arguments of node, such as --cpu-prof. */
  readonly nodeArguments?: readonly string[];
}): Promise<Program> {
  const port = await findFreePort();
  const address = `http://127.0.0.1:${port}`;
  const child = launch(given.home, "platform", {
    args: [...heapArguments(), ...(given.nodeArguments ?? []), join(root, "server/main.ts")],
    environment: {
      HOST: "127.0.0.1",
      PORT: String(port),
      DATABASE_URL: given.databaseUrl,
      TONGBAO_HOME: given.home,
      TONGBAO_ROLE: given.role ?? "all",
      ...(given.simulatorUrl === undefined
        ? {}
        : { SIMULATOR_URL: given.simulatorUrl, CHANNEL_HOSTS: "127.0.0.1" }),
    },
  });
  await untilReady(`${address}/readyz`, child);
  return programOf(child, address);
}

export async function startNaive(home: string, settings: NaiveSettings): Promise<Program> {
  const child = launch(home, settings.way, {
    args: [join(root, "bench/naive/main.ts")],
    environment: { BENCH_NAIVE: JSON.stringify(settings) },
  });
  return programOf(child, await addressOf(child));
}

export async function startEcho(home: string): Promise<Program> {
  const child = launch(home, "echo", { args: [join(root, "bench/echo/main.ts")], environment: {} });
  return programOf(child, await addressOf(child));
}

export async function startEdge(settings: EdgeSettings): Promise<Program> {
  const child = launch(settings.home, "edge", {
    args: [join(root, "bench/edge/main.ts")],
    environment: { BENCH_EDGE: JSON.stringify(settings) },
  });
  return programOf(child, await addressOf(child));
}

function launch(
  home: string,
  name: string,
  program: {
    readonly args: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
  },
): ChildProcess {
  const child = spawn(process.execPath, program.args, {
    env: { ...process.env, ...program.environment },
    // Over the channel a program learns that the bench is gone, even when it was killed.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const log = createWriteStream(join(home, `${name}.log`), { flags: "a" });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  child.once("close", () => log.end());
  return child;
}

function programOf(child: ChildProcess, address: string): Program {
  return {
    address,
    pid: required(child.pid, "a process id"),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Programs of ours tell where they listen. */
async function addressOf(child: ChildProcess): Promise<string> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${child.spawnargs.at(-1)} ended with ${code} before it listened`);
  });
  const [message] = await Promise.race([once(child, "message"), ended]);
  return message.address;
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  while (performance.now() < deadline && child.exitCode === null) {
    const reply = await fetch(url).catch(() => undefined);
    if (reply?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error("the platform did not start: see platform.log in the folder of the bench");
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
