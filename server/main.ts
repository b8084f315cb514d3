/**
 * The platform as one program. The only file that knows every module: it reads the settings, wires
 * the modules to each other and listens.
 */
import { join, resolve } from "node:path";
import type { Committers } from "./kernel/batch.ts";
import { createCommitters } from "./kernel/batch.ts";
import type { Database } from "./kernel/database.ts";
import { createDatabase } from "./kernel/database.ts";
import type { Deadline } from "./kernel/deadlines.ts";
import { createDeadlines } from "./kernel/deadlines.ts";
import type { Http } from "./kernel/http.ts";
import { createHttp } from "./kernel/http.ts";
import type { Ids } from "./kernel/ids.ts";
import { createIds } from "./kernel/ids.ts";
import type { Log } from "./kernel/log.ts";
import { createLog } from "./kernel/log.ts";
import type { Metrics } from "./kernel/metrics.ts";
import { createMetrics } from "./kernel/metrics.ts";
import { migrate, readMigrations } from "./kernel/migrate.ts";
import { exitWithParent } from "./kernel/parent.ts";
import { createSecrets, readOrMakeMasterKeys } from "./kernel/secrets.ts";
import { createNumbers } from "./kernel/numbers.ts";
import { systemClock as clock } from "./kernel/time.ts";
import { catalogRoutes } from "./modules/catalog/api.ts";
import type { Catalog } from "./modules/catalog/index.ts";
import { createCatalog } from "./modules/catalog/index.ts";
import { identityRoutes } from "./modules/identity/api.ts";
import type { Identity } from "./modules/identity/index.ts";
import { createIdentity } from "./modules/identity/index.ts";
import { identityReactions } from "./modules/identity/reactions.ts";
import { ledgerRoutes } from "./modules/ledger/api.ts";
import type { Ledger } from "./modules/ledger/index.ts";
import { createLedger } from "./modules/ledger/index.ts";
import { ordersRoutes } from "./modules/orders/api.ts";
import type { Orders } from "./modules/orders/index.ts";
import { createOrders, orderTenantSettings } from "./modules/orders/index.ts";
import { ordersReactions } from "./modules/orders/reactions.ts";
import { refusals } from "./refusals.ts";
import { seedDemo } from "./seed.ts";
import type { Settings } from "./settings.ts";
import { printSettings, readSettings } from "./settings.ts";

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
  const { database, committers } = await openDatabase({ settings, log, metrics });
  const home = resolve(settings.home);
  const modules = createModules({ settings, home, database, committers });
  const http = await createApi({ settings, log, metrics, database, modules });
  const deadlines = createDeadlines({
    database,
    clock,
    deadlines: settings.role === "api" ? [] : deadlinesOf(modules),
    observe: {
      swept: (deadline, rows) => log.debug({ deadline, rows }, "swept"),
      failed: (deadline, error) => log.warn({ deadline, error }, "a sweep failed and is repeated"),
    },
  });

  await seedDemo({ ...modules, home, settings });
  const address = await http.listen({ host: settings.host, port: settings.port });
  log.info(`listening on ${address}`);

  return {
    /** Takes nothing new, answers what is under way, and lets go of the database last. */
    async stop(): Promise<void> {
      await http.stop();
      await deadlines.stop();
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
async function openDatabase({ settings, log, metrics }: Base) {
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
  });
  const committers = createCommitters({
    database,
    committers: settings.committers === 2 ? 2 : 1,
    queueMax: settings.batchQueueMax,
    observe: metrics.batches,
  });
  return { database, committers };
}

function deadlinesOf({ identity, orders }: Modules): Deadline[] {
  return [...identityReactions(identity).deadlines, ...ordersReactions(orders).deadlines];
}

interface Modules {
  readonly ids: Ids;
  readonly identity: Identity;
  readonly ledger: Ledger;
  readonly catalog: Catalog;
  readonly orders: Orders;
}

function createModules(given: {
  readonly settings: Settings;
  readonly home: string;
  readonly database: Database;
  readonly committers: Committers;
}): Modules {
  const { settings, home, database, committers } = given;
  const ids = createIds({ clock });
  const keys = settings.masterKeys ?? readOrMakeMasterKeys(join(home, "master.key"));
  const secrets = createSecrets(keys);
  const tenantSettings = orderTenantSettings({ closeAfterMinutes: settings.orderCloseMinutes });
  const identity = createIdentity({
    database,
    committers,
    ids,
    clock,
    secrets,
    tenantSettings: Object.values(tenantSettings),
  });
  const ledger = createLedger({ database, clock });
  const catalog = createCatalog({ database, committers, ledger, ids });
  const orders = createOrders({
    database,
    committers,
    ids,
    numbers: createNumbers({ clock, zone: settings.businessZone }),
    identity,
    tenantSettings,
  });
  return { ids, identity, ledger, catalog, orders };
}

async function createApi(given: Base & { database: Database; modules: Modules }): Promise<Http> {
  const { settings, log, metrics, database, modules } = given;
  const http = await createHttp({
    settings,
    log,
    metrics,
    refusals,
    clock,
    openapi: {
      title: "Tongbao",
      version: "0.1.0",
      description: "A transaction platform for businesses that sell to members.",
      serverUrl: settings.publicUrl,
    },
  });
  http.registerAuthentication(modules.identity.authenticate);
  http.registerReadiness("database", async () => {
    await Promise.all(database.pools().map((pool) => pool.query("select 1")));
    return true;
  });
  identityRoutes(http.app, modules.identity);
  ledgerRoutes(http.app, modules.ledger);
  catalogRoutes(http.app, modules.catalog);
  ordersRoutes(http.app, modules.orders);
  metrics.measure("caches", () => {
    for (const cache of modules.identity.caches) metrics.cache(cache.name, cache.figures());
  });
  return http;
}
