import type { Tx } from "./database.ts";
import type { Refusal } from "./refusal.ts";

/**
 * The one form of everything that changes state. `load` takes every lock, in id order, with the
 * statements that it sends first, and reads what the decisions need; `decide` is pure and sees what
 * earlier commands of the batch did to the world; `save` only writes, one statement a table,
 * whatever the size of the batch. It is synchronous so that its writes and COMMIT leave in one
 * flight.
 */
export interface Operation<Command, World, Outcome> {
  readonly name: string;
  /** How many commands share a transaction at most. */
  readonly batchMax: number;
  load(tx: Tx, commands: readonly Command[]): Promise<World>;
  decide(world: World, command: Command, now: number): Outcome;
  save(tx: Tx, world: World, outcomes: readonly Outcome[]): void;
}

/** An answer as it leaves: kept under its Idempotency-Key, and sent again to the byte. */
export interface Answer {
  readonly kind: "answered";
  readonly status: number;
  /** JSON text. */
  readonly body: string;
  /** Set by the kernel: an earlier request with this key was answered so; this one did nothing. */
  readonly replayed?: true;
}

/** An operation that callers repeat under an Idempotency-Key. */
export interface KeyedOperation<Command, World, Outcome> extends Operation<
  Command,
  World,
  Outcome
> {
  /** Pure. Refusals are not kept: they moved nothing, so a repeated key is decided anew. */
  answer(outcome: Outcome): Answer | Refusal;
}

/** Runs an operation inside a transaction that somebody else opened: reactions, deadlines. */
export async function execute<Command, World, Outcome>(
  tx: Tx,
  operation: Operation<Command, World, Outcome>,
  commands: readonly Command[],
): Promise<Outcome[]> {
  if (commands.length === 0) return [];
  const world = await operation.load(tx, commands);
  const outcomes = commands.map((command) => operation.decide(world, command, tx.now));
  operation.save(tx, world, outcomes);
  return outcomes;
}
