/** The platform as one program: it reads the settings, runs what is wired, listens and stops. */
import { join, resolve } from "node:path";
import { createCommitters } from "./kernel/batch.ts";
import type { Database } from "./kernel/database.ts";
import { createDatabase } from "./kernel/database.ts";
import { createDeadlines } from "./kernel/deadlines.ts";
import { createJobs } from "./kernel/jobs.ts";
import type { Log } from "./kernel/log.ts";
import { createLog } from "./kernel/log.ts";
import type { Metrics } from "./kernel/metrics.ts";
import { createMetrics } from "./kernel/metrics.ts";
import { migrate, readMigrations } from "./kernel/migrate.ts";
import { exitWithParent } from "./kernel/parent.ts";
import { createSecrets, readOrMakeMasterKeys } from "./kernel/secrets.ts";
import { createSubscriptions } from "./kernel/subscriptions.ts";
import { systemClock as clock } from "./kernel/time.ts";
import { seedDemo } from "./seed.ts";
import type { Settings } from "./settings.ts";
import { printSettings, readSettings } from "./settings.ts";
import type { Modules } from "./wiring.ts";
import { createApi, createModules, reactionsOf } from "./wiring.ts";

/** sysexits.h: the program was not configured right, and starting it again changes nothing. */
const wrongSettingExit = 78;

const read = readSettings(process.env);
if (read.kind === "wrong") {
  for (const { message } of read.problems) process.stderr.write(`${message}\n`);
  process.exit(wrongSettingExit);
}
const platform = await start(read.settings);

let stopping: Promise<void> | undefined;
function stop(): void {
  stopping ??= platform.stop();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
exitWithParent(stop);

async function start(settings: Settings) {
  const log = createLog({ level: settings.logLevel });
  log.info(`settings\n${printSettings(settings)}`);
  const metrics = createMetrics({ clock });
  const home = resolve(settings.home);
  const base = { settings, log, metrics, clock };
  let worker: Worker | undefined;
  const { database, committers } = await openDatabase(base, () => worker?.hint());
  const keys = settings.masterKeys ?? readOrMakeMasterKeys(join(home, "master.key"));
  const secrets = createSecrets(keys);
  const modules = createModules({ settings, metrics, clock, secrets, database, committers });
  const http = await createApi({ ...base, database, modules });
  if (settings.role !== "api") worker = startWorker({ ...base, database, modules });

  await seedDemo({ ...modules, home, settings });
  const address = await http.listen({ host: settings.host, port: settings.port });
  log.info(`listening on ${address}`);

  return {
    /** Takes nothing new, answers what is under way, and lets go of the database last. */
    async stop(): Promise<void> {
      await http.stop();
      await worker?.stop();
      await committers.stop();
      await database.close();
      log.info("stopped");
    },
  };
}

interface Base {
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Brings the database to the newest schema, then opens the ways to it. */
async function openDatabase({ settings, log, metrics }: Base, onEvents: () => void) {
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

type Worker = ReturnType<typeof startWorker>;

/** Works off what the modules react to: deadlines, events, and jobs that call the outside. */
function startWorker(given: Base & { readonly database: Database; readonly modules: Modules }) {
  const { log, metrics, database, modules } = given;
  const reactions = reactionsOf(modules);
  const deadlines = createDeadlines({
    database,
    clock,
    deadlines: reactions.deadlines,
    observe: {
      swept: (deadline, rows) => log.debug({ deadline, rows }, "swept"),
      failed(deadline, error) {
        metrics.workFailed("deadline", deadline);
        log.warn({ deadline, error }, "a sweep failed and is repeated");
      },
    },
  });
  const subscriptions = createSubscriptions({
    database,
    subscriptions: reactions.subscriptions,
    observe: {
      applied: metrics.eventsApplied,
      failed(subscription, error) {
        metrics.workFailed("subscription", subscription);
        log.warn({ subscription, error }, "an event failed and is tried again");
      },
      parked: (subscription, tenantId, seq, error) =>
        log.error({ subscription, tenantId, seq, error }, "an event is parked for a person"),
    },
  });
  // The runner refuses to run without a task.
  const jobs =
    Object.keys(reactions.jobs).length === 0
      ? undefined
      : createJobs({
          url: database.url,
          handlers: reactions.jobs,
          onError: (message, error) => log.warn({ error }, message),
        });
  return {
    /** New events are there. */
    hint: () => subscriptions.hint(),

    async stop(): Promise<void> {
      await Promise.all([deadlines.stop(), subscriptions.stop(), jobs?.stop()]);
    },
  };
}
