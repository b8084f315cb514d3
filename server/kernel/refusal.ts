/**
 * A refusal is a value, not an exception: the caller asked for something that the rules do not
 * allow, and gets the rule's code and the facts behind it. It is sent as RFC 9457 problem+json.
 * A refusal never leaves anything half done, so the same request may be sent again.
 */
export interface Refusal<Code extends string = string> {
  readonly kind: "refused";
  readonly code: Code;
  readonly facts: Facts;
}

/** What the rule saw: plain JSON values, bigints are sent as integers. */
export type Facts = Readonly<Record<string, FactValue>>;
export type FactValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly FactValue[]
  | { readonly [name: string]: FactValue };

/** One row of the table of refusals: what HTTP says, and what the caller can do about it. */
export interface RefusalEntry {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 503;
  /** One sentence for people; `{name}` is replaced by the fact of that name. */
  readonly title: string;
  /** Another sentence where a fact has a value: by the fact's name, then by its value as text. */
  readonly titleWhen?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The sentence for these facts, still with its `{name}`s. */
export function titleFor({ title, titleWhen = {} }: RefusalEntry, facts: Facts): string {
  for (const [name, titles] of Object.entries(titleWhen)) {
    const value = String(facts[name]);
    const found = Object.entries(titles).find(([when]) => when === value);
    if (found !== undefined) return found[1];
  }
  return title;
}

/** All of its sentences, the usual one first. */
export function titlesOf({
  title,
  titleWhen = {},
}: Pick<RefusalEntry, "title" | "titleWhen">): string[] {
  return [title, ...Object.values(titleWhen).flatMap((titles) => Object.values(titles))];
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "refused";
}

/** Carries a refusal out of code that has no value to return, such as a pre-handler of a route. */
export class RefusedError extends Error {
  override name = "RefusedError";
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.code);
    this.refusal = refusal;
  }
}
