/**
 * Deadlines are columns: a row says when something is due, and a sweep takes due rows in batches.
 * No message per row, nothing to lose: a sweep that dies leaves the row due for the next one.
 */
import type { Database, Statement, Tx } from "./database.ts";
import { timestamp } from "./database.ts";
import type { Wakeup } from "./wakeup.ts";
import { createWakeup } from "./wakeup.ts";

export interface Deadline {
  readonly name: string;
  readonly everyMs: number;
  readonly batchMax: number;
  /**
   * Tells which tenants have something due: `$1` is now; gives rows of `tenant_id`. The only kind
   * of statement that looks across tenants; everything it finds is worked tenant by tenant.
   */
  readonly tenantsDue: Statement;
  /**
   * Takes up to `limit` due rows (`for update skip locked`, so that processes share the work) and
   * works them; gives how many it took.
   */
  sweep(tx: Tx, limit: number): Promise<number>;
}

export interface DeadlineObserver {
  /** A batch that took something. */
  swept(deadline: string, rows: number, seconds: number): void;
  failed(deadline: string, error: unknown): void;
}

/**
 * When more is due than a batch, two take turns: one decides while the database works for the
 * other. Both cores of a small machine are busy then.
 */
const sweepersMax = 2;

export type Deadlines = ReturnType<typeof createDeadlines>;

export function createDeadlines(options: {
  readonly database: Database;
  readonly clock: { now(): number };
  readonly deadlines: readonly Deadline[];
  readonly observe: DeadlineObserver;
}) {
  const { database, clock, observe } = options;
  let stopping = false;
  const wakeups = new Map<string, Wakeup>();

  /** Gives true when there may be more. */
  async function sweepBatch(deadline: Deadline, tenantId: string): Promise<boolean> {
    const startedAt = performance.now();
    const taken = await database.transaction(tenantId, (tx) =>
      deadline.sweep(tx, deadline.batchMax),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    if (taken > 0) observe.swept(deadline.name, taken, seconds);
    return taken === deadline.batchMax;
  }

  async function sweepTenant(deadline: Deadline, tenantId: string): Promise<void> {
    if (stopping || !(await sweepBatch(deadline, tenantId))) return;
    const sweepers = Array.from({ length: sweepersMax }, async () => {
      while (!stopping && (await sweepBatch(deadline, tenantId)));
    });
    // All of them have ended before the next look, also when one has failed.
    await Promise.allSettled(sweepers);
    await Promise.all(sweepers);
  }

  async function loop(deadline: Deadline, wakeup: Wakeup): Promise<void> {
    while (!stopping) {
      try {
        const now = timestamp(clock.now());
        for (const tenantId of await database.tenantsWith(deadline.tenantsDue, [now])) {
          // One tenant's trouble must not keep the others from their deadlines.
          await sweepTenant(deadline, tenantId).catch((error: unknown) =>
            observe.failed(deadline.name, error),
          );
        }
      } catch (error) {
        observe.failed(deadline.name, error);
      }
      if (!stopping) await wakeup.wait(deadline.everyMs);
    }
  }

  const loops = options.deadlines.map((deadline) => {
    const wakeup = createWakeup();
    wakeups.set(deadline.name, wakeup);
    return loop(deadline, wakeup);
  });

  return {
    /** Something has just become due; the sweep need not wait for its turn. */
    hint(name: string): void {
      wakeups.get(name)?.hint();
    },

    async stop(): Promise<void> {
      stopping = true;
      for (const wakeup of wakeups.values()) wakeup.hint();
      await Promise.all(loops);
    },
  };
}
