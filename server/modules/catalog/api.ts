import Type from "typebox";
import { principalOf } from "../../kernel/access.ts";
import type { App } from "../../kernel/app.ts";
import { currencies } from "../../kernel/money.ts";
import { pageOf, pageQuery, readIdPage, readPage, toPage } from "../../kernel/page.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import { readIdempotencyKey } from "../../kernel/request.ts";
import { checkedId, id, time } from "../../kernel/shapes.ts";
import { skusPerProductMax } from "./domain/decisions.ts";
import {
  availabilityView,
  priceView,
  productView,
  skuView,
  stockMovementView,
  stockView,
} from "./domain/views.ts";
import type { Catalog } from "./operations.ts";

export function catalogRoutes(app: App, catalog: Catalog): void {
  productReads(app, catalog);
  productWrites(app, catalog);
  skuReads(app, catalog);
  skuWrites(app, catalog);
  stockRoutes(app, catalog);
}

const tags = ["Catalog"];
const reading = { config: { scope: "catalog:read" } } as const;
const writing = { config: { scope: "catalog:write" } } as const;
/** What was sold, lost and changed, by whom and why: the shop's own business, not its members'. */
const auditing = { config: { scope: "catalog:audit" } } as const;

/** A thousand million yuan; with 2^53 above it for quantities and sums. */
const priceAmountMax = 100_000_000_000;
/** Also a bound on what one slip of the finger can do. */
const quantityMax = 1_000_000_000;

const productTitle = Type.String({ minLength: 1, maxLength: 200, examples: ["Enamel mug"] });
const skuTitle = Type.String({
  maxLength: 200,
  description: "What tells it from the product's other SKUs; empty when it is the only one.",
  examples: ["blue, 350 ml"],
});
const reason = Type.String({ minLength: 1, maxLength: 200, examples: ["delivery of 21 November"] });
const onSale = Type.Boolean({ description: "Orders are taken while product and SKU are on sale." });

const price = Type.Object(
  {
    amount: Type.Integer({
      minimum: 0,
      maximum: priceAmountMax,
      description: "In minor units: 1999 is 19.99 yuan.",
      examples: [1999],
    }),
    currency: Type.Enum([...currencies]),
  },
  { title: "Price" },
);

const sku = Type.Object(
  { id, productId: id, title: skuTitle, price, onSale, createdAt: time, changedAt: time },
  { title: "Sku" },
);

const product = Type.Object(
  {
    id,
    title: productTitle,
    onSale,
    skus: Type.Array(sku, { maxItems: skusPerProductMax }),
    createdAt: time,
    changedAt: time,
  },
  { title: "Product" },
);

const newSku = Type.Object(
  { title: skuTitle, price, onSale: Type.Optional(onSale) },
  { title: "NewSku", description: "On sale unless it says otherwise." },
);

const newProduct = Type.Object(
  {
    title: productTitle,
    onSale: Type.Optional(onSale),
    skus: Type.Array(newSku, { maxItems: skusPerProductMax }),
  },
  {
    title: "NewProduct",
    description: "On sale unless it says otherwise. Stock is put in afterwards, SKU by SKU.",
    examples: [
      {
        title: "Enamel mug",
        skus: [{ title: "blue", price: { amount: 1999, currency: "CNY" } }],
      },
    ],
  },
);

const productChange = Type.Object(
  { title: Type.Optional(productTitle), onSale: Type.Optional(onSale) },
  { title: "ProductChange", minProperties: 1, description: "What is left out stays as it is." },
);

const skuChange = Type.Object(
  { title: Type.Optional(skuTitle), onSale: Type.Optional(onSale) },
  { title: "SkuChange", minProperties: 1, description: "What is left out stays as it is." },
);

const pastPrice = Type.Object(
  {
    price,
    validFrom: time,
    setBy: Type.String({ description: "The subject of the token that set it." }),
  },
  { title: "PastPrice", description: "Holds until the `validFrom` of the price above it." },
);

const units = Type.Integer({ minimum: 0 });
const stock = Type.Object(
  {
    putIn: Type.Integer({
      minimum: 0,
      description: "= onHand + setAside + sold + writtenOff, at any time.",
    }),
    onHand: units,
    held: Type.Integer({ minimum: 0, description: "Of those on hand, held by unpaid orders." }),
    available: Type.Integer({ minimum: 0, description: "= onHand - held" }),
    setAside: Type.Integer({ minimum: 0, description: "For sales, held there by orders or not." }),
    sold: units,
    writtenOff: units,
  },
  { title: "Stock" },
);

const availability = Type.Object({ available: units }, { title: "Availability" });

const movementFields = {
  kind: Type.Enum(["put_in", "written_off"]),
  quantity: Type.Integer({ minimum: 1, maximum: quantityMax }),
  reason,
};
const newMovement = Type.Object(movementFields, {
  title: "NewStockMovement",
  examples: [{ kind: "put_in", quantity: 100, reason: "delivery of 21 November" }],
});
const movementReply = { id, skuId: id, ...movementFields, madeBy: Type.String(), at: time };
const movement = Type.Object(movementReply, { title: "StockMovement" });
const movementDone = Type.Object({ ...movementReply, stock }, { title: "StockMovementDone" });

const productParams = Type.Object({ productId: id });
const skuParams = Type.Object({ skuId: id });

function productReads(app: App, catalog: Catalog): void {
  app.get(
    "/v1/products",
    {
      ...reading,
      schema: {
        operationId: "listProducts",
        summary: "Products with their SKUs, newest first",
        description: "Members see what is on sale.",
        tags,
        querystring: Type.Object({ onSale: Type.Optional(Type.Boolean()), ...pageQuery }),
        response: { 200: pageOf(product) },
      },
    },
    async (request) => {
      const { tenantId, kind } = principalOf(request);
      const { page, seen } = readIdPage<"Product">(request.query);
      const rows = await catalog.listProducts(tenantId, {
        onSale: kind === "member" ? true : request.query.onSale,
        before: seen,
        limit: page.rowsMax,
      });
      return toPage(rows, page, {
        key: (row) => [row.product.id],
        view: (row) => productView(row.product, row.skus),
      });
    },
  );

  app.get(
    "/v1/products/:productId",
    {
      ...reading,
      schema: {
        operationId: "getProduct",
        summary: "A product with its SKUs",
        tags,
        params: productParams,
        response: { 200: product },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const found = await catalog.readProduct(tenantId, checkedId(request.params.productId));
      if (isRefusal(found)) return reply.refuse(found);
      return productView(found.product, found.skus);
    },
  );
}

function productWrites(app: App, catalog: Catalog): void {
  app.post(
    "/v1/products",
    {
      ...writing,
      schema: {
        operationId: "createProduct",
        summary: "Create a product with its SKUs",
        tags,
        body: newProduct,
        response: { 201: product },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const { title, skus, onSale: isOnSale = true } = request.body;
      const input = { title, onSale: isOnSale, skus: skus.map(skuInput), by };
      const key = readIdempotencyKey(request);
      return reply.answer(await catalog.createProduct(tenantId, key, input));
    },
  );

  app.patch(
    "/v1/products/:productId",
    {
      ...writing,
      schema: {
        operationId: "changeProduct",
        summary: "Rename a product, or take it on or off sale",
        tags,
        params: productParams,
        body: productChange,
        response: { 200: product },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const key = readIdempotencyKey(request);
      const productId = checkedId<"Product">(request.params.productId);
      const change = { productId, title: request.body.title, onSale: request.body.onSale };
      return reply.answer(await catalog.changeProduct(tenantId, key, change));
    },
  );

  app.post(
    "/v1/products/:productId/skus",
    {
      ...writing,
      schema: {
        operationId: "addSku",
        summary: "Add a SKU to a product",
        tags,
        params: productParams,
        body: newSku,
        response: { 201: sku },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const productId = checkedId<"Product">(request.params.productId);
      const input = { productId, sku: skuInput(request.body), by };
      const key = readIdempotencyKey(request);
      return reply.answer(await catalog.addSku(tenantId, key, input));
    },
  );
}

function skuInput(body: Type.Static<typeof newSku>) {
  const { title, price: given, onSale: isOnSale = true } = body;
  const priceMinor = BigInt(given.amount);
  return { title, priceMinor, currency: given.currency, onSale: isOnSale };
}

function skuReads(app: App, catalog: Catalog): void {
  app.get(
    "/v1/skus/:skuId",
    {
      ...reading,
      schema: {
        operationId: "getSku",
        summary: "A SKU with its price",
        tags,
        params: skuParams,
        response: { 200: sku },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const found = await catalog.readSku(tenantId, checkedId(request.params.skuId));
      return isRefusal(found) ? reply.refuse(found) : skuView(found);
    },
  );

  app.get(
    "/v1/skus/:skuId/prices",
    {
      ...auditing,
      schema: {
        operationId: "listPrices",
        summary: "Every price that a SKU has had, newest first",
        tags,
        params: skuParams,
        querystring: Type.Object(pageQuery),
        response: { 200: pageOf(pastPrice) },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const skuId = checkedId<"Sku">(request.params.skuId);
      const page = readPage<[number]>(request.query, ["number"], ([key]) => isPriceNumber(key));
      const wanted = { skuId, beforeNumber: page.after?.[0], limit: page.rowsMax };
      const rows = await catalog.listPrices(tenantId, wanted);
      if (isRefusal(rows)) return reply.refuse(rows);
      return toPage(rows, page, { key: (row) => [row.number], view: priceView });
    },
  );
}

/** What fits PostgreSQL's integer. */
function isPriceNumber(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 2 ** 31;
}

function skuWrites(app: App, catalog: Catalog): void {
  app.patch(
    "/v1/skus/:skuId",
    {
      ...writing,
      schema: {
        operationId: "changeSku",
        summary: "Rename a SKU, or take it on or off sale",
        tags,
        params: skuParams,
        body: skuChange,
        response: { 200: sku },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const key = readIdempotencyKey(request);
      const skuId = checkedId<"Sku">(request.params.skuId);
      const change = { skuId, title: request.body.title, onSale: request.body.onSale };
      return reply.answer(await catalog.changeSku(tenantId, key, change));
    },
  );

  app.put(
    "/v1/skus/:skuId/price",
    {
      ...writing,
      schema: {
        operationId: "changePrice",
        summary: "Set the price of a SKU",
        description: "Orders that were placed before keep the price that they were placed at.",
        tags,
        params: skuParams,
        body: price,
        response: { 200: sku },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const { amount, currency } = request.body;
      const skuId = checkedId<"Sku">(request.params.skuId);
      const change = { skuId, priceMinor: BigInt(amount), currency, by };
      const key = readIdempotencyKey(request);
      return reply.answer(await catalog.changePrice(tenantId, key, change));
    },
  );
}

function stockRoutes(app: App, catalog: Catalog): void {
  app.get(
    "/v1/skus/:skuId/availability",
    {
      ...reading,
      schema: {
        operationId: "getAvailability",
        summary: "How many units of a SKU can be ordered now",
        tags,
        params: skuParams,
        response: { 200: availability },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const found = await catalog.readStock(tenantId, checkedId(request.params.skuId));
      return isRefusal(found) ? reply.refuse(found) : availabilityView(found);
    },
  );

  app.get(
    "/v1/skus/:skuId/stock",
    {
      ...auditing,
      schema: {
        operationId: "getStock",
        summary: "Where the units of a SKU are",
        tags,
        params: skuParams,
        response: { 200: stock },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const found = await catalog.readStock(tenantId, checkedId(request.params.skuId));
      return isRefusal(found) ? reply.refuse(found) : stockView(found);
    },
  );

  app.post(
    "/v1/skus/:skuId/stock/movements",
    {
      ...writing,
      schema: {
        operationId: "moveStock",
        summary: "Put stock in, or write it off",
        description: "What unpaid orders hold cannot be written off: stock_too_low.",
        tags,
        params: skuParams,
        body: newMovement,
        response: { 201: movementDone },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const skuId = checkedId<"Sku">(request.params.skuId);
      const { kind, quantity, reason: why } = request.body;
      const input = { skuId, quantity: BigInt(quantity), reason: why, by };
      const key = readIdempotencyKey(request);
      const moveStock = kind === "put_in" ? catalog.putInStock : catalog.writeOffStock;
      return reply.answer(await moveStock(tenantId, key, input));
    },
  );

  app.get(
    "/v1/skus/:skuId/stock/movements",
    {
      ...auditing,
      schema: {
        operationId: "listStockMovements",
        summary: "Stock put in and written off, newest first",
        description: "What orders took and gave back stands in the ledger.",
        tags,
        params: skuParams,
        querystring: Type.Object(pageQuery),
        response: { 200: pageOf(movement) },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const skuId = checkedId<"Sku">(request.params.skuId);
      const { page, seen } = readIdPage<"StockMovement">(request.query);
      const wanted = { skuId, before: seen, limit: page.rowsMax };
      const rows = await catalog.listStockMovements(tenantId, wanted);
      if (isRefusal(rows)) return reply.refuse(rows);
      return toPage(rows, page, { key: (row) => [row.id], view: stockMovementView });
    },
  );
}
