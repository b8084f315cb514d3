import type { StateOf } from "../../../kernel/machine.ts";
import { defineMachine } from "../../../kernel/machine.ts";

/** The life of a sale as data. */
export const saleMachine = defineMachine({
  name: "sale",
  states: {
    draft: { resting: "somebody who schedules it, or ends it" },
    scheduled: {
      deadline: "opens_at",
      findOut: "the clock: orders go by it, whatever this state says",
      owner: "sales",
    },
    open: {
      deadline: "closes_at",
      findOut: "the clock; what is left of the units goes back on the shelf",
      owner: "sales",
    },
    ended: { final: true },
  },
  initial: "draft",
  moves: {
    draft: ["scheduled", "ended"],
    scheduled: ["open", "ended"],
    open: ["ended"],
  },
});

export type SaleState = StateOf<typeof saleMachine>;
