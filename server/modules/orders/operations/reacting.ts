import type { Tx } from "../../../kernel/database.ts";
import type { StoredEvent } from "../../../kernel/events.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Numbers } from "../../../kernel/numbers.ts";
import type { Operation } from "../../../kernel/operation.ts";
import { execute } from "../../../kernel/operation.ts";
import type { CloseDueOrder } from "../domain/ending.ts";
import { decideCloseDueOrder, decideCompleteDueOrder } from "../domain/ending.ts";
import type { OrderPaymentEvent, RecordPaymentEvent } from "../domain/payment-events.ts";
import { decideRecordPaymentEvent } from "../domain/payment-events.ts";
import type { Order, OrderId, OrdersWorld } from "../domain/types.ts";
import { takeDueOrders, takeOrdersToComplete } from "../store/world.ts";
import type { UsedPayments } from "./payments.ts";
import type { Terms } from "./terms.ts";
import { loadWorld, saveWorld } from "./worlds.ts";

/** Sweeps and subscriptions bring batches of their own size; none is longer than this. */
const batchMax = 512;

/** What the reactions call: by the deadlines of orders, and after events of payments. */
export function createReacting(deps: {
  readonly ids: Ids;
  readonly numbers: Numbers;
  readonly payments: UsedPayments;
  readonly terms: Terms;
}) {
  const { ids, numbers, payments, terms } = deps;
  return {
    /** Closes up to `limit` unpaid orders past their time; gives how many were looked at. */
    async closeDueOrders(tx: Tx, limit: number): Promise<number> {
      const due = await takeDueOrders(tx, limit);
      if (due.length === 0) return 0;
      const completeAfterMs = await terms.completeAfterMs(tx.tenantId);
      const commands = due.map((order) => ({ order, completeAfterMs }));
      await execute(tx, closeDueOrders, commands);
      return due.length;
    },

    /** Completes up to `limit` paid orders past their time; gives how many were looked at. */
    async completeDueOrders(tx: Tx, limit: number): Promise<number> {
      const due = await takeOrdersToComplete(tx, limit);
      await execute(tx, completeDueOrders, due);
      return due.length;
    },

    /** Applies events of payments in the order in which they were committed. */
    async recordPaymentEvents(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
      const { tenantId } = tx;
      const paidTerms = {
        completeAfterMs: await terms.completeAfterMs(tenantId),
        latePayment: await terms.latePayment(tenantId),
        channels: payments.channelTable,
      };
      const commands = events.map(({ type, data }) => ({
        // The subscription lets those types through alone, and payments writes them.
        event: { type, data } as OrderPaymentEvent,
        terms: paidTerms,
        refundId: ids.next<"Refund">(),
        refundNumber: numbers.next("R"),
      }));
      await execute(tx, recordPaymentEvent, commands);
    },
  };
}

/** An order that the sweep has taken, and with it its lock. */
interface TakenOrder extends Omit<CloseDueOrder, "orderId"> {
  readonly order: Order;
}

const closeDueOrders: Operation<TakenOrder, OrdersWorld, void> = {
  name: "orders.close_due_orders",
  batchMax,
  load(tx, commands) {
    const locked = new Map(commands.map(({ order }) => [order.id, order]));
    // The first attempt to pay moves an order on: before it there is no payment to look for.
    const tried = [...locked.values()].filter(({ state }) => state !== "pending_payment");
    return loadWorld(tx, {
      orders: [...locked.keys()],
      locked,
      payments: tried.map(({ id }) => id),
      stock: true,
    });
  },
  decide: (world, { order, ...command }, now) =>
    decideCloseDueOrder(world, { ...command, orderId: order.id }, now),
  save: saveWorld,
};

const completeDueOrders: Operation<OrderId, OrdersWorld, void> = {
  name: "orders.complete_due_orders",
  batchMax,
  load: (tx, orderIds) => loadWorld(tx, { orders: orderIds }),
  decide: decideCompleteDueOrder,
  save: saveWorld,
};

const recordPaymentEvent: Operation<RecordPaymentEvent, OrdersWorld, void> = {
  name: "orders.record_payment_events",
  batchMax,
  load(tx, commands) {
    const about = commands.map(({ event }) => event.data.reference as OrderId);
    // Only money that came too late is sent back from here.
    const late = commands.flatMap(({ event }) =>
      event.type === "payment_paid" && event.data.late ? [event.data.reference] : [],
    );
    return loadWorld(tx, {
      orders: about,
      payments: late,
      money: true,
      refunds: true,
      stock: true,
    });
  },
  decide: decideRecordPaymentEvent,
  save: saveWorld,
};
