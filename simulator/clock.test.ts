import { afterEach, expect, test } from "vitest";
import { createClock } from "./clock.ts";
import type { Clock } from "./clock.ts";

const clocks: Clock[] = [];
function newClock(speed = 1): { clock: Clock; failures: unknown[] } {
  const failures: unknown[] = [];
  const clock = createClock({ speed, now: () => 0, failed: (error) => failures.push(error) });
  clocks.push(clock);
  return { clock, failures };
}
afterEach(() => clocks.splice(0).forEach((clock) => clock.stop()));

const hour = 3_600_000;

test("advancing runs what falls due, in order, and what that plants in turn", async () => {
  const { clock } = newClock();
  const ran: string[] = [];
  clock.after(2 * hour, () => void ran.push("second"));
  clock.after(1 * hour, () => {
    ran.push("first");
    clock.after(2 * hour, () => void ran.push("third, planted by the first"));
  });
  clock.after(9 * hour, () => void ran.push("too late"));
  await clock.advance(2.5 * hour);
  expect(ran).toEqual(["first", "second"]);
  await clock.advance(hour);
  expect(ran).toEqual(["first", "second", "third, planted by the first"]);
  expect(clock.waitingCount).toBe(1);
});

test("tasks of one instant run in the order they came", async () => {
  const { clock } = newClock();
  const ran: number[] = [];
  for (const each of [1, 2, 3]) clock.after(hour, () => void ran.push(each));
  await clock.advance(hour + 1);
  expect(ran).toEqual([1, 2, 3]);
});

test("a cancelled task does not run, a failing one does not stop the others", async () => {
  const { clock, failures } = newClock();
  const ran: string[] = [];
  clock.after(hour, () => void ran.push("cancelled")).cancel();
  clock.after(hour, () => Promise.reject(new Error("broken")));
  clock.after(hour, () => void ran.push("other"));
  await clock.advance(2 * hour);
  expect(ran).toEqual(["other"]);
  expect(failures).toEqual([new Error("broken")]);
});

test("speed shortens waiting, also what already waits", async () => {
  const { clock } = newClock();
  const waited = clock.wait(24 * hour);
  clock.setSpeed(1_000_000_000);
  // A day at this speed is a tenth of a millisecond; at speed 1 the test would hang.
  await expect(waited).resolves.toBeUndefined();
});

test("somebody who waits is let go although a task of the same time waits for him", async () => {
  const { clock } = newClock(1_000_000);
  const ran: string[] = [];
  clock.after(hour, async () => {
    await clock.wait(hour);
    ran.push("after a wait of its own");
  });
  await clock.advance(3 * hour);
  expect(ran).toEqual(["after a wait of its own"]);
});

test("a task that falls due by itself while time is advanced keeps its turn", async () => {
  const { clock } = newClock(1_000_000);
  const ran: string[] = [];
  clock.after(1, async () => {
    // Long enough for the other task's own timer, were it allowed to strike.
    await clock.wait(hour);
    ran.push("first");
  });
  clock.after(2, () => void ran.push("second"));
  await clock.advance(2 * hour);
  expect(ran).toEqual(["first", "second"]);
});

test("idle waits for what runs and what is due, not for what comes later", async () => {
  const { clock } = newClock();
  let hasRun = false;
  clock.after(0, async () => {
    await Promise.resolve();
    hasRun = true;
  });
  clock.after(hour, () => Promise.reject(new Error("not yet")));
  await clock.idle();
  expect(hasRun).toBe(true);
});
