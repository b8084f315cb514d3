import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "./app.ts";
import type { Metrics } from "./metrics.ts";
import { edgeRefusal } from "./problem.ts";
import { isSameSecret } from "./secrets.ts";
import type { Clock } from "./time.ts";

export type ReadinessCheck = () => boolean | Promise<boolean>;

export interface HealthOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly metricsToken: string | undefined;
  readonly isStopping: () => boolean;
}

/** A check that takes longer has in effect failed: whoever asks has a time-out too. */
const checkTimeoutMs = 2_000;
/** However many ask, the checks run no oftener. */
const readinessIntervalMs = 500;

const watched = {
  config: { public: true, alwaysAnswered: true },
  schema: { hide: true },
} as const;

type Readiness = Readonly<Record<string, "ready" | "not ready">>;

/**
 * `/healthz`: the process lives; restart it when this fails. `/readyz`: it can do its work; send it
 * nothing while this fails. `/metrics`: its figures, for Prometheus.
 */
export function registerHealth(app: App, options: HealthOptions) {
  const { metrics, clock, metricsToken, isStopping } = options;
  const checks = new Map<string, ReadinessCheck>();
  let readAt = Number.NEGATIVE_INFINITY;
  let readiness: Promise<Readiness> = Promise.resolve({});

  function readReadiness(): Promise<Readiness> {
    if (clock.now() - readAt < readinessIntervalMs) return readiness;
    readAt = clock.now();
    readiness = runChecks(checks);
    return readiness;
  }

  app.get("/healthz", watched, () => ({ status: "alive" }));

  app.get("/readyz", watched, async (_request, reply) => {
    if (isStopping()) return reply.code(503).send({ status: "stopping" });
    const parts = await readReadiness();
    const isReady = Object.values(parts).every((part) => part === "ready");
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? "ready" : "not ready", parts });
  });

  app.get("/metrics", watched, async (request, reply) => {
    const given = request.headers.authorization ?? "";
    if (metricsToken !== undefined && !isSameSecret(given, `Bearer ${metricsToken}`))
      return reply.refuse(edgeRefusal("not_signed_in"));
    return reply.type(metrics.contentType).send(await metrics.text());
  });

  return {
    register: (name: string, check: ReadinessCheck) => void checks.set(name, check),
  };
}

async function runChecks(checks: ReadonlyMap<string, ReadinessCheck>): Promise<Readiness> {
  const parts = await Promise.all(
    [...checks].map(async ([name, check]) => [name, await isPassed(check)] as const),
  );
  return Object.fromEntries(parts.map(([name, passed]) => [name, passed ? "ready" : "not ready"]));
}

async function isPassed(check: ReadinessCheck): Promise<boolean> {
  const giveUp = new AbortController();
  const late = sleep(checkTimeoutMs, false, { signal: giveUp.signal, ref: false });
  // Aborting it is how the timer is given back.
  late.catch(() => undefined);
  try {
    return await Promise.race([check(), late]);
  } catch {
    return false;
  } finally {
    giveUp.abort();
  }
}
