/** What a sale asks of an order that is placed in it. Pure. */
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type { Sale } from "../../sales/index.ts";
import { isPublished, judgePass, refuseNotOpen, saleStateAt } from "../../sales/index.ts";
import { boughtBy } from "./bought.ts";
import type { PlacingWorld, WantedInSale, WantedOrder } from "./types.ts";

/**
 * The sale that the order is placed in: none, unless it names one. Refusals stand in order of
 * precedence: who may come in is asked before what is wanted.
 */
export function findSale(
  world: PlacingWorld,
  wanted: WantedOrder,
  now: number,
): { readonly kind: "found"; readonly sale: Sale | undefined } | Refusal {
  const { saleId } = wanted;
  if (saleId === undefined) return { kind: "found", sale: undefined };
  const found = enterSale(world, { ...wanted, saleId }, now);
  if (found.kind === "refused") return found;
  const { items } = found.sale;
  const other = wanted.lines.find(({ skuId }) => !items.has(skuId));
  if (other !== undefined) return refuse("sku_not_in_sale", { saleId, skuId: other.skuId });
  return found;
}

/** Whether the member may order in the sale now, whatever is wanted: asks nothing of its goods. */
export function enterSale(
  { sales }: Pick<PlacingWorld, "sales">,
  { saleId, memberId, pass }: EnteringSale,
  now: number,
): { readonly kind: "found"; readonly sale: Sale } | Refusal {
  const sale = sales.get(saleId);
  // A draft is nobody's business yet.
  if (sale === undefined || !isPublished(sale)) return refuse("sale_not_found", { saleId });
  if (saleStateAt(sale, now) !== "open") return refuseNotOpen(saleId, sale, now);
  const notAdmitted = sale.waitingRoom ? judgePass(pass, { saleId, memberId }, now) : undefined;
  return notAdmitted ?? { kind: "found", sale };
}

export type EnteringSale = Pick<WantedInSale, "saleId" | "memberId" | "pass">;

/**
 * Refuses an order that would take its member above a limit: that of the whole sale first, then
 * those of its SKUs. `bought` has the orders that this batch has placed before it, too.
 */
export function checkLimits(
  { bought }: PlacingWorld,
  { id: saleId, limitPerMember: max, items }: Sale,
  { memberId, lines }: WantedOrder,
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
