/**
 * The same function, which makes what it gives for a key once: for pure work that costs more than
 * a look, such as hashing. When `max` are known all are forgotten, which is cheaper than knowing
 * the oldest. What is read from somewhere may change: that is kept by a cache, or by hot reads.
 */
export function memoize<Key, Made extends NonNullable<unknown>>(
  max: number,
  make: (key: Key) => Made,
): (key: Key) => Made {
  const known = new Map<Key, Made>();
  return (key) => {
    let made = known.get(key);
    if (made !== undefined) return made;
    made = make(key);
    if (known.size >= max) known.clear();
    known.set(key, made);
    return made;
  };
}
