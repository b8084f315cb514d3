/**
 * The platform's own HTTP edge with nothing behind it: token, limits, validation, the fingerprint
 * under the Idempotency-Key, ids, log and metrics are those of the platform, and the answer is an
 * order as it would be placed. What an order costs beyond this is its decision and its writing.
 * The database is asked for signing keys and tenants alone, once in half a minute.
 */
import { join } from "node:path";
import { principalOf } from "../../server/kernel/access.ts";
import { required } from "../../server/kernel/assert.ts";
import { createCommitters } from "../../server/kernel/batch.ts";
import { createDatabase } from "../../server/kernel/database.ts";
import { createHttp } from "../../server/kernel/http.ts";
import { createIds } from "../../server/kernel/ids.ts";
import { createLog } from "../../server/kernel/log.ts";
import { createMetrics } from "../../server/kernel/metrics.ts";
import { createNumbers } from "../../server/kernel/numbers.ts";
import { exitWithParent } from "../../server/kernel/parent.ts";
import { readIdempotencyKey } from "../../server/kernel/request.ts";
import { createSecrets, readOrMakeMasterKeys } from "../../server/kernel/secrets.ts";
import { systemClock as clock } from "../../server/kernel/time.ts";
import { createIdentity } from "../../server/modules/identity/index.ts";
import { refusals } from "../../server/refusals.ts";
import { newOrder, viewOf } from "../order.ts";

/** What the bench hands over in the environment. */
export interface EdgeSettings {
  readonly databaseUrl: string;
  /** Where the platform keeps its master key. */
  readonly home: string;
}

const { databaseUrl, home }: EdgeSettings = JSON.parse(
  required(process.env["BENCH_EDGE"], "BENCH_EDGE"),
);
const log = createLog({ level: "info" });
const metrics = createMetrics({ clock });
const ids = createIds({ clock });
const numbers = createNumbers({ clock });
const database = createDatabase({
  url: databaseUrl,
  clock,
  poolMax: 1,
  onError: (error) => log.warn({ error }, "a database connection was lost"),
});
const identity = createIdentity({
  database,
  committers: createCommitters({ database }),
  ids,
  clock,
  secrets: createSecrets(readOrMakeMasterKeys(join(home, "master.key"))),
  tenantSettings: [],
});
const http = await createHttp({
  // As the platform has them by default.
  settings: {
    bodyBytesMax: 1_048_576,
    inFlightMax: 4_096,
    connectionsMax: 10_000,
    callerPerSecondMax: 0,
    trustedProxies: undefined,
    metricsToken: undefined,
    stopSecondsMax: 20,
  },
  log,
  metrics,
  refusals,
  clock,
  openapi: {
    title: "Edge",
    version: "0",
    description: "The edge of the platform alone.",
    tokenDescription: "",
  },
});
http.registerAuthentication(identity.authenticate);
http.app.post(
  "/v1/orders",
  {
    config: { scope: "orders:write" },
    schema: { operationId: "placeOrder", summary: "Place an order", tags: [], body: newOrder },
  },
  (request, reply) => {
    const { subject: placedBy } = principalOf(request);
    readIdempotencyKey(request);
    const { memberId } = request.body;
    const lines = request.body.lines.map((line) => ({ ...line, title: "Edge", priceMinor: 1n }));
    const made = { id: ids.next(), number: numbers.next("T") };
    const order = { ...made, memberId, lines, placedBy, totalMinor: 1n, currency: "CNY" };
    const body = JSON.stringify(viewOf(order, clock.now()));
    return reply.answer({ kind: "answered", status: 201, body });
  },
);
const address = await http.listen({ host: "127.0.0.1", port: 0 });
process.send?.({ address });

exitWithParent(() => process.exit(0));
