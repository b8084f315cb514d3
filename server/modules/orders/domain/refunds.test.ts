import { expect, test } from "vitest";
import type { WantedRefund } from "./refunds.ts";
import { amount, gift, mug, oneMug, openShop, rest, tea, tray, units } from "./testing/shop.ts";

const refundRefusals: readonly (readonly [string, WantedRefund])[] = [
  ["refund_line_not_found", { kind: "lines", lines: [{ line: 3, quantity: 1 }] }],
  ["refund_exceeds_line", units(1, 3)],
  [
    "refund_exceeds_line",
    {
      kind: "lines",
      lines: [
        { line: 1, quantity: 1 },
        { line: 1, quantity: 2 },
      ],
    },
  ],
  ["refund_exceeds_paid", amount(3_501n)],
];

test.each(refundRefusals)(
  "refunding refuses with %s and holds nothing [REF-15]",
  (code, wanted) => {
    const shop = openShop();
    const order = shop.paid(tray);
    expect(shop.refund(order.id, wanted)).toMatchObject({ kind: "refused", code });
    expect(order.refundingMinor).toBe(0n);
    expect(shop.refund(order.id, rest)).toMatchObject({ refund: { amountMinor: 3_500n } });
  },
);

test("lines that cost nothing have no money to give back", () => {
  const shop = openShop();
  const order = shop.paid([...oneMug, { skuId: gift.id, quantity: 1 }]);
  expect(shop.refund(order.id, units(2, 1))).toMatchObject({ code: "nothing_to_refund" });
});

test("lines go back with their price and their units, never more than was bought [REF-15]", () => {
  const shop = openShop();
  const order = shop.paid(tray);
  const first = shop.refunding(order.id, units(1, 1));
  expect(order.refundingMinor).toBe(1_000n);
  // One mug is on its way, so one is left.
  expect(shop.refund(order.id, units(1, 2))).toMatchObject({
    code: "refund_exceeds_line",
    facts: { line: 1, left: 1, wanted: 2 },
  });
  expect(shop.stockOf(mug.id).onHand).toBe(3n);
  shop.answerRefund(first, "refunded");
  shop.deliver();
  expect(shop.stockOf(mug.id)).toEqual({ onHand: 4n, held: 0n, sold: 1n });
  expect(order).toMatchObject({ state: "paid", refundedMinor: 1_000n, refundingMinor: 0n });
  shop.answerRefund(shop.refunding(order.id, units(2, 3), false), "refunded");
  shop.deliver();
  expect(shop.stockOf(tea.id)).toEqual({ onHand: 2n, held: 0n, sold: 3n });
});

test("the last lines take what refunds by amount have left of their price", () => {
  const shop = openShop();
  const order = shop.paid(tray);
  shop.refunding(order.id, amount(700n));
  shop.refunding(order.id, units(2, 3));
  expect(shop.refund(order.id, units(1, 2))).toMatchObject({ refund: { amountMinor: 1_300n } });
  expect(order.refundingMinor).toBe(3_500n);
  for (const id of shop.world.refunds.keys()) shop.answerRefund(id, "refunded");
  shop.deliver();
  expect(order).toMatchObject({ state: "refunded", refundedMinor: 3_500n });
  expect([shop.stockOf(mug.id).sold, shop.stockOf(tea.id).sold]).toEqual([0n, 0n]);
});

test("the rest is what is left of money and of units", () => {
  const shop = openShop();
  const order = shop.paid(tray);
  shop.refunding(order.id, units(1, 1));
  shop.refunding(order.id, amount(200n));
  const lines = [
    { line: 1, quantity: 1 },
    { line: 2, quantity: 3 },
  ];
  expect(shop.refund(order.id, rest)).toMatchObject({ refund: { amountMinor: 2_300n, lines } });
  expect(shop.refund(order.id, rest)).toMatchObject({ code: "nothing_to_refund" });
});

test("a completed order is refunded too, and only the whole makes it refunded", () => {
  const shop = openShop();
  const order = shop.paid(tray);
  shop.complete(order.id);
  shop.answerRefund(shop.refunding(order.id, amount(1n)), "refunded");
  shop.deliver();
  expect(order.state).toBe("completed");
  expect(shop.lastStep(order.id)).toMatchObject({ from: "completed", to: "completed" });
  shop.answerRefund(shop.refunding(order.id, rest), "refunded");
  shop.deliver();
  expect(order).toMatchObject({ state: "refunded", refundedMinor: 3_500n });
});

test("a refund that fails moves nothing, says why, and its lines may be refunded again", () => {
  const shop = openShop();
  const order = shop.paid(oneMug);
  const failed = shop.refunding(order.id, units(1, 1));
  shop.answerRefund(failed, "refused");
  shop.deliver();
  expect(order).toMatchObject({ state: "paid", refundedMinor: 0n, refundingMinor: 0n });
  expect(shop.lastStep(order.id)?.reason).toBe("refund of 10.00 CNY failed: NO: not today");
  expect(shop.stockOf(mug.id).sold).toBe(1n);
  shop.refunding(order.id, units(1, 1));
  expect(order.refundingMinor).toBe(1_000n);
});

test("a refund that succeeds twice moves once; after a failure it moves after all", () => {
  const shop = openShop();
  const order = shop.paid(tray);
  const id = shop.refunding(order.id, units(1, 2));
  shop.answerRefund(id, "refused");
  shop.deliver();
  shop.answerRefund(id, "refunded");
  const told = shop.paymentEvents();
  shop.deliver();
  expect(order).toMatchObject({ refundedMinor: 2_000n, refundingMinor: 0n });
  expect(shop.stockOf(mug.id)).toMatchObject({ onHand: 5n, sold: 0n });
  for (const one of told) shop.hear(one);
  expect(order.refundedMinor).toBe(2_000n);
  expect(shop.stockOf(mug.id)).toMatchObject({ onHand: 5n, sold: 0n });
});

test("units that two refunds have given back come back on sale once", () => {
  const shop = openShop();
  // Another buyer's mugs stay sold, whatever becomes of these.
  shop.paid([{ skuId: mug.id, quantity: 2 }]);
  const order = shop.paid(tray);
  const first = shop.refunding(order.id, units(1, 2));
  shop.answerRefund(first, "refused");
  shop.deliver();
  const second = shop.refunding(order.id, units(1, 1));
  // The channel refunds the first one after all: three mugs have been promised back, two bought.
  shop.answerRefund(first, "refunded");
  shop.answerRefund(second, "refunded");
  shop.deliver();
  expect(order.refundedMinor).toBe(3_000n);
  expect(shop.stockOf(mug.id)).toEqual({ onHand: 3n, held: 0n, sold: 2n });
});
