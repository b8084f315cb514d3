import type { JournalRecord } from "./journal.ts";

/**
 * A bounded collection of values that never change: a change puts a new value under the same key.
 * When it is full, the oldest finished value goes; if there is none among the oldest, the oldest.
 */
export interface Shelf<Value> {
  readonly name: string;
  get(key: string): Value | undefined;
  put(value: Value): void;
  delete(key: string): void;
  values(): MapIterator<Value>;
  readonly size: number;
  clear(): void;
  /** Puts a value back that the journal has kept, without writing it again. */
  restore(record: JournalRecord): void;
  records(): Iterable<JournalRecord>;
}

/** So many of the oldest are looked at for a finished one, so that a full shelf stays fast. */
const lookedAtMax = 100;

export function createShelf<Value>(options: {
  readonly name: string;
  readonly sizeMax: number;
  readonly keyOf: (value: Value) => string;
  readonly isFinished: (value: Value) => boolean;
  readonly append: (record: JournalRecord) => void;
  /** Keep an index of the owner's true, whoever changes the shelf. */
  readonly placed?: (value: Value) => void;
  readonly removed?: (value: Value) => void;
  /** The shelf was full and this value had to go. */
  readonly dropped?: (value: Value) => void;
}): Shelf<Value> {
  const { name, keyOf } = options;
  const held = new Map<string, Value>();

  function keep(key: string, value: Value): void {
    held.set(key, value);
    options.placed?.(value);
  }

  function takeOff(key: string): void {
    const value = held.get(key);
    if (value === undefined) return;
    held.delete(key);
    options.removed?.(value);
  }

  function dropOldest(): void {
    let lookedAt = 0;
    let oldest: [string, Value] | undefined;
    for (const entry of held) {
      oldest ??= entry;
      if (options.isFinished(entry[1])) {
        oldest = entry;
        break;
      }
      lookedAt += 1;
      if (lookedAt === lookedAtMax) break;
    }
    if (oldest === undefined) return;
    shelf.delete(oldest[0]);
    options.dropped?.(oldest[1]);
  }

  const shelf: Shelf<Value> = {
    name,
    get: (key) => held.get(key),
    put(value) {
      const key = keyOf(value);
      keep(key, value);
      options.append({ shelf: name, key, value });
      if (held.size > options.sizeMax) dropOldest();
    },
    delete(key) {
      if (!held.has(key)) return;
      takeOff(key);
      options.append({ shelf: name, key });
    },
    values: () => held.values(),
    get size() {
      return held.size;
    },
    clear() {
      for (const key of [...held.keys()]) shelf.delete(key);
    },
    restore(record) {
      if (record.value === undefined) return takeOff(record.key);
      keep(record.key, record.value as Value); // Only this program writes the journal.
    },
    *records() {
      for (const [key, value] of held) yield { shelf: name, key, value };
    },
  };
  return shelf;
}
