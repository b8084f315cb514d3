/** The platform as one program: it reads the settings, runs what is wired, listens and stops. */
import { join, resolve } from "node:path";
import { createCommitters } from "./kernel/batch.ts";
import { createDatabase, isOutage } from "./kernel/database.ts";
import { followDatabaseClock } from "./kernel/database-clock.ts";
import type { Log } from "./kernel/log.ts";
import { createLog } from "./kernel/log.ts";
import type { Metrics } from "./kernel/metrics.ts";
import { createMetrics } from "./kernel/metrics.ts";
import { migrate, readMigrations } from "./kernel/migrate.ts";
import { exitWithParent } from "./kernel/parent.ts";
import type { Pulses } from "./kernel/pulses.ts";
import { startPulses } from "./kernel/pulses.ts";
import { createSecrets, readOrMakeMasterKeys } from "./kernel/secrets.ts";
import { countNewTables } from "./kernel/statistics.ts";
import type { Clock } from "./kernel/time.ts";
import { secondMs } from "./kernel/time.ts";
import type { Work } from "./kernel/work.ts";
import { startWork } from "./kernel/work.ts";
import { seedDemo } from "./seed.ts";
import type { Settings } from "./settings.ts";
import { printSettings, readSettings } from "./settings.ts";
import { createApi, createModules, pulsesOf, reactionsOf } from "./wiring.ts";

/** sysexits.h: the program was not configured right, and starting it again changes nothing. */
const wrongSettingExit = 78;

const read = readSettings(process.env);
if (read.kind === "wrong") {
  for (const { message } of read.problems) process.stderr.write(`${message}\n`);
  process.exit(wrongSettingExit);
}
const starting = start(read.settings).catch((error: unknown) => {
  if (!isOutage(error)) throw error;
  const why = error instanceof Error ? error.message : String(error);
  process.stderr.write(`the database of DATABASE_URL does not answer: ${why}\n`);
  process.exit(1);
});

let stopping: Promise<void> | undefined;
function stop(): void {
  stopping ??= starting.then((platform) => platform.stop());
}
// A parent that is killed while this starts says so only once.
exitWithParent(stop);
await starting;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);

async function start(settings: Settings) {
  const log = createLog({ level: settings.logLevel });
  log.info(`settings\n${printSettings(settings)}`);
  // Before anything is decided or listens: whatever this machine says the time is.
  const clock = await followDatabaseClock({ url: settings.databaseUrl, log });
  const metrics = createMetrics({ clock });
  metrics.measure("clock", () => metrics.clockDifference(clock.systemAheadMs() / secondMs));
  const home = resolve(settings.home);
  const base = { settings, log, metrics, clock };
  let work: Work | undefined;
  const { database, committers } = await openDatabase(base, () => work?.hint());
  const keys = settings.masterKeys ?? readOrMakeMasterKeys(join(home, "master.key"));
  const secrets = createSecrets(keys);
  const modules = createModules({ settings, metrics, clock, secrets, database, committers });
  const http = await createApi({ ...base, database, modules });
  http.registerBrake(committers.isFull);
  if (settings.role !== "api") {
    work = startWork({ ...base, database, reactions: reactionsOf(modules) });
  }

  let pulses: Pulses | undefined;
  if (settings.role !== "worker") {
    // One that only works has no callers who would need tokens.
    await seedDemo({ ...modules, clock, log, home, settings });
    pulses = startPulses({
      pulses: [countNewTables(database), ...pulsesOf(modules)],
      onFailed(pulse, error) {
        metrics.workFailed("pulse", pulse);
        log.warn({ pulse, error }, "a pulse failed and beats again");
      },
    });
  }
  const address = await http.listen({ host: settings.host, port: settings.port });
  log.info(`listening on ${address}`);

  return {
    /**
     * Takes nothing new and answers what is under way; then the work, whose jobs still record
     * answers of the outside; then what waits for a batch is committed; the database goes last.
     */
    async stop(): Promise<void> {
      await http.stop();
      await pulses?.stop();
      await work?.stop();
      await committers.stop();
      await database.close();
      await clock.stop();
      log.info("stopped");
    },
  };
}

interface Base {
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Brings the database to the newest schema, then opens the ways to it. */
async function openDatabase({ settings, log, metrics, clock }: Base, onEvents: () => void) {
  await migrate({
    url: settings.databaseUrl,
    migrations: await readMigrations(join(import.meta.dirname, "migrations")),
    onProgress: (name) => log.info(`migrating: ${name}`),
    now: clock.now(),
  });
  const database = createDatabase({
    url: settings.databaseUrl,
    clock,
    poolMax: settings.databasePoolMax,
    onError: (error) => log.warn({ error }, "a database connection was lost"),
    onEvents,
  });
  const committers = createCommitters({
    database,
    committers: settings.committers === 2 ? 2 : 1,
    queueMax: settings.batchQueueMax,
    observe: metrics.batches,
  });
  return { database, committers };
}
