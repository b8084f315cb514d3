/** What is for sale, at which price, and what may be done to it. */
import type { NewEvent } from "../../../kernel/events.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { Currency, MoneyView } from "../../../kernel/money.ts";
import type { LedgerWorld } from "../../ledger/index.ts";

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

export interface Product {
  readonly id: ProductId;
  readonly title: string;
  readonly onSale: boolean;
  readonly createdAt: number;
  readonly changedAt: number;
}

/** A SKU as the merchant keeps it. */
export interface SkuRecord {
  readonly id: SkuId;
  readonly productId: ProductId;
  /** What tells it from the product's other SKUs; empty when it is the only one. */
  readonly title: string;
  readonly priceMinor: bigint;
  readonly currency: Currency;
  /** How many prices it has had. */
  readonly priceNumber: number;
  readonly onSale: boolean;
  readonly createdAt: number;
  readonly changedAt: number;
}

/** A price that a SKU has or had: from `validFrom` until that of the next number. */
export interface Price {
  readonly skuId: SkuId;
  readonly number: number;
  readonly priceMinor: bigint;
  readonly currency: Currency;
  readonly validFrom: number;
  readonly setBy: string;
}

export interface StockMovement {
  readonly id: StockMovementId;
  readonly skuId: SkuId;
  readonly kind: "put_in" | "written_off";
  readonly quantity: bigint;
  readonly reason: string;
  readonly madeBy: string;
  readonly at: number;
}

/**
 * Units of a SKU by where they are; `held` ones are among those on hand. What was put in and is
 * nowhere else was set aside, such as for a sale; orders may hold it there.
 */
export interface Stock {
  readonly putIn: bigint;
  readonly onHand: bigint;
  readonly held: bigint;
  readonly setAside: bigint;
  readonly sold: bigint;
  readonly writtenOff: bigint;
}

export interface CatalogWorld {
  readonly products: Map<ProductId, Product>;
  /** Of a product that was asked for, all SKUs. */
  readonly skus: Map<SkuId, SkuRecord>;
  readonly ledger: LedgerWorld;
  readonly written: Written;
}

/** What decisions did, for `save`. */
export interface Written {
  readonly newProducts: Product[];
  readonly changedProducts: Map<ProductId, Product>;
  readonly newSkus: SkuRecord[];
  readonly changedSkus: Map<SkuId, SkuRecord>;
  readonly prices: Price[];
  readonly movements: StockMovement[];
  readonly events: CatalogEvent[];
}

export type CatalogEvent =
  | NewEvent<"product_created", ProductData & { readonly skuIds: readonly SkuId[] }>
  | NewEvent<"product_changed", ProductData>
  | NewEvent<"sku_added" | "sku_changed", SkuData>
  | NewEvent<"sku_price_changed", SkuData & { readonly before: MoneyView }>
  | NewEvent<"stock_put_in" | "stock_written_off", StockData>;

interface ProductData {
  readonly productId: ProductId;
  readonly title: string;
  readonly onSale: boolean;
}

export interface SkuData {
  readonly skuId: SkuId;
  readonly productId: ProductId;
  readonly title: string;
  readonly price: MoneyView;
  readonly onSale: boolean;
}

interface StockData {
  readonly movementId: StockMovementId;
  readonly skuId: SkuId;
  readonly quantity: bigint;
  readonly reason: string;
}

export interface NewSku {
  readonly id: SkuId;
  readonly title: string;
  readonly priceMinor: bigint;
  readonly currency: Currency;
  readonly onSale: boolean;
}

export interface CreateProduct {
  readonly productId: ProductId;
  readonly title: string;
  readonly onSale: boolean;
  readonly skus: readonly NewSku[];
  readonly by: string;
}

export interface ChangeProduct {
  readonly productId: ProductId;
  readonly title: string | undefined;
  readonly onSale: boolean | undefined;
}

export interface AddSku {
  readonly productId: ProductId;
  readonly sku: NewSku;
  readonly by: string;
}

export interface ChangeSku {
  readonly skuId: SkuId;
  readonly title: string | undefined;
  readonly onSale: boolean | undefined;
}

export interface ChangePrice {
  readonly skuId: SkuId;
  readonly priceMinor: bigint;
  readonly currency: Currency;
  readonly by: string;
}

export interface MoveStock {
  readonly movementId: StockMovementId;
  readonly kind: StockMovement["kind"];
  readonly skuId: SkuId;
  readonly quantity: bigint;
  readonly reason: string;
  readonly by: string;
}

export interface ProductOutcome {
  readonly kind: "product";
  readonly isNew: boolean;
  readonly product: Product;
  readonly skus: readonly SkuRecord[];
}

export interface SkuOutcome {
  readonly kind: "sku";
  readonly isNew: boolean;
  readonly sku: SkuRecord;
}

export interface StockOutcome {
  readonly kind: "stock_moved";
  readonly movement: StockMovement;
  readonly stock: Stock;
}
