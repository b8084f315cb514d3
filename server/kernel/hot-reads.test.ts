import { expect, test } from "vitest";
import { createHotReads, hotAgeMsMax, hotMax, refreshEveryMs } from "./hot-reads.ts";
import { createManualClock, minuteMs } from "./time.ts";

/** A shelf whose reads are counted, and held back when a test says so. */
function setUp() {
  const clock = createManualClock(Date.UTC(2026, 10, 11));
  const shelf = new Map([["mug", 5]]);
  const loads: string[] = [];
  let gate = Promise.resolve();
  const reads = createHotReads<string, number>({
    name: "probe",
    clock,
    async load(tenantId, ids) {
      loads.push(`${tenantId}: ${ids.join(" ")}`);
      const found = new Map(ids.flatMap((id) => [...shelf].filter(([name]) => name === id)));
      await gate;
      return found;
    },
  });
  return {
    clock,
    shelf,
    loads,
    reads,
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    heat: (id = "mug", tenantId = "t-1") => {
      for (let ask = 0; ask < 1_000; ask += 1) reads.touch(tenantId, id);
    },
  };
}

test("what is not hot is read each time", async () => {
  const { reads, loads, shelf } = setUp();
  expect(await reads.read("t-1", "mug")).toBe(5);
  shelf.set("mug", 4);
  expect(await reads.read("t-1", "mug")).toBe(4);
  expect(loads).toHaveLength(2);
});

test("many who ask at once share one read [KRN-07]", async () => {
  const { reads, loads } = setUp();
  const answers = await Promise.all(Array.from({ length: 10 }, () => reads.read("t-1", "mug")));
  expect(answers).toEqual(Array.from({ length: 10 }, () => 5));
  expect(loads).toHaveLength(1);
  expect(reads.figures()).toMatchObject({ misses: 1, joined: 9 });
});

test("asking makes it hot: one read a refresh, whatever the load [FLS-03, FLS-04]", async () => {
  const { reads, loads, clock } = setUp();
  for (let ask = 0; ask < 1_000; ask += 1) await reads.read("t-1", "mug");
  const cold = loads.splice(0).length;
  // 20 a second with a half-life of five seconds is reached by about 150 asks at once.
  expect(cold).toBeLessThan(200);
  for (let beat = 0; beat < 10; beat += 1) {
    await reads.refresh();
    clock.advance(refreshEveryMs);
    for (let ask = 0; ask < 1_000; ask += 1) await reads.read("t-1", "mug");
  }
  expect(loads).toHaveLength(10);
});

test("what is told from memory is less than a second old, refreshed or not", async () => {
  const { reads, shelf, clock, heat } = setUp();
  heat();
  await reads.refresh();
  shelf.set("mug", 4);
  clock.advance(hotAgeMsMax - 1);
  expect(await reads.read("t-1", "mug")).toBe(5);
  clock.advance(1);
  expect(await reads.read("t-1", "mug")).toBe(4);
});

test("age counts from before the read, however long that took", async () => {
  const { reads, loads, clock, heat, hold } = setUp();
  heat();
  const release = hold();
  const refreshed = reads.refresh();
  clock.advance(hotAgeMsMax);
  release();
  await refreshed;
  await reads.read("t-1", "mug");
  expect(loads).toHaveLength(2);
});

test("nothing is told out of the future when the clock was set back", async () => {
  const { reads, loads, clock, heat } = setUp();
  heat();
  await reads.refresh();
  clock.advance(-minuteMs);
  await reads.read("t-1", "mug");
  expect(loads).toHaveLength(2);
});

test("all that is hot of a tenant is one read, and each tenant has its own", async () => {
  const { reads, loads, shelf, heat } = setUp();
  shelf.set("cup", 7);
  heat("mug");
  heat("cup");
  heat("mug", "t-2");
  await reads.refresh();
  const read = new Set(loads.map((load) => new Set(load.split(" "))));
  expect(read).toEqual(new Set([new Set(["t-1:", "mug", "cup"]), new Set(["t-2:", "mug"])]));
});

test("what does not exist is remembered too [KRN-04]", async () => {
  const { reads, loads, heat } = setUp();
  heat("made-up");
  await reads.refresh();
  expect(await reads.read("t-1", "made-up")).toBeUndefined();
  expect(loads).toHaveLength(1);
});

test("what will be wanted soon is kept without being asked for, until its time", async () => {
  const { reads, loads, clock } = setUp();
  reads.keepUntil("t-1", "mug", clock.now() + minuteMs);
  await reads.refresh();
  expect(await reads.read("t-1", "mug")).toBe(5);
  expect(loads).toHaveLength(1);
  clock.advance(minuteMs);
  await reads.refresh();
  expect(loads).toHaveLength(1);
  expect(reads.figures().entries).toBe(0);
});

test("what has cooled down leaves the memory, which is bounded", async () => {
  const { reads, heat, clock } = setUp();
  for (let n = 0; n < hotMax + 50; n += 1) heat(`thing-${n}`);
  await reads.refresh();
  expect(reads.figures().entries).toBe(hotMax);
  clock.advance(minuteMs);
  await reads.refresh();
  expect(reads.figures().entries).toBe(0);
});

test("who changes something sees it at once, also when a read was under way", async () => {
  const { reads, shelf, heat, hold } = setUp();
  heat();
  const release = hold();
  const refreshed = reads.refresh();
  const reading = reads.read("t-1", "mug");
  shelf.set("mug", 4);
  reads.forget("t-1", "mug");
  release();
  await Promise.all([refreshed, reading]);
  expect(await reads.read("t-1", "mug")).toBe(4);
});

test("a read that fails is told to all who wait for it, and is not kept", async () => {
  let down = true;
  const clock = createManualClock(0);
  const load = async () => {
    if (down) throw new Error("down");
    return new Map([["mug", 5]]);
  };
  const reads = createHotReads<string, number>({ name: "probe", clock, load });
  reads.keepUntil("t-1", "mug", minuteMs);
  await expect(reads.refresh()).rejects.toThrow("down");
  const both = [reads.read("t-1", "mug"), reads.read("t-1", "mug")];
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual([
    "rejected",
    "rejected",
  ]);
  down = false;
  expect(await reads.read("t-1", "mug")).toBe(5);
});
