import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { EmbeddedPostgresError } from "./error.ts";

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/** Where binaries and data live, and as whom PostgreSQL runs. */
export interface Place {
  readonly directory: string;
  /** Undefined: as the user who starts it. PostgreSQL refuses to run as root. */
  readonly user: SystemUser | undefined;
}

type Log = (line: string) => void;

/** Outside of every home, so that any user can be let in. */
const systemDirectory = "/var/lib/tongbao";
const homeFile = "home";

/** `<home>/postgres`; for root in a home that only root can enter, a link to a place outside. */
export function findPlace(home: string, log: Log): Place {
  mkdirSync(home, { recursive: true });
  const inHome = join(home, "postgres");
  const asRoot = process.getuid?.() === 0;
  if (!asRoot) {
    mkdirSync(inHome, { recursive: true });
    checkWritable(inHome);
    return { directory: realpathSync(inHome), user: undefined };
  }
  // A link whose target was deleted by hand counts as none.
  if (!existsSync(inHome)) {
    rmSync(inHome, { force: true });
    createPlace(home, inHome, log);
  }
  const directory = realpathSync(inHome);
  checkBelongsTo(home, directory);
  const user = ownerOf(directory);
  if (!canWork(directory, user) && !giveTo(user, directory)) {
    throw new EmbeddedPostgresError(
      `user ${user.uid}, who owns ${directory}, can't enter it: move ${home} to a folder that ` +
        "other users can enter, or set TONGBAO_HOME or DATABASE_URL",
    );
  }
  return { directory, user };
}

function checkWritable(directory: string): void {
  const data = join(directory, "data");
  const owner = statSync(existsSync(data) ? data : directory).uid;
  if (owner === process.getuid?.()) return;
  throw new EmbeddedPostgresError(
    `${directory} belongs to user ${owner}: start as that user or as root, ` +
      "or set TONGBAO_HOME to another folder",
  );
}

function createPlace(home: string, inHome: string, log: Log): void {
  const user = chooseUser();
  mkdirSync(inHome, { mode: 0o755 });
  if (giveTo(user, inHome)) return;

  rmSync(inHome, { recursive: true });
  const outside = join(systemDirectory, randomBytes(6).toString("hex"));
  // Modes given to mkdir are cut by the umask; these have to be entered by another user.
  mkdirSync(outside, { recursive: true });
  chmodSync(systemDirectory, 0o755);
  chmodSync(outside, 0o755);
  if (!giveTo(user, outside)) {
    throw new EmbeddedPostgresError(
      `PostgreSQL must not run as root, and user ${user.uid} can use neither ${home} nor ` +
        `${outside}: start as an ordinary user, or set DATABASE_URL`,
    );
  }
  noteAbandoned(log);
  writeFileSync(join(outside, homeFile), realpathSync(home));
  symlinkSync(outside, inHome);
  log(`user ${user.uid} can't enter ${home}: PostgreSQL lives in ${outside}, linked from there`);
}

function giveTo(user: SystemUser, directory: string): boolean {
  try {
    chownSync(directory, user.uid, user.gid);
    return canWork(directory, user);
  } catch {
    // Some mounted folders know no owners.
    return false;
  }
}

/** Asks the system itself, which knows of access lists and mounts that mode bits do not show. */
function canWork(directory: string, user: SystemUser): boolean {
  const script = 'cd "$1" && touch .probe && rm .probe';
  const probe = spawnSync("/bin/sh", ["-c", script, "sh", directory], {
    ...user,
    cwd: "/",
    stdio: "ignore",
  });
  return probe.status === 0;
}

function ownerOf(directory: string): SystemUser {
  const data = join(directory, "data");
  const { uid, gid } = statSync(existsSync(data) ? data : directory);
  return uid === 0 ? chooseUser() : { uid, gid };
}

function chooseUser(): SystemUser {
  for (const name of ["postgres", "_postgres", "nobody"]) {
    const uid = idOf("-u", name);
    const gid = idOf("-g", name);
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new EmbeddedPostgresError(
    "PostgreSQL must not run as root, and this system has neither a user postgres nor nobody: " +
      "start as an ordinary user, or set DATABASE_URL",
  );
}

function idOf(flag: "-u" | "-g", name: string): number | undefined {
  try {
    const output = execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"] });
    // spawn takes signed ids; macOS prints nobody's -2 as 4294967294.
    return Number(output.toString()) | 0;
  } catch {
    return undefined;
  }
}

/** A copied home links to the same place as its original; both at once would be one database. */
function checkBelongsTo(home: string, directory: string): void {
  const file = join(directory, homeFile);
  if (!existsSync(file)) return;
  const original = readFileSync(file, "utf8");
  const own = realpathSync(home);
  if (original === own) return;
  if (placeOf(original) === directory) {
    throw new EmbeddedPostgresError(
      `${home} is a copy of ${original} and links to its database: ` +
        `delete ${join(home, "postgres")} to begin with an empty one`,
    );
  }
  // The home was moved, and its link with it.
  writeFileSync(file, own);
}

function noteAbandoned(log: Log): void {
  for (const name of readdirSync(systemDirectory)) {
    const directory = join(systemDirectory, name);
    const file = join(directory, homeFile);
    if (!existsSync(file)) continue;
    const home = readFileSync(file, "utf8");
    if (placeOf(home) === directory) continue;
    log(`${directory} is left over from ${home}: delete it when its database is not needed`);
  }
}

function placeOf(home: string): string | undefined {
  try {
    return realpathSync(join(home, "postgres"));
  } catch {
    return undefined;
  }
}
