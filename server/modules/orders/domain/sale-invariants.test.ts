import { expect, test } from "vitest";
import { minuteMs } from "../../../kernel/time.ts";
import type { SeededRandom } from "../../../kernel/testing/random.ts";
import { seededRandom, withSeed } from "../../../kernel/testing/random.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { SaleShop } from "./testing/sale-shop.ts";
import { closesAt, createSaleShop, saleId, saleItem } from "./testing/sale-shop.ts";
import { mug, rest, tea, units } from "./testing/shop.ts";
import type { Order } from "./types.ts";

const limits = { sale: 4, tea: 2 };
const allotments = [
  { sku: mug, allotment: 12n },
  { sku: tea, allotment: 6n },
];
const members = ["m-1", "m-2", "m-3", "m-4", "m-5"];

const createLimitedShop = () =>
  createSaleShop({
    limitPerMember: limits.sale,
    items: allotments.map(({ sku, allotment }) => ({
      skuId: sku.id,
      priceMinor: 300n,
      allotment,
      ...saleItem,
      limitPerMember: sku === tea ? limits.tea : undefined,
    })),
  });

/** Something that happens to the sale or to one of its orders, as it comes. */
function happen(shop: SaleShop, random: SeededRandom): void {
  const lines = [{ skuId: random.pick([mug, tea]).id, quantity: 1 + random.below(3) }];
  const more = [{ skuId: random.pick([mug, tea]).id, quantity: 1 }];
  const wanted = random.chance(0.3) ? [...lines, ...more] : lines;
  const orders = [...shop.world.orders.values()];
  if (orders.length === 0 || random.chance(0.25)) {
    shop.buy(wanted, random.pick(members));
    return;
  }
  const order = random.pick(orders);
  const payment = shop.world.payments.payments.get(order.id);
  const attempts = [...shop.world.payments.attempts.values()].filter(
    ({ paymentId }) => paymentId === payment?.id,
  );
  const refunds = [...shop.world.payments.refunds.values()].filter(
    ({ reference }) => reference === order.id,
  );
  const back = random.pick([rest, units(1, 1)]);
  const ending = random.pick(["refunded", "refunded", "refused"] as const);
  const acts: (() => unknown)[] = [
    () => void shop.place(wanted),
    () => void shop.start(order.id),
    () => void shop.start(order.id),
    () => void shop.cancel(order.id),
    () => void shop.refund(order.id, back, random.chance(0.7)),
    () => shop.advance(random.below(2 * minuteMs)),
    () => shop.closeDue(order.id),
    () => shop.deliver(),
    () => shop.sweep(),
    () => shop.returnUnits(),
    () => random.chance(0.01) && shop.end(),
    () => attempts.length > 0 && shop.pay(random.pick(attempts)),
    () => attempts.length > 0 && shop.closeOutside(random.pick(attempts)),
    () => refunds.length > 0 && shop.answerRefund(random.pick(refunds).id, ending),
  ];
  random.pick(acts)();
}

const quantityIn = (orders: readonly Order[], skuId: SkuId) =>
  orders
    .flatMap(({ lines }) => lines)
    .filter((line) => line.skuId === skuId)
    .reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);

/** Units that went from the sale to the shelf, as its events tell. */
function returnedOf(shop: SaleShop, skuId: SkuId): bigint {
  return shop.events
    .flatMap(({ data }) => ("units" in data ? data.units : []))
    .filter((told) => told.skuId === skuId)
    .reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
}

/** Units that refunds have put back, as the events of orders tell. */
function restockedOf(shop: SaleShop, skuId: SkuId): bigint {
  return shop.world.written.events
    .flatMap(({ type, data }) =>
      type === "order_restocked" && data.saleId === saleId ? data.units : [],
    )
    .filter((told) => told.skuId === skuId)
    .reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
}

function checkUnits(shop: SaleShop): void {
  const orders = [...shop.world.orders.values()];
  const inSale = orders.filter((order) => order.saleId === saleId);
  const holding = inSale.filter(({ state }) => /^(pending_payment|paying|closing)$/.test(state));
  for (const { sku, allotment } of allotments) {
    const { left, held } = shop.unitsOf(sku.id);
    expect(left >= 0n).toBe(true);
    expect(held).toBe(quantityIn(holding, sku.id));
    const paid = inSale.filter(({ paidAt }) => paidAt !== undefined);
    const sold = quantityIn(paid, sku.id) - restockedOf(shop, sku.id);
    expect(sold + held + left + returnedOf(shop, sku.id)).toBe(allotment);
    // Nothing of the sale's gets lost, or comes out of nowhere, beside it.
    const { onHand, sold: soldInAll } = shop.stockOf(sku.id);
    expect(onHand + left + held + soldInAll).toBe(20n);
  }
}

function checkLimits(shop: SaleShop): void {
  const counted = [...shop.world.orders.values()].filter(
    (order) => order.saleId === saleId && order.state !== "closed" && order.state !== "refunded",
  );
  for (const member of members) {
    const own = counted.filter(({ memberId }) => memberId === member);
    const teas = quantityIn(own, tea.id);
    expect(teas <= BigInt(limits.tea)).toBe(true);
    expect(teas + quantityIn(own, mug.id) <= BigInt(limits.sale)).toBe(true);
  }
}

/** Whoever still may pay does not, and everything is heard of. */
function settle(shop: SaleShop): void {
  shop.advance(closesAt + 60 * minuteMs - shop.now());
  shop.sweep();
  for (const order of shop.world.orders.values()) shop.closeDue(order.id);
  for (const attempt of shop.world.payments.attempts.values()) shop.closeOutside(attempt);
  shop.deliver();
  shop.returnUnits();
}

test("whatever happens: allotment = sold + held + left + returned, and no limit is passed [FLS-07, FLS-08]", () =>
  withSeed((given) => {
    let placed = 0;
    for (let run = 0; run < 30; run += 1) {
      const random = seededRandom(given.below(2 ** 31));
      const shop = createLimitedShop();
      if (random.chance(0.9)) shop.open();
      for (let step = 0; step < 150; step += 1) {
        happen(shop, random);
        checkUnits(shop);
        checkLimits(shop);
      }
      settle(shop);
      checkUnits(shop);
      expect(shop.sale().state).toBe("ended");
      for (const { sku } of allotments) {
        expect(shop.unitsOf(sku.id)).toEqual({ left: 0n, held: 0n });
      }
      placed += shop.world.orders.size;
    }
    // The run is worth something.
    expect(placed).toBeGreaterThan(250);
  }));
