/** What members have bought in sales: units in orders that are neither closed nor refunded. */
import type { SkuId } from "../../catalog/index.ts";
import type { SaleId } from "../../sales/index.ts";

/** A member in a sale. */
export interface Buyer {
  readonly saleId: SaleId;
  readonly memberId: string;
}

/** By `buyerKey`, then by SKU. Who has bought nothing is absent. */
export type BoughtUnits = Map<string, Map<SkuId, number>>;

/** Ids have no spaces. */
export function buyerKey({ saleId, memberId }: Buyer): string {
  return `${saleId} ${memberId}`;
}

/** Of one SKU, or of all of them. */
export function boughtBy(bought: BoughtUnits, buyer: Buyer, skuId?: SkuId): number {
  const units = bought.get(buyerKey(buyer));
  if (units === undefined) return 0;
  if (skuId !== undefined) return units.get(skuId) ?? 0;
  return [...units.values()].reduce((sum, quantity) => sum + quantity, 0);
}

/** Counts the lines of an order that is neither closed nor refunded. */
export function addBought(
  bought: BoughtUnits,
  buyer: Buyer,
  lines: readonly { readonly skuId: SkuId; readonly quantity: number }[],
): void {
  const key = buyerKey(buyer);
  const units = bought.get(key) ?? new Map<SkuId, number>();
  for (const { skuId, quantity } of lines) units.set(skuId, (units.get(skuId) ?? 0) + quantity);
  bought.set(key, units);
}
