import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import pg from "pg";
import { required } from "./assert.ts";
import { openBoundedLog } from "./bounded-log.ts";
import type { BoundedLog } from "./bounded-log.ts";
import { socketFolder, urlOf } from "./embedded-postgres/address.ts";
import { ensureBinaries } from "./embedded-postgres/binaries.ts";
import {
  checkData,
  chooseConnection,
  connectionFile,
  ensureCluster,
  explain,
  postgresEnvironment,
  readConnection,
} from "./embedded-postgres/cluster.ts";
import type { Connection } from "./embedded-postgres/cluster.ts";
import { EmbeddedPostgresError } from "./embedded-postgres/error.ts";
import {
  fastStopTimeoutMs,
  immediateStopTimeoutMs,
  readPidFile,
  stopFormerRun,
} from "./embedded-postgres/former-run.ts";
import { findPlace } from "./embedded-postgres/place.ts";
import type { Place } from "./embedded-postgres/place.ts";
import { tunedSettings } from "./embedded-postgres/tuning.ts";
import type { PostgresSettings } from "./embedded-postgres/tuning.ts";
import { tryFileLock } from "./file-lock.ts";
import type { FileLock, LockAttempt } from "./file-lock.ts";

export { EmbeddedPostgresError };

export interface EmbeddedPostgres {
  /** Of the database `tongbao`, as its owner, password inside; over its socket where it has one. */
  readonly url: string;
  readonly pid: number;
  /** Ends sessions, writes everything out and returns when the process has gone. */
  stop(): Promise<void>;
  /** Called once if PostgreSQL ends without stop(); start it again for a new one. */
  onUnexpectedExit(listener: (reason: string) => void): void;
  /** Lets this process end while PostgreSQL runs on; the next start on this home stops it. */
  leaveRunning(): void;
}

export interface EmbeddedPostgresOptions {
  /** Folder for data, binaries and log; made if missing. */
  readonly home: string;
  /** Takes lines for the person who waits. */
  readonly log: (line: string) => void;
  /** Without it a free port is chosen once and kept. */
  readonly port?: number;
  /** Over the tuned ones; turning fsync off makes the first start faster too. */
  readonly settings?: PostgresSettings;
}

/** Another program may take the free port between our look at it and PostgreSQL's start. */
const attemptsMax = 3;
const databaseName = "tongbao";

/**
 * Runs the PostgreSQL that came with the npm packages: finds a place and a user for it, makes the
 * database on the first start, ends what an earlier run left behind, and waits until it answers.
 * @throws EmbeddedPostgresError with a message for the person who starts it.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const home = resolve(options.home);
  const lock = takeLock(home);
  try {
    const place = findPlace(home, options.log);
    checkData(place);
    await stopFormerRun(place, options.log);
    const binaries = ensureBinaries(place);
    for (let attempt = 1; ; attempt += 1) {
      const connection = await chooseConnection(place, options.port);
      const durable = options.settings?.["fsync"] !== "off";
      const { password } = connection;
      const data = await ensureCluster({ place, binaries, password, durable });
      const logFile = openBoundedLog(join(home, "postgres.log"));
      const running = { command: binaries.postgres, place, data, connection, logFile, lock };
      try {
        return await launch(running, options);
      } catch (error) {
        logFile.close();
        const portLost = error instanceof PortTakenError && options.port === undefined;
        if (!portLost || attempt === attemptsMax) throw error;
      }
    }
  } catch (error) {
    lock.release();
    throw fileError(error, home);
  }
}

/** The url that the database of this home had when it ran last; undefined when it never has. */
export function embeddedUrl(home: string): string | undefined {
  const connection = readConnection(connectionFile(join(resolve(home), "postgres")));
  return connection === undefined ? undefined : urlOf(connection, databaseName, undefined);
}

interface Launch {
  readonly command: string;
  readonly place: Place;
  readonly data: string;
  readonly connection: Connection;
  readonly logFile: BoundedLog;
  readonly lock: FileLock;
}

class PortTakenError extends EmbeddedPostgresError {}

async function launch(
  running: Launch,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { place, connection, logFile } = running;
  const logStart = statSync(logFile.path).size;
  const child = spawn(running.command, argumentsOf(running, options.settings), {
    ...place.user,
    cwd: place.directory,
    env: postgresEnvironment,
    stdio: ["ignore", logFile.fd, logFile.fd],
    // Ctrl-C in the terminal is for us; PostgreSQL must outlive those who still write to it.
    detached: true,
  });
  const exit = exitOf(child);
  const spawned = await Promise.race([exit, untilReady(running.data, child, options.log)]);
  if (spawned.kind === "exited") {
    const output = readTail(logFile.path, logStart);
    const taken = /could not bind|could not create any TCP\/IP sockets/.test(output);
    const message = explain(output || spawned.reason, place.directory);
    throw taken ? new PortTakenError(message) : new EmbeddedPostgresError(message);
  }
  try {
    const socket = await reachableSocket(place, connection);
    await ensureDatabase(urlOf(connection, "postgres", socket));
    return handle(running, child, { exit, url: urlOf(connection, databaseName, socket) });
  } catch (error) {
    await stopChild(child, exit);
    throw error;
  }
}

/** Some mounted folders take no sockets, and some confined users may not use those of others. */
async function reachableSocket(
  { directory }: Place,
  connection: Connection,
): Promise<string | undefined> {
  const socket = socketFolder(directory);
  if (socket === undefined) return undefined;
  const client = new pg.Client({ connectionString: urlOf(connection, "postgres", socket) });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.end();
    return socket;
  } catch {
    return undefined;
  }
}

function handle(
  running: Launch,
  child: ChildProcess,
  { exit, url }: { readonly exit: Promise<Exit>; readonly url: string },
): EmbeddedPostgres {
  const listeners: ((reason: string) => void)[] = [];
  let stopping = false;
  const logStart = statSync(running.logFile.path).size;
  const finished = exit.then(({ reason }) => {
    const output = readTail(running.logFile.path, logStart);
    running.logFile.close();
    running.lock.release();
    if (stopping) return;
    const why = `${reason}${output === "" ? "" : `: ${output.split("\n").at(-1)}`}`;
    for (const listener of listeners) listener(why);
  });
  return {
    url,
    pid: required(child.pid, "the process id of PostgreSQL"),
    onUnexpectedExit: (listener) => {
      listeners.push(listener);
    },
    leaveRunning: () => child.unref(),
    stop: async () => {
      stopping = true;
      await stopChild(child, exit);
      await finished;
    },
  };
}

interface Exit {
  readonly kind: "exited";
  readonly reason: string;
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((done) => {
    child.once("error", (error) => done({ kind: "exited", reason: error.message }));
    child.once("exit", (code, name) => {
      done({ kind: "exited", reason: name === null ? `exit code ${code}` : `signal ${name}` });
    });
  });
}

/** No time limit: after a crash it first replays its log, which may take minutes. */
async function untilReady(
  data: string,
  child: ChildProcess,
  log: (line: string) => void,
): Promise<{ kind: "ready" }> {
  const pollMs = 25;
  const startedAt = performance.now();
  let toldSeconds = 0;
  while (child.exitCode === null && child.signalCode === null) {
    const state = readPidFile(data);
    if (state?.pid === child.pid && state?.ready === true) break;
    const seconds = Math.floor((performance.now() - startedAt) / 1000);
    if (seconds >= toldSeconds + 2) {
      log(`PostgreSQL is starting (${seconds} s)`);
      toldSeconds = seconds;
    }
    await new Promise((wake) => setTimeout(wake, pollMs));
  }
  return { kind: "ready" };
}

async function stopChild(child: ChildProcess, exit: Promise<Exit>): Promise<void> {
  child.kill("SIGINT");
  if (await endsWithin(exit, fastStopTimeoutMs)) return;
  child.kill("SIGQUIT");
  if (await endsWithin(exit, immediateStopTimeoutMs)) return;
  child.kill("SIGKILL");
  await exit;
}

async function endsWithin(exit: Promise<Exit>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((giveUp) => {
    timer = setTimeout(() => giveUp(false), timeoutMs);
  });
  const ended = await Promise.race([exit.then(() => true), timeout]);
  clearTimeout(timer);
  return ended;
}

function argumentsOf(
  { data, place, connection }: Launch,
  settings: PostgresSettings = {},
): string[] {
  const all = {
    ...tunedSettings(),
    ...settings,
    port: connection.port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: socketFolder(place.directory) ?? "",
    // Other users of the machine have TCP, with the same password.
    unix_socket_permissions: "0700",
  };
  return [
    "-D",
    data,
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
}

async function ensureDatabase(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = $1", [
      databaseName,
    ]);
    if (found.rowCount === 0) await client.query(`create database ${databaseName}`);
  } finally {
    await client.end();
  }
}

function takeLock(home: string): FileLock {
  const attempt = attemptLock(home);
  if (attempt.kind === "acquired") return attempt.lock;
  throw new EmbeddedPostgresError(
    `the database in ${home} is in use by process ${attempt.holder.pid}: ` +
      "stop it, or set TONGBAO_HOME to another folder",
  );
}

function attemptLock(home: string): LockAttempt {
  try {
    mkdirSync(home, { recursive: true });
    return tryFileLock(join(home, "postgres.lock"));
  } catch (error) {
    throw fileError(error, home);
  }
}

/** What goes wrong with our own files: the disk is full, or the folder is somebody else's. */
function fileError(error: unknown, home: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new EmbeddedPostgresError(explain("No space left on device", home), { cause: error });
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    const why = error instanceof Error ? error.message : "";
    const message = `${home} must belong to the user who starts this: ${why}`;
    return new EmbeddedPostgresError(message, { cause: error });
  }
  return error;
}
/** The lines since `from`, at most the last few; they are shown to a person. */
function readTail(path: string, from: number): string {
  const bytesMax = 4096;
  const fd = openSync(path, "r");
  try {
    const size = statSync(path).size;
    const start = Math.max(from > size ? 0 : from, size - bytesMax);
    const buffer = Buffer.alloc(size - start);
    readSync(fd, buffer, 0, buffer.length, start);
    return buffer.toString("utf8").trim();
  } finally {
    closeSync(fd);
  }
}
