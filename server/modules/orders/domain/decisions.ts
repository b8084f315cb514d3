/** What may happen to an order. Pure: loaded worlds in, outcomes out. */
import { assert, required } from "../../../kernel/assert.ts";
import { assertMove } from "../../../kernel/machine.ts";
import type { Currency } from "../../../kernel/money.ts";
import { amountMinorMax } from "../../../kernel/money.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import { stockAccounts } from "../../catalog/index.ts";
import type { Leg } from "../../ledger/index.ts";
import { available, firstShortLeg, hold, release } from "../../ledger/index.ts";
import type { OrderState } from "./machine.ts";
import { orderMachine } from "./machine.ts";
import type { HistoryStep, Order, OrderId, OrderLine, OrdersWorld, PlaceOrder } from "./types.ts";

export type PlaceOutcome = { readonly kind: "placed"; readonly order: Order } | Refusal;

export interface MoveOutcome {
  readonly kind: "moved";
  readonly order: Order;
  readonly step: HistoryStep;
}

/** Refusals stand in order of precedence. */
export function decidePlaceOrder(
  world: OrdersWorld,
  command: PlaceOrder,
  now: number,
): PlaceOutcome {
  assert(command.lines.length > 0, "the route takes one line at least");
  const priced = priceLines(world.skus, command.lines);
  if (priced.kind === "refused") return priced;
  const { lines, totalMinor, currency } = priced;
  const legs = lines.map(stockLegOf);
  const short = firstShortLeg(world.ledger, legs);
  if (short !== undefined) return refuseSoldOut(world, required(lines[short], "the short line"));

  // From here on the order must succeed.
  hold(world.ledger, { id: command.orderId, legs, reference: command.orderId, reason: "order" });
  const { orderId: id, number, memberId, placedBy } = command;
  const order: Order = {
    id,
    number,
    memberId,
    lines,
    totalMinor,
    currency,
    placedBy,
    placedAt: now,
    closeDueAt: now + command.closeAfterMs,
    state: "pending_payment",
    changedAt: now,
  };
  world.orders.set(id, order);
  return { kind: "placed", order };
}

/** Refuses unless nothing has been paid. An order that is closed already stays so: no outcome. */
export function decideCancelOrder(
  world: OrdersWorld,
  command: { readonly orderId: OrderId; readonly memberId?: string; readonly madeBy: string },
  now: number,
): MoveOutcome | { readonly kind: "unchanged"; readonly order: Order } | Refusal {
  const order = world.orders.get(command.orderId);
  const isOthers = command.memberId !== undefined && order?.memberId !== command.memberId;
  // To a member, another member's order does not exist.
  if (order === undefined || isOthers) return refuse("not_found", { what: "order" });
  if (order.state === "closed") return { kind: "unchanged", order };
  if (order.state !== "pending_payment") {
    return refuse("order_not_cancellable", { state: order.state });
  }
  return close(world, order, { madeBy: command.madeBy, reason: "cancelled" }, now);
}

/** Checks the state first: an order that was paid or closed meanwhile is left alone [ORD-08]. */
export function decideCloseDueOrder(
  world: OrdersWorld,
  orderId: OrderId,
  now: number,
): MoveOutcome | undefined {
  const order = required(world.orders.get(orderId), "a due order");
  if (order.state !== "pending_payment" || now < order.closeDueAt) return undefined;
  return close(world, order, { madeBy: "deadline", reason: "not paid in time" }, now);
}

interface Cause {
  readonly madeBy: string;
  readonly reason: string;
}

/** The units go back on sale in the same transaction. */
function close(world: OrdersWorld, order: Order, cause: Cause, now: number): MoveOutcome {
  release(world.ledger, { bundleId: order.id, reason: cause.reason });
  return move(world, order, { to: "closed", ...cause }, now);
}

function move(
  world: OrdersWorld,
  order: Order,
  change: Cause & { readonly to: OrderState },
  now: number,
): MoveOutcome {
  assertMove(orderMachine, order.state, change.to);
  const number = (world.steps.get(order.id) ?? 0) + 1;
  const { madeBy, reason, to } = change;
  const step = { orderId: order.id, step: number, at: now, from: order.state, to, madeBy, reason };
  world.steps.set(order.id, number);
  order.state = to;
  order.changedAt = now;
  return { kind: "moved", order, step };
}

function priceLines(
  skus: ReadonlyMap<SkuId, Sku>,
  wanted: PlaceOrder["lines"],
): { kind: "priced"; lines: OrderLine[]; totalMinor: bigint; currency: Currency } | Refusal {
  const lines: OrderLine[] = [];
  let totalMinor = 0n;
  let currency: Currency | undefined;
  for (const { skuId, quantity } of wanted) {
    const sku = skus.get(skuId);
    if (sku === undefined) return refuse("sku_not_found", { skuId });
    if (!sku.onSale) return refuse("sku_not_on_sale", { skuId, title: sku.title });
    if (currency !== undefined && sku.currency !== currency) {
      return refuse("currencies_mixed", { skuId, currency: sku.currency, other: currency });
    }
    currency = sku.currency;
    totalMinor += sku.priceMinor * BigInt(quantity);
    lines.push({ skuId, title: sku.title, quantity, unitPriceMinor: sku.priceMinor });
  }
  if (totalMinor > amountMinorMax) return refuse("order_too_large", { max: amountMinorMax });
  return { kind: "priced", lines, totalMinor, currency: required(currency, "a currency") };
}

/** Units go from the shelf to "sold"; while the order is unpaid they are held in between. */
export function stockLegOf(line: OrderLine): Leg {
  const accounts = stockAccounts(line.skuId);
  return { debit: accounts.onHand, credit: accounts.sold, amount: BigInt(line.quantity) };
}

function refuseSoldOut(world: OrdersWorld, line: OrderLine): Refusal {
  const left = available(world.ledger, stockAccounts(line.skuId).onHand);
  return refuse("sold_out", {
    skuId: line.skuId,
    title: line.title,
    wanted: line.quantity,
    left,
  });
}
