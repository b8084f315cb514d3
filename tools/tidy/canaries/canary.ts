import type { Rule } from "../rules.ts";

/** A violation that is planted in the clean house: exactly its rule must notice. */
export interface Canary {
  readonly rule: Rule;
  /** What is planted, in words. */
  readonly plant: string;
  readonly path: string;
  readonly content: string;
}
