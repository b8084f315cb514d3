import { expect, test } from "vitest";
import { createLimiter } from "./limiter.ts";
import { createManualClock } from "./time.ts";

test("a burst goes through, then one an interval [KRN-17]", () => {
  const clock = createManualClock(0);
  const limiter = createLimiter({ perSecond: 10, burst: 3, clock });
  expect([1, 2, 3, 4].map(() => limiter.tryTake("a"))).toEqual([0, 0, 0, 100]);
  clock.advance(99);
  expect(limiter.tryTake("a")).toBe(1);
  clock.advance(1);
  expect(limiter.tryTake("a")).toBe(0);
  expect(limiter.tryTake("a")).toBe(100);
});

test("a refused try takes nothing", () => {
  const clock = createManualClock(0);
  const limiter = createLimiter({ perSecond: 1, burst: 1, clock });
  expect(limiter.tryTake("a")).toBe(0);
  for (let round = 0; round < 100; round += 1) limiter.tryTake("a");
  clock.advance(1_000);
  expect(limiter.tryTake("a")).toBe(0);
});

test("a pause fills the bucket to the burst and not above", () => {
  const clock = createManualClock(0);
  const limiter = createLimiter({ perSecond: 10, burst: 2, clock });
  expect(limiter.tryTake("a")).toBe(0);
  clock.advance(3_600_000);
  expect([1, 2, 3].map(() => limiter.tryTake("a"))).toEqual([0, 0, 100]);
});

test("callers do not take from each other", () => {
  const limiter = createLimiter({ perSecond: 1, burst: 1, clock: createManualClock(0) });
  expect(limiter.tryTake("a")).toBe(0);
  expect(limiter.tryTake("b")).toBe(0);
  expect(limiter.tryTake("a")).toBe(1_000);
});

test("reserved turns are spread and end at the longest wait [PAY-17]", () => {
  const limiter = createLimiter({ perSecond: 10, burst: 1, clock: createManualClock(0) });
  const turns = [1, 2, 3, 4, 5].map(() => limiter.reserve("a", 300));
  expect(turns).toEqual([0, 100, 200, 300, undefined]);
});

test("over any stretch of time no more than burst + rate x time pass", () => {
  const clock = createManualClock(0);
  const limiter = createLimiter({ perSecond: 7, burst: 4, clock });
  let passed = 0;
  for (let ms = 0; ms < 10_000; ms += 3) {
    if (limiter.tryTake("a") === 0) passed += 1;
    clock.advance(3);
  }
  expect(passed).toBeLessThanOrEqual(4 + 70);
  expect(passed).toBeGreaterThanOrEqual(70);
});

test("forgotten keys start anew, so memory stays bounded", () => {
  const limiter = createLimiter({
    perSecond: 1,
    burst: 1,
    keysMax: 2,
    clock: createManualClock(0),
  });
  for (const key of ["a", "b", "c"]) expect(limiter.tryTake(key)).toBe(0);
  expect(limiter.tryTake("c")).toBe(1_000);
  expect(limiter.tryTake("a")).toBe(0);
});
