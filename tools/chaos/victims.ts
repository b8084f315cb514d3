/** What chaos kills: processes of its own platform, found where the next start would find them. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Platform } from "../../e2e/platform.ts";
import { isReady } from "../../e2e/platform.ts";
import { pause } from "../../e2e/play/member.ts";
import { readPidFile } from "../../server/kernel/embedded-postgres/former-run.ts";
import { readHolder } from "../../server/kernel/file-lock.ts";
import type { ProcessIdentity } from "../../server/kernel/process.ts";
import { identityOf, isRunning, signal } from "../../server/kernel/process.ts";

export type Victim = "server" | "PostgreSQL";

/** The supervisor waits up to three seconds before it starts one again; recovery comes on top. */
const backMsMax = 90_000;
const lookEveryMs = 50;

/**
 * SIGKILL: nobody is told, nothing is written out. Gives how long it took, in milliseconds, until
 * another process had taken its place and the platform answered again.
 */
export async function killAndWait(platform: Platform, victim: Victim): Promise<number> {
  const killed = await untilThere(platform, victim);
  if (killed === undefined) throw new Error(`the ${victim} is not running, so it can't be killed`);
  const startedAt = performance.now();
  signal(killed.pid, "SIGKILL");
  while (performance.now() - startedAt < backMsMax) {
    await pause(lookEveryMs);
    if (isRunning(killed)) continue;
    const successor = find(platform, victim);
    if (successor === undefined || successor.pid === killed.pid) continue;
    if (await isReady(platform.demo.baseUrl)) return performance.now() - startedAt;
  }
  throw new Error(`the platform was not back ${backMsMax / 1000} s after the ${victim} was killed`);
}

async function untilThere(
  platform: Platform,
  victim: Victim,
): Promise<ProcessIdentity | undefined> {
  for (let waitedMs = 0; waitedMs < backMsMax; waitedMs += lookEveryMs) {
    const found = find(platform, victim);
    if (found !== undefined) return found;
    await pause(lookEveryMs);
  }
  return undefined;
}

function find(platform: Platform, victim: Victim): ProcessIdentity | undefined {
  const found = victim === "server" ? findServer(platform) : findPostgres(platform);
  if (found === undefined || !isRunning(found)) return undefined;
  // A process id that was given to somebody else meanwhile is none of ours.
  return tell(found.pid, "ppid") === String(platform.child.pid) ? found : undefined;
}

/** The supervisor writes down its children: the server and the simulator. */
function findServer({ home }: Platform): ProcessIdentity | undefined {
  const children = readHolder(join(home, "run.lock"))?.facts["children"];
  if (!Array.isArray(children)) return undefined;
  return (children as ProcessIdentity[]).find(({ pid }) =>
    tell(pid, "args").includes("server/main.ts"),
  );
}

function findPostgres({ home }: Platform): ProcessIdentity | undefined {
  const recorded = readPidFile(join(home, "postgres/data"));
  return recorded?.ready === true ? identityOf(recorded.pid) : undefined;
}

/** What the system knows of a process; nothing when it is gone. */
function tell(pid: number, what: "ppid" | "args"): string {
  try {
    return execFileSync("ps", ["-o", `${what}=`, "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
