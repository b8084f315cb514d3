import type { Machine } from "../machine.ts";
import { statesOf } from "../machine.ts";

/** Every move of a machine, as "order paying paid": for runs that must have seen each of them. */
export function movesIn(machine: Machine): string[] {
  const { name, moves } = machine;
  return statesOf(machine).flatMap((from) => {
    return (moves[from] ?? []).map((to) => `${name} ${from} ${to}`);
  });
}
