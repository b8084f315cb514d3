import { expect, test } from "vitest";
import { required } from "./assert.ts";
import type { Id } from "./ids.ts";
import { createIds, idTime, isId } from "./ids.ts";
import type { MasterKeys } from "./secrets.ts";
import { createSecrets } from "./secrets.ts";
import { createSignedIds } from "./signed-ids.ts";
import { createManualClock } from "./time.ts";

const clock = createManualClock(Date.UTC(2026, 10, 11));
const [oldKey, newKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const idsWith = (keys: MasterKeys, purpose = "seat") =>
  createSignedIds<"Seat">({ secrets: createSecrets(keys), clock, purpose });
const seats = idsWith([oldKey]);
const owner = ["hall-1", "anna"];

test("an id is one of ours, rises in time, and is made for its owner alone", () => {
  const id = seats.next(owner);
  expect(isId(id)).toBe(true);
  expect(idTime(id)).toBe(clock.now());
  expect(seats.isMadeFor(id, owner)).toBe(true);
  clock.advance(1);
  expect(seats.next(owner) > id).toBe(true);
  expect(seats.isMadeFor(id, owner)).toBe(true);
  expect(seats.isMadeFor(id, ["hall-1", "bo"])).toBe(false);
  expect(seats.isMadeFor(id, ["hall-2", "anna"])).toBe(false);
  expect(seats.isMadeFor(id, ["hall-1"])).toBe(false);
  expect(seats.isMadeFor(id, ["hall-1 anna"])).toBe(false);
});

test("any other id is forged, whatever digit of it was changed", () => {
  const id = seats.next(owner);
  expect(seats.isMadeFor(createIds({ clock }).next(), owner)).toBe(false);
  let changed = 0;
  for (let at = 0; at < id.length; at += 1) {
    for (const digit of "0123456789abcdef") {
      const other = `${id.slice(0, at)}${digit}${id.slice(at + 1)}`;
      if (other === id || !isId<"Seat">(other)) continue;
      changed += 1;
      expect(seats.isMadeFor(other, owner), other).toBe(false);
    }
  }
  // All digits but that of the version, and of the variant's four values the other three.
  expect(changed).toBe(30 * 15 + 3);
});

test("ids of another key or purpose are forged; while keys change both are known", () => {
  const id = seats.next(owner);
  expect(idsWith([newKey]).isMadeFor(id, owner)).toBe(false);
  expect(idsWith([oldKey], "bed").isMadeFor(id, owner)).toBe(false);
  const both = idsWith([newKey, oldKey]);
  expect(both.isMadeFor(id, owner)).toBe(true);
  expect(both.next(owner)).toBe(idsWith([newKey]).next(owner));
});

test("ids of different owners in one millisecond are different", () => {
  const made = Array.from({ length: 1_000 }, (_, at): Id<"Seat"> => seats.next(["hall", `${at}`]));
  expect(new Set(made).size).toBe(1_000);
  // Both parts behind the time are of the signature: one of 62 bits, one of 12.
  expect(new Set(made.map((id) => id.slice(-12))).size).toBe(1_000);
  expect(new Set(made.map((id) => id.slice(15, 18))).size).toBeGreaterThan(500);
  expect(seats.isMadeFor(required(made[7], "an id"), ["hall", "7"])).toBe(true);
  expect(seats.isMadeFor(required(made[7], "an id"), ["hall", "8"])).toBe(false);
});
