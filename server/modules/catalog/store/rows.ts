import type { Currency } from "../../../kernel/money.ts";
import type {
  Price,
  Product,
  ProductId,
  SkuId,
  SkuRecord,
  StockMovement,
} from "../domain/types.ts";
import type { StockMovementId } from "../domain/types.ts";

export interface ProductRow {
  id: ProductId;
  title: string;
  on_sale: boolean;
  created_at: number;
  changed_at: number;
}

export interface SkuRow {
  id: SkuId;
  product_id: ProductId;
  title: string;
  price_minor: bigint;
  currency: Currency;
  price_number: number;
  on_sale: boolean;
  created_at: number;
  changed_at: number;
}

export interface PriceRow {
  sku_id: SkuId;
  number: number;
  price_minor: bigint;
  currency: Currency;
  valid_from: number;
  set_by: string;
}

export interface MovementRow {
  id: StockMovementId;
  sku_id: SkuId;
  kind: StockMovement["kind"];
  quantity: bigint;
  reason: string;
  made_by: string;
  at: number;
}

export function productOf(row: ProductRow): Product {
  return {
    id: row.id,
    title: row.title,
    onSale: row.on_sale,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  };
}

export function skuOf(row: SkuRow): SkuRecord {
  return {
    id: row.id,
    productId: row.product_id,
    title: row.title,
    priceMinor: row.price_minor,
    currency: row.currency,
    priceNumber: row.price_number,
    onSale: row.on_sale,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  };
}

export function priceOf(row: PriceRow): Price {
  return {
    skuId: row.sku_id,
    number: row.number,
    priceMinor: row.price_minor,
    currency: row.currency,
    validFrom: row.valid_from,
    setBy: row.set_by,
  };
}

export function movementOf(row: MovementRow): StockMovement {
  return {
    id: row.id,
    skuId: row.sku_id,
    kind: row.kind,
    quantity: row.quantity,
    reason: row.reason,
    madeBy: row.made_by,
    at: row.at,
  };
}
