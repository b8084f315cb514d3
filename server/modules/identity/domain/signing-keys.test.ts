import { expect, test } from "vitest";
import { dayMs, minuteMs } from "../../../kernel/time.ts";
import type { RotationCause, SigningKey, SigningKeysWorld } from "./signing-keys.ts";
import {
  decideRotateSigningKey,
  isVerifying,
  keyAgeMaxMs,
  publishedBeforeSigningMs,
  signingKeyAt,
} from "./signing-keys.ts";
import { tokenLifeMaxMs } from "./tokens.ts";

const start = Date.parse("2025-11-21T03:42:00Z");

function emptyWorld(): SigningKeysWorld {
  return { keys: new Map(), added: [], ended: new Set() };
}

function rotate(world: SigningKeysWorld, cause: RotationCause, id: string, now: number) {
  const publicJwk = { kty: "OKP", crv: "Ed25519", x: id } as const;
  const key = { id, algorithm: "EdDSA", publicJwk, sealedPrivateKey: id } as const;
  return decideRotateSigningKey(world, { cause, key }, now);
}

function signerAt(world: SigningKeysWorld, now: number): string | undefined {
  return signingKeyAt(world.keys.values(), now)?.id;
}

function keyOf(world: SigningKeysWorld, id: string): SigningKey {
  const key = world.keys.get(id);
  if (key === undefined) throw new Error(`no key ${id}`);
  return key;
}

test("the first key signs at once, and a second first one changes nothing", () => {
  const world = emptyWorld();
  expect(rotate(world, "first", "a", start).kind).toBe("rotated");
  expect(signerAt(world, start)).toBe("a");
  expect(rotate(world, "first", "b", start + 1)).toMatchObject({
    kind: "unchanged",
    key: { id: "a" },
  });
});

test("a new key is published before it signs, and the old one outlives its tokens [IAM-05]", () => {
  const world = emptyWorld();
  rotate(world, "first", "a", start);
  rotate(world, "request", "b", start + dayMs);
  const turn = start + dayMs + publishedBeforeSigningMs;
  expect(isVerifying(keyOf(world, "b"), start + dayMs)).toBe(true);
  expect(signerAt(world, turn - 1)).toBe("a");
  expect(signerAt(world, turn)).toBe("b");
  // The last token of the old key is signed right before the turn and lives as long as any.
  expect(isVerifying(keyOf(world, "a"), turn - 1 + tokenLifeMaxMs)).toBe(true);
  expect(isVerifying(keyOf(world, "a"), turn + tokenLifeMaxMs + minuteMs)).toBe(false);
  expect(world.ended).toEqual(new Set(["a"]));
});

test("a key rotates by its age, not before", () => {
  const world = emptyWorld();
  rotate(world, "first", "a", start);
  expect(rotate(world, "age", "b", start + keyAgeMaxMs - 1).kind).toBe("unchanged");
  expect(rotate(world, "age", "b", start + keyAgeMaxMs).kind).toBe("rotated");
  expect(rotate(world, "age", "c", start + keyAgeMaxMs + 1).kind).toBe("unchanged");
  expect(keyOf(world, "a").rotatesAt).toBeUndefined();
});

test("a second request is refused while the new key does not sign yet", () => {
  const world = emptyWorld();
  rotate(world, "first", "a", start);
  rotate(world, "request", "b", start);
  const turn = start + publishedBeforeSigningMs;
  expect(rotate(world, "request", "c", turn - 1)).toMatchObject({
    code: "key_rotation_under_way",
    facts: { keyId: "b", signsFrom: turn },
  });
  expect(rotate(world, "request", "c", turn).kind).toBe("rotated");
});

test("after a compromise only the new key signs and verifies, at once", () => {
  const world = emptyWorld();
  rotate(world, "first", "a", start);
  rotate(world, "request", "b", start);
  const now = start + minuteMs;
  expect(rotate(world, "compromise", "c", now).kind).toBe("rotated");
  expect(signerAt(world, now)).toBe("c");
  expect(isVerifying(keyOf(world, "a"), now)).toBe(false);
  expect(isVerifying(keyOf(world, "b"), now)).toBe(false);
  const newest = [...world.keys.values()].filter((key) => key.verifiesUntil === undefined);
  expect(newest.map(({ id }) => id)).toEqual(["c"]);
});

test("there is one newest key and one that signs, whatever is done to them", () => {
  const causes: RotationCause[] = ["age", "request", "compromise", "first"];
  const world = emptyWorld();
  rotate(world, "first", "k0", start);
  let now = start;
  // Each stretch of time meets each cause: 7 and 4 have no common divisor.
  const stretches = [0, 1, minuteMs, publishedBeforeSigningMs, dayMs, keyAgeMaxMs, tokenLifeMaxMs];
  for (let step = 1; step <= 280; step += 1) {
    now += stretches[step % stretches.length] ?? 0;
    rotate(world, causes[step % causes.length] ?? "age", `k${step}`, now);
    const newest = [...world.keys.values()].filter((key) => key.verifiesUntil === undefined);
    expect(newest).toHaveLength(1);
    expect(signerAt(world, now)).toBeDefined();
  }
});
