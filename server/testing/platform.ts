import { randomBytes } from "node:crypto";
import { createCommitters } from "../kernel/batch.ts";
import type { Database } from "../kernel/database.ts";
import { createDatabase } from "../kernel/database.ts";
import { createLog } from "../kernel/log.ts";
import { createMetrics } from "../kernel/metrics.ts";
import { createSecrets } from "../kernel/secrets.ts";
import { freePort } from "../kernel/testing/free-port.ts";
import type { Clock } from "../kernel/time.ts";
import { systemClock } from "../kernel/time.ts";
import type { PrincipalKind, Scope, TenantId } from "../modules/identity/index.ts";
import { readSettings } from "../settings.ts";
import { createApi, createModules } from "../wiring.ts";
import { outsideHost } from "./outside.ts";
import { issueTestToken } from "./tokens.ts";

export type TestPlatform = Awaited<ReturnType<typeof startTestPlatform>>;

/** A tenant with the tokens of its staff, of a program and of a member called m-1. */
export interface TestTenant {
  readonly tenantId: TenantId;
  readonly tokens: Readonly<Record<PrincipalKind, string>>;
}

/**
 * The whole API as main.ts wires it, listening on a free port, in this process. Deadlines, events
 * and jobs are for the test to run.
 */
export async function startTestPlatform(options: {
  url: string;
  clock?: Clock;
  /** The same one for processes of one installation. */
  masterKey?: Buffer;
  /** Whose X-Forwarded-For is believed. */
  trustedProxies?: string;
  /** Puts something between the committers and the database, such as a look at what is sent. */
  between?: (database: Database) => Database;
}) {
  const { url, clock = systemClock, masterKey = randomBytes(32) } = options;
  const { between = (database: Database) => database } = options;
  // Channels are told the address before anything listens there.
  const port = await freePort();
  const read = readSettings({
    DATABASE_URL: url,
    PORT: String(port),
    CHANNEL_HOSTS: outsideHost,
    TRUSTED_PROXIES: options.trustedProxies,
  });
  if (read.kind === "wrong") throw new Error("the defaults of the settings are wrong");
  const { settings } = read;
  const database = createDatabase({ url, clock, poolMax: 6 });
  const committers = createCommitters({ database: between(database) });
  const secrets = createSecrets([masterKey]);
  const metrics = createMetrics({ clock });
  const modules = createModules({ settings, metrics, clock, secrets, database, committers });
  const log = createLog({ level: "silent" });
  const http = await createApi({ settings, log, metrics, clock, database, modules });
  http.registerBrake(committers.isFull);
  const baseUrl = await http.listen({ host: "127.0.0.1", port });
  const { identity, ids } = modules;

  async function issueToken(
    tenantId: TenantId,
    kind: PrincipalKind,
    scopes?: readonly Scope[],
  ): Promise<string> {
    const name = kind === "member" ? "m-1" : "test";
    return (await issueTestToken(identity, { tenantId, kind, name, scopes })).token;
  }

  return {
    ...modules,
    app: http.app,
    database,
    baseUrl,
    issueToken,

    async createTenant(name: string): Promise<TestTenant> {
      const tenantId = ids.next<"Tenant">();
      await identity.createTenant({ id: tenantId, name });
      const [admin, service, member] = await Promise.all([
        issueToken(tenantId, "admin"),
        issueToken(tenantId, "service"),
        issueToken(tenantId, "member"),
      ]);
      return { tenantId, tokens: { admin, service, member } };
    },

    async stop(): Promise<void> {
      await http.stop();
      await committers.stop();
      await database.close();
    },
  };
}
