import { expect, test } from "vitest";
import { createBloomFilter } from "./bloom-filter.ts";
import { createIds } from "./ids.ts";
import { systemClock } from "./time.ts";

const ids = createIds({ clock: systemClock });
const names = {
  "ids that differ in their ends": () => ids.next(),
  "numbers in a row": (n: number) => `member-${n}`,
};

test.each(Object.entries(names))("finds all that was added and little else: %s", (_, name) => {
  const filter = createBloomFilter(50_000);
  const added = Array.from({ length: 50_000 }, (_each, n) => name(n));
  for (const text of added) filter.add(text);
  expect(added.every((text) => filter.mayHave(text))).toBe(true);
  const others = Array.from({ length: 50_000 }, (_each, n) => name(1_000_000 + n));
  const taken = others.filter((text) => filter.mayHave(text)).length;
  // One in 400 by the arithmetic; rounding up to a power of two can only make it better.
  expect(taken).toBeLessThan(50_000 / 250);
});

test("takes two bytes a member, rounded up, and never more", () => {
  expect(createBloomFilter(1).bytes).toBe(8 * 1024);
  expect(createBloomFilter(1_000_000).bytes).toBe(2 * 1024 * 1024);
  const full = createBloomFilter(1_000);
  for (let n = 0; n < 1_000_000; n += 1) full.add(`member-${n}`);
  expect(full.bytes).toBe(8 * 1024);
  expect(full.mayHave("member-999999")).toBe(true);
});
