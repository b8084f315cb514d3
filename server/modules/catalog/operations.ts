import type { Committers } from "../../kernel/batch.ts";
import type { Database } from "../../kernel/database.ts";
import type { HotReads } from "../../kernel/hot-reads.ts";
import { createHotReads } from "../../kernel/hot-reads.ts";
import type { IdempotencyKey } from "../../kernel/idempotency.ts";
import type { Ids } from "../../kernel/ids.ts";
import type { Currency } from "../../kernel/money.ts";
import type { Answer, KeyedOperation } from "../../kernel/operation.ts";
import type { Refusal } from "../../kernel/refusal.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import type { Clock } from "../../kernel/time.ts";
import { refuse } from "../../refusals.ts";
import type { Ledger } from "../ledger/index.ts";
import {
  decideAddSku,
  decideChangePrice,
  decideChangeProduct,
  decideChangeSku,
  decideCreateProduct,
  decideMoveStock,
} from "./domain/decisions.ts";
import { stockAccounts, stockFrom } from "./domain/stock.ts";
import type {
  AddSku,
  Availability,
  CatalogWorld,
  ChangePrice,
  ChangeProduct,
  ChangeSku,
  CreateProduct,
  MoveStock,
  Price,
  ProductId,
  ProductOutcome,
  SkuId,
  SkuOutcome,
  SkuRecord,
  Stock,
  StockMovement,
  StockMovementId,
  StockOutcome,
} from "./domain/types.ts";
import { productView, skuView, stockMovementView, stockView } from "./domain/views.ts";
import type { ProductWithSkus } from "./store/reads.ts";
import {
  selectMovementPage,
  selectPricePage,
  selectProductById,
  selectProductPage,
  selectSkuById,
} from "./store/reads.ts";
import { loadCatalog, saveCatalog } from "./store/world.ts";

export interface NewSkuInput {
  readonly title: string;
  readonly priceMinor: bigint;
  readonly currency: Currency;
  readonly onSale: boolean;
}

/** `by` is the subject of the token: it is kept with every price and every stock movement. */
export interface NewProductInput {
  readonly title: string;
  readonly onSale: boolean;
  readonly skus: readonly NewSkuInput[];
  readonly by: string;
}

export interface StockInput {
  readonly skuId: SkuId;
  readonly quantity: bigint;
  readonly reason: string;
  readonly by: string;
}

export type Catalog = ReturnType<typeof createCatalog>;

/** All of these are rare beside orders: each command has a transaction of its own. */
export function createCatalog(deps: {
  readonly database: Database;
  readonly committers: Committers;
  readonly ledger: Ledger;
  readonly ids: Ids;
  readonly clock: Clock;
}) {
  const { committers, ids } = deps;
  const availability = createAvailability(deps);
  const newSku = (input: NewSkuInput) => ({ id: ids.next<"Sku">(), ...input });
  const run = <Command, Outcome>(
    operation: KeyedOperation<Command, CatalogWorld, Outcome>,
    { tenantId, key }: Call,
    command: Command,
  ) => committers.runKeyed(operation, tenantId, key, command);

  async function move(call: Call, command: MoveStock) {
    const moved = await run(moveStock, call, command);
    availability.forget(call.tenantId, command.skuId);
    return moved;
  }

  return {
    ...createReads({ ...deps, availability }),

    /** Kept fresh by a pulse of every process that answers. */
    hotReads: [availability],

    /** Somebody orders these: it counts towards what is hot as a read does. */
    noteWanted(tenantId: string, skuIds: readonly SkuId[]): void {
      for (const skuId of skuIds) availability.touch(tenantId, skuId);
    },

    /** Gives the product with its SKUs, 201. Refusals: too_many_skus. */
    createProduct(tenantId: string, key: IdempotencyKey, input: NewProductInput) {
      const { title, onSale, by } = input;
      const skus = input.skus.map(newSku);
      const command = { productId: ids.next<"Product">(), title, onSale, skus, by };
      return run(createProduct, { tenantId, key }, command);
    },

    /** Gives the product with its SKUs. Refusals: not_found. */
    changeProduct(tenantId: string, key: IdempotencyKey, command: ChangeProduct) {
      return run(changeProduct, { tenantId, key }, command);
    },

    /** Gives the SKU, 201; its stock accounts are open. Refusals: not_found, too_many_skus. */
    addSku(
      tenantId: string,
      key: IdempotencyKey,
      input: { readonly productId: ProductId; readonly sku: NewSkuInput; readonly by: string },
    ) {
      const { productId, by } = input;
      return run(addSku, { tenantId, key }, { productId, sku: newSku(input.sku), by });
    },

    /** Gives the SKU. Refusals: not_found. */
    changeSku(tenantId: string, key: IdempotencyKey, command: ChangeSku) {
      return run(changeSku, { tenantId, key }, command);
    },

    /** Gives the SKU; the former price is kept. Refusals: not_found. */
    changePrice(tenantId: string, key: IdempotencyKey, command: ChangePrice) {
      return run(changePrice, { tenantId, key }, command);
    },

    /** Gives the movement and the stock after it, 201. Refusals: not_found. */
    putInStock(tenantId: string, key: IdempotencyKey, input: StockInput) {
      const command = {
        ...input,
        kind: "put_in",
        movementId: ids.next<"StockMovement">(),
      } as const;
      return move({ tenantId, key }, command);
    },

    /** Gives the movement and the stock after it, 201. Refusals: not_found, stock_too_low. */
    writeOffStock(tenantId: string, key: IdempotencyKey, input: StockInput) {
      const movementId = ids.next<"StockMovement">();
      return move({ tenantId, key }, { ...input, kind: "written_off", movementId });
    },
  };
}

interface Call {
  readonly tenantId: string;
  readonly key: IdempotencyKey;
}

/** One account a SKU tells it, which also tells that there is such a SKU. */
function createAvailability({ clock, ledger }: { readonly clock: Clock; readonly ledger: Ledger }) {
  return createHotReads<SkuId, Availability>({
    name: "sku_availability",
    clock,
    async load(tenantId, skuIds) {
      const onHand = skuIds.map((skuId) => stockAccounts(skuId).onHand);
      const balances = await ledger.readBalances(tenantId, onHand);
      const found = new Map<SkuId, Availability>();
      for (const skuId of skuIds) {
        const balance = balances.get(stockAccounts(skuId).onHand);
        if (balance === undefined) continue;
        found.set(skuId, { onHand: balance.posted, held: balance.pendingDebits });
      }
      return found;
    },
  });
}

function createReads(deps: {
  readonly database: Database;
  readonly ledger: Ledger;
  readonly availability: HotReads<SkuId, Availability>;
}) {
  const { database, ledger, availability } = deps;
  /** Lists of what belongs to a SKU: an unknown SKU is not found rather than an empty list. */
  async function ofSku<T>(tenantId: string, skuId: SkuId, read: () => Promise<T>) {
    const sku = await selectSkuById(database, tenantId, skuId);
    return sku === undefined ? noSku : read();
  }

  return {
    listProducts(
      tenantId: string,
      wanted: {
        readonly onSale: boolean | undefined;
        readonly before: ProductId | undefined;
        readonly limit: number;
      },
    ): Promise<ProductWithSkus[]> {
      return selectProductPage(database, tenantId, wanted);
    },

    async readProduct(tenantId: string, id: ProductId): Promise<ProductWithSkus | Refusal> {
      const found = await selectProductById(database, tenantId, id);
      return found ?? refuse("not_found", { what: "product" });
    },

    async readSku(tenantId: string, id: SkuId): Promise<SkuRecord | Refusal> {
      return (await selectSkuById(database, tenantId, id)) ?? noSku;
    },

    listPrices(
      tenantId: string,
      wanted: {
        readonly skuId: SkuId;
        readonly beforeNumber: number | undefined;
        readonly limit: number;
      },
    ): Promise<Price[] | Refusal> {
      return ofSku(tenantId, wanted.skuId, () => selectPricePage(database, tenantId, wanted));
    },

    /** What many ask for is told as it was less than a second ago. */
    async readAvailability(tenantId: string, skuId: SkuId): Promise<Availability | Refusal> {
      return (await availability.read(tenantId, skuId)) ?? noSku;
    },

    /** All numbers are of one moment. */
    readStock(tenantId: string, skuId: SkuId): Promise<Stock | Refusal> {
      return ofSku(tenantId, skuId, async () => {
        const accounts = Object.values(stockAccounts(skuId));
        const balances = await ledger.readBalances(tenantId, accounts);
        return stockFrom(skuId, (id) => balances.get(id) ?? { posted: 0n, pendingDebits: 0n });
      });
    },

    listStockMovements(
      tenantId: string,
      wanted: {
        readonly skuId: SkuId;
        readonly before: StockMovementId | undefined;
        readonly limit: number;
      },
    ): Promise<StockMovement[] | Refusal> {
      return ofSku(tenantId, wanted.skuId, () => selectMovementPage(database, tenantId, wanted));
    },
  };
}

const noSku = refuse("not_found", { what: "SKU" });

const createProduct: KeyedOperation<CreateProduct, CatalogWorld, ProductOutcome | Refusal> = {
  name: "catalog.create_product",
  batchMax: 1,
  load: (tx) => loadCatalog(tx, {}),
  decide: decideCreateProduct,
  save: saveCatalog,
  answer: answerProduct,
};

const changeProduct: KeyedOperation<ChangeProduct, CatalogWorld, ProductOutcome | Refusal> = {
  name: "catalog.change_product",
  batchMax: 1,
  load: (tx, commands) => loadCatalog(tx, { products: commands.map(({ productId }) => productId) }),
  decide: decideChangeProduct,
  save: saveCatalog,
  answer: answerProduct,
};

const addSku: KeyedOperation<AddSku, CatalogWorld, SkuOutcome | Refusal> = {
  name: "catalog.add_sku",
  batchMax: 1,
  load: (tx, commands) => loadCatalog(tx, { products: commands.map(({ productId }) => productId) }),
  decide: decideAddSku,
  save: saveCatalog,
  answer: answerSku,
};

const changeSku: KeyedOperation<ChangeSku, CatalogWorld, SkuOutcome | Refusal> = {
  name: "catalog.change_sku",
  batchMax: 1,
  load: (tx, commands) => loadCatalog(tx, { skus: commands.map(({ skuId }) => skuId) }),
  decide: decideChangeSku,
  save: saveCatalog,
  answer: answerSku,
};

const changePrice: KeyedOperation<ChangePrice, CatalogWorld, SkuOutcome | Refusal> = {
  name: "catalog.change_price",
  batchMax: 1,
  load: (tx, commands) => loadCatalog(tx, { skus: commands.map(({ skuId }) => skuId) }),
  decide: decideChangePrice,
  save: saveCatalog,
  answer: answerSku,
};

const moveStock: KeyedOperation<MoveStock, CatalogWorld, StockOutcome | Refusal> = {
  name: "catalog.move_stock",
  batchMax: 1,
  load: (tx, commands) =>
    loadCatalog(tx, {
      skus: commands.map(({ skuId }) => skuId),
      accounts: commands.flatMap(({ skuId }) => Object.values(stockAccounts(skuId))),
    }),
  decide: decideMoveStock,
  save: saveCatalog,
  answer: (outcome) => {
    if (isRefusal(outcome)) return outcome;
    const { movement, stock } = outcome;
    return answer(201, { ...stockMovementView(movement), stock: stockView(stock) });
  },
};

function answerProduct(outcome: ProductOutcome | Refusal): Answer | Refusal {
  if (isRefusal(outcome)) return outcome;
  return answer(outcome.isNew ? 201 : 200, productView(outcome.product, outcome.skus));
}

function answerSku(outcome: SkuOutcome | Refusal): Answer | Refusal {
  if (isRefusal(outcome)) return outcome;
  return answer(outcome.isNew ? 201 : 200, skuView(outcome.sku));
}

function answer(status: number, view: object): Answer {
  return { kind: "answered", status, body: JSON.stringify(view) };
}
