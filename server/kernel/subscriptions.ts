/**
 * A subscription is a cursor over the events of each tenant. It reads a batch in commit order,
 * applies its effects and moves the cursor in one transaction: effects happen exactly once, and a
 * projection is rebuilt by winding the cursor back. An event that can't be applied is parked where
 * a person sees it, and the others go on.
 */
import type { Database, Tx } from "./database.ts";
import { isRetryable, statement, timestamp } from "./database.ts";
import type { StoredEvent } from "./events.ts";
import type { Wakeup } from "./wakeup.ts";
import { createWakeup } from "./wakeup.ts";

export interface Subscription {
  readonly name: string;
  /** Only these reach `apply`; the cursor passes by all others. */
  readonly types: readonly string[];
  readonly batchMax: number;
  apply(tx: Tx, events: readonly StoredEvent[]): Promise<void>;
}

export interface SubscriptionObserver {
  applied(subscription: string, events: number): void;
  failed(subscription: string, error: unknown): void;
  parked(subscription: string, tenantId: string, seq: bigint, error: unknown): void;
}

interface EventRow {
  seq: bigint;
  at: number;
  type: string;
  data: unknown;
}

const selectLagging = statement(
  "kernel.lagging_tenants",
  `select h.tenant_id from kernel.event_heads h
   left join kernel.cursors c on c.tenant_id = h.tenant_id and c.subscription = $1
   where h.seq > coalesce(c.seq, 0)
   limit 1000`,
);

const insertCursor = statement(
  "kernel.insert_cursor",
  `insert into kernel.cursors (tenant_id, subscription, seq, moved_at) values ($1, $2, 0, $3)
   on conflict do nothing`,
);

const lockCursor = statement(
  "kernel.lock_cursor",
  // Another process that holds the cursor is at work on it: skipping it is not falling behind.
  `select seq from kernel.cursors where tenant_id = $1 and subscription = $2
   for update skip locked`,
);

const selectEvents = statement(
  "kernel.read_events",
  `select seq, at, type, case when type = any($3::text[]) then data end as data
   from kernel.events where tenant_id = $1 and seq > $2 order by seq limit $4`,
);

const moveCursor = statement(
  "kernel.move_cursor",
  `update kernel.cursors set seq = $3, moved_at = $4 where tenant_id = $1 and subscription = $2`,
);

const insertParked = statement(
  "kernel.park_event",
  `insert into kernel.parked_events (tenant_id, subscription, seq, parked_at, error, attempts)
   values ($1, $2, $3, $4, $5, $6)`,
);

const lockParked = statement(
  "kernel.lock_parked_event",
  `select e.seq, e.at, e.type, e.data from kernel.parked_events p
   join kernel.events e on e.tenant_id = $1 and e.seq = p.seq
   where p.tenant_id = $1 and p.subscription = $2 and p.seq = $3 and p.resolved_at is null
   for update of p`,
);

const resolveParked = statement(
  "kernel.resolve_parked_event",
  `update kernel.parked_events set resolved_at = $4, resolution = $5
   where tenant_id = $1 and subscription = $2 and seq = $3`,
);

/** The hint makes it quick; the poll makes it certain, also for events of other processes. */
const pollMs = 300;
/** Alone and repeated, with pauses that add up to six seconds, before a person is asked. */
const attemptsMax = 6;
const firstPauseMs = 100;
const pauseMaxMs = 5_000;
const errorTextMax = 2_000;

export type Subscriptions = ReturnType<typeof createSubscriptions>;

export function createSubscriptions(options: {
  readonly database: Database;
  readonly subscriptions: readonly Subscription[];
  readonly observe: SubscriptionObserver;
}) {
  const { database, subscriptions, observe } = options;
  let stopping = false;
  const wakeups: Wakeup[] = [];

  const loops = subscriptions.map((subscription) => {
    const wakeup = createWakeup();
    wakeups.push(wakeup);
    const failures = new Map<string, number>();

    async function catchUp(tenantId: string): Promise<void> {
      while (!stopping) {
        const failed = failures.get(tenantId) ?? 0;
        // After a failure events go one by one, so that the one at fault is known.
        const limit = failed === 0 ? subscription.batchMax : 1;
        try {
          const read = await applyNext(database, subscription, tenantId, limit);
          failures.delete(tenantId);
          observe.applied(subscription.name, read);
          if (read < limit) return;
        } catch (error) {
          observe.failed(subscription.name, error);
          if (!isRetryable(error)) failures.set(tenantId, failed + 1);
          if (failed + 1 < attemptsMax || isRetryable(error)) return;
          const seq = await park(database, subscription, tenantId, { error, attempts: failed + 1 });
          failures.delete(tenantId);
          if (seq !== undefined) observe.parked(subscription.name, tenantId, seq, error);
        }
      }
    }

    async function loop(): Promise<void> {
      while (!stopping) {
        try {
          for (const tenantId of await laggingTenants(database, subscription.name)) {
            await catchUp(tenantId);
          }
        } catch (error) {
          observe.failed(subscription.name, error);
        }
        const worst = Math.max(0, ...failures.values());
        const pauseMs = worst === 0 ? pollMs : Math.min(firstPauseMs * 2 ** worst, pauseMaxMs);
        if (!stopping) await wakeup.wait(pauseMs);
      }
    }
    return loop();
  });

  return {
    /** New events are there, or will be soon. */
    hint(): void {
      for (const wakeup of wakeups) wakeup.hint();
    },

    /** Applies a parked event again; false when there is none. Throws what `apply` throws. */
    replayParked(tenantId: string, subscriptionName: string, seq: bigint): Promise<boolean> {
      return resolveOne(tenantId, subscriptionName, seq, "replayed");
    },

    /** Leaves a parked event unapplied for good. */
    dropParked(tenantId: string, subscriptionName: string, seq: bigint): Promise<boolean> {
      return resolveOne(tenantId, subscriptionName, seq, "dropped");
    },

    async stop(): Promise<void> {
      stopping = true;
      for (const wakeup of wakeups) wakeup.hint();
      await Promise.all(loops);
    },
  };

  function resolveOne(
    tenantId: string,
    name: string,
    seq: bigint,
    resolution: "replayed" | "dropped",
  ): Promise<boolean> {
    const subscription = subscriptions.find((candidate) => candidate.name === name);
    if (subscription === undefined) return Promise.resolve(false);
    return database.transaction(tenantId, async (tx) => {
      const [event] = await tx.rows<EventRow>(lockParked, [tenantId, name, seq]);
      if (event === undefined) return false;
      if (resolution === "replayed") await subscription.apply(tx, [event]);
      tx.write(resolveParked, [tenantId, name, seq, timestamp(tx.now), resolution]);
      return true;
    });
  }
}

async function laggingTenants(database: Database, subscription: string): Promise<string[]> {
  const tenants: string[] = [];
  for (const pool of database.pools()) {
    const { rows } = await pool.query<{ tenant_id: string }>(selectLagging.text, [subscription]);
    tenants.push(...rows.map((row) => row.tenant_id));
  }
  return tenants;
}

/** One batch: effects and cursor in one transaction. Gives the number of events read. */
function applyNext(
  database: Database,
  subscription: Subscription,
  tenantId: string,
  limit: number,
): Promise<number> {
  return database.transaction(tenantId, async (tx) => {
    tx.write(insertCursor, [tenantId, subscription.name, timestamp(tx.now)]);
    const [cursor] = await tx.rows<{ seq: bigint }>(lockCursor, [tenantId, subscription.name]);
    if (cursor === undefined) return 0;
    const events = await tx.rows<EventRow>(selectEvents, [
      tenantId,
      cursor.seq,
      subscription.types,
      limit,
    ]);
    const last = events.at(-1);
    if (last === undefined) return 0;
    const wanted = events.filter(({ type }) => subscription.types.includes(type));
    if (wanted.length > 0) await subscription.apply(tx, wanted);
    tx.write(moveCursor, [tenantId, subscription.name, last.seq, timestamp(tx.now)]);
    return events.length;
  });
}

/** Puts the next event aside with its error and moves the cursor past it. */
function park(
  database: Database,
  subscription: Subscription,
  tenantId: string,
  failure: { error: unknown; attempts: number },
): Promise<bigint | undefined> {
  const text = failure.error instanceof Error ? failure.error.message : String(failure.error);
  return database.transaction(tenantId, async (tx) => {
    const [cursor] = await tx.rows<{ seq: bigint }>(lockCursor, [tenantId, subscription.name]);
    if (cursor === undefined) return undefined;
    const [event] = await tx.rows<EventRow>(selectEvents, [tenantId, cursor.seq, [], 1]);
    if (event === undefined) return undefined;
    tx.write(insertParked, [
      tenantId,
      subscription.name,
      event.seq,
      timestamp(tx.now),
      text.slice(0, errorTextMax),
      failure.attempts,
    ]);
    tx.write(moveCursor, [tenantId, subscription.name, event.seq, timestamp(tx.now)]);
    return event.seq;
  });
}
