// The catalog: products, their SKUs and prices, and where the units of a SKU stand in the ledger.
// Higher modules load SKUs inside their own transaction and hold stock on the accounts given here.
// Stock itself is kept by the ledger; the catalog only says why units came in or were written off.
export type { StockAccounts } from "./domain/stock.ts";
export { stockAccounts } from "./domain/stock.ts";
export type { CatalogEvent, ProductId, Sku, SkuId, Stock } from "./domain/types.ts";
export type { Catalog } from "./operations.ts";
export { createCatalog } from "./operations.ts";
export { loadSkus, readSkus } from "./store/skus.ts";
