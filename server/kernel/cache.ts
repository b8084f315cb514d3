import { LRUCache } from "lru-cache";
import type { CacheFigures } from "./metrics.ts";
import { createSingleFlight } from "./single-flight.ts";
import type { Clock } from "./time.ts";

/**
 * For what is read far more often than written, and may be some seconds old: who asks first loads
 * it, and it is believed for its time to live. Many who ask for one missing key wait for one load
 * [KRN-07]; what does not exist is known too, so that made-up keys do not reach the database; a
 * failed load is not kept, and everyone who waited for it hears of it. Correctness never depends
 * on an entry. (What changes all the time while thousands look at it is for hot reads.)
 */
export interface Cache<Key extends string, Value> {
  readonly name: string;
  get(key: Key): Promise<Value | undefined>;
  /** It was changed by this process: who asks next reads that. */
  forget(key: Key): void;
  figures(): CacheFigures;
}

export interface CacheOptions<Key extends string, Value> {
  readonly name: string;
  readonly clock: Clock;
  /** Entries, found and not found together. */
  readonly max: number;
  readonly ttlMs: number;
  /** Gives undefined for what does not exist. */
  readonly load: (key: Key) => Promise<Value | undefined>;
  /** From 0 to 1; for the jitter. */
  readonly random?: () => number;
}

/** Entries that were loaded together expire spread over this share of their life [KRN-07]. */
const jitterShare = 0.2;
/** Of the life of an entry: how long "there is none" is believed [KRN-04]. */
const negativeShare = 0.1;

interface Entry<Value> {
  readonly value: Value | undefined;
  readonly expiresAt: number;
}

export function createCache<Key extends string, Value extends NonNullable<unknown>>(
  options: CacheOptions<Key, Value>,
): Cache<Key, Value> {
  const { name, clock, load, ttlMs } = options;
  const random = options.random ?? Math.random;
  const entries = new LRUCache<Key, Entry<Value>>({ max: options.max });
  const loads = createSingleFlight<Key, Value | undefined>();
  let hits = 0;

  function keep(key: Key, value: Value | undefined): void {
    const lifeMs = value === undefined ? ttlMs * negativeShare : ttlMs;
    entries.set(key, { value, expiresAt: clock.now() + lifeMs * (1 - jitterShare * random()) });
  }

  return {
    name,

    async get(key) {
      const entry = entries.get(key);
      if (entry !== undefined && clock.now() < entry.expiresAt) {
        hits += 1;
        return entry.value;
      }
      return await loads.run(
        key,
        () => load(key),
        (value) => keep(key, value),
      );
    },

    forget(key) {
      entries.delete(key);
      loads.forget(key);
    },

    figures: () => ({ entries: entries.size, hits, ...loads.figures() }),
  };
}
