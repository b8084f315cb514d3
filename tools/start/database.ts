import {
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from "../../server/kernel/embedded-postgres.ts";
import type { EmbeddedPostgres } from "../../server/kernel/embedded-postgres.ts";
import type { PostgresSettings } from "../../server/kernel/embedded-postgres/tuning.ts";

export interface DatabaseOptions {
  readonly home: string;
  readonly settings: PostgresSettings;
  readonly say: (line: string) => void;
  /** It is back, but at another address. */
  readonly onMoved: (url: string) => void;
  readonly onGivenUp: (reason: string) => void;
}

export interface SupervisedDatabase {
  readonly url: string;
  stop(): Promise<void>;
}

/** A crash of PostgreSQL is rare; one that comes back at once is not cured by another start. */
const restartsMax = 5;
const recoveredAfterMs = 120_000;

/** Keeps the embedded PostgreSQL running until it is stopped. */
export async function superviseDatabase(options: DatabaseOptions): Promise<SupervisedDatabase> {
  const { home, settings } = options;
  let stopping = false;
  let restarts = 0;
  let startedAt = 0;
  let current: Promise<EmbeddedPostgres> = launch();

  async function launch(): Promise<EmbeddedPostgres> {
    const postgres = await startEmbeddedPostgres({ home, settings, log: options.say });
    startedAt = performance.now();
    postgres.onUnexpectedExit((reason) => {
      if (!stopping) void restart(reason);
    });
    return postgres;
  }

  async function restart(reason: string): Promise<void> {
    if (performance.now() - startedAt > recoveredAfterMs) restarts = 0;
    restarts += 1;
    if (restarts > restartsMax) {
      options.onGivenUp(`PostgreSQL has died ${restarts} times (${reason})`);
      return;
    }
    options.say(`PostgreSQL has died (${reason}): starting it again`);
    try {
      const { url: formerUrl } = await current;
      current = launch();
      const { url } = await current;
      if (stopping) return;
      options.say("PostgreSQL is back");
      if (url !== formerUrl) options.onMoved(url);
    } catch (error) {
      const why = error instanceof EmbeddedPostgresError ? error.message : String(error);
      options.onGivenUp(`PostgreSQL did not come back: ${why}`);
    }
  }

  return {
    url: (await current).url,
    stop: async () => {
      stopping = true;
      // One that does not start has nothing to be stopped.
      const postgres = await current.catch(() => undefined);
      await postgres?.stop();
    },
  };
}
