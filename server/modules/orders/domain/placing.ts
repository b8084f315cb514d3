/** Placing an order. Pure: loaded worlds in, outcomes out. */
import { assert, required } from "../../../kernel/assert.ts";
import type { Currency } from "../../../kernel/money.ts";
import { amountMinorMax } from "../../../kernel/money.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import { stockAccounts } from "../../catalog/index.ts";
import { available, firstShortLeg, hold } from "../../ledger/index.ts";
import { markPaid } from "./paying.ts";
import type { Order, OrderLine, OrdersWorld, PlaceOrder } from "./types.ts";
import { orderTold, stockLegOf } from "./world.ts";

export type PlaceOutcome = { readonly kind: "placed"; readonly order: Order } | Refusal;

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
  const { orderId: id, number, memberId, placedBy, completeAfterMs } = command;
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
    stockBundleId: id,
    state: "pending_payment",
    paidAt: undefined,
    completeDueAt: undefined,
    refundedMinor: 0n,
    refundingMinor: 0n,
    changedAt: now,
  };
  world.orders.set(id, order);
  world.written.placed.push(order);
  world.written.events.push({ type: "order_placed", data: orderTold(order) });
  if (totalMinor === 0n) {
    const cause = { madeBy: "orders", reason: "there is nothing to pay" };
    markPaid(world, order, { paidAt: now, completeAfterMs, ...cause }, now);
  }
  return { kind: "placed", order };
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

function refuseSoldOut(world: OrdersWorld, line: OrderLine): Refusal {
  const left = available(world.ledger, stockAccounts(line.skuId).onHand);
  return refuse("sold_out", {
    skuId: line.skuId,
    title: line.title,
    wanted: line.quantity,
    left,
  });
}
