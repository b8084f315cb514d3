/** Placing an order. Pure: loaded worlds in, outcomes out. */
import { assert, required } from "../../../kernel/assert.ts";
import type { Currency } from "../../../kernel/money.ts";
import { amountMinorMax } from "../../../kernel/money.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import type { Leg } from "../../ledger/index.ts";
import { available, firstShortLeg, hold } from "../../ledger/index.ts";
import type { Sale } from "../../sales/index.ts";
import { addBought } from "./bought.ts";
import { markPaid } from "./paying.ts";
import { checkLimits, findSale } from "./sale.ts";
import type {
  Order,
  OrderLine,
  OrdersWorld,
  PlaceOrder,
  PlacingWorld,
  WantedOrder,
} from "./types.ts";
import { orderTold, stockLegsOf } from "./world.ts";

export type PlaceOutcome = { readonly kind: "placed"; readonly order: Order } | Refusal;

export interface Placeable {
  readonly kind: "placeable";
  /** Where the units come from and go to, line by line. */
  readonly legs: readonly Leg[];
  readonly lines: readonly OrderLine[];
  readonly totalMinor: bigint;
  readonly currency: Currency;
}

/**
 * Whether the order can be placed; changes nothing, so that it can also be asked of a world that
 * was read a moment ago. Refusals stand in order of precedence.
 */
export function checkPlacing(
  world: PlacingWorld,
  wanted: WantedOrder,
  now: number,
): Placeable | Refusal {
  const found = findSale(world, wanted, now);
  if (found.kind === "refused") return found;
  const { sale } = found;
  const priced = priceLines(world.skus, wanted.lines, sale);
  if (priced.kind === "refused") return priced;
  const overLimit = sale === undefined ? undefined : checkLimits(world, sale, wanted);
  if (overLimit !== undefined) return overLimit;
  const { lines, totalMinor, currency } = priced;
  const legs = stockLegsOf({ saleId: wanted.saleId, lines });
  const short = firstShortLeg(world.ledger, legs);
  if (short !== undefined) {
    return refuseSoldOut(world, required(lines[short], "the line"), required(legs[short], "a leg"));
  }
  return { kind: "placeable", legs, lines, totalMinor, currency };
}

/** Holds the units of all lines, or refuses as `checkPlacing` does. */
export function decidePlaceOrder(
  world: OrdersWorld,
  command: PlaceOrder,
  now: number,
): PlaceOutcome {
  assert(command.lines.length > 0, "the route takes one line at least");
  const checked = checkPlacing(world, command, now);
  if (checked.kind === "refused") return checked;
  const { legs, lines, totalMinor, currency } = checked;
  const { saleId } = command;

  // From here on the order must succeed.
  hold(world.ledger, { id: command.orderId, legs, reference: command.orderId, reason: "order" });
  const { orderId: id, number, memberId, placedBy, completeAfterMs } = command;
  const order: Order = {
    id,
    number,
    memberId,
    saleId,
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
  if (saleId !== undefined) addBought(world.bought, { saleId, memberId }, lines);
  world.written.placed.push(order);
  world.written.events.push({ type: "order_placed", data: orderTold(order) });
  if (totalMinor === 0n) {
    const cause = { madeBy: "orders", reason: "there is nothing to pay" };
    markPaid(world, order, { paidAt: now, completeAfterMs, ...cause }, now);
  }
  return { kind: "placed", order };
}

/** At the price of the sale, if it is placed in one; its currency is the same for all. */
function priceLines(
  skus: ReadonlyMap<SkuId, Sku>,
  wanted: PlaceOrder["lines"],
  sale: Sale | undefined,
): { kind: "priced"; lines: OrderLine[]; totalMinor: bigint; currency: Currency } | Refusal {
  const lines: OrderLine[] = [];
  let totalMinor = 0n;
  let currency: Currency | undefined;
  for (const { skuId, quantity } of wanted) {
    const sku = skus.get(skuId);
    if (sku === undefined) return refuse("sku_not_found", { skuId });
    if (!sku.onSale) return refuse("sku_not_on_sale", { skuId, title: sku.title });
    const price = sale?.items.get(skuId) ?? sku;
    if (currency !== undefined && price.currency !== currency) {
      return refuse("currencies_mixed", { skuId, currency: price.currency, other: currency });
    }
    currency = price.currency;
    totalMinor += price.priceMinor * BigInt(quantity);
    lines.push({ skuId, title: sku.title, quantity, unitPriceMinor: price.priceMinor });
  }
  if (totalMinor > amountMinorMax) return refuse("order_too_large", { max: amountMinorMax });
  return { kind: "priced", lines, totalMinor, currency: required(currency, "a currency") };
}

function refuseSoldOut(world: PlacingWorld, line: OrderLine, { debit }: Leg): Refusal {
  const left = available(world.ledger, debit);
  return refuse("sold_out", {
    skuId: line.skuId,
    title: line.title,
    wanted: line.quantity,
    left,
  });
}
