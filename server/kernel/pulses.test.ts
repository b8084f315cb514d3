import { expect, test } from "vitest";
import { startPulses } from "./pulses.ts";

/** Resolves at the given beat. */
function createCounted(until: number) {
  let beats = 0;
  const reached = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    beats: () => beats,
    count: () => {
      beats += 1;
      if (beats === until) reached.resolve();
    },
  };
}

test("beats at once and again, and one that fails beats on", async () => {
  const counted = createCounted(3);
  const failures: unknown[] = [];
  const failing = {
    name: "probe",
    everyMs: 1,
    beat: async () => {
      counted.count();
      throw new Error(`beat ${counted.beats()}`);
    },
  };
  const onFailed = (pulse: string, error: unknown) => void failures.push([pulse, error]);
  const pulses = startPulses({ pulses: [failing], onFailed });
  await counted.reached;
  await pulses.stop();
  expect(failures.slice(0, 2)).toEqual([
    ["probe", new Error("beat 1")],
    ["probe", new Error("beat 2")],
  ]);
});

test("stops at once while it waits, and only after the beat that is under way", async () => {
  const counted = createCounted(1);
  const held = Promise.withResolvers<void>();
  let ended = false;
  const slow = {
    name: "slow",
    everyMs: 1,
    beat: async () => {
      await held.promise;
      ended = true;
    },
  };
  const hourly = { name: "hourly", everyMs: 3_600_000, beat: async () => counted.count() };
  const pulses = startPulses({ pulses: [slow, hourly], onFailed: () => undefined });
  await counted.reached;
  const stopped = pulses.stop().then(() => ended);
  held.resolve();
  expect(await stopped).toBe(true);
  expect(counted.beats()).toBe(1);
});
