import { expect, test } from "vitest";
import { createManualClock, formatInstant, parseInstant } from "./time.ts";

test("an instant survives the way out and in", () => {
  const instant = 1_763_696_520_123;
  expect(formatInstant(instant)).toBe("2025-11-21T03:42:00.123Z");
  expect(parseInstant(formatInstant(instant))).toBe(instant);
});

test("each of many instants keeps its own text, said once or again", () => {
  const instants = Array.from({ length: 1_000 }, (_, at) => 1_763_696_520_123 + at * 1_000);
  for (const instant of [...instants, ...instants]) {
    expect(formatInstant(instant)).toBe(new Date(instant).toISOString());
    expect(formatInstant(instant)).toBe(new Date(instant).toISOString());
  }
});

test.each([
  ["2025-11-21T11:42:00+08:00", "2025-11-21T03:42:00.000Z"],
  ["2025-11-20T20:12:00.5-07:30", "2025-11-21T03:42:00.500Z"],
  ["2024-02-29t00:00:00.123456789z", "2024-02-29T00:00:00.123Z"],
  ["2025-11-21T03:42:00.290Z", "2025-11-21T03:42:00.290Z"],
  ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
])("reads %s", (text, expected) => {
  expect(formatInstant(parseInstant(text) ?? Number.NaN)).toBe(expected);
});

test.each([
  "2025-02-29T00:00:00Z",
  "2025-04-31T00:00:00Z",
  "2025-13-01T00:00:00Z",
  "2025-11-21T24:00:00Z",
  "2025-11-21T03:42:60Z",
  "2025-11-21T03:42:00",
  "2025-11-21T03:42:00+0800",
  "2025-11-21 03:42:00Z",
  "2025-11-21",
  // In UTC it lies in the year 10000, which RFC 3339 cannot write.
  "9999-12-31T23:59:59-12:00",
  "0",
  "",
])("refuses %s", (text) => {
  expect(parseInstant(text)).toBeUndefined();
});

test("a manual clock moves only when it is told", () => {
  const clock = createManualClock(1_000);
  expect(clock.now()).toBe(1_000);
  clock.advance(500);
  expect(clock.now()).toBe(1_500);
  clock.set(9);
  expect(clock.now()).toBe(9);
});
