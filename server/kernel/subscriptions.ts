/**
 * A subscription is a cursor over the events of each tenant. It reads a batch in commit order,
 * applies its effects and moves the cursor in one transaction: effects happen exactly once, and a
 * projection is rebuilt by winding the cursor back. An event that can't be applied is parked where
 * a person sees it, and the others go on.
 */
import type { Database, Tx } from "./database.ts";
import { isOutage, statement, timestamp } from "./database.ts";
import type { StoredEvent } from "./events.ts";
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
  // A cursor that was wound back may come by an event that was parked and resolved before.
  `insert into kernel.parked_events (tenant_id, subscription, seq, parked_at, error, attempts)
   values ($1, $2, $3, $4, $5, $6)
   on conflict (tenant_id, subscription, seq) do update
   set parked_at = excluded.parked_at, error = excluded.error, attempts = excluded.attempts,
       resolved_at = null, resolution = null, resolved_by = null, reason = null`,
);

/** The hint makes it quick; the poll makes it certain, also for events of other processes. */
const pollMs = 300;
/** Alone and repeated, with pauses that add up to six seconds, before a person is asked. */
const attemptsMax = 6;
const firstPauseMsDefault = 200;
/** A tenant with very many events lets the others have their turn after so many batches. */
const batchesPerTurnMax = 20;
const errorTextMax = 2_000;

/** A tenant whose last batch failed. */
interface Trouble {
  /** The event that failed alone, and how often. */
  seq: bigint | undefined;
  attempts: number;
  /** So many events are still applied one by one, so that the one at fault is known. */
  singly: number;
  retryAt: number;
}

export type Subscriptions = ReturnType<typeof createSubscriptions>;

export function createSubscriptions(options: {
  readonly database: Database;
  readonly subscriptions: readonly Subscription[];
  readonly observe: SubscriptionObserver;
  /** Before the second try of an event that failed; doubled with each further one. */
  readonly firstPauseMs?: number;
}) {
  const { database, subscriptions, observe, firstPauseMs = firstPauseMsDefault } = options;
  const readers = subscriptions.map((subscription) =>
    startReader({ database, subscription, observe, firstPauseMs }),
  );

  return {
    /** New events are there, or will be soon. */
    hint(): void {
      for (const reader of readers) reader.hint();
    },

    async stop(): Promise<void> {
      await Promise.all(readers.map((reader) => reader.stop()));
    },
  };
}

interface ReaderDeps {
  readonly database: Database;
  readonly subscription: Subscription;
  readonly observe: SubscriptionObserver;
  readonly firstPauseMs: number;
}

/** One subscription: looks who has new events, and gives each tenant its turn. */
function startReader({ database, subscription, observe, firstPauseMs }: ReaderDeps) {
  const wakeup = createWakeup();
  const troubles = new Map<string, Trouble>();
  let stopping = false;

  /** Gives true when there may be more to do at once. */
  async function takeTurn(tenantId: string): Promise<boolean> {
    for (let batch = 0; batch < batchesPerTurnMax && !stopping; batch += 1) {
      const trouble = troubles.get(tenantId);
      if (trouble !== undefined && performance.now() < trouble.retryAt) return false;
      const limit = trouble === undefined ? subscription.batchMax : 1;
      const reading: Reading = { firstSeq: undefined };
      try {
        const read = await applyNext(database, subscription, { tenantId, limit, reading });
        observe.applied(subscription.name, read);
        if (trouble !== undefined) calmDown(tenantId, trouble);
        if (read < limit) return false;
      } catch (error) {
        observe.failed(subscription.name, error);
        // That is nobody's event's fault, so it is not counted; the next poll tries again.
        if (isOutage(error)) return false;
        if (limit === 1) await handleFailure(tenantId, error, reading.firstSeq);
        else troubles.set(tenantId, newTrouble(subscription.batchMax));
      }
    }
    return true;
  }

  function calmDown(tenantId: string, trouble: Trouble): void {
    trouble.singly -= 1;
    if (trouble.singly === 0) troubles.delete(tenantId);
  }

  /** An event failed alone: it is tried again, and put aside when it has failed too often. */
  async function handleFailure(
    tenantId: string,
    error: unknown,
    seq: bigint | undefined,
  ): Promise<void> {
    const trouble = troubles.get(tenantId) ?? newTrouble(subscription.batchMax);
    troubles.set(tenantId, trouble);
    trouble.attempts = trouble.seq === seq ? trouble.attempts + 1 : 1;
    trouble.seq = seq;
    trouble.retryAt = performance.now() + firstPauseMs * 2 ** (trouble.attempts - 1);
    if (trouble.attempts < attemptsMax) return;
    const failure = { error, attempts: trouble.attempts };
    trouble.attempts = 0;
    if (seq === undefined) return;
    const parked = await park(database, subscription, { tenantId, seq, ...failure });
    trouble.retryAt = 0;
    if (parked) observe.parked(subscription.name, tenantId, seq, error);
  }

  async function loop(): Promise<void> {
    while (!stopping) {
      let hasMore = false;
      try {
        for (const tenantId of await database.tenantsWith(selectLagging, [subscription.name])) {
          if (await takeTurn(tenantId)) hasMore = true;
        }
      } catch (error) {
        observe.failed(subscription.name, error);
      }
      if (!stopping && !hasMore) await wakeup.wait(pauseMs(troubles));
    }
  }
  const ended = loop();

  return {
    hint: () => wakeup.hint(),
    async stop(): Promise<void> {
      stopping = true;
      wakeup.hint();
      await ended;
    },
  };
}

/** Until the next poll, or until a troubled tenant's next try if that is earlier. */
function pauseMs(troubles: ReadonlyMap<string, Trouble>): number {
  const now = performance.now();
  const waits = [...troubles.values()].map(({ retryAt }) => retryAt - now);
  return Math.min(pollMs, ...waits.filter((wait) => wait > 0));
}

function newTrouble(batchMax: number): Trouble {
  return { seq: undefined, attempts: 0, singly: batchMax, retryAt: 0 };
}

/** Tells also when it fails which event was the first. */
interface Reading {
  firstSeq: bigint | undefined;
}

/** One batch: effects and cursor in one transaction. Gives the number of events read. */
function applyNext(
  database: Database,
  subscription: Subscription,
  { tenantId, limit, reading }: { tenantId: string; limit: number; reading: Reading },
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
    reading.firstSeq = events[0]?.seq;
    const wanted = events.filter(({ type }) => subscription.types.includes(type));
    if (wanted.length > 0) await subscription.apply(tx, wanted);
    tx.write(moveCursor, [tenantId, subscription.name, last.seq, timestamp(tx.now)]);
    return events.length;
  });
}

/**
 * Puts an event aside with its error and moves the cursor past it. False when another process has
 * passed it already.
 */
function park(
  database: Database,
  subscription: Subscription,
  failure: { tenantId: string; seq: bigint; error: unknown; attempts: number },
): Promise<boolean> {
  const { tenantId } = failure;
  return database.transaction(tenantId, async (tx) => {
    // The very first event may be the one that fails, and then no cursor has stayed.
    tx.write(insertCursor, [tenantId, subscription.name, timestamp(tx.now)]);
    const [cursor] = await tx.rows<{ seq: bigint }>(lockCursor, [tenantId, subscription.name]);
    if (cursor?.seq !== failure.seq - 1n) return false;
    tx.write(insertParked, [
      tenantId,
      subscription.name,
      failure.seq,
      timestamp(tx.now),
      errorTextOf(failure.error),
      failure.attempts,
    ]);
    tx.write(moveCursor, [tenantId, subscription.name, failure.seq, timestamp(tx.now)]);
    return true;
  });
}

/** What a person is told of an error. */
export function errorTextOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.slice(0, errorTextMax);
}
