import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createGuard, createGuards, GuardRejected, GuardTimeout } from "./resilience.ts";
import type { GuardOptions } from "./resilience.ts";
import { createManualClock, hourMs, systemClock } from "./time.ts";

// Calls wait and time out by timers, so timers stand still here, and the system's time with them.
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function guard(options: Partial<GuardOptions> = {}) {
  return createGuard({
    name: "bank",
    clock: systemClock,
    timeoutMs: 1_000,
    concurrencyMax: 100,
    ...options,
  });
}

const answer = () => Promise.resolve("answer");
const fail = () => Promise.reject(new Error("refused connection"));
const never = () => new Promise<never>(() => undefined);

async function breakIt(of: ReturnType<typeof guard>): Promise<void> {
  for (let call = 0; call < 10; call += 1) await of.run(fail).catch(() => undefined);
}

test("an answer and a failure pass through", async () => {
  expect(await guard().run(answer)).toBe("answer");
  await expect(guard().run(fail)).rejects.toThrow("refused connection");
});

test("a call that takes too long is given up and told to give up", async () => {
  let given: AbortSignal | undefined;
  const run = guard().run((signal) => {
    given = signal;
    return never();
  });
  const failed = run.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await failed).toBeInstanceOf(GuardTimeout);
  expect(given?.aborted).toBe(true);
});

test("a call under way is given up when the process stops", async () => {
  const stop = new AbortController();
  const run = guard().run(never, stop.signal);
  await vi.advanceTimersByTimeAsync(0);
  stop.abort();
  await expect(run).rejects.toThrow("bank was given up");
});

test("calls beyond the allowed ones wait, more are turned away [KRN-19]", async () => {
  const bank = guard({ concurrencyMax: 2, queueMax: 1 });
  const gate = Promise.withResolvers<string>();
  let running = 0;
  const call = () => {
    running += 1;
    return gate.promise;
  };
  const runs = [bank.run(call), bank.run(call), bank.run(call)];
  await vi.advanceTimersByTimeAsync(0);
  expect(running).toBe(2);
  await expect(bank.run(call)).rejects.toMatchObject({ reason: "busy", retryAfterMs: 1_000 });
  gate.resolve("done");
  expect(await Promise.all(runs)).toEqual(["done", "done", "done"]);
});

test("a failing system is left alone, tried by one call, then trusted [KRN-18]", async () => {
  const bank = guard({ breakMs: 5_000 });
  await breakIt(bank);
  expect(bank.state()).toBe("open");
  let calls = 0;
  const probe = Promise.withResolvers<string>();
  const call = () => {
    calls += 1;
    return probe.promise;
  };
  await vi.advanceTimersByTimeAsync(2_000);
  const rejected = await bank.run(call).catch((error: unknown) => error);
  expect(rejected).toBeInstanceOf(GuardRejected);
  expect(rejected).toMatchObject({ reason: "broken", retryAfterMs: 3_000 });
  expect(calls).toBe(0);

  await vi.advanceTimersByTimeAsync(3_000);
  const runs = [bank.run(call), bank.run(call), bank.run(call)];
  await vi.advanceTimersByTimeAsync(0);
  expect(calls).toBe(1);
  expect(bank.state()).toBe("half_open");
  probe.resolve("back");
  expect(await Promise.all(runs)).toEqual(["back", "back", "back"]);
  expect(bank.state()).toBe("closed");
});

test("a probe that fails leaves it broken", async () => {
  const bank = guard({ breakMs: 5_000 });
  await breakIt(bank);
  await vi.advanceTimersByTimeAsync(5_000);
  await expect(bank.run(fail)).rejects.toThrow("refused connection");
  await expect(bank.run(answer)).rejects.toThrow(GuardRejected);
});

test.each([-hourMs, hourMs])(
  "how long it rests is our clock's, though the system's jumps %i",
  async (by) => {
    const clock = createManualClock(Date.now());
    const bank = guard({ breakMs: 5_000, clock });
    await breakIt(bank);
    vi.setSystemTime(Date.now() + by);
    clock.advance(4_999);
    await expect(bank.run(answer)).rejects.toMatchObject({ reason: "broken", retryAfterMs: 1 });
    clock.advance(1);
    expect(await bank.run(answer)).toBe("answer");
  },
);

test("a few failures among many answers break nothing", async () => {
  const bank = guard();
  for (let call = 0; call < 60; call += 1)
    await bank.run(call % 3 === 0 ? fail : answer).catch(() => undefined);
  expect(bank.state()).toBe("closed");
});

test("an answer may say that the system is broken", async () => {
  const bank = guard({ isFailure: (result) => result === "500" });
  for (let call = 0; call < 10; call += 1) expect(await bank.run(async () => "500")).toBe("500");
  expect(bank.state()).toBe("open");
});

test("calls are spread under the other side's rate, late ones go away [PAY-17]", async () => {
  const bank = guard({ perSecondMax: 10, rateWaitMaxMs: 300 });
  const startedAt = Date.now();
  const at: number[] = [];
  const call = async () => void at.push(Date.now() - startedAt);
  const runs = [1, 2, 3, 4].map(() => bank.run(call));
  await expect(bank.run(call)).rejects.toMatchObject({ reason: "rate" });
  await vi.advanceTimersByTimeAsync(300);
  await Promise.all(runs);
  expect(at).toEqual([0, 100, 200, 300]);
});

test("who waits for a turn can be stopped", async () => {
  const bank = guard({ perSecondMax: 1 });
  await bank.run(answer);
  const stop = new AbortController();
  const waiting = bank.run(answer, stop.signal);
  stop.abort(new Error("stopping"));
  await expect(waiting).rejects.toThrow("stopping");
  expect(vi.getTimerCount()).toBe(0);
});

test("each outcome is observed", async () => {
  const seen: string[] = [];
  const bank = guard({
    concurrencyMax: 1,
    queueMax: 0,
    observe: (result) => void seen.push(result),
  });
  await bank.run(answer);
  await bank.run(fail).catch(() => undefined);
  const gate = Promise.withResolvers<void>();
  const run = bank.run(() => gate.promise);
  await bank.run(answer).catch(() => undefined);
  gate.resolve();
  await run;
  expect(seen).toEqual(["ok", "failed", "rejected", "ok"]);
});

test("one system's break is not another's, and guards are bounded [KRN-18]", async () => {
  const guards = createGuards({ max: 2, create: (key) => guard({ name: key }) });
  await breakIt(guards.of("t1 bank"));
  expect(guards.of("t1 bank").state()).toBe("open");
  expect(await guards.of("t2 bank").run(answer)).toBe("answer");
  guards.of("t3 bank");
  expect(guards.of("t1 bank").state()).toBe("closed");
});
