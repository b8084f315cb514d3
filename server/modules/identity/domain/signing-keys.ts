import type { Refusal } from "../../../kernel/refusal.ts";
import { dayMs, minuteMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import { tokenLifeMaxMs } from "./tokens.ts";

/**
 * EdDSA over Ed25519. Verifying by jose costs 250 us against 220 us for ES256 (medians of 5,000 on
 * the same two cores, 12 % apart), and what is verified is remembered. For it speaks that a
 * signature follows from key and text alone: a bad source of randomness cannot give the key away,
 * and a token whose minting is repeated comes out the same, so no token needs to be stored.
 */
export const signingAlgorithm = "EdDSA";

/** What others verify with (RFC 8037). */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
}

export interface NewSigningKey {
  /** The thumbprint of the public key (RFC 7638); tokens name it as `kid`. */
  readonly id: string;
  readonly algorithm: typeof signingAlgorithm;
  readonly publicJwk: PublicJwk;
  readonly sealedPrivateKey: string;
}

export interface SigningKey extends NewSigningKey {
  readonly publishedAt: number;
  readonly signsFrom: number;
  /** Only the newest key has this: when a successor is published. */
  readonly rotatesAt: number | undefined;
  /** Only the others have this: when the last token that they signed has expired. */
  readonly verifiesUntil: number | undefined;
}

/** Others may keep our published keys for as long (Cache-Control). */
export const keySetMaxAgeMs = 5 * minuteMs;
/** Long enough for every reader of the key set, and every process of ours, to have the new key. */
export const publishedBeforeSigningMs = 2 * keySetMaxAgeMs;
/** A month: a key that leaks unseen is of use for that long at most. */
export const keyAgeMaxMs = 30 * dayMs;
/** Clocks of our machines differ by less. */
const clockSlackMs = minuteMs;

export interface SigningKeysWorld {
  readonly keys: Map<string, SigningKey>;
  readonly added: SigningKey[];
  /** Keys that have got an end. */
  readonly ended: Set<string>;
}

/**
 * first: there must be a key. age: the newest one is old enough. request: a person wants a new one.
 * compromise: a key has leaked, so that every token of today must die now.
 */
export type RotationCause = "first" | "age" | "request" | "compromise";

export interface RotateSigningKey {
  readonly cause: RotationCause;
  readonly key: NewSigningKey;
}

export type RotateSigningKeyOutcome =
  | { readonly kind: "rotated"; readonly cause: RotationCause; readonly key: SigningKey }
  | { readonly kind: "unchanged"; readonly key: SigningKey }
  | Refusal;

/** Publishes a key, and gives the earlier ones their end. */
export function decideRotateSigningKey(
  world: SigningKeysWorld,
  command: RotateSigningKey,
  now: number,
): RotateSigningKeyOutcome {
  const { cause } = command;
  const newest = [...world.keys.values()].find(({ verifiesUntil }) => verifiesUntil === undefined);
  if (newest !== undefined) {
    if (cause === "first") return { kind: "unchanged", key: newest };
    if (cause === "age" && now < (newest.rotatesAt ?? 0)) return { kind: "unchanged", key: newest };
    if (cause === "request" && now < newest.signsFrom) {
      return refuse("key_rotation_under_way", { keyId: newest.id, signsFrom: newest.signsFrom });
    }
  }
  const atOnce = newest === undefined || cause === "compromise";
  const signsFrom = atOnce ? now : Math.max(now, newest.signsFrom) + publishedBeforeSigningMs;
  if (newest !== undefined) {
    endKey(world, newest, signsFrom + tokenLifeMaxMs + clockSlackMs);
  }
  if (cause === "compromise") {
    for (const key of world.keys.values()) endKey(world, key, now);
  }
  const key: SigningKey = {
    ...command.key,
    publishedAt: now,
    signsFrom,
    rotatesAt: signsFrom + keyAgeMaxMs,
    verifiesUntil: undefined,
  };
  world.keys.set(key.id, key);
  world.added.push(key);
  return { kind: "rotated", cause, key };
}

function endKey(world: SigningKeysWorld, key: SigningKey, until: number): void {
  const verifiesUntil = Math.min(key.verifiesUntil ?? until, until);
  world.keys.set(key.id, { ...key, rotatesAt: undefined, verifiesUntil });
  world.ended.add(key.id);
}

/** The key that signs: of those whose time has begun, the last. */
export function signingKeyAt(keys: Iterable<SigningKey>, now: number): SigningKey | undefined {
  let best: SigningKey | undefined;
  for (const key of keys) {
    if (key.signsFrom > now || !isVerifying(key, now)) continue;
    if (best === undefined || key.signsFrom > best.signsFrom) best = key;
  }
  return best;
}

export function isVerifying(key: SigningKey, now: number): boolean {
  return key.verifiesUntil === undefined || now < key.verifiesUntil;
}
