import { expect, test } from "vitest";
import { createCache } from "./cache.ts";
import type { CacheOptions } from "./cache.ts";
import { createManualClock } from "./time.ts";

function start(options: Partial<CacheOptions<string, string>> = {}) {
  const clock = createManualClock(0);
  const loads: { key: string; give: (value: string | undefined) => void; fail: () => void }[] = [];
  const load = (key: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    loads.push({ key, give: resolve, fail: () => reject(new Error("gone")) });
    return promise;
  };
  const cache = createCache<string, string>({
    name: "test",
    clock,
    max: 3,
    ttlMs: 1_000,
    load,
    random: () => 0,
    ...options,
  });
  async function read(key: string, value: string | undefined) {
    const got = cache.get(key);
    loads.at(-1)?.give(value);
    return await got;
  }
  return { cache, clock, loads, read };
}

test("many who ask at once wait for one load [KRN-07]", async () => {
  const { cache, loads } = start();
  const all = Array.from({ length: 50 }, () => cache.get("a"));
  expect(loads).toHaveLength(1);
  loads[0]?.give("A");
  expect(await Promise.all(all)).toEqual(Array.from({ length: 50 }, () => "A"));
  expect(cache.figures()).toEqual({ entries: 1, hits: 0, misses: 1, joined: 49 });
});

test("an entry lives as long as it may and no longer", async () => {
  const { cache, clock, loads, read } = start();
  expect(await read("a", "A")).toBe("A");
  clock.advance(999);
  expect(await cache.get("a")).toBe("A");
  expect(loads).toHaveLength(1);
  clock.advance(1);
  expect(await read("a", "B")).toBe("B");
  expect(loads).toHaveLength(2);
});

test("what does not exist is remembered, for a shorter time [KRN-04]", async () => {
  const { cache, clock, loads, read } = start();
  expect(await read("x", undefined)).toBeUndefined();
  clock.advance(99);
  expect(await cache.get("x")).toBeUndefined();
  expect(loads).toHaveLength(1);
  clock.advance(1);
  expect(await read("x", "now it is")).toBe("now it is");
});

test("entries that were loaded together do not expire together [KRN-07]", async () => {
  const draws = [0, 0.5, 1];
  const { cache, clock, loads, read } = start({ random: () => draws.shift() ?? 0 });
  for (const key of ["a", "b", "c"]) await read(key, key);
  clock.advance(900);
  for (const key of ["a", "b", "c"]) void cache.get(key);
  expect(loads.slice(3).map(({ key }) => key)).toEqual(["b", "c"]);
});

test("a failed load reaches everyone who waited and is not kept", async () => {
  const { cache, loads, read } = start();
  const all = Promise.allSettled([cache.get("a"), cache.get("a")]);
  loads[0]?.fail();
  expect((await all).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await read("a", "A")).toBe("A");
});

test("what was changed while it was loaded is not kept", async () => {
  const { cache, loads } = start();
  const old = cache.get("a");
  cache.forget("a");
  const fresh = cache.get("a");
  expect(loads).toHaveLength(2);
  loads[1]?.give("new");
  expect(await fresh).toBe("new");
  loads[0]?.give("old");
  expect(await old).toBe("old");
  expect(await cache.get("a")).toBe("new");
});

test("the least used entry makes room", async () => {
  const { cache, loads, read } = start();
  for (const key of ["a", "b", "c"]) await read(key, key);
  await cache.get("a");
  await read("d", "d");
  expect(cache.figures().entries).toBe(3);
  void cache.get("a");
  void cache.get("b");
  expect(loads.slice(4).map(({ key }) => key)).toEqual(["b"]);
});
