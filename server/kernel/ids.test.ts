import { expect, test } from "vitest";
import { createIds, derivedId, idTime, isId, parseId } from "./ids.ts";
import { createManualClock, systemClock } from "./time.ts";

const start = Date.parse("2025-11-21T03:42:00.123Z");

test("an id is a UUIDv7 that carries its time", () => {
  const id = createIds({ clock: createManualClock(start) }).next<"Thing">();
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(isId(id)).toBe(true);
  expect(idTime(id)).toBe(start);
});

test("ids rise strictly while the clock stands, runs or is set back", () => {
  const clock = createManualClock(start);
  const ids = createIds({ clock });
  const made: string[] = [];
  for (const step of [0, 1, -5_000, 3, 0])
    for (let round = 0; round < 10_000; round += 1) {
      if (round === 0) clock.advance(step);
      made.push(ids.next());
    }
  expect(made.every((id, at) => at === 0 || id > (made[at - 1] ?? ""))).toBe(true);
  expect(made.every((id) => isId(id))).toBe(true);
});

test("two makers in the same millisecond do not meet", () => {
  const clock = createManualClock(start);
  const makers = [createIds({ clock }), createIds({ clock })];
  const made = makers.flatMap((ids) => Array.from({ length: 50_000 }, () => ids.next()));
  expect(new Set(made).size).toBe(100_000);
});

test("the bytes given are the bytes shown, but for version and variant", () => {
  const ids = createIds({ clock: createManualClock(0), random: (bytes) => void bytes.fill(0xff) });
  expect(ids.next()).toBe("00000000-0000-77ff-bfff-ffffffffffff");
  expect(ids.next()).toBe("00000000-0000-7800-bfff-ffffffffffff");
});

test("only ids of ours are parsed", () => {
  const id = createIds({ clock: systemClock }).next();
  expect(parseId<"Thing">(id)).toBe(id);
  expect(parseId(id.toUpperCase())).toBeUndefined();
  expect(parseId("3f0d3b8e-6f0a-4d2b-9c43-0c8c2f6f7d11")).toBeUndefined();
  expect(parseId(`${id}\n`)).toBeUndefined();
});

test("a derived id is the SHA-256 of its text, as a UUID of version 8", () => {
  // FIPS 180-4's own example: ba7816bf 8f01cfea 414140de 5dae2223 ...
  expect(derivedId("abc")).toBe("ba7816bf-8f01-8fea-8141-40de5dae2223");
  expect(derivedId("abd")).not.toBe(derivedId("abc"));
});
