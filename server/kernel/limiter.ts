import { LRUCache } from "lru-cache";
import { assert } from "./assert.ts";
import type { Clock } from "./time.ts";

/**
 * A token bucket per key [KRN-17], kept as the one time at which the bucket would be full again
 * (the generic cell rate algorithm of ATM Forum TM 4.0): no timers, one number a key, no bursts at
 * the turn of a window. Keys are bounded; the one unused for longest is forgotten, which can only
 * be in its favour.
 */
export interface Limiter {
  /** Milliseconds after which to come back; 0 when it may go on, and then one token is taken. */
  tryTake(key: string): number;
  /** Takes a token due within `waitMaxMs` and says when it is due; undefined when none is. */
  reserve(key: string, waitMaxMs: number): number | undefined;
}

export interface LimiterOptions {
  readonly perSecond: number;
  /** How many may come at once after a pause; a second's worth when absent. */
  readonly burst?: number;
  readonly keysMax?: number;
  readonly clock: Clock;
}

/** Callers of one process within a few seconds; 100 bytes each. */
const keysMaxDefault = 50_000;

export function createLimiter(options: LimiterOptions): Limiter {
  const { perSecond, clock } = options;
  const burst = options.burst ?? Math.max(1, Math.ceil(perSecond));
  assert(perSecond > 0 && burst >= 1, "a limit lets something through");
  const intervalMs = 1000 / perSecond;
  const toleranceMs = (burst - 1) * intervalMs;
  const fullAt = new LRUCache<string, number>({ max: options.keysMax ?? keysMaxDefault });

  function reserve(key: string, waitMaxMs: number): { waitMs: number; taken: boolean } {
    const now = clock.now();
    const full = Math.max(fullAt.get(key) ?? now, now);
    const waitMs = Math.max(0, Math.ceil(full - toleranceMs - now));
    const taken = waitMs <= waitMaxMs;
    if (taken) fullAt.set(key, full + intervalMs);
    return { waitMs, taken };
  }

  return {
    tryTake(key) {
      const { waitMs, taken } = reserve(key, 0);
      return taken ? 0 : waitMs;
    },
    reserve(key, waitMaxMs) {
      const { waitMs, taken } = reserve(key, waitMaxMs);
      return taken ? waitMs : undefined;
    },
  };
}
