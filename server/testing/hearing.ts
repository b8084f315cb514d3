/** What a worker does with events, at the moment at which a test wants it done. */
import type { Database } from "../kernel/database.ts";
import type { Subscription } from "../kernel/subscriptions.ts";
import { createSubscriptions } from "../kernel/subscriptions.ts";

/** Subscriptions at work that can be waited for. */
export function startHearing(database: Database, subscriptions: readonly Subscription[]) {
  let moved = Promise.withResolvers<void>();
  const failures: unknown[] = [];
  const move = () => {
    moved.resolve();
    moved = Promise.withResolvers<void>();
  };
  const reader = createSubscriptions({
    database,
    subscriptions,
    // Before an event is parked, that is 63 ms of pauses.
    firstPauseMs: 1,
    observe: {
      applied: move,
      failed: (_name, error) => void failures.push(error),
      parked: move,
    },
  });
  const names = subscriptions.map(({ name }) => name);

  return {
    hint: () => reader.hint(),
    /** Of events that could not be applied. */
    failures,

    /** Until they have heard of all that has happened to the tenant so far. */
    async heard(tenantId: string): Promise<void> {
      for (;;) {
        const next = moved.promise;
        if (!(await isBehind(database, tenantId, names))) return;
        await next;
      }
    },

    stop: () => reader.stop(),
  };
}

const selectBehind = {
  name: "test.behind",
  text: `select s.name from unnest($2::text[]) as s (name)
    join kernel.event_heads h on h.tenant_id = $1
    left join kernel.cursors c on c.tenant_id = $1 and c.subscription = s.name
    where h.tenant_id = $1 and h.seq > coalesce(c.seq, 0)`,
};

async function isBehind(
  database: Database,
  tenantId: string,
  names: readonly string[],
): Promise<boolean> {
  const behind = await database.read(tenantId, selectBehind, [tenantId, names]);
  return behind.length > 0;
}
