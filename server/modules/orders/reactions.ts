import type { Deadline } from "../../kernel/deadlines.ts";
import type { Watch } from "../../kernel/measures.ts";
import { watchStates } from "../../kernel/measures.ts";
import type { Pulse } from "../../kernel/pulses.ts";
import type { Subscription } from "../../kernel/subscriptions.ts";
import { secondMs } from "../../kernel/time.ts";
import { orderMachine, orderRefundMachine } from "./domain/machine.ts";
import { orderPaymentEventTypes } from "./domain/payment-events.ts";
import type { Orders } from "./operations/orders.ts";
import { refusalPollMs } from "./operations/refusal-memory.ts";
import { oldestPaid, oldestRefunds, oldestUnpaid } from "./store/watch.ts";
import { tenantsWithOrdersDue, tenantsWithOrdersToComplete } from "./store/world.ts";

/** Unpaid orders are closed within two seconds of their time, so the sweep looks oftener. */
const closeEveryMs = 500;
/** Nobody waits for a completion after a week to the second. */
const completeEveryMs = 10 * secondMs;
const sweepBatchMax = 500;
/** Events are small and orders are locked by the batch: more would keep payers waiting. */
const eventsBatchMax = 200;
/** Often enough that buffers stay warm, and that a sale made in a hurry is seen. */
const warmUpEveryMs = 20 * secondMs;

export function ordersReactions(orders: Orders): {
  readonly deadlines: readonly Deadline[];
  readonly subscriptions: readonly Subscription[];
  readonly watches: readonly Watch[];
} {
  return {
    watches: [
      watchStates(orderMachine, ["pending_payment", "paying", "closing"], oldestUnpaid),
      watchStates(orderMachine, ["paid"], oldestPaid),
      watchStates(orderRefundMachine, ["under_way"], oldestRefunds),
    ],
    deadlines: [
      {
        name: "orders.close_due",
        everyMs: closeEveryMs,
        batchMax: sweepBatchMax,
        tenantsDue: tenantsWithOrdersDue,
        sweep: (tx, limit) => orders.closeDueOrders(tx, limit),
      },
      {
        name: "orders.complete_due",
        everyMs: completeEveryMs,
        batchMax: sweepBatchMax,
        tenantsDue: tenantsWithOrdersToComplete,
        sweep: (tx, limit) => orders.completeDueOrders(tx, limit),
      },
    ],
    subscriptions: [
      {
        name: "orders.payments",
        types: orderPaymentEventTypes,
        batchMax: eventsBatchMax,
        apply: (tx, events) => orders.recordPaymentEvents(tx, events),
      },
    ],
  };
}

/** What every process that answers does beside it. */
export function ordersPulses(orders: Orders): Pulse[] {
  return [
    { name: "orders.refusals", everyMs: refusalPollMs, beat: orders.refusals.poll },
    { name: "orders.warm_up", everyMs: warmUpEveryMs, beat: orders.warmUp },
  ];
}
