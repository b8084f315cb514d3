import { createHash } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { required } from "../../kernel/assert.ts";
import { createCommitters } from "../../kernel/batch.ts";
import { createDatabase } from "../../kernel/database.ts";
import type { IdempotencyKey } from "../../kernel/idempotency.ts";
import { createIds, parseId } from "../../kernel/ids.ts";
import type { Answer } from "../../kernel/operation.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import type { Refusal } from "../../kernel/refusal.ts";
import { testDatabase } from "../../kernel/testing/database.ts";
import { createManualClock, minuteMs, systemClock } from "../../kernel/time.ts";
import { createLedger, hold, loadLedger, post, saveLedger } from "../ledger/index.ts";
import type { ProductView, SkuView } from "./domain/views.ts";
import type { ProductId, SkuId } from "./index.ts";
import { createCatalog, loadSkus, stockAccounts } from "./index.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 0, 1));
const database = createDatabase({ url, clock });
const committers = createCommitters({ database });
const ids = createIds({ clock: systemClock });
const ledger = createLedger({ database, clock });
const catalog = createCatalog({ database, committers, ledger, ids });
afterAll(async () => {
  await committers.stop();
  await database.close();
});

/** A key of its own; the body is the operations' callers' business. */
function newKey(): IdempotencyKey {
  const key = ids.next<"Key">();
  return { key, bodyHash: createHash("sha256").update(key).digest() };
}

async function answered<View>(result: Promise<Answer | Refusal>): Promise<View> {
  const answer = await result;
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  return JSON.parse(answer.body);
}

function unrefused<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`refused: ${value.code}`);
  return value;
}

/** A new tenant that sells a mug in two colours. */
async function shop() {
  const tenantId = ids.next<"Tenant">();
  const sku = (title: string) =>
    ({ title, priceMinor: 1_999n, currency: "CNY", onSale: true }) as const;
  const product = await answered<ProductView>(
    catalog.createProduct(tenantId, newKey(), {
      title: "Enamel mug",
      onSale: true,
      skus: [sku("blue"), sku("red")],
      by: "anna",
    }),
  );
  const [blue, red] = product.skus.map(({ id }) => required(parseId<"Sku">(id), "a SKU"));
  return {
    tenantId,
    productId: required(parseId<"Product">(product.id), "a product"),
    blue: required(blue, "blue"),
    red: required(red, "red"),
  };
}

function stockInput(skuId: SkuId, quantity: bigint) {
  return { skuId, quantity, reason: "delivery", by: "anna" };
}

function skusForSale(tenantId: string, skuIds: SkuId[]) {
  return database.transaction(tenantId, (tx) => loadSkus(tx, skuIds));
}

describe("what orders load", () => {
  test("is product and SKU in one, and absent when unknown or of another tenant", async () => {
    const { tenantId, productId, blue } = await shop();
    const unknown = ids.next<"Sku">();
    const skus = await skusForSale(tenantId, [blue, unknown, blue]);
    expect([...skus.values()]).toEqual([
      {
        id: blue,
        productId,
        title: "Enamel mug, blue",
        priceMinor: 1_999n,
        currency: "CNY",
        onSale: true,
      },
    ]);
    expect(await skusForSale(ids.next(), [blue])).toEqual(new Map());
    expect(await skusForSale(tenantId, [])).toEqual(new Map());
  });

  test("is on sale when both the product and the SKU are", async () => {
    const { tenantId, productId, blue, red } = await shop();
    await catalog.changeSku(tenantId, newKey(), { skuId: red, title: undefined, onSale: false });
    const first = await skusForSale(tenantId, [blue, red]);
    expect([first.get(blue)?.onSale, first.get(red)?.onSale]).toEqual([true, false]);
    const change = { productId, title: "Mug", onSale: false };
    await catalog.changeProduct(tenantId, newKey(), change);
    const second = await skusForSale(tenantId, [blue]);
    expect(second.get(blue)).toMatchObject({ onSale: false, title: "Mug, blue" });
  });

  test("finds the accounts of its stock open", async () => {
    const { tenantId, blue } = await shop();
    const accounts = Object.values(stockAccounts(blue));
    const world = await database.transaction(tenantId, (tx) => loadLedger(tx, { accounts }));
    expect(world.accounts.size).toBe(4);
  });
});

describe("stock", () => {
  test("is put in, held, sold and written off, and always adds up [CAT-01] [CAT-02] [CAT-07]", async () => {
    const { tenantId, blue } = await shop();
    await catalog.putInStock(tenantId, newKey(), stockInput(blue, 10n));
    const { onHand, sold } = stockAccounts(blue);
    const order = ids.next<"Order">();
    await database.transaction(tenantId, async (tx) => {
      const world = await loadLedger(tx, { accounts: [onHand, sold] });
      const legs = [{ debit: onHand, credit: sold, amount: 6n }];
      hold(world, { id: order, legs, reference: order, reason: "order placed" });
      post(world, { bundleId: order, reason: "paid" }, new Map([[1, 2n]]));
      saveLedger(tx, world);
    });
    const tooMuch = await catalog.writeOffStock(tenantId, newKey(), stockInput(blue, 5n));
    expect(tooMuch).toMatchObject({
      code: "stock_too_low",
      facts: { available: 4n, held: 4n, wanted: 5n },
    });
    const written = await answered(catalog.writeOffStock(tenantId, newKey(), stockInput(blue, 3n)));
    expect(written).toMatchObject({ kind: "written_off", quantity: 3, madeBy: "anna" });
    const stock = { putIn: 10n, onHand: 5n, held: 4n, setAside: 0n, sold: 2n, writtenOff: 3n };
    expect(await catalog.readStock(tenantId, blue)).toEqual(stock);
    expect(written).toMatchObject({ stock: { onHand: 5, available: 1, held: 4 } });
    expect((await ledger.audit(tenantId)).sound).toBe(true);
  });

  test("movements are listed newest first, page by page", async () => {
    const { tenantId, blue, red } = await shop();
    for (const quantity of [1n, 2n, 3n]) {
      await catalog.putInStock(tenantId, newKey(), stockInput(blue, quantity));
    }
    await catalog.putInStock(tenantId, newKey(), stockInput(red, 9n));
    const page = async (before?: Parameters<typeof catalog.listStockMovements>[1]["before"]) =>
      unrefused(await catalog.listStockMovements(tenantId, { skuId: blue, before, limit: 2 }));
    const first = await page();
    expect(first.map(({ quantity }) => quantity)).toEqual([3n, 2n]);
    expect((await page(first.at(-1)?.id)).map(({ quantity }) => quantity)).toEqual([1n]);
  });

  test("put in twice under one key comes in once", async () => {
    const { tenantId, blue } = await shop();
    const key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => catalog.putInStock(tenantId, key, stockInput(blue, 5n))),
    );
    const bodies = answers.map((answer) => (isRefusal(answer) ? answer.code : answer.body));
    expect(new Set(bodies).size).toBe(1);
    expect(await catalog.readStock(tenantId, blue)).toMatchObject({ putIn: 5n });
  });
});

describe("prices", () => {
  test("that were changed are kept with their time and who set them", async () => {
    const { tenantId, blue } = await shop();
    clock.advance(minuteMs);
    const changedAt = clock.now();
    const price = { skuId: blue, priceMinor: 1_500n, currency: "CNY", by: "bela" } as const;
    const sku = await answered<SkuView>(catalog.changePrice(tenantId, newKey(), price));
    expect(sku.price).toEqual({ amount: 1_500, currency: "CNY" });
    const list = async (beforeNumber?: number) =>
      unrefused(await catalog.listPrices(tenantId, { skuId: blue, beforeNumber, limit: 10 }));
    expect(
      (await list()).map(({ priceMinor, validFrom, setBy }) => [priceMinor, validFrom, setBy]),
    ).toEqual([
      [1_500n, changedAt, "bela"],
      [1_999n, changedAt - minuteMs, "anna"],
    ]);
    expect((await list(2)).map(({ number }) => number)).toEqual([1]);
  });

  test("changed by many at once are all kept, each with its number", async () => {
    const { tenantId, blue } = await shop();
    const other = createCommitters({ database });
    const catalogs = [catalog, createCatalog({ database, committers: other, ledger, ids })];
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        required(catalogs[index % 2], "a catalog").changePrice(tenantId, newKey(), {
          skuId: blue,
          priceMinor: BigInt(index),
          currency: "CNY",
          by: "bela",
        }),
      ),
    );
    await other.stop();
    const prices = unrefused(
      await catalog.listPrices(tenantId, { skuId: blue, beforeNumber: undefined, limit: 50 }),
    );
    expect(prices.map(({ number }) => number)).toEqual(
      Array.from({ length: 21 }, (_, index) => 21 - index),
    );
    const sku = unrefused(await catalog.readSku(tenantId, blue));
    expect([sku.priceNumber, sku.priceMinor]).toEqual([21, prices[0]?.priceMinor]);
  });
});

describe("products", () => {
  test("are listed newest first with their SKUs, on sale or not", async () => {
    const { tenantId } = await shop();
    const create = async (title: string, onSale: boolean) =>
      answered<ProductView>(
        catalog.createProduct(tenantId, newKey(), { title, onSale, skus: [], by: "anna" }),
      );
    await create("Plate", false);
    await create("Bowl", true);
    const list = async (onSale?: boolean, before?: ProductId) =>
      (await catalog.listProducts(tenantId, { onSale, before, limit: 2 })).map(
        ({ product, skus }) => [product.title, skus.length],
      );
    expect(await list()).toEqual([
      ["Bowl", 0],
      ["Plate", 0],
    ]);
    expect(await list(true)).toEqual([
      ["Bowl", 0],
      ["Enamel mug", 2],
    ]);
    expect(await list(false)).toEqual([["Plate", 0]]);
    const [newest] = await catalog.listProducts(tenantId, {
      onSale: true,
      before: undefined,
      limit: 1,
    });
    expect(await list(true, newest?.product.id)).toEqual([["Enamel mug", 2]]);
  });

  test("get more SKUs, and not those of another tenant", async () => {
    const { tenantId, productId, blue } = await shop();
    const sku = { title: "green", priceMinor: 0n, currency: "CNY", onSale: false } as const;
    const added = await answered<SkuView>(
      catalog.addSku(tenantId, newKey(), { productId, sku, by: "anna" }),
    );
    const found = unrefused(await catalog.readProduct(tenantId, productId));
    expect(found.skus.map(({ title }) => title)).toEqual(["blue", "red", "green"]);
    expect(found.skus.at(-1)?.id).toBe(added.id);

    const other = ids.next<"Tenant">();
    const refused = { kind: "refused", code: "not_found" };
    const stranger = { productId, sku, by: "anna" };
    expect(await catalog.addSku(other, newKey(), stranger)).toMatchObject(refused);
    expect(await catalog.readProduct(other, productId)).toMatchObject(refused);
    expect(await catalog.readSku(other, blue)).toMatchObject(refused);
    expect(await catalog.readStock(other, blue)).toMatchObject(refused);
    expect(await catalog.putInStock(other, newKey(), stockInput(blue, 1n))).toMatchObject(refused);
  });

  test("tell what happened to them as events, in order", async () => {
    const { tenantId, blue } = await shop();
    await catalog.putInStock(tenantId, newKey(), stockInput(blue, 5n));
    const { rows } = await database
      .poolFor(tenantId)
      .query<{ type: string }>("select type from kernel.events where tenant_id = $1 order by seq", [
        tenantId,
      ]);
    expect(rows.map(({ type }) => type)).toEqual([
      "product_created",
      "sku_added",
      "sku_added",
      "stock_put_in",
    ]);
  });
});
