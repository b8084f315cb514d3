/** What a store writes its statements with. */
import { formatInstant } from "./time.ts";

/**
 * One SQL statement. The name makes it a prepared statement of its connection, so its plan is made
 * once; names are `<module>.<what>` and unique in the program.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export function statement(name: string, text: string): Statement {
  return { name, text };
}

export type Value = string | number | bigint | boolean | Buffer | null | readonly Value[];

/** What happened, in the past tense: `order_placed`. `data` is JSON and is never changed later. */
export interface NewEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly data: Data;
}

/** An open transaction of one tenant. Everything a store does, it does through this. */
export interface Tx {
  readonly tenantId: string;
  /** Epoch milliseconds, one reading for the whole transaction. */
  readonly now: number;
  rows<Row>(statement: Statement, values: readonly Value[]): Promise<Row[]>;
  /**
   * Sends a write without waiting: all writes and COMMIT travel together, one round trip. A failed
   * write fails the transaction, so nobody needs its answer.
   */
  write(statement: Statement, values: readonly Value[]): void;
  /** Events are written by the last statement before COMMIT: their head is the last lock taken. */
  emit(events: readonly NewEvent[]): void;
  /** Runs once the transaction is known to be committed; for hints only, never for effects. */
  afterCommit(hint: () => void): void;
}

/** timestamptz travels as RFC 3339 text and lives as epoch milliseconds. */
export function timestamp(epochMs: number): string {
  return formatInstant(epochMs);
}

export function timestamps(epochMs: readonly number[]): string[] {
  return epochMs.map(timestamp);
}

/** What has no time yet is null. */
export function optionalTimestamps(epochMs: readonly (number | undefined)[]): (string | null)[] {
  return epochMs.map((each) => (each === undefined ? null : timestamp(each)));
}
