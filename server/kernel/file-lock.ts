import { createHash } from "node:crypto";
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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

/** Each round lost means that the lock was let go between two looks at it; that ends quickly. */
const attemptsMax = 20;

/**
 * A lock between processes that survives `kill -9`: the file names its holder with the time at
 * which that process started, and a holder that no longer runs has lost it. The file of a holder
 * that lives is touched by nobody else.
 */
export function tryFileLock(path: string, facts: LockFacts = {}): LockAttempt {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (createLock(path, facts)) return { kind: "acquired", lock: heldLock(path, undefined) };
    const holder = readHolder(path);
    if (holder !== undefined && isRunning(holder)) return { kind: "held", holder };
    const inherited = inheritLock(path, holder, facts);
    if (inherited !== undefined) return inherited;
  }
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
 * Puts our record in the place of one that a dead process has left. Only who holds the claim to
 * this very record may do that, so between the last look at it and the replacing it stays as it
 * is. The claim is a lock of the same kind: who dies with it is inherited from in turn.
 */
function inheritLock(
  path: string,
  stale: LockHolder | undefined,
  facts: LockFacts,
): LockAttempt | undefined {
  const claim = tryFileLock(`${path}.claim-${nameOf(stale)}`);
  if (claim.kind === "held") return claim;
  try {
    if (!existsSync(path) || nameOf(readHolder(path)) !== nameOf(stale)) return undefined;
    const lock = heldLock(path, stale);
    lock.setFacts(facts);
    return { kind: "acquired", lock };
  } finally {
    claim.lock.release();
  }
}

/** No two processes have the same. */
function nameOf(holder: LockHolder | undefined): string {
  if (holder === undefined) return "unreadable";
  const { pid, startedAt } = holder;
  return createHash("sha256").update(`${pid} ${startedAt}`).digest("hex").slice(0, 16);
}

function record(facts: LockFacts): string {
  return `${JSON.stringify({ ...ownIdentity(), facts })}\n`;
}
