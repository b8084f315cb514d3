import { createHttp } from "../http.ts";
import type { Http, HttpSettings } from "../http.ts";
import { createLog } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import type { Principal } from "../access.ts";
import type { Refusal } from "../refusal.ts";
import { RefusedError } from "../refusal.ts";
import type { RefusalTable } from "../problem.ts";
import { systemClock } from "../time.ts";
import type { Clock } from "../time.ts";

export const testHttpSettings: HttpSettings = {
  bodyBytesMax: 16_384,
  inFlightMax: 64,
  connectionsMax: 256,
  callerPerSecondMax: 0,
  trustedProxies: undefined,
  metricsToken: undefined,
  stopSecondsMax: 5,
};

/** The edge with a log in memory. Tokens are plain: "Bearer <tenant>/<subject>/<scope>,<scope>". */
export async function createTestHttp(options: {
  refusals: RefusalTable;
  settings?: Partial<HttpSettings>;
  clock?: Clock;
}): Promise<{ http: Http; lines: Record<string, unknown>[] }> {
  const lines: Record<string, unknown>[] = [];
  const clock = options.clock ?? systemClock;
  const http = await createHttp({
    settings: { ...testHttpSettings, ...options.settings },
    log: createLog({
      level: "debug",
      destination: { write: (line) => void lines.push(JSON.parse(line)) },
    }),
    metrics: createMetrics({ clock }),
    refusals: options.refusals,
    clock,
    openapi: {
      title: "Test",
      version: "1.0.0",
      description: "For tests.",
      tokenDescription: "Made up by tests.",
    },
  });
  http.registerAuthentication(({ headers }) => principalOfToken(headers.authorization));
  return { http, lines };
}

function principalOfToken(header: string | undefined): Principal {
  const match = /^Bearer ([\w-]+)\/(\w+)\/([\w:,]*)$/.exec(header ?? "");
  if (match === null) throw new RefusedError(notSignedIn);
  const [, tenantId = "", subject = "", scopes = ""] = match;
  return { tenantId, subject, kind: "service", scopes: new Set(scopes.split(",")) };
}

const notSignedIn: Refusal = { kind: "refused", code: "not_signed_in", facts: {} };
