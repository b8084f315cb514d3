/** Giving back what an order has cost, by amount or by lines. Pure. */
import { derivedId } from "../../../kernel/ids.ts";
import { assertMove } from "../../../kernel/machine.ts";
import { minorToDecimal } from "../../../kernel/money.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import { stockAccounts } from "../../catalog/index.ts";
import { move } from "../../ledger/index.ts";
import type {
  ChannelTable,
  Refund,
  RefundId,
  RefundTold,
  RefundTrouble,
} from "../../payments/index.ts";
import { decideRequestRefund, refundableOf } from "../../payments/index.ts";
import type { OrderRefundState } from "./machine.ts";
import { orderRefundMachine } from "./machine.ts";
import type { LineQuantity, Order, OrderId, OrderRefund, OrdersWorld } from "./types.ts";
import { moveOrder, noteOrder, orderTold, refundsOf, shelfOf } from "./world.ts";

export type WantedRefund =
  /** All that is left, of money and of units. */
  | { readonly kind: "rest" }
  | { readonly kind: "amount"; readonly amountMinor: bigint }
  | { readonly kind: "lines"; readonly lines: readonly LineQuantity[] };

export interface RefundOrder {
  readonly orderId: OrderId;
  readonly refundId: RefundId;
  readonly number: string;
  readonly wanted: WantedRefund;
  readonly restock: boolean;
  /** 1 to 80 characters; the payer may read it. */
  readonly reason: string;
  readonly requestedBy: string;
  readonly channels: ChannelTable;
}

export type RefundOrderOutcome =
  | { readonly kind: "requested"; readonly refund: OrderRefund }
  | Refusal;

/**
 * Holds the money until the channel has answered. Refusals stand in order of precedence; those of
 * the payment come last.
 */
export function decideRefundOrder(
  world: OrdersWorld,
  command: RefundOrder,
  now: number,
): RefundOrderOutcome {
  const { refundId, number, reason, requestedBy, restock, channels } = command;
  const order = world.orders.get(command.orderId);
  if (order === undefined) return refuse("not_found", { what: "order" });
  if (!hasMoney(world, order)) return refuse("payment_not_paid");
  const plan = planRefund(world, order, command.wanted);
  if (plan.kind === "refused") return plan;
  const { amountMinor, lines } = plan;
  const asked = { refundId, number, reference: order.id, cause: "requested" as const };
  const money = { amountMinor, reason, requestedBy, channels };
  const outcome = decideRequestRefund(world.payments, world.ledger, { ...asked, ...money }, now);
  if (outcome.kind === "refused") return outcome;
  const refund = addRefund(world, order, { refund: outcome.refund, lines, restock }, now);
  return { kind: "requested", refund };
}

/** A closed order may have been paid too late, and its money may still be here. */
function hasMoney(world: OrdersWorld, { id, state }: Order): boolean {
  // What has just been paid comes to the order in a moment.
  if (state === "pending_payment" || state === "paying" || state === "closing") return false;
  return world.payments.payments.get(id)?.state === "paid";
}

interface Plan {
  readonly kind: "plan";
  readonly amountMinor: bigint;
  readonly lines: readonly LineQuantity[];
}

function planRefund(world: OrdersWorld, order: Order, wanted: WantedRefund): Plan | Refusal {
  const inPayments = refundableOf(world.payments, world.ledger, order.id);
  switch (wanted.kind) {
    case "amount":
      return { kind: "plan", amountMinor: wanted.amountMinor, lines: [] };
    case "rest": {
      // A refund that failed a moment ago is known there, and here only with its lines.
      const here = order.totalMinor - order.refundedMinor - order.refundingMinor;
      const amountMinor = here < inPayments ? here : inPayments;
      if (amountMinor <= 0n) return refuse("nothing_to_refund");
      return { kind: "plan", amountMinor, lines: unitsLeft(world, order) };
    }
    case "lines":
      return planLines(world, order, { lines: wanted.lines, leftMinor: inPayments });
  }
}

/** The price of the units; the last ones take what refunds by amount have left of theirs. */
function planLines(
  world: OrdersWorld,
  order: Order,
  wanted: { readonly lines: readonly LineQuantity[]; readonly leftMinor: bigint },
): Plan | Refusal {
  const left = new Map(unitsLeft(world, order).map(({ line, quantity }) => [line, quantity]));
  const taken = new Map<number, number>();
  let priceMinor = 0n;
  for (const { line, quantity } of wanted.lines) {
    const bought = order.lines[line - 1];
    if (bought === undefined) {
      return refuse("refund_line_not_found", { line, lines: order.lines.length });
    }
    const total = (taken.get(line) ?? 0) + quantity;
    const most = left.get(line) ?? 0;
    if (total > most) return refuse("refund_exceeds_line", { line, left: most, wanted: total });
    taken.set(line, total);
    priceMinor += bought.unitPriceMinor * BigInt(quantity);
  }
  const isLast = [...left].every(([line, quantity]) => taken.get(line) === quantity);
  const { leftMinor } = wanted;
  const amountMinor = isLast && leftMinor < priceMinor ? leftMinor : priceMinor;
  if (amountMinor === 0n) return refuse("nothing_to_refund");
  const lines = [...taken].map(([line, quantity]) => ({ line, quantity }));
  return { kind: "plan", amountMinor, lines: lines.toSorted((a, b) => a.line - b.line) };
}

/** Of each line what was neither given back nor is on its way; lines without a rest are absent. */
export function unitsLeft(world: OrdersWorld, order: Order): LineQuantity[] {
  // The units of a closed order are on sale again.
  if (order.state === "closed") return [];
  const refunds = refundsOf(world, order).filter(({ state }) => state !== "failed");
  return order.lines
    .map(({ quantity }, at) => ({ line: at + 1, quantity: quantity - unitsIn(refunds, at + 1) }))
    .filter(({ quantity }) => quantity > 0);
}

function unitsIn(refunds: readonly OrderRefund[], line: number): number {
  return refunds
    .flatMap(({ lines }) => lines)
    .filter((taken) => taken.line === line)
    .reduce((sum, { quantity }) => sum + quantity, 0);
}

/** Keeps what was requested in payments as a refund of the order. */
export function addRefund(
  world: OrdersWorld,
  order: Order,
  added: {
    readonly refund: Refund;
    readonly lines: readonly LineQuantity[];
    readonly restock: boolean;
  },
  now: number,
): OrderRefund {
  const { refund, lines, restock } = added;
  const { id, number, cause, amountMinor, currency, reason, requestedBy } = refund;
  const kept: OrderRefund = {
    id,
    orderId: order.id,
    number,
    cause: cause === "late" ? "late" : "requested",
    amountMinor,
    currency,
    lines,
    restock: restock && lines.length > 0,
    reason,
    requestedBy,
    requestedAt: now,
    state: "under_way",
    failure: undefined,
    endedAt: undefined,
  };
  world.refunds.set(id, kept);
  world.written.newRefunds.add(kept);
  order.refundingMinor += amountMinor;
  const why = `refund of ${wordAmount(kept)} asked for: ${reason}`;
  noteOrder(world, order, { madeBy: requestedBy, reason: why }, now);
  return kept;
}

/** The money is back at the payer: the units go back on sale where that was asked for. */
export function recordRefundSucceeded(
  world: OrdersWorld,
  order: Order,
  { refundId }: RefundTold,
  now: number,
): void {
  const refund = world.refunds.get(refundId);
  // A surplus is payments' own: nothing of the order goes back with it.
  if (refund === undefined || refund.state === "refunded") return;
  if (refund.state === "under_way") order.refundingMinor -= refund.amountMinor;
  order.refundedMinor += refund.amountMinor;
  if (refund.restock) restockUnits(world, order, refund);
  refund.failure = undefined;
  moveRefund(world, refund, "refunded", now);
  const cause = { madeBy: "payments", reason: `${wordAmount(refund)} refunded: ${refund.reason}` };
  const isAll = order.refundedMinor === order.totalMinor && order.state !== "closed";
  if (isAll) moveOrder(world, order, { to: "refunded", ...cause }, now);
  else noteOrder(world, order, cause, now);
}

/** Nothing moves; the units of its lines may be refunded again. */
export function recordRefundFailed(
  world: OrdersWorld,
  order: Order,
  { refundId, why }: RefundTrouble,
  now: number,
): void {
  const refund = world.refunds.get(refundId);
  if (refund === undefined || refund.state !== "under_way") return;
  order.refundingMinor -= refund.amountMinor;
  refund.failure = why;
  moveRefund(world, refund, "failed", now);
  const reason = `refund of ${wordAmount(refund)} failed: ${why}`;
  noteOrder(world, order, { madeBy: "payments", reason }, now);
}

/**
 * Never more than was bought: a refund that succeeds after it had failed may find its units given
 * back by another one.
 */
function restockUnits(world: OrdersWorld, order: Order, refund: OrderRefund): void {
  const before = refundsOf(world, order).filter(({ state }) => state === "refunded");
  const units = refund.lines.flatMap(({ line, quantity }) => {
    const bought = order.lines[line - 1];
    if (bought === undefined) return [];
    const back = Math.min(quantity, bought.quantity - unitsIn(before, line));
    return back > 0 ? [{ skuId: bought.skuId, quantity: back }] : [];
  });
  if (units.length === 0) return;
  const legs = units.map(({ skuId, quantity }) => {
    const { sold: debit } = stockAccounts(skuId);
    return { debit, credit: shelfOf(order, skuId), amount: BigInt(quantity) };
  });
  const id = derivedId(`${refund.id} restocked`);
  const bundle = { id, legs, reference: order.id, reason: "refunded" };
  move(world.ledger, bundle, order.stockBundleId);
  const data = { ...orderTold(order), refundId: refund.id, units };
  world.written.events.push({ type: "order_restocked", data });
}

function moveRefund(
  world: OrdersWorld,
  refund: OrderRefund,
  to: OrderRefundState,
  now: number,
): void {
  assertMove(orderRefundMachine, refund.state, to);
  refund.state = to;
  refund.endedAt = now;
  const { newRefunds, changedRefunds } = world.written;
  if (!newRefunds.has(refund)) changedRefunds.add(refund);
}

/** "19.99 CNY" */
function wordAmount({ amountMinor, currency }: OrderRefund): string {
  return `${minorToDecimal(amountMinor)} ${currency}`;
}
