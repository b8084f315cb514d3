import type { StateOf } from "../../../kernel/machine.ts";
import { defineMachine, statesOf } from "../../../kernel/machine.ts";

/** The life of an order as data. */
export const orderMachine = defineMachine({
  name: "order",
  states: {
    pending_payment: {
      deadline: "close_due_at, the tenant's interval after the placing",
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
      findOut: "close and query every open attempt",
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

export const orderStates = statesOf(orderMachine);

/** A refund as orders see it; payments knows the steps in between. */
export const orderRefundMachine = defineMachine({
  name: "order_refund",
  states: {
    under_way: {
      deadline: "that of the refund in payments, which asks the channel",
      findOut: "the events of payments, exactly once",
      owner: "payments",
    },
    refunded: { final: true },
    failed: { resting: "a channel that refunds after having said no" },
  },
  initial: "under_way",
  moves: { under_way: ["refunded", "failed"], failed: ["refunded"] },
});

export type OrderRefundState = StateOf<typeof orderRefundMachine>;
