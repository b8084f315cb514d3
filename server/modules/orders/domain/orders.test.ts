import { expect, test } from "vitest";
import { canMove, isUnfinished, statesOf } from "../../../kernel/machine.ts";
import { openLegs, postedLegs } from "../../ledger/index.ts";
import { orderMachine } from "./machine.ts";
import type { Shop } from "./testing/shop.ts";
import {
  amount,
  closeAfterMs,
  completeAfterMs,
  createShop,
  gift,
  idOf,
  mug,
  oneMug,
  openShop,
  rest,
  skuOf,
  tea,
  tray,
  units,
} from "./testing/shop.ts";
import type { Order, OrderId } from "./types.ts";

const placingRefusals = [
  ["sku_not_found", skuOf(1), [{ skuId: tea.id, quantity: 1 }]],
  ["sku_not_on_sale", skuOf(1, { onSale: false }), [{ skuId: mug.id, quantity: 9 }]],
  ["order_too_large", skuOf(1, { priceMinor: 2n ** 53n }), [{ skuId: mug.id, quantity: 9 }]],
  ["sold_out", skuOf(1), [{ skuId: mug.id, quantity: 6 }]],
] as const;

test.each(placingRefusals)("placing refuses with %s and holds nothing", (code, sku, lines) => {
  const shop = createShop([sku]);
  expect(shop.place(lines)).toMatchObject({ kind: "refused", code });
  expect([shop.world.orders.size, shop.world.ledger.written]).toEqual([0, []]);
});

test("lines of one SKU share its shelf: all of them are held, or none", () => {
  const shop = openShop();
  const three = { skuId: mug.id, quantity: 3 };
  const lines = [three, { skuId: tea.id, quantity: 1 }, three];
  expect(shop.place(lines)).toMatchObject({ code: "sold_out" });
  expect(shop.world.ledger.written).toEqual([]);
});

test("an order that costs nothing is paid when it is placed, and its units are sold", () => {
  const shop = openShop();
  const order = shop.placed([{ skuId: gift.id, quantity: 2 }]);
  const completeDueAt = shop.now() + completeAfterMs;
  expect(order).toMatchObject({ state: "paid", paidAt: shop.now(), completeDueAt });
  expect(shop.stockOf(gift.id)).toEqual({ onHand: 3n, held: 0n, sold: 2n });
  expect(shop.start(order.id)).toMatchObject({ code: "order_already_paid" });
  expect(shop.refund(order.id, rest)).toMatchObject({ code: "payment_not_paid" });
});

/** An order in each state, reached the way it is reached in life. */
const inState: Record<Order["state"], (shop: Shop) => Order> = {
  pending_payment: (shop) => shop.placed(oneMug),
  paying: (shop) => {
    const order = shop.placed(oneMug);
    shop.started(order.id);
    return order;
  },
  closing: (shop) => {
    const order = inState.paying(shop);
    shop.cancel(order.id);
    return order;
  },
  closed: (shop) => {
    const order = shop.placed(oneMug);
    shop.cancel(order.id);
    return order;
  },
  paid: (shop) => shop.paid(oneMug),
  completed: (shop) => {
    const order = shop.paid(oneMug);
    shop.complete(order.id);
    return order;
  },
  refunded: (shop) => {
    const order = shop.paid(oneMug);
    shop.answerRefund(shop.refunding(order.id, rest), "refunded");
    shop.deliver();
    return order;
  },
};

/** What may be asked of an order in each state: the refusal, or the state it comes to. */
const askedInState = [
  ["pending_payment", "paying", "closed", "order_not_completable", "payment_not_paid"],
  ["paying", "paying", "closing", "order_not_completable", "payment_not_paid"],
  ["closing", "payment_not_open", "closing", "order_not_completable", "payment_not_paid"],
  ["closed", "payment_not_open", "closed", "order_not_completable", "payment_not_paid"],
  ["paid", "order_already_paid", "order_not_cancellable", "completed", "paid"],
  ["completed", "order_already_paid", "order_not_cancellable", "completed", "completed"],
  [
    "refunded",
    "payment_not_open",
    "order_not_cancellable",
    "order_not_completable",
    "nothing_to_refund",
  ],
] as const;

test.each(askedInState)(
  "%s: paying gives %s, cancelling %s, completing %s, refunding %s [ORD-05, ORD-06, PAY-07]",
  (state, paying, cancelling, completing, refunding) => {
    const ask = (act: (shop: Shop, id: OrderId) => object) => {
      const shop = openShop();
      const order = inState[state](shop);
      expect(order.state).toBe(state);
      const outcome = act(shop, order.id);
      return "code" in outcome ? outcome.code : order.state;
    };
    expect(ask((shop, id) => shop.start(id))).toBe(paying);
    expect(ask((shop, id) => shop.cancel(id))).toBe(cancelling);
    expect(ask((shop, id) => shop.complete(id))).toBe(completing);
    expect(ask((shop, id) => shop.refund(id, rest))).toBe(refunding);
  },
);

test("to a member, the order of another does not exist", () => {
  const shop = openShop();
  const { id } = shop.placed(oneMug);
  expect(shop.cancel(id, "m-2")).toMatchObject({ code: "not_found" });
  expect(shop.start(id, { memberId: "m-2" })).toMatchObject({ code: "not_found" });
  expect(shop.start(idOf(9))).toMatchObject({ code: "not_found" });
  expect(shop.refund(idOf(9), rest)).toMatchObject({ code: "not_found" });
  expect(shop.cancel(id, "m-1")).toMatchObject({ order: { state: "closed" } });
});

test("an attempt is for the whole order, until the order closes [PAY-16]", () => {
  const shop = openShop();
  const order = shop.placed(tray);
  const attempt = shop.started(order.id);
  expect(attempt).toMatchObject({ amountMinor: 3_500n, expiresAt: order.closeDueAt });
  expect(shop.started(order.id)).toBe(attempt);
  expect(shop.world.payments.payments.get(order.id)?.description).toBe("SKU 1 + 1");
  expect(shop.world.written.steps).toMatchObject([{ from: "pending_payment", to: "paying" }]);
  expect(shop.start(order.id, { method: "h5" })).toMatchObject({ kind: "close_first" });
  shop.advance(closeAfterMs);
  shop.closeOutside(attempt);
  expect(shop.start(order.id)).toMatchObject({ code: "payment_time_over" });
});

test("what the payer reads is cut between characters", () => {
  const shop = createShop([skuOf(1, { title: "😀".repeat(100) })]);
  const order = shop.placed(oneMug);
  shop.started(order.id);
  expect(shop.world.payments.payments.get(order.id)?.description).toBe("😀".repeat(63));
});

test("what is paid is sold, and heard of once [ORD-10]", () => {
  const shop = openShop();
  const order = shop.placed(tray);
  shop.advance(60_000);
  shop.pay(shop.started(order.id));
  expect([order.state, shop.stockOf(mug.id).held]).toEqual(["paying", 2n]);
  const told = shop.paymentEvents();
  shop.deliver();
  expect(order).toMatchObject({ state: "paid", paidAt: shop.now() });
  expect(shop.stockOf(mug.id)).toEqual({ onHand: 3n, held: 0n, sold: 2n });
  const before = structuredClone(order);
  for (const one of told) shop.hear(one);
  expect(order).toEqual(before);
});

test("an order that is due closes once and not before, tried or not [ORD-07, ORD-08]", () => {
  for (const start of [false, true]) {
    const shop = openShop();
    const order = shop.placed([{ skuId: mug.id, quantity: 2 }]);
    const attempt = start ? shop.started(order.id) : undefined;
    shop.advance(closeAfterMs - 1);
    shop.closeDue(order.id);
    expect(openLegs(shop.world.ledger, order.id)).toHaveLength(1);
    shop.advance(1);
    shop.closeDue(order.id);
    expect(order.state).toBe(start ? "closing" : "closed");
    if (attempt !== undefined) shop.closeOutside(attempt);
    shop.deliver();
    expect(order.state).toBe("closed");
    expect(openLegs(shop.world.ledger, order.id)).toEqual([]);
    shop.closeDue(order.id);
    expect(shop.world.written.steps.filter(({ to }) => to === "closed")).toHaveLength(1);
  }
});

test("an order whose attempts have all ended closes at once, and hears of it in vain", () => {
  const shop = openShop();
  const order = shop.placed(oneMug);
  const attempt = shop.started(order.id);
  shop.start(order.id, { method: "h5" });
  shop.closeOutside(attempt);
  expect(shop.cancel(order.id)).toMatchObject({ order: { state: "closed" } });
  expect(shop.paymentEvents()).toMatchObject([{ type: "payment_closed" }]);
  const steps = shop.world.written.steps.length;
  shop.deliver();
  expect([order.state, shop.world.written.steps.length]).toEqual(["closed", steps]);
});

test("money that comes while the order is being cancelled wins [ORD-08, ORD-09]", () => {
  const shop = openShop();
  const order = shop.placed(oneMug);
  const attempt = shop.started(order.id);
  expect(shop.cancel(order.id)).toMatchObject({ order: { state: "closing" } });
  shop.pay(attempt);
  shop.deliver();
  expect(order.state).toBe("paid");
  expect(shop.lastStep(order.id)?.reason).toBe("paid before it was closed");
  expect(shop.stockOf(mug.id)).toMatchObject({ held: 0n, sold: 1n });
});

test("an order whose payment nobody has told it of is neither cancelled nor closed", () => {
  const shop = openShop();
  const order = shop.placed(oneMug);
  shop.pay(shop.started(order.id));
  expect(shop.cancel(order.id)).toMatchObject({
    code: "order_not_cancellable",
    facts: { state: "paid" },
  });
  shop.advance(closeAfterMs);
  shop.closeDue(order.id);
  expect(order).toMatchObject({ state: "paid", paidAt: shop.now() - closeAfterMs });
  shop.deliver();
  expect(shop.world.written.steps.filter(({ to }) => to === "paid")).toHaveLength(1);
});

/** An order that was closed while its attempt was open, and then paid. */
function paidLate(shop: Shop, lines = tray): Order {
  const order = shop.placed(lines);
  const attempt = shop.started(order.id);
  shop.cancel(order.id);
  shop.closeOutside(attempt);
  shop.pay(attempt);
  return order;
}

/** Orders hear that the payment was closed; gives what they have yet to hear. */
function hearOfClose(shop: Shop) {
  const told = shop.paymentEvents();
  shop.world.payments.written.events.length = 0;
  for (const one of told.filter(({ type }) => type === "payment_closed")) shop.hear(one);
  return told.filter(({ type }) => type === "payment_paid");
}

test("late money goes back, whole, and the history says so", () => {
  const shop = openShop();
  const order = paidLate(shop);
  shop.deliver();
  expect(order).toMatchObject({ state: "closed", refundingMinor: 3_500n, refundedMinor: 0n });
  expect([...shop.world.refunds.values()]).toMatchObject([
    { cause: "late", amountMinor: 3_500n, lines: [], restock: false, state: "under_way" },
  ]);
  expect(shop.lastStep(order.id)?.reason).toContain("35.00 CNY asked for: paid after the close");
  for (const id of shop.world.refunds.keys()) shop.answerRefund(id, "refunded");
  shop.deliver();
  expect(order).toMatchObject({ state: "closed", refundingMinor: 0n, refundedMinor: 3_500n });
  expect(shop.stockOf(mug.id)).toEqual({ onHand: 5n, held: 0n, sold: 0n });
  expect(shop.keptOf(order.id)).toBe(0n);
});

test("late money revives an order whose units are all still there, under a new bundle", () => {
  const shop = openShop();
  shop.terms.latePayment = "revive";
  const order = paidLate(shop);
  shop.deliver();
  expect(order.state).toBe("paid");
  expect(order.stockBundleId).not.toBe(order.id);
  expect(postedLegs(shop.world.ledger, order.stockBundleId)).toHaveLength(2);
  expect(shop.stockOf(mug.id)).toEqual({ onHand: 3n, held: 0n, sold: 2n });
  expect(shop.lastStep(order.id)?.reason).toContain("its units were still there");
  shop.answerRefund(shop.refunding(order.id, rest), "refunded");
  shop.deliver();
  expect(order.state).toBe("refunded");
  expect(shop.stockOf(mug.id)).toEqual({ onHand: 5n, held: 0n, sold: 0n });
});

test("late money goes back when one line of it was sold meanwhile", () => {
  const shop = openShop();
  shop.terms.latePayment = "revive";
  const order = paidLate(shop);
  const late = hearOfClose(shop);
  expect(shop.stockOf(tea.id)).toEqual({ onHand: 5n, held: 0n, sold: 0n });
  shop.placed([{ skuId: tea.id, quantity: 3 }]);
  for (const one of late) shop.hear(one);
  expect(order).toMatchObject({ state: "closed", refundingMinor: 3_500n });
  expect(shop.lastStep(order.id)?.reason).toContain("sold out");
});

test("late money that the channel does not send back is told, and staff can ask again", () => {
  const shop = openShop();
  shop.terms.channels = new Map();
  const order = paidLate(shop);
  shop.deliver();
  expect(shop.lastStep(order.id)?.reason).toContain("cannot be sent back: channel_not_available");
  shop.terms.channels = createShop([]).terms.channels;
  expect(shop.refund(order.id, units(1, 1))).toMatchObject({ code: "refund_exceeds_line" });
  shop.answerRefund(shop.refunding(order.id, rest), "refunded");
  shop.deliver();
  expect(order).toMatchObject({ state: "closed", refundedMinor: 3_500n });
});

test("late money that staff has sent back already does not revive the order", () => {
  const shop = openShop();
  shop.terms.latePayment = "revive";
  const order = paidLate(shop);
  const late = hearOfClose(shop);
  shop.refunding(order.id, amount(100n));
  for (const one of late) shop.hear(one);
  expect(order).toMatchObject({ state: "closed", refundingMinor: 100n });
});

test("the money of a second payment is none of the order's", () => {
  const shop = openShop();
  const order = shop.placed(oneMug);
  const first = shop.started(order.id);
  shop.start(order.id, { method: "h5" });
  shop.closeOutside(first);
  shop.pay(shop.started(order.id));
  shop.pay(first);
  shop.deliver();
  const surplus = [...shop.world.payments.refunds.values()].find(
    ({ cause }) => cause === "surplus",
  );
  if (surplus !== undefined) shop.answerRefund(surplus.id, "refunded");
  shop.deliver();
  expect(order).toMatchObject({ state: "paid", refundedMinor: 0n });
  expect(shop.keptOf(order.id)).toBe(1_000n);
});

test("an event about what is no order changes nothing", () => {
  const shop = openShop();
  const data = { paymentId: idOf<"Payment">(7), reference: idOf<"Order">(8) };
  shop.hear({ type: "payment_closed", data });
  expect(shop.world.written.steps).toEqual([]);
});

test("no state of an order can get stuck", () => {
  for (const state of statesOf(orderMachine).filter((name) => isUnfinished(orderMachine, name))) {
    const exits = statesOf(orderMachine).filter((next) => canMove(orderMachine, state, next));
    expect(exits.length).toBeGreaterThan(0);
  }
});
