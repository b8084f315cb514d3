/**
 * One sentence, and the statement that finds what contradicts it: a row of `words` for each. `$1`
 * is the tenant, `$2` the instant before which a deadline is overdue, `$3` what clients were told.
 */
export interface Check {
  /** Follows the number of things that were looked at. */
  readonly sentence: string;
  /** Selects one row for each thing that is looked at. */
  readonly counted: string;
  readonly text: string;
}
