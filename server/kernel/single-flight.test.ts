import { expect, test } from "vitest";
import { createSingleFlight } from "./single-flight.ts";

function setUp() {
  const flights = createSingleFlight<string, string>();
  const calls: PromiseWithResolvers<string>[] = [];
  const kept: string[] = [];
  const run = (key: string) =>
    flights.run(
      key,
      () => {
        const call = Promise.withResolvers<string>();
        calls.push(call);
        return call.promise;
      },
      (value) => kept.push(value),
    );
  return { flights, calls, kept, run };
}

test("who asks while a call is under way waits for it, and each key has its own", async () => {
  const { flights, calls, kept, run } = setUp();
  const asked = [run("a"), run("a"), run("b"), run("a")];
  expect(calls).toHaveLength(2);
  calls[0]?.resolve("A");
  calls[1]?.resolve("B");
  expect(await Promise.all(asked)).toEqual(["A", "A", "B", "A"]);
  expect(kept).toEqual(["A", "B"]);
  expect(flights.figures()).toEqual({ misses: 2, joined: 2 });
});

test("what has ended is over: the next one has a call made", async () => {
  const { calls, kept, run } = setUp();
  for (const value of ["first", "second"]) {
    const asked = run("a");
    calls.at(-1)?.resolve(value);
    expect(await asked).toBe(value);
  }
  expect([calls.length, kept]).toEqual([2, ["first", "second"]]);
});

test("a failure reaches all who wait, keeps nothing, and is over too", async () => {
  const { calls, kept, run } = setUp();
  const asked = Promise.allSettled([run("a"), run("a")]);
  calls[0]?.reject(new Error("gone"));
  expect((await asked).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const again = run("a");
  calls[1]?.resolve("A");
  expect([await again, kept]).toEqual(["A", ["A"]]);
});

test("what is forgotten while it is under way is told to who waits, and not kept", async () => {
  const { flights, calls, kept, run } = setUp();
  const [early, other] = [run("a"), run("b")];
  flights.forget("a");
  const late = run("a");
  calls[0]?.resolve("old");
  expect(await early).toBe("old");
  // The end of the forgotten call is not that of the later one.
  const joined = run("a");
  calls[1]?.resolve("B");
  calls[2]?.resolve("new");
  expect(await Promise.all([late, joined, other])).toEqual(["new", "new", "B"]);
  expect([calls.length, kept]).toEqual([3, ["B", "new"]]);
});

test("forgetting all forgets those that are meant", async () => {
  const { flights, calls, kept, run } = setUp();
  const asked = [run("t-1 a"), run("t-1 b"), run("t-2 a")];
  flights.forgetAll((key) => key.startsWith("t-1 "));
  for (const [at, call] of calls.entries()) call.resolve(`${at}`);
  await Promise.all(asked);
  expect(kept).toEqual(["2"]);
  const last = run("t-2 b");
  flights.forgetAll();
  calls.at(-1)?.resolve("late");
  expect([await last, kept]).toEqual(["late", ["2"]]);
});
