import { expect, test } from "vitest";
import { canMove, isUnfinished, statesOf } from "../../kernel/machine.ts";
import type { Sku } from "../catalog/index.ts";
import { stockAccounts } from "../catalog/index.ts";
import type { Account, LedgerWorld } from "../ledger/index.ts";
import { openLegs } from "../ledger/index.ts";
import { decideCancelOrder, decideCloseDueOrder, decidePlaceOrder } from "./domain/decisions.ts";
import { orderMachine } from "./domain/machine.ts";
import type { Order, OrdersWorld, PlaceOrder } from "./domain/types.ts";

const mug = "018f3b6e-0000-7000-8000-000000000001" as Sku["id"];
const tea = "018f3b6e-0000-7000-8000-000000000002" as Sku["id"];
const shop = "018f3b6e-0000-7000-8000-000000000003" as Sku["productId"];
const orderId = "018f3b6e-0000-7000-8000-00000000000a" as Order["id"];
const now = 1_000_000;

function skuOf(id: Sku["id"], change: Partial<Sku> = {}): Sku {
  return {
    id,
    productId: shop,
    title: id,
    priceMinor: 100n,
    currency: "CNY",
    onSale: true,
    ...change,
  };
}

/** Five units of each SKU on the shelf. */
function worldOf(skus: readonly Sku[]): OrdersWorld {
  const accounts = skus.flatMap(({ id }): Account[] => {
    const of = stockAccounts(id);
    const shared = { asset: `stock:${id}`, indexed: false, pendingDebits: 0n, pendingCredits: 0n };
    return [
      { id: of.onHand, guarded: true, posted: 5n, ...shared },
      { id: of.sold, guarded: true, posted: 0n, ...shared },
    ];
  });
  const ledger: LedgerWorld = {
    accounts: new Map(accounts.map((account) => [account.id, account])),
    bundles: new Map(),
    touched: new Set(),
    written: [],
    opened: [],
  };
  return {
    orders: new Map(),
    steps: new Map(),
    skus: new Map(skus.map((sku) => [sku.id, sku])),
    ledger,
  };
}

function command(lines: PlaceOrder["lines"]): PlaceOrder {
  const made = { orderId, number: "T1", placedBy: "test", closeAfterMs: 60_000 };
  return { ...made, memberId: "m-1", lines };
}

const refusalsInOrder = [
  ["sku_not_found", [skuOf(mug)], [{ skuId: tea, quantity: 1 }]],
  ["sku_not_on_sale", [skuOf(mug, { onSale: false })], [{ skuId: mug, quantity: 9 }]],
  ["order_too_large", [skuOf(mug, { priceMinor: 2n ** 53n })], [{ skuId: mug, quantity: 9 }]],
  ["sold_out", [skuOf(mug)], [{ skuId: mug, quantity: 6 }]],
] as const;

test.each(refusalsInOrder)("refuses with %s and holds nothing", (code, skus, lines) => {
  const world = worldOf(skus);
  expect(decidePlaceOrder(world, command(lines), now)).toMatchObject({ kind: "refused", code });
  expect([world.orders.size, world.ledger.written]).toEqual([0, []]);
});

test("lines of one SKU share its shelf: all of them are held, or none", () => {
  const lines = [
    { skuId: mug, quantity: 3 },
    { skuId: tea, quantity: 1 },
    { skuId: mug, quantity: 3 },
  ];
  const world = worldOf([skuOf(mug), skuOf(tea)]);
  expect(decidePlaceOrder(world, command(lines), now)).toMatchObject({ code: "sold_out" });
  expect(world.ledger.written).toEqual([]);
});

test("an order that is due is closed once, and its units are free again", () => {
  const world = worldOf([skuOf(mug)]);
  decidePlaceOrder(world, command([{ skuId: mug, quantity: 2 }]), now);
  expect(decideCloseDueOrder(world, orderId, now + 59_999)).toBeUndefined();
  expect(openLegs(world.ledger, orderId)).toHaveLength(1);
  expect(decideCloseDueOrder(world, orderId, now + 60_000)).toMatchObject({ kind: "moved" });
  expect(openLegs(world.ledger, orderId)).toEqual([]);
  expect(decideCloseDueOrder(world, orderId, now + 60_000)).toBeUndefined();
});

test("an order on its way to be paid is not cancelled under the payer's hands [ORD-05]", () => {
  const world = worldOf([skuOf(mug)]);
  const placed = decidePlaceOrder(world, command([{ skuId: mug, quantity: 2 }]), now);
  if (placed.kind === "placed") placed.order.state = "paying";
  const refused = decideCancelOrder(world, { orderId, madeBy: "test" }, now);
  expect(refused).toMatchObject({ code: "order_not_cancellable", facts: { state: "paying" } });
});

test("no state of an order can get stuck", () => {
  for (const state of statesOf(orderMachine).filter((name) => isUnfinished(orderMachine, name))) {
    const exits = statesOf(orderMachine).filter((next) => canMove(orderMachine, state, next));
    expect(exits.length).toBeGreaterThan(0);
  }
});
