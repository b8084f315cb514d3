import type { Id } from "./ids.ts";
import { idTime } from "./ids.ts";
import type { Secrets } from "./secrets.ts";
import { isSameSecret } from "./secrets.ts";
import type { Clock } from "./time.ts";

/** Ids that prove themselves: nobody can make one up, or use it for what it was not made for. */
export interface SignedIds<Name extends string> {
  /** `owner`: all that it is made for. */
  next(owner: readonly string[]): Id<Name>;
  /** Told without asking anybody: whether it was made by us, for this owner. */
  isMadeFor(id: Id<Name>, owner: readonly string[]): boolean;
}

/**
 * UUIDv7 (RFC 9562) whose 74 bits behind the time are not random, but a signature of the owner and
 * the time, cut off: a guess is right once in 10^22 times, and every guess costs a request. The row
 * stays the judge of what exists; the signature only spares the look for what cannot.
 */
export function createSignedIds<Name extends string>(given: {
  readonly secrets: Secrets;
  readonly clock: Clock;
  /** No id that was signed for another purpose is taken for one of these. */
  readonly purpose: string;
}): SignedIds<Name> {
  const { secrets, clock, purpose } = given;
  const signedText = (owner: readonly string[], ms: number) => JSON.stringify([...owner, ms]);

  return {
    next(owner) {
      const ms = clock.now();
      return idOf(ms, secrets.sign(signedText(owner, ms), purpose));
    },

    isMadeFor(id, owner) {
      const ms = idTime(id);
      const signatures = secrets.signatures(signedText(owner, ms), purpose);
      return signatures.some((signature) => isSameSecret(id, idOf(ms, signature)));
    },
  };
}

function idOf<Name extends string>(ms: number, signature: string): Id<Name> {
  const time = ms.toString(16).padStart(12, "0");
  const bits = Buffer.from(signature, "base64url").toString("hex");
  const variant = "89ab".charAt(Number.parseInt(bits.charAt(3), 16) & 3);
  const start = `${time.slice(0, 8)}-${time.slice(8)}-7${bits.slice(0, 3)}`;
  return `${start}-${variant}${bits.slice(4, 7)}-${bits.slice(7, 19)}` as Id<Name>;
}
