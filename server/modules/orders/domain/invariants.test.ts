import { expect, test } from "vitest";
import type { SeededRandom } from "../../../kernel/testing/random.ts";
import { seededRandom, withSeed } from "../../../kernel/testing/random.ts";
import type { Shop } from "./testing/shop.ts";
import {
  amount,
  closeAfterMs,
  createShop,
  gift,
  mug,
  rest,
  tea,
  tray,
  units,
} from "./testing/shop.ts";
import type { Order } from "./types.ts";

/** Something that happens to one of the orders, as it comes. */
function happen(shop: Shop, random: SeededRandom): void {
  const orders = [...shop.world.orders.values()];
  if (orders.length < 3 || random.chance(0.03)) {
    const quantity = 1 + random.below(2);
    const few = [{ skuId: random.pick([mug, mug, gift]).id, quantity }];
    shop.place(random.chance(0.7) ? tray : few);
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
  const wanted = random.pick([
    rest,
    amount(BigInt(1 + random.below(2_000))),
    units(1 + random.below(2), 1 + random.below(2)),
  ]);
  const ending = random.pick(["refunded", "refunded", "refused"] as const);
  const acts: (() => unknown)[] = [
    () => void shop.start(order.id, { method: random.pick(["native", "h5"]) }),
    () => random.chance(0.2) && shop.cancel(order.id),
    () => void shop.complete(order.id),
    () => void shop.refund(order.id, wanted, random.chance(0.7)),
    () => void shop.refund(order.id, wanted, random.chance(0.7)),
    () => shop.advance(random.below(closeAfterMs / 40)),
    () => shop.closeDue(order.id),
    () => shop.deliver(),
    () => shop.deliver(),
    () => attempts.length > 0 && random.chance(0.4) && shop.pay(random.pick(attempts)),
    () => attempts.length > 0 && shop.closeOutside(random.pick(attempts)),
    () => refunds.length > 0 && shop.answerRefund(random.pick(refunds).id, ending),
    () => refunds.length > 0 && shop.answerRefund(random.pick(refunds).id, ending),
  ];
  random.pick(acts)();
}

/** Of what an order bought, what refunds have not put back on sale. */
function keptUnits(shop: Shop, order: Order, skuId: string): bigint {
  if (order.paidAt === undefined) return 0n;
  return order.lines.reduce((sum, line, at) => {
    if (line.skuId !== skuId) return sum;
    const back = [...shop.world.refunds.values()]
      .filter(
        ({ orderId, state, restock }) => orderId === order.id && state === "refunded" && restock,
      )
      .flatMap(({ lines }) => lines)
      .filter((given) => given.line === at + 1)
      .reduce((total, { quantity }) => total + quantity, 0);
    return sum + BigInt(Math.max(line.quantity - back, 0));
  }, 0n);
}

function checkInvariants(shop: Shop, isAllHeard: boolean): void {
  const orders = [...shop.world.orders.values()];
  for (const sku of [mug, tea, gift]) {
    const { onHand, held, sold } = shop.stockOf(sku.id);
    expect(onHand + sold).toBe(20n);
    expect(held <= onHand).toBe(true);
    const heldByOrders = orders
      .filter(({ state }) => ["pending_payment", "paying", "closing"].includes(state))
      .flatMap(({ lines }) => lines)
      .filter(({ skuId }) => skuId === sku.id)
      .reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
    expect(held).toBe(heldByOrders);
    const kept = orders.reduce((sum, order) => sum + keptUnits(shop, order, sku.id), 0n);
    const bought = orders
      .filter(({ paidAt }) => paidAt !== undefined)
      .flatMap(({ lines }) => lines)
      .filter(({ skuId }) => skuId === sku.id)
      .reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
    // A refund that succeeds after its units went back with another one leaves more sold.
    expect(sold >= kept && sold <= bought).toBe(true);
  }
  for (const order of orders) {
    expect(order.refundedMinor <= order.totalMinor).toBe(true);
    if (!isAllHeard) continue;
    const { attempts } = shop.world.payments;
    const sentBack = [...shop.world.payments.refunds.values()]
      .filter(({ reference, state }) => reference === order.id && state === "refunded")
      .filter(({ attemptId }) => attempts.get(attemptId)?.surplus === false)
      .reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
    expect(order.refundedMinor).toBe(sentBack);
    const isRefunded = order.state === "refunded";
    const isWhole = order.totalMinor > 0n && order.refundedMinor === order.totalMinor;
    expect(isRefunded).toBe(isWhole && order.state !== "closed");
  }
}

test("whatever happens, captured = refunded + kept and put in = on hand + sold [REF-15]", () =>
  withSeed((given) => {
    for (let run = 0; run < 40; run += 1) {
      const random = seededRandom(given.below(2 ** 31));
      const shop = createShop([mug, tea, gift], 20n);
      shop.terms.latePayment = random.pick(["refund", "revive"]);
      for (let step = 0; step < 200; step += 1) {
        happen(shop, random);
        checkInvariants(shop, false);
      }
      shop.deliver();
      checkInvariants(shop, true);
      for (const order of shop.world.orders.values()) {
        const { payments } = shop.world;
        const payment = payments.payments.get(order.id);
        const captured = [...payments.attempts.values()]
          .filter(({ paymentId, state }) => paymentId === payment?.id && state === "paid")
          .reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
        const sentBack = [...payments.refunds.values()]
          .filter(({ reference, state }) => reference === order.id && state === "refunded")
          .reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
        expect(captured).toBe(sentBack + shop.keptOf(order.id));
      }
    }
  }));
