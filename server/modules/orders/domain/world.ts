/** How decisions change the world: each change is also noted for `save`. */
import { assert } from "../../../kernel/assert.ts";
import { assertMove } from "../../../kernel/machine.ts";
import { minorToNumber } from "../../../kernel/money.ts";
import type { SkuId } from "../../catalog/index.ts";
import { stockAccounts } from "../../catalog/index.ts";
import type { AccountId, Leg } from "../../ledger/index.ts";
import type { SaleId } from "../../sales/index.ts";
import { saleAccount } from "../../sales/index.ts";
import type { OrderState } from "./machine.ts";
import { orderMachine } from "./machine.ts";
import type {
  Order,
  OrderId,
  OrderRefund,
  OrdersWorld,
  OrderTold,
  ReachedState,
  Written,
} from "./types.ts";

export interface Cause {
  readonly madeBy: string;
  /** One sentence for people, at most 200 characters; longer ones are cut. */
  readonly reason: string;
}

const reasonMax = 200;

export function nothingWritten(): Written {
  return {
    placed: [],
    changed: new Set(),
    steps: [],
    newRefunds: new Set(),
    changedRefunds: new Set(),
    events: [],
  };
}

/** Of the member who asks, if one asks: to members, the orders of others do not exist. */
export function visibleOrder(
  world: OrdersWorld,
  wanted: { readonly orderId: OrderId; readonly memberId?: string },
): Order | undefined {
  const order = world.orders.get(wanted.orderId);
  const isOthers = wanted.memberId !== undefined && wanted.memberId !== order?.memberId;
  return isOthers ? undefined : order;
}

export function moveOrder(
  world: OrdersWorld,
  order: Order,
  change: Cause & { readonly to: ReachedState },
  now: number,
): void {
  assertMove(orderMachine, order.state, change.to);
  const { to, reason } = change;
  addStep(world, order, change, now);
  order.state = to;
  order.changedAt = now;
  world.written.changed.add(order);
  const refundedMinor = minorToNumber(order.refundedMinor);
  const data = { ...orderTold(order), refundedMinor, reason };
  world.written.events.push({ type: `order_${to}`, data });
}

/** What happened to an order that stays where it is. */
export function noteOrder(world: OrdersWorld, order: Order, cause: Cause, now: number): void {
  addStep(world, order, { ...cause, to: order.state }, now);
  order.changedAt = now;
  world.written.changed.add(order);
}

/** Where units of an order come from, and where they go back to: the shelf, or its sale. */
export function shelfOf(
  { saleId }: { readonly saleId?: SaleId | undefined },
  skuId: SkuId,
): AccountId {
  return saleId === undefined ? stockAccounts(skuId).onHand : saleAccount(saleId, skuId);
}

/** Units go from there to "sold"; while the order is unpaid they are held in between. */
export function stockLegsOf({ saleId, lines }: Pick<Order, "saleId" | "lines">): Leg[] {
  return lines.map(({ skuId, quantity }) => {
    const { sold: credit } = stockAccounts(skuId);
    return { debit: shelfOf({ saleId }, skuId), credit, amount: BigInt(quantity) };
  });
}

export function refundsOf(world: OrdersWorld, order: Order): OrderRefund[] {
  return [...world.refunds.values()].filter(({ orderId }) => orderId === order.id);
}

/** What events say about an order. */
export function orderTold(order: Order): OrderTold {
  const { id: orderId, number, memberId, saleId, currency } = order;
  const totalMinor = minorToNumber(order.totalMinor);
  const lines = order.lines.map(({ skuId, quantity }) => ({ skuId, quantity }));
  const told = { orderId, number, memberId, totalMinor, currency, lines };
  return saleId === undefined ? told : { ...told, saleId };
}

function addStep(
  world: OrdersWorld,
  order: Order,
  { madeBy, reason, to }: Cause & { readonly to: OrderState },
  now: number,
): void {
  assert(reason !== "", "the history says why");
  const step = (world.steps.get(order.id) ?? 0) + 1;
  world.steps.set(order.id, step);
  const { id: orderId, state: from } = order;
  const cut = reason.length > reasonMax ? `${reason.slice(0, reasonMax - 1)}…` : reason;
  world.written.steps.push({ orderId, step, at: now, from, to, madeBy, reason: cut });
}
