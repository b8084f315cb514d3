import type { Database, Tx } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { ProductId, Sku, SkuId } from "../domain/types.ts";
import { fullTitle } from "../domain/views.ts";

interface OrderableRow {
  id: SkuId;
  product_id: ProductId;
  product_title: string;
  sku_title: string;
  price_minor: bigint;
  currency: Currency;
  on_sale: boolean;
}

const selectSkus = statement(
  "catalog.load_skus",
  `select s.id, s.product_id, p.title as product_title, s.title as sku_title, s.price_minor,
          s.currency, s.on_sale and p.on_sale as on_sale
   from catalog.skus s
   join catalog.products p on p.tenant_id = $1 and p.id = s.product_id
   where s.tenant_id = $1 and s.id = any($2::uuid[])`,
);

/**
 * SKUs as buyers meet them, in one statement for a whole batch of orders. Nothing is locked: an
 * order takes the price that stood when its batch was loaded. Unknown ids are absent.
 */
export async function loadSkus(tx: Tx, skuIds: Iterable<SkuId>): Promise<Map<SkuId, Sku>> {
  const ids = [...new Set(skuIds)];
  if (ids.length === 0) return new Map();
  const rows = await tx.rows<OrderableRow>(selectSkus, [tx.tenantId, ids]);
  return new Map(rows.map((row) => [row.id, orderableOf(row)]));
}

/** The same outside of a transaction. */
export async function readSkus(
  database: Database,
  tenantId: string,
  skuIds: readonly SkuId[],
): Promise<Map<SkuId, Sku>> {
  if (skuIds.length === 0) return new Map();
  const rows = await database.read<OrderableRow>(tenantId, selectSkus, [tenantId, skuIds]);
  return new Map(rows.map((row) => [row.id, orderableOf(row)]));
}

function orderableOf(row: OrderableRow): Sku {
  return {
    id: row.id,
    productId: row.product_id,
    title: fullTitle(row.product_title, row.sku_title),
    priceMinor: row.price_minor,
    currency: row.currency,
    onSale: row.on_sale,
  };
}
