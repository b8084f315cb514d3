/** Pure: refusals stand in the order of precedence, then what must succeed. */
import { assert, required } from "../../../kernel/assert.ts";
import { money, moneyView } from "../../../kernel/money.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type { Leg, LedgerWorld } from "../../ledger/index.ts";
import { canMove, move, openAccount } from "../../ledger/index.ts";
import { stockAccounts, stockAccountSpecs, stockFrom } from "./stock.ts";
import type {
  AddSku,
  CatalogWorld,
  ChangePrice,
  ChangeProduct,
  ChangeSku,
  CreateProduct,
  MoveStock,
  Price,
  ProductId,
  ProductOutcome,
  SkuData,
  SkuId,
  SkuOutcome,
  SkuRecord,
  Stock,
  StockOutcome,
} from "./types.ts";

/** A product page shows all of its SKUs at once. */
export const skusPerProductMax = 100;

export function decideCreateProduct(
  world: CatalogWorld,
  command: CreateProduct,
  now: number,
): ProductOutcome | Refusal {
  assert(!world.products.has(command.productId), "a product's id is new");
  if (command.skus.length > skusPerProductMax) return tooManySkus;

  const { productId, title, onSale } = command;
  const product = { id: productId, title, onSale, createdAt: now, changedAt: now };
  world.products.set(productId, product);
  world.written.newProducts.push(product);
  const skuIds = command.skus.map(({ id }) => id);
  const data = { productId, title, onSale, skuIds };
  world.written.events.push({ type: "product_created", data });
  const { by } = command;
  const skus = command.skus.map((sku) => openSku(world, { productId, sku, by }, now));
  return { kind: "product", isNew: true, product, skus };
}

export function decideChangeProduct(
  world: CatalogWorld,
  command: ChangeProduct,
  now: number,
): ProductOutcome | Refusal {
  const before = world.products.get(command.productId);
  if (before === undefined) return noProduct;

  const skus = skusOf(world, before.id);
  const title = command.title ?? before.title;
  const onSale = command.onSale ?? before.onSale;
  if (title === before.title && onSale === before.onSale) {
    return { kind: "product", isNew: false, product: before, skus };
  }
  const product = { ...before, title, onSale, changedAt: now };
  world.products.set(product.id, product);
  world.written.changedProducts.set(product.id, product);
  const data = { productId: product.id, title, onSale };
  world.written.events.push({ type: "product_changed", data });
  return { kind: "product", isNew: false, product, skus };
}

export function decideAddSku(
  world: CatalogWorld,
  command: AddSku,
  now: number,
): SkuOutcome | Refusal {
  if (!world.products.has(command.productId)) return noProduct;
  if (skusOf(world, command.productId).length >= skusPerProductMax) return tooManySkus;

  return { kind: "sku", isNew: true, sku: openSku(world, command, now) };
}

export function decideChangeSku(
  world: CatalogWorld,
  command: ChangeSku,
  now: number,
): SkuOutcome | Refusal {
  const before = world.skus.get(command.skuId);
  if (before === undefined) return noSku;

  const title = command.title ?? before.title;
  const onSale = command.onSale ?? before.onSale;
  if (title === before.title && onSale === before.onSale) {
    return { kind: "sku", isNew: false, sku: before };
  }
  const sku = { ...before, title, onSale, changedAt: now };
  replaceSku(world, sku);
  world.written.events.push({ type: "sku_changed", data: skuData(sku) });
  return { kind: "sku", isNew: false, sku };
}

/** The old price is kept; orders that were placed at it keep it too. */
export function decideChangePrice(
  world: CatalogWorld,
  command: ChangePrice,
  now: number,
): SkuOutcome | Refusal {
  const before = world.skus.get(command.skuId);
  if (before === undefined) return noSku;

  const { priceMinor, currency } = command;
  if (priceMinor === before.priceMinor && currency === before.currency) {
    return { kind: "sku", isNew: false, sku: before };
  }
  const priceNumber = before.priceNumber + 1;
  const sku = { ...before, priceMinor, currency, priceNumber, changedAt: now };
  replaceSku(world, sku);
  world.written.prices.push(priceOf(sku, command.by, now));
  world.written.events.push({
    type: "sku_price_changed",
    data: { ...skuData(sku), before: moneyView(money(before.priceMinor, before.currency)) },
  });
  return { kind: "sku", isNew: false, sku };
}

/** What orders hold cannot be written off: it is somebody's already. */
export function decideMoveStock(
  world: CatalogWorld,
  command: MoveStock,
  now: number,
): StockOutcome | Refusal {
  const { skuId, quantity, kind, reason, movementId } = command;
  if (!world.skus.has(skuId)) return noSku;
  const accounts = stockAccounts(skuId);
  const leg: Leg =
    kind === "put_in"
      ? { debit: accounts.supply, credit: accounts.onHand, amount: quantity }
      : { debit: accounts.onHand, credit: accounts.writtenOff, amount: quantity };
  if (!canMove(world.ledger, [leg])) {
    const { onHand, held } = stockOf(world.ledger, skuId);
    return refuse("stock_too_low", { available: onHand - held, held, wanted: quantity });
  }

  const bundleReason = kind === "put_in" ? "stock put in" : "stock written off";
  const bundle = { id: movementId, legs: [leg], reference: skuId, reason: bundleReason };
  move(world.ledger, bundle);
  const movement = { id: movementId, skuId, kind, quantity, reason, madeBy: command.by, at: now };
  world.written.movements.push(movement);
  world.written.events.push({
    type: kind === "put_in" ? "stock_put_in" : "stock_written_off",
    data: { movementId, skuId, quantity, reason },
  });
  return { kind: "stock_moved", movement, stock: stockOf(world.ledger, skuId) };
}

const noProduct = refuse("not_found", { what: "product" });
const noSku = refuse("not_found", { what: "SKU" });
const tooManySkus = refuse("too_many_skus", { max: skusPerProductMax });

function openSku(
  world: CatalogWorld,
  { productId, sku: { id, title, priceMinor, currency, onSale }, by }: AddSku,
  now: number,
): SkuRecord {
  assert(!world.skus.has(id), "a SKU's id is new");
  const price = { priceMinor, currency, priceNumber: 1 };
  const sku = { id, productId, title, ...price, onSale, createdAt: now, changedAt: now };
  for (const spec of stockAccountSpecs(id)) openAccount(world.ledger, spec);
  world.skus.set(id, sku);
  world.written.newSkus.push(sku);
  world.written.prices.push(priceOf(sku, by, now));
  world.written.events.push({ type: "sku_added", data: skuData(sku) });
  return sku;
}

function replaceSku(world: CatalogWorld, sku: SkuRecord): void {
  world.skus.set(sku.id, sku);
  world.written.changedSkus.set(sku.id, sku);
}

function priceOf(sku: SkuRecord, setBy: string, validFrom: number): Price {
  const { id: skuId, priceNumber: number, priceMinor, currency } = sku;
  return { skuId, number, priceMinor, currency, validFrom, setBy };
}

function skuData(sku: SkuRecord): SkuData {
  const { id: skuId, productId, title, priceMinor, currency, onSale } = sku;
  return { skuId, productId, title, price: moneyView(money(priceMinor, currency)), onSale };
}

function skusOf(world: CatalogWorld, productId: ProductId): SkuRecord[] {
  return [...world.skus.values()].filter((sku) => sku.productId === productId);
}

function stockOf(ledger: LedgerWorld, skuId: SkuId): Stock {
  return stockFrom(skuId, (id) => required(ledger.accounts.get(id), `stock account ${id}`));
}
