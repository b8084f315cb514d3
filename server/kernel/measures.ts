/**
 * The figures that stand in the database: how far subscriptions are behind, what waits for people
 * and for workers, and how old the oldest unfinished thing of each state machine is. They are
 * measured when somebody reads the metrics, and are those of the whole installation, whichever
 * process is asked.
 */
import { assert } from "./assert.ts";
import type { Database, Statement } from "./database.ts";
import { statement } from "./database.ts";
import type { Machine } from "./machine.ts";
import { isUnfinished } from "./machine.ts";
import type { Metrics } from "./metrics.ts";
import type { Clock } from "./time.ts";
import { secondMs } from "./time.ts";

/** What a module lets the metrics see of a state machine; a machine may have several. */
export interface Watch {
  readonly machine: string;
  readonly states: readonly string[];
  /**
   * Of all tenants: gives a row `state, since` for each of the states that something is in, since
   * the time at which its oldest came there; takes no values. It runs every few seconds, so an
   * index leads to the unfinished rows.
   */
  readonly oldest: Statement;
}

/** Watches states of a machine that must be left. */
export function watchStates<Name extends string>(
  machine: Machine<Name>,
  states: readonly NoInfer<Name>[],
  oldest: Statement,
): Watch {
  for (const state of states)
    assert(isUnfinished(machine, state), `${machine.name}: ${state} need not be left`);
  return { machine: machine.name, states, oldest };
}

const selectLags = statement(
  "kernel.subscription_lags",
  `-- across tenants: how far behind a subscription is, all tenants together
   select s.name as subscription, coalesce(sum(h.seq - coalesce(c.seq, 0)), 0)::bigint as events
   from unnest($1::text[]) as s (name)
   left join kernel.event_heads h on true
   left join kernel.cursors c on c.tenant_id = h.tenant_id and c.subscription = s.name
   group by s.name`,
);

const selectParked = statement(
  "kernel.parked_counts",
  `-- across tenants: how many events wait for a person
   select subscription, count(*) as events from kernel.parked_events
   where resolved_at is null group by subscription`,
);

const selectBacklog = statement(
  "kernel.job_backlog",
  `select count(*) as jobs from graphile_worker._private_jobs
   where is_available and run_at <= now()`,
);

export function registerMeasures(given: {
  readonly metrics: Metrics;
  readonly database: Database;
  readonly clock: Clock;
  /** By name, also those that another process works off. */
  readonly subscriptions: readonly string[];
  readonly watches: readonly Watch[];
}): void {
  const { metrics, database, clock, subscriptions, watches } = given;

  /** All rows, of however many databases there are. */
  async function rowsOf<Row extends object>(
    { text }: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const results = await Promise.all(
      database.pools().map((pool) => pool.query<Row>(text, [...values])),
    );
    return results.flatMap(({ rows }) => rows);
  }

  metrics.measure("event_lag", async () => {
    const rows = await rowsOf<{ subscription: string; events: bigint }>(selectLags, [
      subscriptions,
    ]);
    metrics.eventLags(sums(rows.map((row) => [row.subscription, Number(row.events)])));
  });

  metrics.measure("events_parked", async () => {
    const rows = await rowsOf<{ subscription: string; events: bigint }>(selectParked);
    // One without a parked event shows its zero, so that an alarm can tell it from a missing one.
    const none = subscriptions.map((name) => [name, 0] as const);
    const parked = rows.map((row) => [row.subscription, Number(row.events)] as const);
    metrics.eventsParked(sums([...none, ...parked]));
  });

  metrics.measure("job_backlog", async () => {
    const rows = await rowsOf<{ jobs: bigint }>(selectBacklog);
    metrics.jobBacklog(rows.reduce((sum, { jobs }) => sum + Number(jobs), 0));
  });

  for (const { machine, states, oldest } of watches) {
    metrics.measure(oldest.name, async () => {
      const rows = await rowsOf<{ state: string; since: number }>(oldest);
      for (const state of states) {
        const since = rows.filter((row) => row.state === state).map((row) => row.since);
        const ageMs = Math.max(0, ...since.map((each) => clock.now() - each));
        metrics.oldestUnfinished(machine, state, ageMs / secondMs);
      }
    });
  }
}

function sums(rows: readonly (readonly [string, number])[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const [name, value] of rows) totals.set(name, (totals.get(name) ?? 0) + value);
  return totals;
}
