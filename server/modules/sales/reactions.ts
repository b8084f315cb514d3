import type { Deadline } from "../../kernel/deadlines.ts";
import { pulseOf } from "../../kernel/hot-reads.ts";
import type { Watch } from "../../kernel/measures.ts";
import { watchStates } from "../../kernel/measures.ts";
import type { Pulse } from "../../kernel/pulses.ts";
import type { Subscription } from "../../kernel/subscriptions.ts";
import { minuteMs } from "../../kernel/time.ts";
import type { OrderEvent } from "../orders/index.ts";
import { saleMachine } from "./domain/machine.ts";
import type { Sales } from "./operations/sales.ts";
import type { WaitingRooms } from "./operations/waiting-rooms.ts";
import { tenantsWithTicketsToForget } from "./store/forgetting.ts";
import { oldestSales } from "./store/watch.ts";
import { tenantsWithSalesToEnd, tenantsWithSalesToOpen } from "./store/world.ts";

/** Orders do not wait for the sweeps; who reads `sale_opened` hears of it within a second. */
const sweepEveryMs = 500;
const openBatchMax = 10;
/** A sale has up to 1,000 SKUs, and each locks two balances that orders wait for. */
const endBatchMax = 1;
/** What lies a little longer does no harm. */
const forgetEveryMs = 10 * minuteMs;
/** Some ten milliseconds of deleting, so that orders of the same moment hardly notice. */
const forgetBatchMax = 2_000;
/** Most events are of sales that run, and are passed by. */
const eventsBatchMax = 200;
/** Often enough that nobody sees it, seldom enough to cost nothing. */
const admitEveryMs = 250;

/** After these, units may lie in the allotment of a sale that is over. */
const returningTypes = [
  "order_closed",
  "order_restocked",
] as const satisfies readonly OrderEvent["type"][];

export function salesReactions(sales: Sales): {
  readonly deadlines: readonly Deadline[];
  readonly subscriptions: readonly Subscription[];
  readonly watches: readonly Watch[];
} {
  return {
    watches: [watchStates(saleMachine, ["scheduled", "open"], oldestSales)],
    deadlines: [
      {
        name: "sales.open_due",
        everyMs: sweepEveryMs,
        batchMax: openBatchMax,
        tenantsDue: tenantsWithSalesToOpen,
        sweep: (tx, limit) => sales.openDueSales(tx, limit),
      },
      {
        name: "sales.end_due",
        everyMs: sweepEveryMs,
        batchMax: endBatchMax,
        tenantsDue: tenantsWithSalesToEnd,
        sweep: (tx, limit) => sales.endDueSales(tx, limit),
      },
      {
        name: "sales.forget_tickets",
        everyMs: forgetEveryMs,
        batchMax: forgetBatchMax,
        tenantsDue: tenantsWithTicketsToForget,
        sweep: (tx, limit) => sales.forgetTickets(tx, limit),
      },
    ],
    subscriptions: [
      {
        name: "sales.returns",
        types: returningTypes,
        batchMax: eventsBatchMax,
        apply: (tx, events) => sales.returnUnits(tx, events),
      },
    ],
  };
}

/** What every process that answers does beside it. */
export function salesPulses(sales: Sales, waitingRooms: WaitingRooms): Pulse[] {
  return [
    ...sales.hotReads.map(pulseOf),
    { name: "sales.admission", everyMs: admitEveryMs, beat: waitingRooms.admitMembers },
  ];
}
