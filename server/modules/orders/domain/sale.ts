/** What a sale asks of an order that is placed in it. Pure. */
import type { Refusal } from "../../../kernel/refusal.ts";
import { formatInstant } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { Sale } from "../../sales/index.ts";
import { saleStateAt } from "../../sales/index.ts";
import { boughtBy } from "./bought.ts";
import type { OrdersWorld, PlaceOrder } from "./types.ts";

/**
 * The sale that the order is placed in: none, unless it names one. Refusals stand in order of
 * precedence: who may come in is asked before what is wanted.
 */
export function findSale(
  world: OrdersWorld,
  { saleId, lines }: PlaceOrder,
  now: number,
): { readonly kind: "found"; readonly sale: Sale | undefined } | Refusal {
  if (saleId === undefined) return { kind: "found", sale: undefined };
  const sale = world.sales.get(saleId);
  // A draft is nobody's business yet.
  if (sale === undefined || sale.state === "draft") return refuse("sale_not_found", { saleId });
  const state = saleStateAt(sale, now);
  if (state !== "open") {
    const { opensAt, closesAt } = sale;
    const hours = { opensAt: formatInstant(opensAt), closesAt: formatInstant(closesAt) };
    return refuse("sale_not_open", { saleId, state, ...hours });
  }
  const other = lines.find(({ skuId }) => !sale.items.has(skuId));
  if (other !== undefined) return refuse("sku_not_in_sale", { saleId, skuId: other.skuId });
  return { kind: "found", sale };
}

/**
 * Refuses an order that would take its member above a limit: that of the whole sale first, then
 * those of its SKUs. `bought` has the orders that this batch has placed before it, too.
 */
export function checkLimits(
  { bought }: OrdersWorld,
  { id: saleId, limitPerMember: max, items }: Sale,
  { memberId, lines }: PlaceOrder,
): Refusal | undefined {
  const buyer = { saleId, memberId };
  const wanted = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  const before = boughtBy(bought, buyer);
  if (max !== undefined && before + wanted > max) {
    return refuse("sale_limit_reached", { saleId, max, bought: before, wanted });
  }
  for (const skuId of new Set(lines.map((line) => line.skuId))) {
    const most = items.get(skuId)?.limitPerMember;
    if (most === undefined) continue;
    const ofSku = lines
      .filter((line) => line.skuId === skuId)
      .reduce((sum, { quantity }) => sum + quantity, 0);
    const had = boughtBy(bought, buyer, skuId);
    if (had + ofSku <= most) continue;
    return refuse("sale_limit_reached", { saleId, skuId, max: most, bought: had, wanted: ofSku });
  }
  return undefined;
}
