/** What is for sale, at which price, and what may be done to its stock. Pure. */
import type { Id } from "../../kernel/ids.ts";
import type { Currency } from "../../kernel/money.ts";
import type { AccountId, AccountSpec } from "../ledger/index.ts";
import { accountIdOf } from "../ledger/index.ts";

export type ProductId = Id<"Product">;
export type SkuId = Id<"Sku">;
export type StockMovementId = Id<"StockMovement">;

/** A SKU as a buyer meets it. */
export interface Sku {
  readonly id: SkuId;
  readonly productId: ProductId;
  /** Product and variant: "Enamel mug, blue". */
  readonly title: string;
  readonly priceMinor: bigint;
  readonly currency: Currency;
  /** Both the product and the SKU are on sale. */
  readonly onSale: boolean;
}

/**
 * Where the units of a SKU can be. They come from `supply`, lie `onHand` (what orders hold is
 * pending there), and go to `sold` or `writtenOff`; so put in = on hand + sold + written off.
 */
export interface StockAccounts {
  readonly onHand: AccountId;
  /** Goes below zero by what was put in. */
  readonly supply: AccountId;
  /** Guarded: no more comes back than was sold. */
  readonly sold: AccountId;
  readonly writtenOff: AccountId;
}

/** Hashing four codes costs more than all else that an order line needs, so they are remembered. */
const rememberedSkusMax = 50_000;
const remembered = new Map<SkuId, StockAccounts>();

/** The ledger accounts of a SKU's stock. They are opened with the SKU. */
export function stockAccounts(skuId: SkuId): StockAccounts {
  const known = remembered.get(skuId);
  if (known !== undefined) return known;
  const accounts = {
    onHand: accountIdOf(`stock.on_hand.${skuId}`),
    supply: accountIdOf(`stock.supply.${skuId}`),
    sold: accountIdOf(`stock.sold.${skuId}`),
    writtenOff: accountIdOf(`stock.written_off.${skuId}`),
  };
  if (remembered.size >= rememberedSkusMax) remembered.clear();
  remembered.set(skuId, accounts);
  return accounts;
}

/** A flash sale makes these the hottest accounts of all, so their movements are not indexed. */
export function stockAccountSpecs(skuId: SkuId): AccountSpec[] {
  const shared = { asset: `stock:${skuId}`, indexed: false };
  return [
    { code: `stock.on_hand.${skuId}`, guarded: true, ...shared },
    { code: `stock.supply.${skuId}`, guarded: false, ...shared },
    { code: `stock.sold.${skuId}`, guarded: true, ...shared },
    { code: `stock.written_off.${skuId}`, guarded: true, ...shared },
  ];
}

/** "Enamel mug" and "blue" -> "Enamel mug, blue". */
export function fullTitle(productTitle: string, skuTitle: string): string {
  return skuTitle === "" ? productTitle : `${productTitle}, ${skuTitle}`;
}
