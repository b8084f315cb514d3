import { assert } from "./assert.ts";
import { createHeat } from "./heat.ts";
import type { CacheFigures } from "./metrics.ts";
import type { Pulse } from "./pulses.ts";
import { createSingleFlight } from "./single-flight.ts";
import type { Clock } from "./time.ts";
import { secondMs } from "./time.ts";

/**
 * For what changes all the time while thousands look at it. What is hot is answered from memory, at
 * most a second old, and read again by a pulse in the background, all that is hot of a tenant in
 * one go: no reader waits, and the database sees about one query a second whatever the load
 * [FLS-03, FLS-04]. What is not hot is read from the database each time, once for all who ask
 * meanwhile. Nobody keeps a list of what is hot: asking makes it so. (What hardly ever changes, and
 * may be older, is for a cache.)
 */
export interface HotReads<Id extends string, Value> {
  readonly name: string;
  read(tenantId: string, id: Id): Promise<Value | undefined>;
  /** Somebody wants it, though not by reading: counts as much. */
  touch(tenantId: string, id: Id): void;
  /** What will be wanted soon is kept as if it were hot, until the time given. */
  keepUntil(tenantId: string, id: Id, until: number): void;
  /** It was changed by this process: who reads next sees that. */
  forget(tenantId: string, id: Id): void;
  forgetAll(tenantId: string): void;
  /** The beat of a pulse; at least every `refreshEveryMs`. */
  refresh(): Promise<void>;
  figures(): CacheFigures;
}

export interface HotReadsOptions<Id extends string, Value> {
  readonly name: string;
  readonly clock: Clock;
  /** Gives what there is of the ids; what does not exist is absent. */
  readonly load: (tenantId: string, ids: readonly Id[]) => Promise<ReadonlyMap<Id, Value>>;
}

/** What is told from memory is never older. */
export const hotAgeMsMax = secondMs;
/** Leaves a fifth of a second for a slow read or a busy process. */
export const refreshEveryMs = 800;
/** Asks per second. Memory saves so many queries, for the five in four seconds that it takes. */
const hotFromPerSecond = 20;
/** Things kept hot at a time. All are one statement a tenant: about 2 ms for 500 balances. */
export const hotMax = 500;
/** Short enough to be hot within the first second of a rush, long enough to stay so in between. */
const halfLifeMs = 5 * secondMs;
/** Sixteen times what can be hot: nothing near the limit is lost to a swarm. */
const countersPerHot = 16;

interface Entry<Value> {
  readonly value: Value | undefined;
  /** Before the read began: what is told is not older than this. */
  readonly readAt: number;
}

export function createHotReads<Id extends string, Value extends NonNullable<unknown>>(
  options: HotReadsOptions<Id, Value>,
): HotReads<Id, Value> {
  const { name, clock, load } = options;
  const heat = createHeat<string>({ clock, halfLifeMs, countersMax: hotMax * countersPerHot });
  /** Of hot keys only, so there are no more than counters. */
  const entries = new Map<string, Entry<Value>>();
  const kept = new Map<string, number>();
  const loads = createSingleFlight<string, Value | undefined>();
  let hits = 0;
  let forgotten = 0;

  function isHot(key: string): boolean {
    return kept.has(key) || heat.rate(key) >= hotFromPerSecond;
  }

  function loadOne(key: string, tenantId: string, id: Id): Promise<Value | undefined> {
    const readAt = clock.now();
    return loads.run(
      key,
      async () => (await load(tenantId, [id])).get(id),
      (value) => {
        if (isHot(key)) entries.set(key, { value, readAt });
      },
    );
  }

  /** The keys that belong in memory now, by tenant. */
  function wanted(): Map<string, Id[]> {
    const now = clock.now();
    for (const [key, until] of kept) if (until <= now) kept.delete(key);
    const keys = new Set([...kept.keys(), ...heat.hottest(hotMax, hotFromPerSecond)]);
    for (const key of entries.keys()) if (!keys.has(key)) entries.delete(key);
    const byTenant = new Map<string, Id[]>();
    for (const key of keys) {
      const { tenantId, id } = partsOf<Id>(key);
      byTenant.set(tenantId, [...(byTenant.get(tenantId) ?? []), id]);
    }
    return byTenant;
  }

  async function refreshTenant(tenantId: string, ids: readonly Id[]): Promise<void> {
    const readAt = clock.now();
    const forgottenBefore = forgotten;
    const found = await load(tenantId, ids);
    // What was read while something changed may be from before; the next beat reads it again.
    if (forgotten !== forgottenBefore) return;
    for (const id of ids) {
      const key = keyOf(tenantId, id);
      const newest = entries.get(key);
      if (newest !== undefined && newest.readAt > readAt) continue;
      entries.set(key, { value: found.get(id), readAt });
    }
  }

  return {
    name,

    async read(tenantId, id) {
      const key = keyOf(tenantId, id);
      heat.touch(key);
      const entry = entries.get(key);
      const age = entry === undefined ? hotAgeMsMax : clock.now() - entry.readAt;
      // A clock that was set back makes what is kept seem to be from the future.
      if (entry !== undefined && age >= 0 && age < hotAgeMsMax) {
        hits += 1;
        return entry.value;
      }
      return await loadOne(key, tenantId, id);
    },

    touch: (tenantId, id) => heat.touch(keyOf(tenantId, id)),

    keepUntil(tenantId, id, until) {
      const key = keyOf(tenantId, id);
      if (kept.size < hotMax || kept.has(key)) kept.set(key, until);
    },

    forget(tenantId, id) {
      forgotten += 1;
      const key = keyOf(tenantId, id);
      entries.delete(key);
      loads.forget(key);
    },

    forgetAll(tenantId) {
      forgotten += 1;
      const isOfTenant = (key: string) => key.startsWith(`${tenantId} `);
      for (const key of entries.keys()) if (isOfTenant(key)) entries.delete(key);
      loads.forgetAll(isOfTenant);
    },

    async refresh() {
      const tenants = [...wanted()].map(([tenantId, ids]) => refreshTenant(tenantId, ids));
      // All of them have ended before the next beat, also when one has failed.
      await Promise.allSettled(tenants);
      await Promise.all(tenants);
    },

    figures: () => ({ entries: entries.size, hits, ...loads.figures() }),
  };
}

/** What keeps them fresh. */
export function pulseOf({
  name,
  refresh,
}: Pick<HotReads<string, unknown>, "name" | "refresh">): Pulse {
  return { name, everyMs: refreshEveryMs, beat: refresh };
}

function keyOf(tenantId: string, id: string): string {
  return `${tenantId} ${id}`;
}

function partsOf<Id extends string>(key: string): { tenantId: string; id: Id } {
  const [tenantId, id] = key.split(" ");
  assert(tenantId !== undefined && id !== undefined, "a key has two parts");
  // Written by keyOf above.
  return { tenantId, id: id as Id };
}
