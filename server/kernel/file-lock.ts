import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isRunning, ownIdentity } from "./process.ts";
import type { ProcessIdentity } from "./process.ts";

/** What the holder tells the others about itself: plain JSON values. */
export type LockFacts = Readonly<Record<string, unknown>>;

export interface LockHolder extends ProcessIdentity {
  readonly facts: LockFacts;
}

export interface FileLock {
  /** What a holder that was killed has left behind: its children may still run. */
  readonly former: LockHolder | undefined;
  setFacts(facts: LockFacts): void;
  release(): void;
}

export type LockAttempt =
  | { readonly kind: "acquired"; readonly lock: FileLock }
  | { readonly kind: "held"; readonly holder: LockHolder };

/** Each round lost means that another process took the lock meanwhile; that ends quickly. */
const attemptsMax = 20;

/**
 * A lock between processes that survives `kill -9`: the file names its holder with the time at
 * which that process started, and a holder that no longer runs has lost it.
 */
export function tryFileLock(path: string, facts: LockFacts = {}): LockAttempt {
  let former: LockHolder | undefined;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (createLock(path, facts)) {
      return { kind: "acquired", lock: heldLock(path, former) };
    }
    const holder = readHolder(path);
    if (holder !== undefined && isRunning(holder)) return { kind: "held", holder };
    former = removeStale(path) ?? former;
  }
  const holder = readHolder(path);
  if (holder !== undefined) return { kind: "held", holder };
  throw new Error(`the lock ${path} can't be taken: delete this file if nothing runs here`);
}

/** Waits until the holder lets go or dies. */
export async function waitForFileLock(
  path: string,
  onWait: (holder: LockHolder) => void = () => undefined,
): Promise<FileLock> {
  const pollMs = 100;
  for (let told = false; ;) {
    const attempt = tryFileLock(path);
    if (attempt.kind === "acquired") return attempt.lock;
    if (!told) onWait(attempt.holder);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

export function readHolder(path: string): LockHolder | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof record !== "object" || record === null) return undefined;
    const { pid, startedAt, facts } = record as Partial<LockHolder>;
    if (typeof pid !== "number" || typeof startedAt !== "string") return undefined;
    return { pid, startedAt, facts: facts ?? {} };
  } catch {
    return undefined;
  }
}

function heldLock(path: string, former: LockHolder | undefined): FileLock {
  return {
    former,
    setFacts: (facts) => {
      const draft = `${path}.${process.pid}`;
      writeFileSync(draft, record(facts));
      renameSync(draft, path);
    },
    release: () => {
      if (readHolder(path)?.pid === process.pid) rmSync(path, { force: true });
    },
  };
}

/** A link appears with its whole content at once, so nobody ever reads half a record. */
function createLock(path: string, facts: LockFacts): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, record(facts), { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Another process may have replaced the stale lock by its own since we read it. So the file is
 * moved aside first, looked at again, and put back when it turns out to be alive.
 */
function removeStale(path: string): LockHolder | undefined {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return undefined;
  }
  const holder = readHolder(aside);
  try {
    if (holder !== undefined && isRunning(holder)) linkSync(aside, path);
  } catch {
    // A third process was faster; the next round finds out who holds the lock now.
  }
  rmSync(aside, { force: true });
  return holder;
}

function record(facts: LockFacts): string {
  return `${JSON.stringify({ ...ownIdentity(), facts })}\n`;
}
