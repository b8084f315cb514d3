import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../server/kernel/embedded-postgres.ts";
import { readHolder } from "../../server/kernel/file-lock.ts";
import { isRunning, processesWorkingIn, signal, waitForExit } from "../../server/kernel/process.ts";
import { testSettings } from "../../server/kernel/testing/settings.ts";

export interface TestPostgres {
  readonly home: string;
  readonly url: string;
  remove(): Promise<void>;
}

const prefix = "tongbao-test-";

/** A PostgreSQL for one run, in a folder of its own that goes with it. */
export async function startTestPostgres(log: (line: string) => void): Promise<TestPostgres> {
  await removeAbandoned();
  const home = mkdtempSync(join(tmpdir(), prefix));
  // Only its owner may enter what mkdtemp makes, and as root PostgreSQL runs as somebody else.
  chmodSync(home, 0o755);
  const postgres = await startEmbeddedPostgres({ home, log, settings: testSettings });
  return {
    home,
    url: postgres.url,
    remove: async () => {
      await postgres.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A run that was killed has left its PostgreSQL running and its folder behind. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const home = join(tmpdir(), name);
    const holder = readHolder(join(home, "postgres.lock"));
    if (holder === undefined || isRunning(holder)) continue;
    for (const identity of processesWorkingIn(dataOf(home), "postgres")) {
      signal(identity.pid, "SIGKILL");
      await waitForExit(identity, 5_000);
    }
    rmSync(home, { recursive: true, force: true });
  }
}

function dataOf(home: string): string {
  return join(realpathSync(home), "postgres/data");
}
