import type { Clock } from "./time.ts";

/** Live counts of what is asked for: of the keys asked for lately, which are asked for most. */
export interface Heat<Key extends string> {
  touch(key: Key): void;
  /** Asks per second, by an average that forgets; never more than there were. */
  rate(key: Key): number;
  /** The hottest first, `limit` of them at most, all asked for `fromPerSecond` times or oftener. */
  hottest(limit: number, fromPerSecond: number): Key[];
  /** Keys that are counted at the moment. */
  size(): number;
}

export interface HeatOptions {
  readonly clock: Clock;
  /** An ask counts half after this time. */
  readonly halfLifeMs: number;
  /** Keys counted at a time. Whatever makes up more than one ask in so many is among them. */
  readonly countersMax: number;
}

interface Counter<Key> {
  key: Key;
  /** At least as much as was asked, at most `error` more. In units of the time of counting. */
  count: number;
  error: number;
  /** Its place in the heap. */
  at: number;
}

/** A double holds 2^1023; so many half-lives leave room for a thousand million asks of one key. */
const halfLivesMax = 500;

/**
 * Space-Saving (Metwally, Agrawal, El Abbadi 2005): a new key takes the place of the coldest one
 * and inherits its count as a possible error, so that memory is bounded and nothing hot is missed.
 * Old asks fade by forward decay (Cormode et al. 2009): a later ask weighs more, instead of all
 * counts being lowered all the time. What is told is the count less its error, so that a swarm of
 * keys asked for once makes none of them hot.
 */
export function createHeat<Key extends string>(options: HeatOptions): Heat<Key> {
  const { clock, halfLifeMs, countersMax } = options;
  const counters = new Map<Key, Counter<Key>>();
  /** The coldest stands first, and each before the two below it. */
  const heap: Counter<Key>[] = [];
  const ratePerCount = (Math.LN2 * 1_000) / halfLifeMs;
  let startedAt = clock.now();

  /** What an ask of this moment weighs. */
  function weightNow(): number {
    const halfLives = (clock.now() - startedAt) / halfLifeMs;
    if (halfLives < halfLivesMax) return 2 ** halfLives;
    startedAt += halfLives * halfLifeMs;
    for (const counter of heap) {
      counter.count *= 2 ** -halfLives;
      counter.error *= 2 ** -halfLives;
    }
    return 1;
  }

  function place(counter: Counter<Key>, at: number): void {
    heap[at] = counter;
    counter.at = at;
  }

  function rise(counter: Counter<Key>): void {
    let { at } = counter;
    while (at > 0) {
      const above = heap[(at - 1) >> 1];
      if (above === undefined || above.count <= counter.count) break;
      const free = above.at;
      place(above, at);
      at = free;
    }
    place(counter, at);
  }

  function sink(counter: Counter<Key>): void {
    let { at } = counter;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const colder = right !== undefined && left !== undefined && right.count < left.count;
      const below = colder ? right : left;
      if (below === undefined || below.count >= counter.count) break;
      const free = below.at;
      place(below, at);
      at = free;
    }
    place(counter, at);
  }

  function take(key: Key, weight: number): void {
    const coldest = heap[0];
    if (heap.length < countersMax || coldest === undefined) {
      const counter = { key, count: weight, error: 0, at: heap.length };
      heap.push(counter);
      counters.set(key, counter);
      return rise(counter);
    }
    counters.delete(coldest.key);
    coldest.key = key;
    coldest.error = coldest.count;
    coldest.count += weight;
    counters.set(key, coldest);
    sink(coldest);
  }

  function rateOf({ count, error }: Counter<Key>, weight: number): number {
    return ((count - error) / weight) * ratePerCount;
  }

  return {
    touch(key) {
      const weight = weightNow();
      const counter = counters.get(key);
      if (counter === undefined) return take(key, weight);
      counter.count += weight;
      sink(counter);
    },

    rate(key) {
      const weight = weightNow();
      const counter = counters.get(key);
      return counter === undefined ? 0 : rateOf(counter, weight);
    },

    hottest(limit, fromPerSecond) {
      const weight = weightNow();
      return heap
        .map((counter) => ({ key: counter.key, rate: rateOf(counter, weight) }))
        .filter(({ rate }) => rate >= fromPerSecond)
        .toSorted((a, b) => b.rate - a.rate)
        .slice(0, limit)
        .map(({ key }) => key);
    },

    size: () => heap.length,
  };
}
