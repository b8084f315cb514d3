// The catalog: products, their SKUs and prices, and where the units of each SKU stand in the ledger.
// Higher modules load SKUs inside their own transaction and hold stock on the accounts given here.
// Stock itself is kept by the ledger; the catalog only says why units came in or were written off.
export type { ProductId, Sku, SkuId, StockAccounts } from "./domain.ts";
export { stockAccounts } from "./domain.ts";
export { loadSkus } from "./store.ts";
