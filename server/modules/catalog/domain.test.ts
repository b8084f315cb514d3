import { describe, expect, test } from "vitest";
import { required } from "../../kernel/assert.ts";
import type { Id } from "../../kernel/ids.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import { withSeed } from "../../kernel/testing/random.ts";
import { available, hold, move, post, release } from "../ledger/index.ts";
import {
  decideAddSku,
  decideChangePrice,
  decideChangeProduct,
  decideChangeSku,
  decideCreateProduct,
  decideMoveStock,
  skusPerProductMax,
} from "./domain/decisions.ts";
import { stockAccounts, stockFrom } from "./domain/stock.ts";
import type { CatalogWorld, NewSku, SkuId } from "./domain/types.ts";
import { availabilityView, fullTitle } from "./domain/views.ts";

const now = Date.UTC(2026, 0, 1);
const mug = idOf<"Product">(1);
const blue = idOf<"Sku">(2);

function idOf<Name extends string>(number: number): Id<Name> {
  // Ids are made by the kernel alone; here they only have to differ.
  return `01890000-0000-7000-8000-${String(number).padStart(12, "0")}` as Id<Name>;
}

function emptyWorld(): CatalogWorld {
  return {
    products: new Map(),
    skus: new Map(),
    ledger: {
      accounts: new Map(),
      bundles: new Map(),
      touched: new Set(),
      written: [],
      opened: [],
    },
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

function skuInput(id: SkuId, title = "blue"): NewSku {
  return { id, title, priceMinor: 1_999n, currency: "CNY", onSale: true };
}

/** A mug on sale, in blue, ten on the shelf. */
function shop(): CatalogWorld {
  const world = emptyWorld();
  decideCreateProduct(
    world,
    { productId: mug, title: "Enamel mug", onSale: true, skus: [skuInput(blue)], by: "anna" },
    now,
  );
  moveStock(world, "put_in", 10n);
  return world;
}

function moveStock(world: CatalogWorld, kind: "put_in" | "written_off", quantity: bigint) {
  const movementId = idOf<"StockMovement">(1_000 + world.written.movements.length);
  return decideMoveStock(
    world,
    { movementId, kind, skuId: blue, quantity, reason: "counted", by: "anna" },
    now,
  );
}

function lastEvent(world: CatalogWorld) {
  return required(world.written.events.at(-1), "an event");
}

describe("refuses", () => {
  const unknownProduct = idOf<"Product">(404);
  const unknownSku = idOf<"Sku">(404);
  const crowd = Array.from({ length: skusPerProductMax + 1 }, (_, index) =>
    skuInput(idOf(5_000 + index)),
  );
  const none = { title: undefined, onSale: undefined };
  const price = { priceMinor: 1n, currency: "CNY", by: "anna" } as const;
  const stock = { movementId: idOf<"StockMovement">(9), reason: "counted", by: "anna" };
  const cases: [string, string, (world: CatalogWorld) => unknown][] = [
    [
      "a product with too many SKUs",
      "too_many_skus",
      (world) =>
        decideCreateProduct(
          world,
          { productId: unknownProduct, title: "Crowd", onSale: true, skus: crowd, by: "anna" },
          now,
        ),
    ],
    [
      "to change a product that is not there",
      "not_found",
      (world) => decideChangeProduct(world, { productId: unknownProduct, ...none }, now),
    ],
    [
      "a SKU of a product that is not there",
      "not_found",
      (world) =>
        decideAddSku(
          world,
          { productId: unknownProduct, sku: skuInput(unknownSku), by: "anna" },
          now,
        ),
    ],
    [
      "to change a SKU that is not there",
      "not_found",
      (world) => decideChangeSku(world, { skuId: unknownSku, ...none }, now),
    ],
    [
      "a price of a SKU that is not there",
      "not_found",
      (world) => decideChangePrice(world, { skuId: unknownSku, ...price }, now),
    ],
    [
      "stock of a SKU that is not there",
      "not_found",
      (world) =>
        decideMoveStock(world, { ...stock, kind: "put_in", skuId: unknownSku, quantity: 1n }, now),
    ],
    [
      "to write off more than is there",
      "stock_too_low",
      (world) =>
        decideMoveStock(world, { ...stock, kind: "written_off", skuId: blue, quantity: 11n }, now),
    ],
  ];
  test.each(cases)("%s, and writes nothing", (_name, code, act) => {
    const world = shop();
    const events = world.written.events.length;
    expect(act(world)).toMatchObject({ kind: "refused", code });
    expect(world.written.events).toHaveLength(events);
  });

  test("the SKU after the last that a product may have", () => {
    const world = shop();
    const add = (number: number) =>
      decideAddSku(world, { productId: mug, sku: skuInput(idOf(number)), by: "anna" }, now);
    for (let count = 1; count < skusPerProductMax; count += 1) {
      expect(add(5_000 + count)).toMatchObject({ kind: "sku", isNew: true });
    }
    expect(add(6_000)).toMatchObject({ code: "too_many_skus", facts: { max: skusPerProductMax } });
  });

  test("to write off what an order holds, and says how much is free [CAT-07]", () => {
    const world = shop();
    const { onHand, sold } = stockAccounts(blue);
    const legs = [{ debit: onHand, credit: sold, amount: 7n }];
    hold(world.ledger, { id: "order", legs, reference: "order", reason: "order placed" });
    expect(moveStock(world, "written_off", 4n)).toMatchObject({
      code: "stock_too_low",
      facts: { available: 3n, held: 7n, wanted: 4n },
    });
    expect(moveStock(world, "written_off", 3n)).toMatchObject({ kind: "stock_moved" });
  });
});

test("a new SKU has its first price and four stock accounts, of which supply alone goes below zero", () => {
  const world = shop();
  expect(world.written.prices).toEqual([
    { skuId: blue, number: 1, priceMinor: 1_999n, currency: "CNY", validFrom: now, setBy: "anna" },
  ]);
  expect(world.ledger.opened.map(({ code, guarded }) => [code, guarded])).toEqual([
    [`stock.on_hand.${blue}`, true],
    [`stock.supply.${blue}`, false],
    [`stock.sold.${blue}`, true],
    [`stock.written_off.${blue}`, true],
  ]);
  expect(new Set(world.ledger.opened.map(({ asset }) => asset))).toEqual(
    new Set([`stock:${blue}`]),
  );
  expect(world.written.events.map(({ type }) => type)).toEqual([
    "product_created",
    "sku_added",
    "stock_put_in",
  ]);
});

test("a changed price keeps the former one and says both", () => {
  const world = shop();
  const command = { skuId: blue, priceMinor: 1_500n, currency: "CNY", by: "bela" } as const;
  const later = now + 1;
  expect(decideChangePrice(world, command, later)).toMatchObject({
    sku: { priceMinor: 1_500n, priceNumber: 2, changedAt: later },
  });
  expect(world.written.prices.map(({ number, priceMinor }) => [number, priceMinor])).toEqual([
    [1, 1_999n],
    [2, 1_500n],
  ]);
  expect(lastEvent(world)).toMatchObject({
    type: "sku_price_changed",
    data: { price: { amount: 1_500 }, before: { amount: 1_999 } },
  });
});

test("a change to what is already so changes nothing and tells nobody", () => {
  const world = shop();
  const events = world.written.events.length;
  const later = now + 1;
  decideChangeProduct(world, { productId: mug, title: "Enamel mug", onSale: true }, later);
  decideChangeSku(world, { skuId: blue, title: undefined, onSale: true }, later);
  const same = { skuId: blue, priceMinor: 1_999n, currency: "CNY", by: "bela" } as const;
  decideChangePrice(world, same, later);
  expect(world.written.events).toHaveLength(events);
  expect(world.written.changedProducts.size + world.written.changedSkus.size).toBe(0);
  expect(world.written.prices).toHaveLength(1);
});

test("what is not said stays as it is", () => {
  const world = shop();
  const outcome = decideChangeProduct(
    world,
    { productId: mug, title: undefined, onSale: false },
    now,
  );
  expect(outcome).toMatchObject({ product: { title: "Enamel mug", onSale: false } });
  expect(lastEvent(world)).toMatchObject({ type: "product_changed", data: { onSale: false } });
});

test("what unpaid orders hold cannot be ordered", () => {
  const stock = { putIn: 9n, onHand: 7n, held: 2n, setAside: 0n, sold: 1n, writtenOff: 1n };
  expect(availabilityView(stock)).toEqual({ available: 5 });
});

test("a buyer reads product and variant in one title", () => {
  expect(fullTitle("Enamel mug", "blue")).toBe("Enamel mug, blue");
  expect(fullTitle("Enamel mug", "")).toBe("Enamel mug");
});

test("put in = on hand + sold + written off after any 20,000 steps [CAT-01] [CAT-02] [CAT-07]", () =>
  withSeed((random) => {
    const world = shop();
    const accounts = stockAccounts(blue);
    const { onHand, sold } = accounts;
    const open: string[] = [];
    let putIn = 10n;
    let returned = 0;
    for (let step = 1; step <= 20_000; step += 1) {
      const quantity = BigInt(1 + random.below(5));
      const id = `order ${step}`;
      const kind = random.below(7);
      const bundle = { id, reference: id, reason: "test" };
      if (kind <= 1) {
        if (!isRefusal(moveStock(world, kind === 0 ? "put_in" : "written_off", quantity))) {
          putIn += kind === 0 ? quantity : 0n;
        }
      } else if (kind <= 3 && available(world.ledger, onHand) >= quantity) {
        hold(world.ledger, {
          ...bundle,
          legs: [{ debit: onHand, credit: sold, amount: quantity }],
        });
        open.push(id);
      } else if (kind <= 5 && open.length > 0) {
        const ending = { bundleId: random.pick(open), reason: "test" };
        if (kind === 4) post(world.ledger, ending);
        else release(world.ledger, ending);
      } else if (available(world.ledger, sold) >= quantity) {
        move(world.ledger, {
          ...bundle,
          legs: [{ debit: sold, credit: onHand, amount: quantity }],
        });
        returned += 1;
      }
      const stock = stockFrom(blue, (account) =>
        required(world.ledger.accounts.get(account), "a stock account"),
      );
      expect(stock.putIn).toBe(putIn);
      expect(stock.onHand + stock.sold + stock.writtenOff).toBe(putIn);
      expect(stock.onHand >= stock.held && stock.held >= 0n && stock.sold >= 0n).toBe(true);
    }
    expect(returned).toBeGreaterThan(100);
  }));
