import type { StateOf } from "../../../kernel/machine.ts";
import { defineMachine } from "../../../kernel/machine.ts";

/** The life of an order as data. */
export const orderMachine = defineMachine({
  name: "order",
  states: {
    pending_payment: {
      deadline: "close_due_at, the tenant's interval after the placing [ORD-07]",
      findOut: "nothing was ever asked of a channel: it is unpaid",
      owner: "orders",
    },
    paying: {
      deadline: "close_due_at, like an order that nobody tried to pay",
      findOut: "the payment's attempts, at their channels",
      owner: "payments",
    },
    closing: {
      deadline: "at once; the channels are asked until they answer",
      findOut: "close and query every open attempt [ORD-09]",
      owner: "payments",
    },
    paid: {
      deadline: "the tenant's interval after the payment",
      findOut: "nothing is open: it completes",
      owner: "orders",
    },
    completed: { resting: "a refund of all of it" },
    closed: { resting: "money that arrives after the close" },
    refunded: { final: true },
  },
  initial: "pending_payment",
  moves: {
    pending_payment: ["paying", "paid", "closed"],
    paying: ["paid", "closing", "closed"],
    closing: ["paid", "closed"],
    paid: ["completed", "refunded"],
    completed: ["refunded"],
    closed: ["paid"],
  },
});

export type OrderState = StateOf<typeof orderMachine>;
