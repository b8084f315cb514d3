/** A broken assert is a bug of ours: it is logged with its stack and answered 500. */
export class BugError extends Error {
  override name = "BugError";
}

/** States what the program relies on. Bad input never reaches an assert: it is refused before. */
export function assert(
  condition: unknown,
  message = "an invariant does not hold",
): asserts condition {
  if (!condition) throw new BugError(message);
}

/** Takes the value that must be there, for lookups that an earlier step has filled. */
export function required<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new BugError(`${what} is missing`);
  return value;
}
