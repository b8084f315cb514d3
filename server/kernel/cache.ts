import { LRUCache } from "lru-cache";
import type { CacheFigures } from "./metrics.ts";
import type { Clock } from "./time.ts";

export interface Cache<Key extends string, Value> {
  readonly name: string;
  get(key: Key): Promise<Value | undefined>;
  /** What was changed must be read anew; a load that is under way is not kept either. */
  invalidate(key: Key): void;
  clear(): void;
  figures(): CacheFigures;
}

export interface CacheOptions<Key extends string, Value> {
  readonly name: string;
  readonly clock: Clock;
  /** Entries, found and not found together. */
  readonly max: number;
  readonly ttlMs: number;
  /** How long "there is none" is believed [KRN-04]; a tenth of `ttlMs` when absent. */
  readonly negativeTtlMs?: number;
  /** Gives undefined for what does not exist. */
  readonly load: (key: Key) => Promise<Value | undefined>;
  /** From 0 to 1; for the jitter. */
  readonly random?: () => number;
}

/** Entries that were loaded together expire spread over this share of their life [KRN-07]. */
const jitterShare = 0.2;

interface Entry<Value> {
  readonly value: Value | undefined;
  readonly expiresAt: number;
}

/** An object, so that a load can be told from a later one of the same key. */
interface Load<Value> {
  readonly loaded: Promise<Value | undefined>;
}

/**
 * For what is read far more often than written. Many who ask for one missing key wait for one load
 * [KRN-07]; what does not exist is remembered too, so that made-up keys do not reach the database;
 * a failed load is not kept, and everyone who waited for it hears of it. Correctness never depends
 * on an entry: it may be as old as its time to live.
 */
export function createCache<Key extends string, Value extends NonNullable<unknown>>(
  options: CacheOptions<Key, Value>,
): Cache<Key, Value> {
  const { name, clock, load, ttlMs } = options;
  const negativeTtlMs = options.negativeTtlMs ?? ttlMs / 10;
  const random = options.random ?? Math.random;
  const entries = new LRUCache<Key, Entry<Value>>({ max: options.max });
  /** As many as there are requests under way, which the edge bounds. */
  const loading = new Map<Key, Load<Value>>();
  let hits = 0;
  let misses = 0;
  let joined = 0;

  async function loadAndKeep(key: Key): Promise<Value | undefined> {
    const mine: Load<Value> = { loaded: load(key) };
    loading.set(key, mine);
    try {
      const value = await mine.loaded;
      if (loading.get(key) === mine) entries.set(key, entryOf(value));
      return value;
    } finally {
      if (loading.get(key) === mine) loading.delete(key);
    }
  }

  function entryOf(value: Value | undefined): Entry<Value> {
    const lifeMs = value === undefined ? negativeTtlMs : ttlMs;
    return { value, expiresAt: clock.now() + lifeMs * (1 - jitterShare * random()) };
  }

  return {
    name,

    async get(key) {
      const entry = entries.get(key);
      if (entry !== undefined && clock.now() < entry.expiresAt) {
        hits += 1;
        return entry.value;
      }
      const under = loading.get(key);
      if (under !== undefined) {
        joined += 1;
        return await under.loaded;
      }
      misses += 1;
      return await loadAndKeep(key);
    },

    invalidate(key) {
      entries.delete(key);
      loading.delete(key);
    },

    clear() {
      entries.clear();
      loading.clear();
    },

    figures: () => ({ entries: entries.size, hits, misses, joined }),
  };
}
