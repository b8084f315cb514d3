/**
 * Of several who ask for one key at a time, the first has the call made and the others wait for it
 * (`singleflight` of golang.org/x/sync): they get its value, or hear of its failure. What has ended
 * is not kept here; that is what `keep` is for.
 */
export interface SingleFlight<Key, Value> {
  /** Joins the call that is under way, or makes one; `keep` takes its value unless forgotten. */
  run(key: Key, call: () => Promise<Value>, keep?: (value: Value) => void): Promise<Value>;
  /** It has changed: who asks next has a call made, and what is under way is not kept. */
  forget(key: Key): void;
  forgetAll(isMeant?: (key: Key) => boolean): void;
  /** Calls that were made, and those who have joined one. */
  figures(): { readonly misses: number; readonly joined: number };
}

export function createSingleFlight<Key, Value>(): SingleFlight<Key, Value> {
  /** As many as there are requests under way, which the edge bounds. */
  const underWay = new Map<Key, Promise<Value>>();
  let misses = 0;
  let joined = 0;

  return {
    run(key, call, keep) {
      const running = underWay.get(key);
      if (running !== undefined) {
        joined += 1;
        return running;
      }
      misses += 1;
      const isForgotten = () => underWay.get(key) !== own;
      const own = call()
        .then((value) => {
          if (!isForgotten()) keep?.(value);
          return value;
        })
        .finally(() => {
          if (!isForgotten()) underWay.delete(key);
        });
      underWay.set(key, own);
      return own;
    },

    forget(key) {
      underWay.delete(key);
    },

    forgetAll(isMeant = () => true) {
      for (const key of underWay.keys()) if (isMeant(key)) underWay.delete(key);
    },

    figures: () => ({ misses, joined }),
  };
}
