import type { Tx } from "../../../kernel/database.ts";
import { statement, timestamps } from "../../../kernel/database.ts";
import type { AccountId } from "../../ledger/index.ts";
import { loadLedger, saveLedger } from "../../ledger/index.ts";
import type { CatalogWorld, ProductId, SkuId, Written } from "../domain/types.ts";
import type { ProductRow, SkuRow } from "./rows.ts";
import { productOf, skuOf } from "./rows.ts";

// Products are locked before SKUs, and SKUs before accounts, each in the order of their ids.
const lockProducts = statement(
  "catalog.lock_products",
  `select id, title, on_sale, created_at, changed_at
   from catalog.products where tenant_id = $1 and id = any($2::uuid[])
   order by id for no key update`,
);

const lockSkus = statement(
  "catalog.lock_skus",
  `select id, product_id, title, price_minor, currency, price_number, on_sale, created_at,
          changed_at
   from catalog.skus where tenant_id = $1 and id = any($2::uuid[])
   order by id for no key update`,
);

const selectSkusOfProducts = statement(
  "catalog.skus_of_products_locked",
  `select id, product_id, title, price_minor, currency, price_number, on_sale, created_at,
          changed_at
   from catalog.skus where tenant_id = $1 and product_id = any($2::uuid[])
   order by id`,
);

const insertProducts = statement(
  "catalog.insert_products",
  `insert into catalog.products (tenant_id, id, title, on_sale, created_at, changed_at)
   select $1, p.id, p.title, p.on_sale, p.created_at, p.changed_at
   from unnest($2::uuid[], $3::text[], $4::boolean[], $5::timestamptz[], $6::timestamptz[])
     as p (id, title, on_sale, created_at, changed_at)`,
);

const updateProducts = statement(
  "catalog.update_products",
  `update catalog.products p
   set title = n.title, on_sale = n.on_sale, changed_at = n.changed_at
   from unnest($2::uuid[], $3::text[], $4::boolean[], $5::timestamptz[])
     as n (id, title, on_sale, changed_at)
   where p.tenant_id = $1 and p.id = n.id`,
);

const insertSkus = statement(
  "catalog.insert_skus",
  `insert into catalog.skus
     (tenant_id, id, product_id, title, price_minor, currency, price_number, on_sale, created_at,
      changed_at)
   select $1, s.id, s.product_id, s.title, s.price_minor, s.currency, s.price_number, s.on_sale,
          s.created_at, s.changed_at
   from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::integer[],
               $8::boolean[], $9::timestamptz[], $10::timestamptz[])
     as s (id, product_id, title, price_minor, currency, price_number, on_sale, created_at,
           changed_at)`,
);

const updateSkus = statement(
  "catalog.update_skus",
  `update catalog.skus s
   set title = n.title, price_minor = n.price_minor, currency = n.currency,
       price_number = n.price_number, on_sale = n.on_sale, changed_at = n.changed_at
   from unnest($2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::integer[], $7::boolean[],
               $8::timestamptz[])
     as n (id, title, price_minor, currency, price_number, on_sale, changed_at)
   where s.tenant_id = $1 and s.id = n.id`,
);

const insertPrices = statement(
  "catalog.insert_prices",
  `insert into catalog.prices
     (tenant_id, sku_id, number, price_minor, currency, valid_from, set_by)
   select $1, p.sku_id, p.number, p.price_minor, p.currency, p.valid_from, p.set_by
   from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[])
     as p (sku_id, number, price_minor, currency, valid_from, set_by)`,
);

const insertMovements = statement(
  "catalog.insert_stock_movements",
  `insert into catalog.stock_movements
     (tenant_id, sku_id, id, kind, quantity, reason, made_by, at)
   select $1, m.sku_id, m.id, m.kind, m.quantity, m.reason, m.made_by, m.at
   from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[],
               $8::timestamptz[])
     as m (sku_id, id, kind, quantity, reason, made_by, at)`,
);

export interface WantedCatalog {
  readonly products?: readonly ProductId[];
  readonly skus?: readonly SkuId[];
  readonly accounts?: readonly AccountId[];
}

/** Locks what decisions change. Of a product come all SKUs; its own lock keeps new ones away. */
export async function loadCatalog(tx: Tx, wanted: WantedCatalog): Promise<CatalogWorld> {
  const { products = [], skus = [], accounts = [] } = wanted;
  const [productRows, ownSkuRows, skuRows, ledger] = await Promise.all([
    products.length === 0 ? [] : tx.rows<ProductRow>(lockProducts, [tx.tenantId, products]),
    products.length === 0 ? [] : tx.rows<SkuRow>(selectSkusOfProducts, [tx.tenantId, products]),
    skus.length === 0 ? [] : tx.rows<SkuRow>(lockSkus, [tx.tenantId, skus]),
    loadLedger(tx, { accounts }),
  ]);
  return {
    products: new Map(productRows.map((row) => [row.id, productOf(row)])),
    skus: new Map([...ownSkuRows, ...skuRows].map((row) => [row.id, skuOf(row)])),
    ledger,
    written: {
      newProducts: [],
      changedProducts: new Map(),
      newSkus: [],
      changedSkus: new Map(),
      prices: [],
      movements: [],
      events: [],
    },
  };
}

/** Writes what decisions did to the world: one statement a table. */
export function saveCatalog(tx: Tx, { ledger, written }: CatalogWorld): void {
  saveProducts(tx, written);
  saveSkus(tx, written);
  savePrices(tx, written);
  saveMovements(tx, written);
  saveLedger(tx, ledger);
  tx.emit(written.events);
}

function saveProducts(tx: Tx, { newProducts, changedProducts }: Written): void {
  if (newProducts.length > 0) {
    tx.write(insertProducts, [
      tx.tenantId,
      newProducts.map(({ id }) => id),
      newProducts.map(({ title }) => title),
      newProducts.map(({ onSale }) => onSale),
      timestamps(newProducts.map(({ createdAt }) => createdAt)),
      timestamps(newProducts.map(({ changedAt }) => changedAt)),
    ]);
  }
  if (changedProducts.size === 0) return;
  const changed = [...changedProducts.values()];
  tx.write(updateProducts, [
    tx.tenantId,
    changed.map(({ id }) => id),
    changed.map(({ title }) => title),
    changed.map(({ onSale }) => onSale),
    timestamps(changed.map(({ changedAt }) => changedAt)),
  ]);
}

function saveSkus(tx: Tx, { newSkus, changedSkus }: Written): void {
  if (newSkus.length > 0) {
    tx.write(insertSkus, [
      tx.tenantId,
      newSkus.map(({ id }) => id),
      newSkus.map(({ productId }) => productId),
      newSkus.map(({ title }) => title),
      newSkus.map(({ priceMinor }) => priceMinor),
      newSkus.map(({ currency }) => currency),
      newSkus.map(({ priceNumber }) => priceNumber),
      newSkus.map(({ onSale }) => onSale),
      timestamps(newSkus.map(({ createdAt }) => createdAt)),
      timestamps(newSkus.map(({ changedAt }) => changedAt)),
    ]);
  }
  if (changedSkus.size === 0) return;
  const changed = [...changedSkus.values()];
  tx.write(updateSkus, [
    tx.tenantId,
    changed.map(({ id }) => id),
    changed.map(({ title }) => title),
    changed.map(({ priceMinor }) => priceMinor),
    changed.map(({ currency }) => currency),
    changed.map(({ priceNumber }) => priceNumber),
    changed.map(({ onSale }) => onSale),
    timestamps(changed.map(({ changedAt }) => changedAt)),
  ]);
}

function savePrices(tx: Tx, { prices }: Written): void {
  if (prices.length === 0) return;
  tx.write(insertPrices, [
    tx.tenantId,
    prices.map(({ skuId }) => skuId),
    prices.map(({ number }) => number),
    prices.map(({ priceMinor }) => priceMinor),
    prices.map(({ currency }) => currency),
    timestamps(prices.map(({ validFrom }) => validFrom)),
    prices.map(({ setBy }) => setBy),
  ]);
}

function saveMovements(tx: Tx, { movements }: Written): void {
  if (movements.length === 0) return;
  tx.write(insertMovements, [
    tx.tenantId,
    movements.map(({ skuId }) => skuId),
    movements.map(({ id }) => id),
    movements.map(({ kind }) => kind),
    movements.map(({ quantity }) => quantity),
    movements.map(({ reason }) => reason),
    movements.map(({ madeBy }) => madeBy),
    timestamps(movements.map(({ at }) => at)),
  ]);
}
