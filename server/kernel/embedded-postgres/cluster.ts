import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Binaries } from "./binaries.ts";
import { EmbeddedPostgresError } from "./error.ts";
import type { Place } from "./place.ts";

export const superuser = "tongbao";
/** The major version of the binaries that package.json pins; the data must be of the same. */
export const majorVersion = "18";

/** Kept beside the data with mode 0600. */
export interface Connection {
  readonly port: number;
  readonly password: string;
}

/** Nothing of the caller's environment: PGPORT, PGDATA and LC_ALL would change what happens. */
export const postgresEnvironment = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C" };

/** Makes the database cluster on the first start. Returns the data directory. */
export async function ensureCluster(options: {
  readonly place: Place;
  readonly binaries: Binaries;
  readonly password: string;
  readonly durable: boolean;
}): Promise<string> {
  const { place } = options;
  const data = join(place.directory, "data");
  if (existsSync(data)) return data;
  // initdb works on a draft, so an interrupted one is never taken for a database.
  const draft = join(place.directory, "data.draft");
  rmSync(draft, { recursive: true, force: true });
  await initdb(options, draft, "C.UTF-8");
  renameSync(draft, data);
  return data;
}

/** Refuses data that these binaries can't read, before anything is done to it. */
export function checkData(place: Place): void {
  const data = join(place.directory, "data");
  if (!existsSync(data)) return;
  let found: string;
  try {
    found = readFileSync(join(data, "PG_VERSION"), "utf8").trim();
  } catch (error) {
    throw new EmbeddedPostgresError(
      `${data} is not a database: move it away to begin with an empty one`,
      { cause: error },
    );
  }
  if (found === majorVersion) return;
  throw new EmbeddedPostgresError(
    `${data} was made by PostgreSQL ${found} and this is PostgreSQL ${majorVersion}: dump it with ` +
      "the version that made it and load the dump, or set TONGBAO_HOME to another folder",
  );
}

/**
 * The provider `builtin` sorts by code point and knows Unicode's letters, the same on every system
 * and after every update of its libraries; so indexes on text never go stale.
 */
async function initdb(
  options: Parameters<typeof ensureCluster>[0],
  draft: string,
  locale: string,
): Promise<void> {
  const { place, binaries, password, durable } = options;
  const passwordFile = join(place.directory, "password.draft");
  writePrivate(place, passwordFile, password);
  const args = ["-D", draft, "-U", superuser, `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
  args.push("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8");
  args.push(`--locale=${locale}`, "--no-instructions", ...(durable ? [] : ["--no-sync"]));
  const result = await run(binaries.initdb, args, place);
  rmSync(passwordFile);
  if (result.code === 0) return;
  rmSync(draft, { recursive: true, force: true });
  // Systems whose C library has no C.UTF-8 only lose its say on letters in error messages.
  if (locale !== "C" && result.output.includes("invalid locale name")) {
    await initdb(options, draft, "C");
    return;
  }
  throw new EmbeddedPostgresError(explain(result.output, place.directory));
}

/** Turns what PostgreSQL said on its way down into one sentence for the person who starts it. */
export function explain(output: string, directory: string): string {
  if (/No space left on device|Disk quota exceeded/.test(output)) {
    return `the disk that holds ${directory} is full: make room, or set TONGBAO_HOME to another disk`;
  }
  if (/could not (map anonymous|create) shared memory|Cannot allocate memory/.test(output)) {
    return "there is not enough memory for PostgreSQL: free some, or set DATABASE_URL";
  }
  if (/GLIBC_|error while loading shared libraries|Library not loaded/.test(output)) {
    return `the PostgreSQL binaries do not run on this system, set DATABASE_URL: ${output.trim()}`;
  }
  return `PostgreSQL did not start: ${output.trim() || "it said nothing"}`;
}

function run(
  command: string,
  args: string[],
  place: Place,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...place.user,
      cwd: place.directory,
      env: postgresEnvironment,
      stdio: ["ignore", "pipe", "pipe"],
      // Ctrl-C in the terminal is for the program that started us, which then tells us.
      detached: true,
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += String(chunk)));
    child.stderr.on("data", (chunk) => (output += String(chunk)));
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The port stays the same from start to start, unless somebody else has taken it meanwhile. */
export async function chooseConnection(
  place: Place,
  wantedPort: number | undefined,
): Promise<Connection> {
  const file = connectionFile(place.directory);
  const stored = readConnection(file);
  if (stored === undefined && existsSync(join(place.directory, "data"))) {
    throw new EmbeddedPostgresError(`${file} with the password of the database is missing`);
  }
  const password = stored?.password ?? randomBytes(24).toString("hex");
  const port = await choosePort(wantedPort, stored?.port);
  const connection = { port, password };
  const draft = `${file}.draft`;
  writePrivate(place, draft, JSON.stringify(connection));
  renameSync(draft, file);
  return connection;
}

function writePrivate(place: Place, path: string, content: string): void {
  writeFileSync(path, content, { mode: 0o600 });
  if (place.user !== undefined) chownSync(path, place.user.uid, place.user.gid);
}

async function choosePort(wanted: number | undefined, stored: number | undefined): Promise<number> {
  if (wanted !== undefined) {
    if (await freePort(wanted)) return wanted;
    throw new EmbeddedPostgresError(`port ${wanted} for PostgreSQL is taken`);
  }
  const again = stored === undefined ? undefined : await freePort(stored);
  const port = again ?? (await freePort(0));
  if (port === undefined) throw new EmbeddedPostgresError("127.0.0.1 has no free port");
  return port;
}

function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      const found = typeof address === "object" && address !== null ? address.port : undefined;
      server.close(() => resolve(found));
    });
  });
}

export function connectionFile(directory: string): string {
  return join(directory, "connection.json");
}

export function readConnection(file: string): Connection | undefined {
  if (!existsSync(file)) return undefined;
  const stored: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (typeof stored !== "object" || stored === null) return undefined;
  const { port, password } = stored as Partial<Connection>;
  return typeof port === "number" && typeof password === "string" ? { port, password } : undefined;
}
