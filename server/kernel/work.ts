/**
 * What the platform does when nobody asks: by time, after an event, towards the outside. A process
 * that works runs all of it; several share it without doing anything twice.
 */
import type { Database } from "./database.ts";
import type { Deadline } from "./deadlines.ts";
import { createDeadlines } from "./deadlines.ts";
import { forgetAnswers } from "./idempotency.ts";
import type { JobHandler } from "./jobs.ts";
import { createJobs } from "./jobs.ts";
import type { Log } from "./log.ts";
import type { Watch } from "./measures.ts";
import type { Metrics } from "./metrics.ts";
import type { Subscription } from "./subscriptions.ts";
import { createSubscriptions } from "./subscriptions.ts";
import type { Clock } from "./time.ts";

/** What a module contributes. */
export interface Reactions {
  readonly deadlines: readonly Deadline[];
  readonly subscriptions: readonly Subscription[];
  /** By the name of their task. */
  readonly jobs: Readonly<Record<string, JobHandler>>;
  readonly watches: readonly Watch[];
}

export type Work = ReturnType<typeof startWork>;

export function startWork(given: {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly reactions: Reactions;
}) {
  const { database, clock, log, metrics, reactions } = given;
  const deadlines = createDeadlines({
    database,
    clock,
    deadlines: [forgetAnswers, ...reactions.deadlines],
    observe: {
      swept(deadline, rows, seconds) {
        metrics.deadlineSwept(deadline, rows, seconds);
        log.debug({ deadline, rows }, "swept");
      },
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
      parked(subscription, tenantId, seq, error) {
        const event = { subscription, tenantId, seq: String(seq) };
        log.error({ ...event, error }, "an event is parked and waits for a person");
      },
    },
  });
  const jobs = createJobs({
    url: database.url,
    handlers: reactions.jobs,
    onFailed(task, error) {
      metrics.workFailed("job", task);
      log.warn({ task, error }, "a job failed; it comes back when its row is due");
    },
    onError: (message, error) => log.warn({ error }, message),
  });

  return {
    /** New events are there. */
    hint: () => subscriptions.hint(),

    /**
     * Ends what is under way and begins nothing new. Jobs record what the outside has answered, so
     * the committers must still be there.
     */
    async stop(): Promise<void> {
      await Promise.all([deadlines.stop(), subscriptions.stop(), jobs.stop()]);
    },
  };
}
