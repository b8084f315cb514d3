/** How the catalog leaves the API. */
import type { MoneyView } from "../../../kernel/money.ts";
import { money, moneyView } from "../../../kernel/money.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type { Price, Product, SkuRecord, Stock, StockMovement } from "./types.ts";

export interface ProductView {
  id: string;
  title: string;
  onSale: boolean;
  skus: SkuView[];
  createdAt: string;
  changedAt: string;
}

export interface SkuView {
  id: string;
  productId: string;
  title: string;
  price: MoneyView;
  onSale: boolean;
  createdAt: string;
  changedAt: string;
}

export interface PriceView {
  price: MoneyView;
  validFrom: string;
  setBy: string;
}

export interface StockView {
  putIn: number;
  onHand: number;
  held: number;
  available: number;
  setAside: number;
  sold: number;
  writtenOff: number;
}

/** The part of the stock that members see. */
export interface AvailabilityView {
  available: number;
}

export interface StockMovementView {
  id: string;
  skuId: string;
  kind: StockMovement["kind"];
  quantity: number;
  reason: string;
  madeBy: string;
  at: string;
}

export function productView(product: Product, skus: readonly SkuRecord[]): ProductView {
  return {
    id: product.id,
    title: product.title,
    onSale: product.onSale,
    skus: skus.map(skuView),
    createdAt: formatInstant(product.createdAt),
    changedAt: formatInstant(product.changedAt),
  };
}

export function skuView(sku: SkuRecord): SkuView {
  return {
    id: sku.id,
    productId: sku.productId,
    title: sku.title,
    price: moneyView(money(sku.priceMinor, sku.currency)),
    onSale: sku.onSale,
    createdAt: formatInstant(sku.createdAt),
    changedAt: formatInstant(sku.changedAt),
  };
}

export function priceView(price: Price): PriceView {
  return {
    price: moneyView(money(price.priceMinor, price.currency)),
    validFrom: formatInstant(price.validFrom),
    setBy: price.setBy,
  };
}

/** Units are counted in integers far below 2^53: one putting in is at most a thousand million. */
export function stockView(stock: Stock): StockView {
  return {
    putIn: Number(stock.putIn),
    onHand: Number(stock.onHand),
    held: Number(stock.held),
    available: Number(stock.onHand - stock.held),
    setAside: Number(stock.setAside),
    sold: Number(stock.sold),
    writtenOff: Number(stock.writtenOff),
  };
}

export function availabilityView({ onHand, held }: Stock): AvailabilityView {
  return { available: Number(onHand - held) };
}

export function stockMovementView(movement: StockMovement): StockMovementView {
  return {
    id: movement.id,
    skuId: movement.skuId,
    kind: movement.kind,
    quantity: Number(movement.quantity),
    reason: movement.reason,
    madeBy: movement.madeBy,
    at: formatInstant(movement.at),
  };
}

/** "Enamel mug" and "blue" -> "Enamel mug, blue". */
export function fullTitle(productTitle: string, skuTitle: string): string {
  return skuTitle === "" ? productTitle : `${productTitle}, ${skuTitle}`;
}
