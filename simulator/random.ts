import { randomBytes, randomInt } from "node:crypto";

/** A deterministic stream of numbers in [0, 1): mulberry32, small, and even enough for faults. */
export function createRandomStream(seed: string): () => number {
  let state = hashOf(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a over the UTF-16 units of the text. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}

export function randomDigits(count: number): string {
  let digits = "";
  while (digits.length < count)
    digits += randomInt(10 ** 9)
      .toString()
      .padStart(9, "0");
  return digits.slice(0, count);
}

export function randomHex(count: number): string {
  return randomBytes(Math.ceil(count / 2))
    .toString("hex")
    .slice(0, count)
    .toUpperCase();
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export function randomLetters(count: number): string {
  return Array.from({ length: count }, () => letters[randomInt(letters.length)]).join("");
}
