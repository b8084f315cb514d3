import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readHolder } from "../../server/kernel/file-lock.ts";
import { identityOf, isRunning, waitForExit } from "../../server/kernel/process.ts";
import type { ProcessIdentity } from "../../server/kernel/process.ts";
import { accepts, findFreePort } from "./network.ts";

const host = "127.0.0.1";
/** For runs that need no database: the stand-ins never connect to it. */
const noDatabase = { DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none" };

let home = "";
let ports: { server: number; simulator: number } = { server: 0, simulator: 0 };
const runs: Run[] = [];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tongbao-start-"));
  // PostgreSQL runs as another user when the tests run as root.
  chmodSync(home, 0o755);
  ports = { server: await anyPort(), simulator: await anyPort() };
});

afterEach(async () => {
  for (const run of runs.splice(0)) await run.end();
  rmSync(home, { recursive: true, force: true });
});

async function anyPort(): Promise<number> {
  return (await findFreePort({ host, port: 0 })) ?? 0;
}

/** The first of so many free ports in a row, below those that systems give to clients. */
async function anyRow(length: number): Promise<number> {
  for (let first = 21_000 + (process.pid % 9_000); ; first += length) {
    const row = Array.from({ length }, (_, at) => findFreePort({ host, port: first + at }));
    if ((await Promise.all(row)).every((port) => port !== undefined)) return first;
  }
}

type Run = ReturnType<typeof start>;

function start(environment: Readonly<Record<string, string>> = {}) {
  const script = join(import.meta.dirname, "testing/run.ts");
  const args = [script, home, String(ports.server), String(ports.simulator)];
  const { DATABASE_URL: _, ...rest } = process.env;
  const child = spawn(process.execPath, args, { env: { ...rest, ...environment } });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stdout.resume();
  const exit = once(child, "close").then(([code]) => code as number | null);

  async function untilSaid(pattern: RegExp): Promise<void> {
    while (!pattern.test(output)) {
      const next = await Promise.race([once(child.stderr, "data"), exit]);
      const ended = !Array.isArray(next);
      if (ended && !pattern.test(output)) throw new Error(`it never said ${pattern}:\n${output}`);
    }
  }
  return {
    child,
    exit,
    output: () => output,
    untilSaid,
    end: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await exit;
    },
  };
}

function begin(environment?: Readonly<Record<string, string>>): Run {
  const run = start(environment);
  runs.push(run);
  return run;
}

async function ask(path: string): Promise<string> {
  const response = await fetch(`http://${host}:${ports.server}${path}`);
  return response.text();
}

/** What the next start would find, were this one killed now. */
function recordedChildren(): ProcessIdentity[] {
  const children = readHolder(join(home, "run.lock"))?.facts["children"];
  return Array.isArray(children) ? children : [];
}

function postgresPid(): number {
  return Number(readFileSync(join(home, "postgres/data/postmaster.pid"), "utf8").split("\n")[0]);
}

test("starts everything, refuses a second start, and stops all of it on SIGTERM", async () => {
  const run = begin();
  await run.untilSaid(/ready at/);
  const database = new pg.Client({ connectionString: await ask("/database") });
  await database.connect();
  await database.end();
  const children = [...recordedChildren(), identityOf(postgresPid())];
  expect(children).toHaveLength(3);

  const second = begin();
  expect(await second.exit).toBe(1);
  expect(second.output()).toContain(
    `runs already at http://${host}:${ports.server} (process ${run.child.pid})`,
  );

  run.child.kill("SIGTERM");
  expect(await run.exit).toBe(0);
  for (const child of children) expect(child !== undefined && isRunning(child)).toBe(false);
});

test("recovers by itself after kill -9 of the supervisor", async () => {
  const first = begin();
  await first.untilSaid(/ready at/);
  await query(await ask("/database"), "create table kept as select 42 as answer");
  const children = recordedChildren();
  const postgres = identityOf(postgresPid());
  first.child.kill("SIGKILL");
  await first.exit;
  for (const child of children) expect(await waitForExit(child, 10_000)).toBe("exited");
  expect(postgres !== undefined && isRunning(postgres)).toBe(true);

  const next = begin();
  await next.untilSaid(/ready at/);
  expect(await query(await ask("/database"), "select answer from kept")).toEqual([{ answer: 42 }]);
});

test("ends children that outlived a killed supervisor before it starts new ones", async () => {
  const first = begin(noDatabase);
  await first.untilSaid(/ready at/);
  const children = recordedChildren();
  // A stopped process notices nothing, like one that hangs.
  for (const { pid } of children) process.kill(pid, "SIGSTOP");
  first.child.kill("SIGKILL");
  await first.exit;

  const next = begin(noDatabase);
  await next.untilSaid(/ready at/);
  expect(children).toHaveLength(2);
  for (const child of children) expect(isRunning(child)).toBe(false);
});

test("lets the server call the simulator for its tenants, beside the channels' hosts", async () => {
  const run = begin(noDatabase);
  await run.untilSaid(/ready at/);
  const hosts = `openapi.alipay.com,${host}:${ports.simulator}`;
  expect(await ask("/channel-hosts")).toBe(hosts);
});

test("starts a killed server again and says so", async () => {
  const run = begin(noDatabase);
  await run.untilSaid(/ready at/);
  const pid = Number(await ask("/"));
  process.kill(pid, "SIGKILL");
  await run.untilSaid(/the server has died \(SIGKILL\): starting it again/);
  await run.untilSaid(/the server is back/);
  expect(Number(await ask("/"))).not.toBe(pid);
});

test("starts a killed PostgreSQL again and says so", async () => {
  const run = begin();
  await run.untilSaid(/ready at/);
  process.kill(postgresPid(), "SIGKILL");
  await run.untilSaid(/PostgreSQL has died \(signal SIGKILL/);
  await run.untilSaid(/PostgreSQL is back/);
  expect(await query(await ask("/database"), "select 1 as one")).toEqual([{ one: 1 }]);
});

test("names the setting to change when a port is taken", async () => {
  const other = createServer().listen(ports.simulator, host);
  await once(other, "listening");
  const run = begin(noDatabase);
  expect(await run.exit).toBe(1);
  expect(run.output()).toContain(`Port ${ports.simulator} is taken`);
  expect(run.output()).toContain("set SIMULATOR_PORT");
  other.close();
});

test("names all settings to change when several ports are taken, and leaves no folder", async () => {
  const others = [ports.server, ports.simulator].map((port) => createServer().listen(port, host));
  await Promise.all(others.map((other) => once(other, "listening")));
  rmSync(home, { recursive: true });
  const run = begin(noDatabase);
  expect(await run.exit).toBe(1);
  expect(run.output()).toContain(`Port ${ports.server} is taken by another program: set PORT`);
  expect(run.output()).toContain(`Port ${ports.simulator} is taken by another program: set SIMU`);
  expect(existsSync(home)).toBe(false);
  for (const other of others) other.close();
});

test("says what is wrong with an address at which nobody can listen", async () => {
  // Of the addresses that are kept for documents (RFC 5737): no machine has it.
  const run = begin({ ...noDatabase, STAND_HOST: "192.0.2.1" });
  expect(await run.exit).toBe(1);
  expect(run.output()).toContain("192.0.2.1 is no address of this machine: set HOST");
});

test("refuses one port for two programs", async () => {
  ports = { ...ports, simulator: ports.server };
  const run = begin(noDatabase);
  expect(await run.exit).toBe(1);
  expect(run.output()).toContain(`PORT and SIMULATOR_PORT are both ${ports.server}`);
});

test("stops all and names the log when the server never comes up", async () => {
  const run = begin({ ...noDatabase, REFUSE_TO_START: "yes" });
  expect(await run.exit).toBe(1);
  expect(run.output()).toContain("server: REFUSE_TO_START is yes");
  expect(run.output()).toContain(`(exit code 78); its log is ${join(home, "server.log")}`);
  expect(await accepts({ host, port: ports.simulator })).toBe(false);
});

test("kills what does not finish when it is asked to stop again", async () => {
  const run = begin({ ...noDatabase, IGNORE_SIGTERM: "yes" });
  await run.untilSaid(/ready at/);
  const children = recordedChildren();
  // What comes right after the first counts as the same key press, so this asks a few times.
  const askAgain = () => {
    run.child.kill("SIGTERM");
    return run.output();
  };
  await expect.poll(askAgain, { timeout: 30_000 }).toContain("Killing what still runs");
  expect(await run.exit).toBe(0);
  for (const child of children) expect(isRunning(child)).toBe(false);
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test("runs several processes that answer and one that works, each at a port of its own", async () => {
  ports = { ...ports, server: await anyRow(3) };
  const run = begin({ ...noDatabase, STAND_PROCESSES: "2", STAND_WORKERS: "1" });
  const [first, second, worker] = [0, 1, 2].map((at) => `http://${host}:${ports.server + at}`);
  await run.untilSaid(/ready at/);
  expect(run.output()).toContain(`ready at ${first} and ${second}\n`);
  const tell = (path: string) =>
    Promise.all([first, second, worker].map(async (at) => (await fetch(at + path)).text()));
  expect(await tell("/role")).toEqual(["api", "api", "worker"]);
  expect(await tell("/public-url")).toEqual(["", "", first]);

  const before = await tell("/");
  expect(recordedChildren().map(({ pid }) => String(pid))).toEqual(expect.arrayContaining(before));
  process.kill(Number(before[1]), "SIGKILL");
  await run.untilSaid(/the server 2 is back/);
  const after = await tell("/");
  expect([after[0], after[2]]).toEqual([before[0], before[2]]);
  expect(after[1]).not.toBe(before[1]);
});
