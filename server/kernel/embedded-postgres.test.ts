import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import type { EmbeddedPostgres } from "./embedded-postgres.ts";
import type { PostgresSettings } from "./embedded-postgres/tuning.ts";
import { identityOf, isRunning, processesWorkingIn } from "./process.ts";

const asRoot = process.getuid?.() === 0;
const nobody = 65_534;
const quick: PostgresSettings = { fsync: "off" };

let folder = "";
const running: EmbeddedPostgres[] = [];
const left: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tongbao-postgres-"));
  // mkdtemp shuts everybody else out, and as root PostgreSQL runs as somebody else.
  chmodSync(folder, 0o755);
});

afterEach(async () => {
  for (const postgres of running.splice(0)) await postgres.stop();
  for (const path of [folder, ...left.splice(0)]) rmSync(path, { recursive: true, force: true });
});

/** A killed process loses nothing that the system has; only a lost system would need fsync. */
async function start(lines: string[] = [], settings = quick): Promise<EmbeddedPostgres> {
  const log = (line: string) => lines.push(line);
  const postgres = await startEmbeddedPostgres({ home: folder, log, settings });
  running.push(postgres);
  return postgres;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test("starts durable, with Unicode that is the same on every system", async () => {
  const { url } = await start([], {});
  expect(
    await query(
      url,
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
        current_setting('full_page_writes') as pages, current_setting('server_encoding') as encoding,
        current_setting('max_connections') as connections, lower('ÄΣ') as lower, '铜' < '宝' as sorted`,
    ),
  ).toEqual([
    {
      fsync: "on",
      commit: "on",
      pages: "on",
      encoding: "UTF8",
      connections: "100",
      lower: "äσ",
      sorted: false,
    },
  ]);
  expect(await query(url, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
});

test("asks for its password, which only its owner can read", async () => {
  const { url } = await start();
  const wrong = new URL(url);
  wrong.password = "guessed";
  await expect(query(wrong.href, "select 1")).rejects.toThrow(/password authentication failed/);
  expect(statSync(join(folder, "postgres/connection.json")).mode & 0o777).toBe(0o600);
});

const over = "select case when inet_server_addr() is null then 'socket' else 'TCP' end as way";

test("is reached over its socket, and by those who know TCP only over that", async () => {
  const { url } = await start();
  expect(await query(url, over)).toEqual([{ way: "socket" }]);
  const tcp = new URL(url);
  tcp.search = "";
  expect(await query(tcp.href, over)).toEqual([{ way: "TCP" }]);
  tcp.password = "guessed";
  tcp.search = new URL(url).search;
  await expect(query(tcp.href, over)).rejects.toThrow(/password authentication failed/);
});

test("is reached over TCP from a home whose path is too long for a socket", async () => {
  const deep = join(folder, "d".repeat(110));
  mkdirSync(deep);
  chmodSync(deep, 0o755);
  const options = { home: deep, log: () => undefined, settings: quick };
  const postgres = await startEmbeddedPostgres(options);
  running.push(postgres);
  expect(await query(postgres.url, over)).toEqual([{ way: "TCP" }]);
});

test("is not kept from its socket by one that a crash has left behind", async () => {
  const first = await start();
  const { port } = new URL(first.url);
  await first.stop();
  const { uid, gid } = statSync(join(folder, "postgres/data"));
  const other = spawn("sleep", ["600"], { cwd: "/", uid, gid });
  await once(other, "spawn");
  // PostgreSQL takes a living process of its own user for another PostgreSQL, here too.
  const socket = join(folder, `postgres/.s.PGSQL.${port}`);
  writeFileSync(`${socket}.lock`, `${other.pid}\n/nowhere\n0\n${port}\n\n`);
  const { url } = await start();
  expect(await query(url, over)).toEqual([{ way: "socket" }]);
  other.kill("SIGKILL");
  await once(other, "exit");
});

test("keeps data, address and password from start to stop to start", async () => {
  const first = await start();
  await query(first.url, "create table kept as select 42 as answer");
  await first.stop();
  expect(identityOf(first.pid)).toBeUndefined();
  const second = await start();
  expect(second.url).toBe(first.url);
  expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
});

test("reports a kill -9, and the next start has every acknowledged commit", async () => {
  const first = await start();
  await query(first.url, "create table kept as select 42 as answer");
  const reason = new Promise<string>((resolve) => first.onUnexpectedExit(resolve));
  process.kill(first.pid, "SIGKILL");
  expect(await reason).toMatch(/^signal SIGKILL/);
  const second = await start();
  expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
});

test("ends sessions that outlive a killed postmaster before it starts anew", async () => {
  const first = await start();
  const data = realpathSync(join(folder, "postgres/data"));
  const client = new pg.Client({ connectionString: first.url });
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const backend = rows[0]?.pid ?? 0;
  // A stopped session can't notice that its postmaster is gone, like one in a long computation.
  process.kill(backend, "SIGSTOP");
  const died = new Promise((resolve) => first.onUnexpectedExit(resolve));
  process.kill(first.pid, "SIGKILL");
  await died;
  expect(processesWorkingIn(data, "postgres").map(({ pid }) => pid)).toContain(backend);

  const second = await start();
  expect(identityOf(backend)).toBeUndefined();
  expect(await query(second.url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("stops the PostgreSQL of a launcher that was killed, and starts its own", async () => {
  const orphan = await startInOtherProcess({ home: folder });
  expect(isRunning(orphan)).toBe(true);
  const lines: string[] = [];
  const { url } = await start(lines);
  expect(isRunning(orphan)).toBe(false);
  expect(lines.join("\n")).toContain(`an earlier run has left behind (process ${orphan.pid})`);
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("is not kept from starting by a process id that belongs to another program now", async () => {
  const first = await start();
  await first.stop();
  // PostgreSQL itself takes any living process of its own user for another PostgreSQL.
  const { uid, gid } = statSync(join(folder, "postgres/data"));
  const other = spawn("sleep", ["600"], { cwd: "/", uid, gid });
  await once(other, "spawn");
  writeFileSync(join(folder, "postgres/data/postmaster.pid"), `${other.pid}\n/nowhere\n`);
  const { pid } = await start();
  expect(pid).not.toBe(other.pid);
  other.kill("SIGKILL");
  await once(other, "exit");
});

test("throws the half of an interrupted first start away", async () => {
  mkdirSync(join(folder, "postgres/data.draft"), { recursive: true });
  writeFileSync(join(folder, "postgres/data.draft/PG_VERSION"), "18\n");
  const { url } = await start();
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("refuses data of another major version, and says what to do", async () => {
  mkdirSync(join(folder, "postgres/data"), { recursive: true });
  writeFileSync(join(folder, "postgres/data/PG_VERSION"), "17\n");
  await expect(start()).rejects.toThrow(
    /was made by PostgreSQL 17 and this is PostgreSQL 18: dump/,
  );
});

test("refuses a second one on the same home, and names the first", async () => {
  await start();
  await expect(start()).rejects.toThrow(`is in use by process ${process.pid}`);
});

test("takes another port when somebody else has taken its own", async () => {
  const first = await start();
  const port = Number(new URL(first.url).port);
  await first.stop();
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  const second = await start();
  expect(Number(new URL(second.url).port)).not.toBe(port);
  other.close();
});

test("refuses a port that was asked for and is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const options = { home: folder, log: () => undefined, port };
  await expect(startEmbeddedPostgres(options)).rejects.toThrow(
    `port ${port} for PostgreSQL is taken`,
  );
  other.close();
});

test.runIf(asRoot)("lives outside of a home that only root can enter, linked from it", async () => {
  chmodSync(folder, 0o700);
  const lines: string[] = [];
  const { url } = await start(lines);
  const link = join(folder, "postgres");
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  left.push(realpathSync(link));
  expect(realpathSync(link)).toMatch(/^\/var\/lib\/tongbao\//);
  expect(lines.join("\n")).toContain(realpathSync(link));
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
});

/** The project may lie where nobody else can enter; then there is nothing that could be run. */
const nobodyCanRun = asRoot && canRead(join(import.meta.dirname, "embedded-postgres.ts"));

test.runIf(nobodyCanRun)("runs for an ordinary user as that user", async () => {
  chownSync(folder, nobody, nobody);
  const { pid } = await startInOtherProcess({ home: folder, uid: nobody, gid: nobody });
  expect(statSync(join(folder, "postgres/data")).uid).toBe(nobody);
  // Root comes after the user, and leaves the user's files to the user.
  const { url } = await start();
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
  expect(identityOf(pid)).toBeUndefined();
  expect(statSync(join(folder, "postgres/connection.json")).uid).toBe(nobody);
});

function canRead(path: string): boolean {
  const options = { uid: nobody, gid: nobody, cwd: "/" };
  const reads = spawnSync("/bin/cat", [path], { ...options, stdio: "ignore" });
  const runs = spawnSync(process.execPath, ["--version"], { ...options, stdio: "ignore" });
  return reads.status === 0 && runs.status === 0;
}

/** Starts one in a process that is then killed, and gives the PostgreSQL that is left. */
async function startInOtherProcess(options: { home: string; uid?: number; gid?: number }) {
  const { home, ...user } = options;
  const module = JSON.stringify(join(import.meta.dirname, "embedded-postgres.ts"));
  const program = `
    import { startEmbeddedPostgres } from ${module};
    const postgres = await startEmbeddedPostgres({ home: ${JSON.stringify(home)}, log: () => {} });
    console.log(postgres.pid);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    ...user,
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  const identity = identityOf(Number(String(line)));
  if (identity === undefined) throw new Error("it did not start");
  return identity;
}
