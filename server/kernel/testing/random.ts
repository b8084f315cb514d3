import { assert, required } from "../assert.ts";

/** Numbers that a seed determines, so that a failed run can be had again. */
export interface SeededRandom {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  pick<T>(choices: readonly T[]): T;
  chance(probability: number): boolean;
  shuffle<T>(values: readonly T[]): T[];
}

/** `TEST_SEED` repeats the run that printed it; otherwise every run is another one. */
export function testSeed(): number {
  const given = process.env["TEST_SEED"];
  return given === undefined ? Math.trunc(Math.random() * 0xffff_ffff) : Number(given);
}

/** mulberry32: 32 bits of state, far more than enough for tests. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number) => {
    assert(bound > 0);
    return Math.floor(next() * bound);
  };
  return {
    below,
    pick: (choices) => required(choices[below(choices.length)], "a choice"),
    chance: (probability) => next() < probability,
    shuffle: (values) => {
      const left = [...values];
      return values.map(() => required(left.splice(below(left.length), 1)[0], "a value"));
    },
  };
}

/** Runs `body` with a seed and says which one it was when it fails. */
export async function withSeed(
  body: (random: SeededRandom) => void | Promise<void>,
): Promise<void> {
  const seed = testSeed();
  try {
    await body(seededRandom(seed));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`TEST_SEED=${seed} repeats this: ${why}`, { cause: error });
  }
}

/** Says how many random steps a test has taken; `npm test` adds them up from its report. */
export function countSteps(task: { readonly meta: object }, machines: string, steps: number): void {
  Object.assign(task.meta, { randomSteps: steps });
  process.stdout.write(`random steps of ${machines}: ${steps.toLocaleString("en")}\n`);
}
