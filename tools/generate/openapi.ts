import { createCommitters } from "../../server/kernel/batch.ts";
import { createDatabase } from "../../server/kernel/database.ts";
import { createLog } from "../../server/kernel/log.ts";
import { createMetrics } from "../../server/kernel/metrics.ts";
import { createSecrets } from "../../server/kernel/secrets.ts";
import { systemClock as clock } from "../../server/kernel/time.ts";
import { readSettings } from "../../server/settings.ts";
import { createApi, createModules } from "../../server/wiring.ts";

/** In the document only: no route of ours has another one. */
const methods = ["get", "post", "put", "patch", "delete"];

/**
 * The API's description of itself, without the address of one installation. Paths are sorted, so
 * that the order in which modules register routes changes nothing; what is inside of them stands
 * in the order in which it was written, which is the order for reading.
 */
export async function openapiDocument(): Promise<string> {
  const described = await describeApi();
  const document = { ...described, servers: undefined, paths: sortPaths(described.paths ?? {}) };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Builds the API as the program does; a database that nobody asks need not be there. */
async function describeApi() {
  const read = readSettings({ DATABASE_URL: "postgresql://127.0.0.1" });
  if (read.kind === "wrong") throw new Error("the defaults of the settings are wrong");
  const { settings } = read;
  const database = createDatabase({ url: settings.databaseUrl, clock });
  const committers = createCommitters({ database });
  const secrets = createSecrets([Buffer.alloc(32)]);
  const metrics = createMetrics({ clock });
  const modules = createModules({ settings, metrics, clock, secrets, database, committers });
  const log = createLog({ level: "silent" });
  const http = await createApi({ settings, log, metrics, clock, database, modules });
  await http.app.ready();
  const document = http.app.swagger();
  await http.stop();
  await committers.stop();
  await database.close();
  return document;
}

function sortPaths(paths: object): Record<string, unknown> {
  const sorted = Object.entries(paths).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([path, item]) => [path, sortMethods(item)]));
}

function sortMethods(item: object): Record<string, unknown> {
  const entries = Object.entries(item);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => methods.indexOf(a) - methods.indexOf(b)),
  );
}
