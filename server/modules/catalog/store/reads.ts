import type { Database } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import { behindAllIds } from "../../../kernel/ids.ts";
import type {
  Price,
  Product,
  ProductId,
  SkuId,
  SkuRecord,
  StockMovement,
} from "../domain/types.ts";
import type { StockMovementId } from "../domain/types.ts";
import type { MovementRow, PriceRow, ProductRow, SkuRow } from "./rows.ts";
import { movementOf, priceOf, productOf, skuOf } from "./rows.ts";

const selectProducts = statement(
  "catalog.list_products",
  `select id, title, on_sale, created_at, changed_at
   from catalog.products
   where tenant_id = $1 and id < $2 and ($3::boolean is null or on_sale = $3)
   order by id desc limit $4`,
);

const selectProduct = statement(
  "catalog.read_product",
  `select id, title, on_sale, created_at, changed_at
   from catalog.products where tenant_id = $1 and id = $2`,
);

const selectSkus = statement(
  "catalog.skus_of_products",
  `select id, product_id, title, price_minor, currency, price_number, on_sale, created_at,
          changed_at
   from catalog.skus where tenant_id = $1 and product_id = any($2::uuid[])
   order by id`,
);

const selectSku = statement(
  "catalog.read_sku",
  `select id, product_id, title, price_minor, currency, price_number, on_sale, created_at,
          changed_at
   from catalog.skus where tenant_id = $1 and id = $2`,
);

const selectPrices = statement(
  "catalog.list_prices",
  `select sku_id, number, price_minor, currency, valid_from, set_by
   from catalog.prices where tenant_id = $1 and sku_id = $2 and number < $3
   order by number desc limit $4`,
);

const selectMovements = statement(
  "catalog.list_stock_movements",
  `select id, sku_id, kind, quantity, reason, made_by, at
   from catalog.stock_movements where tenant_id = $1 and sku_id = $2 and id < $3
   order by id desc limit $4`,
);

/** Behind every number that there is: where a list from the newest begins. */
const behindAllNumbers = 2 ** 31 - 1;

export interface ProductWithSkus {
  readonly product: Product;
  readonly skus: readonly SkuRecord[];
}

/** Newest first. */
export async function selectProductPage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly onSale: boolean | undefined;
    readonly before: ProductId | undefined;
    readonly limit: number;
  },
): Promise<ProductWithSkus[]> {
  const rows = await database.read<ProductRow>(tenantId, selectProducts, [
    tenantId,
    wanted.before ?? behindAllIds,
    wanted.onSale ?? null,
    wanted.limit,
  ]);
  return withSkus(database, tenantId, rows);
}

export async function selectProductById(
  database: Database,
  tenantId: string,
  id: ProductId,
): Promise<ProductWithSkus | undefined> {
  const rows = await database.read<ProductRow>(tenantId, selectProduct, [tenantId, id]);
  return (await withSkus(database, tenantId, rows))[0];
}

export async function selectSkuById(
  database: Database,
  tenantId: string,
  id: SkuId,
): Promise<SkuRecord | undefined> {
  const [row] = await database.read<SkuRow>(tenantId, selectSku, [tenantId, id]);
  return row === undefined ? undefined : skuOf(row);
}

/** Newest first: the first one is the price of today. */
export async function selectPricePage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly skuId: SkuId;
    readonly beforeNumber: number | undefined;
    readonly limit: number;
  },
): Promise<Price[]> {
  const rows = await database.read<PriceRow>(tenantId, selectPrices, [
    tenantId,
    wanted.skuId,
    wanted.beforeNumber ?? behindAllNumbers,
    wanted.limit,
  ]);
  return rows.map(priceOf);
}

/** Newest first. */
export async function selectMovementPage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly skuId: SkuId;
    readonly before: StockMovementId | undefined;
    readonly limit: number;
  },
): Promise<StockMovement[]> {
  const rows = await database.read<MovementRow>(tenantId, selectMovements, [
    tenantId,
    wanted.skuId,
    wanted.before ?? behindAllIds,
    wanted.limit,
  ]);
  return rows.map(movementOf);
}

async function withSkus(
  database: Database,
  tenantId: string,
  products: readonly ProductRow[],
): Promise<ProductWithSkus[]> {
  if (products.length === 0) return [];
  const ids = products.map(({ id }) => id);
  const rows = await database.read<SkuRow>(tenantId, selectSkus, [tenantId, ids]);
  const byProduct = Map.groupBy(rows, (row) => row.product_id);
  return products.map((row) => ({
    product: productOf(row),
    skus: (byProduct.get(row.id) ?? []).map(skuOf),
  }));
}
