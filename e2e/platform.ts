/** The whole platform as a child process, as `npm start` runs it. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";

/** What the platform's demo.json says: where it is, and who may speak to it. */
export interface Demo {
  readonly baseUrl: string;
  readonly simulatorUrl: string;
  readonly tenantId: string;
  readonly tokens: { readonly admin: string; readonly service: string; readonly member: string };
  readonly products: readonly { readonly id: string; readonly skuIds: readonly string[] }[];
}

export interface Platform {
  readonly home: string;
  readonly demo: Demo;
  /** Of the program that starts all others again when they die. */
  readonly child: ChildProcess;
  /** What it has said to the person at the terminal. */
  said(): string;
  /** Stops it as Ctrl-C does; gives its exit code. */
  stop(): Promise<number | null>;
  /** For a crash of everything: nobody is told. */
  kill(): Promise<void>;
}

export interface PlatformOptions {
  readonly home: string;
  /** Over those of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what it says, line by line. */
  readonly say?: (line: string) => void;
}

const root = resolve(import.meta.dirname, "..");
/** A first start makes the database; on a busy machine that takes a while. */
const startMsMax = 120_000;

/**
 * Free ports, and no database but the embedded one: for a platform beside others. The ports lie
 * below those that systems give to clients: a client that knocks at a dead server of its own
 * machine again and again may be given that very port, and then the server cannot come back.
 */
export async function ownPlace(
  processes: Processes = { apis: 1, workers: 0 },
): Promise<Readonly<Record<string, string>>> {
  const { apis, workers } = processes;
  // One after the other, the simulator last.
  const first = await freeRow(apis + workers + 1);
  return {
    PORT: String(first),
    API_PROCESSES: String(apis),
    WORKER_PROCESSES: String(workers),
    SIMULATOR_PORT: String(first + apis + workers),
    TONGBAO_PUBLIC_URL: "",
    DATABASE_URL: "",
    SIMULATOR_URL: "",
  };
}

export interface Processes {
  readonly apis: number;
  readonly workers: number;
}

const portMin = 20_000;
const portMax = 32_000;

/** The first of so many free ports in a row. */
async function freeRow(length: number): Promise<number> {
  for (;;) {
    const first = portMin + Math.floor(Math.random() * (portMax - portMin - length));
    const row = Array.from({ length }, (_, at) => isFree(first + at));
    if ((await Promise.all(row)).every(Boolean)) return first;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen({ port, host: "127.0.0.1", exclusive: true });
  const free = await Promise.race([
    once(server, "listening").then(() => true),
    once(server, "error").then(() => false),
  ]).catch(() => false);
  server.close();
  return free;
}

/** Where the processes of such a place answer, the workers behind those that take requests. */
export function addressesOf(place: Readonly<Record<string, string>>): readonly string[] {
  const { PORT, API_PROCESSES, WORKER_PROCESSES } = place;
  const count = Number(API_PROCESSES) + Number(WORKER_PROCESSES);
  return Array.from({ length: count }, (_, at) => `http://127.0.0.1:${Number(PORT) + at}`);
}

/** @throws when it does not start; the error carries what it said. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { home, environment, say } = options;
  const child = spawn(process.execPath, [join(root, "tools/start.ts")], {
    cwd: root,
    env: { ...process.env, ...environment, TONGBAO_HOME: home },
    // Over the channel it learns that we are gone, even when we were killed.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  let rest = "";
  const hear = (text: string): void => {
    output += text;
    const lines = (rest + text).split(/[\r\n]+/);
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") say?.(line);
  };
  child.stdout?.setEncoding("utf8").on("data", hear);
  child.stderr?.setEncoding("utf8").on("data", hear);
  const exit = once(child, "close").then(([code]) => code as number | null);

  const isRunning = new Promise<void>((done, fail) => {
    const look = (): void => void (/Tongbao is running/.test(output) && done());
    child.stderr?.on("data", look);
    const late = () => fail(new Error(`the platform does not start:\n${output}`));
    const timer = setTimeout(late, startMsMax);
    timer.unref();
    void exit.then(late);
  });
  try {
    await isRunning;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    home,
    demo: readDemo(home),
    child,
    said: () => output,
    stop: () => {
      child.kill("SIGINT");
      return exit;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

/** @throws when nothing was ever started there. */
export function readDemo(home: string): Demo {
  const text = readFileSync(join(home, "demo.json"), "utf8");
  return JSON.parse(text) as Demo;
}

/** True when a platform answers there and can do its work. */
export async function isReady(baseUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${baseUrl}/readyz`, { signal: AbortSignal.timeout(2_000) });
    return response.ok;
  } catch {
    return false;
  }
}
