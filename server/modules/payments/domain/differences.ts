import type { Difference } from "./types.ts";

type Field = readonly [Difference["field"], string | bigint, string | bigint | undefined];

/** Takes our value and theirs; theirs is undefined when the channel does not tell it. */
export function differencesOf(fields: readonly Field[]): Difference[] {
  return fields.flatMap(([field, ours, theirs]) =>
    theirs === undefined || theirs === ours
      ? []
      : [{ field, ours: String(ours), theirs: String(theirs) }],
  );
}

/** "amount, currency" */
export function fieldsOf(differences: readonly Difference[]): string {
  return differences.map(({ field }) => field).join(", ");
}
