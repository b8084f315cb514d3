/** The processes of a platform of our own, found where its next start would find them. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { readPidFile } from "../../server/kernel/embedded-postgres/former-run.ts";
import { readHolder } from "../../server/kernel/file-lock.ts";
import type { ProcessIdentity } from "../../server/kernel/process.ts";
import { identityOf, isRunning, signal } from "../../server/kernel/process.ts";
import type { Platform } from "../../e2e/platform.ts";
import { isReady } from "../../e2e/platform.ts";
import { pause } from "../../e2e/play/member.ts";

/** One of the supervisor's children, as it calls them, and where it answers. */
export interface Part {
  readonly name: string;
  readonly address: string;
}

/** The supervisor waits up to three seconds before it starts one again; recovery comes on top. */
const backMsMax = 90_000;
const lookEveryMs = 50;

/** The servers in the order of their ports, then the workers. */
export function partsOf(addresses: readonly string[], apis: number): Part[] {
  return addresses.map((address, at) => {
    if (at >= apis) return { name: `worker ${at - apis + 1}`, address };
    return { name: at === 0 ? "server" : `server ${at + 1}`, address };
  });
}

export function findPart({ home }: Platform, name: string): ProcessIdentity | undefined {
  const children = readHolder(join(home, "run.lock"))?.facts["children"];
  if (!Array.isArray(children)) return undefined;
  const found = (children as (ProcessIdentity & { name: string })[]).find(
    (child) => child.name === name,
  );
  return found !== undefined && isRunning(found) ? found : undefined;
}

export function findPostgres(platform: Platform): ProcessIdentity | undefined {
  const recorded = readPidFile(join(platform.home, "postgres/data"));
  const found = recorded?.ready === true ? identityOf(recorded.pid) : undefined;
  if (found === undefined) return undefined;
  // A process id that was given to somebody else meanwhile is none of ours.
  const parent = tell(["-o", "ppid=", "-p", String(found.pid)])[0];
  return parent === platform.child.pid ? found : undefined;
}

/** The processes of PostgreSQL that serve connections, and its helpers. */
export function findBackends(postgres: ProcessIdentity): number[] {
  const all = tell(["-A", "-o", "pid=,ppid="]);
  const pairs = all.flatMap((pid, at) => (at % 2 === 0 ? [{ pid, parent: all[at + 1] }] : []));
  return pairs.filter(({ parent }) => parent === postgres.pid).map(({ pid }) => pid);
}

/** The numbers that `ps` prints; none when there is no such process. */
function tell(args: readonly string[]): number[] {
  try {
    const text = execFileSync("ps", [...args], { encoding: "utf8" });
    return text.trim().split(/\s+/).map(Number);
  } catch {
    return [];
  }
}

export async function untilFound(
  find: () => ProcessIdentity | undefined,
  what: string,
): Promise<ProcessIdentity> {
  for (let waitedMs = 0; waitedMs < backMsMax; waitedMs += lookEveryMs) {
    const found = find();
    if (found !== undefined) return found;
    await pause(lookEveryMs);
  }
  throw new Error(`the ${what} was not running for ${backMsMax / 1000} s`);
}

/**
 * Sends a signal that ends a process. Gives how long it took, in milliseconds, until another one
 * had taken its place and all `addresses` answered again.
 */
export async function endAndWait(given: {
  readonly what: string;
  readonly find: () => ProcessIdentity | undefined;
  readonly signal: "SIGKILL" | "SIGTERM";
  readonly addresses: readonly string[];
}): Promise<number> {
  const { what, find, addresses } = given;
  const ended = await untilFound(find, what);
  const startedAt = performance.now();
  signal(ended.pid, given.signal);
  while (performance.now() - startedAt < backMsMax) {
    await pause(lookEveryMs);
    const successor = isRunning(ended) ? undefined : find();
    if (successor === undefined || successor.pid === ended.pid) continue;
    if ((await Promise.all(addresses.map(isReady))).every(Boolean))
      return performance.now() - startedAt;
  }
  throw new Error(`the platform was not back ${backMsMax / 1000} s after the end of the ${what}`);
}
