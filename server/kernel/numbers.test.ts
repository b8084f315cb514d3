import { expect, test } from "vitest";
import { createNumbers, isNumber } from "./numbers.ts";
import { createManualClock } from "./time.ts";

const start = Date.parse("2025-11-20T20:00:00.007Z");

test("a number carries its prefix, business day and millisecond of the day", () => {
  const numbers = createNumbers({ clock: createManualClock(start) });
  expect(numbers.next("P")).toMatch(/^P2025112114400007\d{8}$/);
});

test("no number repeats within a process, even while the clock stands or goes back", () => {
  const clock = createManualClock(start);
  const numbers = createNumbers({ clock });
  const made = new Set<string>();
  for (let round = 0; round < 20_000; round += 1) made.add(numbers.next("R"));
  clock.set(start - 1_000);
  for (let round = 0; round < 100; round += 1) made.add(numbers.next("R"));
  expect(made.size).toBe(20_100);
  expect([...made].every((number) => isNumber(number, "R"))).toBe(true);
});

test("the tail wraps around without repeating", () => {
  const numbers = createNumbers({
    clock: createManualClock(start),
    // The start with which the tail of this millisecond is the last one.
    random: (bytes) => void bytes.writeUInt32LE(3_537_626),
  });
  const tails = [numbers.next("P"), numbers.next("P")].map((number) => number.slice(17, 24));
  expect(tails).toEqual(["9999999", "0000000"]);
});

test("two processes meet in a whole minute or not at all", () => {
  const clock = createManualClock(start);
  const draws = [10, 37, 4_000, 4_500];
  const random = (bytes: Buffer) => void bytes.writeUInt32LE(draws.shift() ?? 0);
  const [one, other] = [createNumbers({ clock, random }), createNumbers({ clock, random })];
  const tails = new Set<number>();
  const apart = Array.from({ length: 120 }, () => {
    clock.advance(1_000);
    const [tail, otherTail] = [one, other].map((each) => Number(each.next("T").slice(17, 24)));
    tails.add(tail ?? 0);
    return ((otherTail ?? 0) - (tail ?? 0) + 10_000_000) % 10_000_000;
  });
  expect(new Set(apart.slice(0, 60))).toEqual(new Set([27]));
  expect(new Set(apart.slice(60))).toEqual(new Set([500]));
  expect(tails.size).toBe(120);
});

test("every wrong digit and every swap of neighbours is noticed", () => {
  const clock = createManualClock(start);
  const numbers = createNumbers({ clock });
  for (let round = 0; round < 50; round += 1) {
    clock.advance(7_919);
    const digits = numbers.next("P").slice(1);
    for (let at = 0; at < digits.length; at += 1) {
      for (const other of "0123456789") {
        const wrong = digits.slice(0, at) + other + digits.slice(at + 1);
        expect(isNumber(`P${wrong}`)).toBe(other === digits.charAt(at));
      }
      const [left, right] = [digits.charAt(at), digits.charAt(at + 1)];
      const swapped = digits.slice(0, at) + right + left + digits.slice(at + 2);
      if (right !== "") expect(isNumber(`P${swapped}`)).toBe(left === right);
    }
  }
});

test("knows the published example of Damm's check digit", () => {
  // 572 has the check digit 4; leading zeros change nothing.
  expect(isNumber(`P${"5724".padStart(24, "0")}`)).toBe(true);
});

test("a number of another kind or form is refused", () => {
  const number = createNumbers({ clock: createManualClock(start) }).next("P");
  expect(isNumber(number, "R")).toBe(false);
  expect(isNumber(number.toLowerCase())).toBe(false);
  expect(isNumber(`${number} `)).toBe(false);
  expect(isNumber("")).toBe(false);
});
