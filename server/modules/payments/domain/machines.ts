/** The states of payments as data: who moves them, by when, and how to find out. */
import { defineMachine } from "../../../kernel/machine.ts";

export const paymentMachine = defineMachine({
  name: "payment",
  states: {
    open: {
      deadline: "the order's own deadline",
      findOut: "the state of its attempts",
      owner: "orders",
    },
    closing: {
      deadline: "at once; the channel is asked until it answers",
      findOut: "close and query every open attempt at its channel",
      owner: "payments",
    },
    paid: { final: true },
    closed: { resting: "money that arrives after the close" },
  },
  initial: "open",
  moves: { open: ["closing", "paid", "closed"], closing: ["paid", "closed"], closed: ["paid"] },
});

export const attemptMachine = defineMachine({
  name: "payment_attempt",
  states: {
    preparing: {
      deadline: "next_action_at, 30 seconds after it was opened",
      findOut: "close it at the channel, which tells whether it was paid",
      owner: "payments",
    },
    awaiting: {
      deadline: "next_action_at, by the schedule of queries",
      findOut: "query the channel by our number",
      owner: "payments",
    },
    closing: {
      deadline: "next_action_at, repeated until the channel answers",
      findOut: "close, and query when the channel says it was paid",
      owner: "payments",
    },
    paid: { final: true },
    closed: { resting: "money that arrives after the close" },
    failed: { resting: "money that arrives although the channel refused" },
  },
  initial: "preparing",
  moves: {
    preparing: ["awaiting", "closing", "paid", "closed", "failed"],
    awaiting: ["closing", "paid", "closed"],
    closing: ["paid", "closed"],
    closed: ["paid"],
    failed: ["paid"],
  },
});

export const refundMachine = defineMachine({
  name: "refund",
  states: {
    requested: {
      deadline: "next_action_at, repeated until the channel has taken it",
      findOut: "query the refund by our number before sending it",
      owner: "payments",
    },
    processing: {
      deadline: "next_action_at, by the schedule of queries",
      findOut: "query the refund by our number",
      owner: "payments",
    },
    abnormal: {
      deadline: "next_action_at, once a day",
      findOut: "query the refund; a person settles it at the channel",
      owner: "the tenant's staff",
    },
    refunded: { final: true },
    failed: { resting: "a channel that refunds after having said no" },
  },
  initial: "requested",
  moves: {
    requested: ["processing", "refunded", "failed", "abnormal"],
    processing: ["refunded", "failed", "abnormal"],
    abnormal: ["refunded", "failed"],
    failed: ["refunded"],
  },
});
