import type { Deadline } from "../../kernel/deadlines.ts";
import type { Watch } from "../../kernel/measures.ts";
import { watchStates } from "../../kernel/measures.ts";
import { orderMachine } from "./domain/machine.ts";
import type { Orders } from "./operations.ts";
import { oldestUnpaid } from "./store/watch.ts";
import { tenantsWithOrdersDue } from "./store/world.ts";

/** Unpaid orders are closed within two seconds of their time, so the sweep looks oftener. */
const closeEveryMs = 500;
const closeBatchMax = 500;

export function ordersReactions(orders: Orders): {
  readonly deadlines: readonly Deadline[];
  readonly watches: readonly Watch[];
} {
  return {
    watches: [watchStates(orderMachine, ["pending_payment"], oldestUnpaid)],
    deadlines: [
      {
        name: "orders.close_due",
        everyMs: closeEveryMs,
        batchMax: closeBatchMax,
        tenantsDue: tenantsWithOrdersDue,
        sweep: (tx, limit) => orders.closeDueOrders(tx, limit),
      },
    ],
  };
}
