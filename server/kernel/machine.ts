import { assert } from "./assert.ts";

/**
 * A state machine as data. What makes it worth writing down is the rule that it must keep: nothing
 * gets stuck. Every state that must be left says by when, how to find out what became of it, and
 * who owns it when finding out fails. `defineMachine` checks the rule, tests and documents read it,
 * and the age of the oldest thing in each unfinished state is a metric.
 */
export type State =
  | { readonly final: true }
  /** As good as final: only the named thing from outside still moves it. */
  | { readonly resting: string }
  | Unfinished;

export interface Unfinished {
  /** By when it is left, and which column says so. */
  readonly deadline: string;
  /** How the platform learns what became of it when nobody tells. */
  readonly findOut: string;
  /** The module or the people who answer for it. */
  readonly owner: string;
}

export interface Machine<Name extends string = string> {
  readonly name: string;
  readonly states: Readonly<Record<Name, State>>;
  readonly initial: NoInfer<Name>;
  readonly moves: { readonly [From in NoInfer<Name>]?: readonly NoInfer<Name>[] };
}

/** The states of a machine as a union: `StateOf<typeof orderMachine>`. */
export type StateOf<M> = M extends Machine<infer Name> ? Name : never;

/** Checks the rule when the program starts, before anything can get stuck. */
export function defineMachine<const Name extends string>(machine: Machine<Name>): Machine<Name> {
  for (const state of statesOf(machine)) assertStateIsSound(machine, state);
  const reached = reachableFrom(machine, machine.initial);
  for (const state of statesOf(machine)) {
    assert(reached.has(state), `${machine.name}: nothing leads to ${state}`);
    if (!isUnfinished(machine, state)) continue;
    const ends = [...reachableFrom(machine, state)].some((later) => !isUnfinished(machine, later));
    assert(ends, `${machine.name}: no way leads from ${state} to an end`);
  }
  return machine;
}

function assertStateIsSound<Name extends string>(machine: Machine<Name>, name: Name): void {
  const state: State = machine.states[name];
  const exits = movesFrom(machine, name);
  const of = `${machine.name}: ${name}`;
  for (const next of exits) {
    assert(next in machine.states, `${of} leads to ${next}, which is no state`);
    assert(next !== name, `${of} leads to itself`);
  }
  if ("final" in state) return assert(exits.length === 0, `${of} is final and has an exit`);
  if ("resting" in state) {
    assert(state.resting !== "", `${of} rests until something that must be named`);
    return assert(exits.length > 0, `${of} rests and is never moved: it is final`);
  }
  const { deadline, findOut, owner } = state;
  assert(deadline !== "" && findOut !== "" && owner !== "", `${of} can get stuck`);
  assert(exits.length > 0, `${of} must be left and has no exit`);
}

function reachableFrom<Name extends string>(machine: Machine<Name>, start: Name): Set<Name> {
  const reached = new Set<Name>([start]);
  // A set grows while it is walked, and the walk sees what was added.
  for (const state of reached) for (const next of movesFrom(machine, state)) reached.add(next);
  return reached;
}

function movesFrom<Name extends string>(machine: Machine<Name>, from: Name): readonly Name[] {
  return machine.moves[from] ?? [];
}

export function statesOf<Name extends string>(machine: Machine<Name>): Name[] {
  const names = Object.keys(machine.states);
  return names.filter((name): name is Name => name in machine.states);
}

export function isStateOf<Name extends string>(machine: Machine<Name>, text: string): text is Name {
  return Object.hasOwn(machine.states, text);
}

export function isUnfinished<Name extends string>(machine: Machine<Name>, state: Name): boolean {
  return "deadline" in machine.states[state];
}

/** The states whose oldest thing is watched. */
export function unfinishedStates<Name extends string>(machine: Machine<Name>): Name[] {
  return statesOf(machine).filter((state) => isUnfinished(machine, state));
}

export function canMove<Name extends string>(
  machine: Machine<Name>,
  from: NoInfer<Name>,
  to: NoInfer<Name>,
): boolean {
  return movesFrom(machine, from).includes(to);
}

/** For moves that a decision has already allowed: another one would be a bug. */
export function assertMove<Name extends string>(
  machine: Machine<Name>,
  from: NoInfer<Name>,
  to: NoInfer<Name>,
): void {
  assert(canMove(machine, from, to), `${machine.name} does not move from ${from} to ${to}`);
}
