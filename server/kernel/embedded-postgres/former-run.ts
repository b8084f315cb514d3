import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { identityOf, processesWorkingIn, signal, waitForExit } from "../process.ts";
import type { ProcessIdentity } from "../process.ts";
import { removeSockets } from "./address.ts";
import { EmbeddedPostgresError } from "./error.ts";
import type { Place } from "./place.ts";

/** A fast shutdown writes what is in memory to disk first; slow disks take a while. */
export const fastStopTimeoutMs = 60_000;
/** An immediate one only ends processes; the log brings the data back at the next start. */
export const immediateStopTimeoutMs = 5_000;
/** Most notice the death of their postmaster at once and are gone before we look. */
const leftoverTimeoutMs = 1_000;

/**
 * After `kill -9` of its parent PostgreSQL runs on, and after `kill -9` of PostgreSQL itself its
 * connections may run on until they notice. Both are stopped, not adopted: one that we started
 * ourselves has our settings and reports its end to us. Nothing is lost by that, a commit that was
 * acknowledged is on disk.
 */
export async function stopFormerRun(place: Place, log: (line: string) => void): Promise<void> {
  // A first start that was interrupted may still be making its database, which is thrown away.
  await endAll(processesWorkingIn(place.directory, "initdb"));
  await endAll(processesWorkingIn(join(place.directory, "data.draft"), "postgres"));

  const data = join(place.directory, "data");
  const processes = processesWorkingIn(data, "postgres");
  const recorded = readPidFile(data)?.pid;
  const postmaster = processes.find(({ pid }) => pid === recorded);
  if (postmaster !== undefined) {
    log(`stopping the PostgreSQL that an earlier run has left behind (process ${postmaster.pid})`);
    signal(postmaster.pid, "SIGINT");
    if ((await waitForExit(postmaster, fastStopTimeoutMs)) === "timeout") {
      signal(postmaster.pid, "SIGQUIT");
      await waitForExit(postmaster, immediateStopTimeoutMs);
    }
  }
  await endAll(processesWorkingIn(data, "postgres"));
  const left = processesWorkingIn(data, "postgres")[0];
  if (left !== undefined) {
    throw new EmbeddedPostgresError(
      `process ${left.pid} of an earlier PostgreSQL can't be stopped`,
    );
  }
  // Its process id may belong to anybody by now, which would keep PostgreSQL from starting.
  rmSync(join(data, "postmaster.pid"), { force: true });
  removeSockets(place.directory);
}

/** Their postmaster is dead, so nobody gets their answers: they only have to be gone. */
async function endAll(processes: readonly ProcessIdentity[]): Promise<void> {
  await Promise.all(
    processes.map(async (identity) => {
      signal(identity.pid, "SIGQUIT");
      if ((await waitForExit(identity, leftoverTimeoutMs)) === "exited") return;
      signal(identity.pid, "SIGKILL");
      await waitForExit(identity, immediateStopTimeoutMs);
    }),
  );
}

/** postmaster.pid: the process id on its first line, on its eighth how far the start has come. */
export function readPidFile(data: string): { pid: number; ready: boolean } | undefined {
  try {
    const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    const pid = Number(lines[0]);
    if (!Number.isSafeInteger(pid) || identityOf(pid) === undefined) return undefined;
    return { pid, ready: lines[7]?.trim() === "ready" };
  } catch {
    return undefined;
  }
}
