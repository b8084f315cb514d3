import { expect, test } from "vitest";
import type { BroughtPass, Sale } from "../../sales/index.ts";
import type { SaleShop } from "./testing/sale-shop.ts";
import { closesAt, createSaleShop, opensAt, saleId, saleItem } from "./testing/sale-shop.ts";
import { gift, idOf, mug, rest, skuOf, tea, units } from "./testing/shop.ts";

const mugs = (quantity: number) => [{ skuId: mug.id, quantity }];
const teas = (quantity: number) => [{ skuId: tea.id, quantity }];

function openSale(...change: Parameters<typeof createSaleShop>): SaleShop {
  const shop = createSaleShop(...change);
  shop.open();
  return shop;
}

/** As the edge hands it over; the sale of these orders has its waiting room on. */
const pass = {
  kind: "pass",
  tenantId: "t-1",
  saleId,
  memberId: "m-1",
  ticketId: idOf<"Ticket">(1),
  expiresAt: opensAt + 1,
} as const;

/** Of everything that is wrong with an order, the first is told. */
interface Wrongs {
  readonly saleId: typeof saleId;
  readonly at: number;
  readonly pass: BroughtPass | undefined;
  readonly skuId: typeof mug.id;
  readonly onSale: boolean;
  readonly priceMinor: bigint;
  readonly limitPerMember: number;
}

const wrongs: Wrongs = {
  saleId: idOf<"Sale">(7),
  at: opensAt - 1,
  pass: undefined,
  skuId: gift.id,
  onSale: false,
  priceMinor: 2n ** 53n,
  limitPerMember: 12,
};

const rights = [
  ["sale_not_found", {}],
  ["sale_not_open", { saleId }],
  ["sale_pass_needed", { at: opensAt }],
  ["sale_pass_invalid", { pass: { kind: "forged" } }],
  ["sale_pass_expired", { pass: { ...pass, expiresAt: opensAt } }],
  ["sku_not_in_sale", { pass }],
  ["sku_not_on_sale", { skuId: mug.id }],
  ["order_too_large", { onSale: true }],
  ["sale_limit_reached", { priceMinor: 700n }],
  ["sold_out", { limitPerMember: 13 }],
] as const satisfies readonly (readonly [string, Partial<Wrongs>])[];

test.each(rights.map(([code], at) => [code, at] as const))(
  "an order in a sale is refused with %s, and holds nothing",
  (code, at) => {
    const said = Object.assign({}, wrongs, ...rights.slice(0, at + 1).map(([, right]) => right));
    const { priceMinor, limitPerMember, skuId, onSale } = said;
    const item = { skuId: mug.id, priceMinor, allotment: 12n, ...saleItem };
    const goods = [skuOf(1, { onSale }), gift];
    const shop = createSaleShop({ items: [item], limitPerMember, waitingRoom: true }, goods);
    shop.advance(said.at - shop.now());
    const before = shop.world.ledger.written.length;
    const outcome = shop.place([{ skuId, quantity: 13 }], {
      saleId: said.saleId,
      pass: said.pass,
    });
    expect(outcome).toMatchObject({ kind: "refused", code });
    expect([shop.world.orders.size, shop.world.ledger.written.length]).toEqual([0, before]);
  },
);

test.each([
  ["another member's", { ...pass, memberId: "m-2" }],
  ["that of another sale", { ...pass, saleId: idOf<"Sale">(8) }],
] as const)("a pass is refused that is %s [FLS-09]", (_what, brought) => {
  const shop = openSale({ waitingRoom: true });
  const order = (own: BroughtPass) => shop.place(mugs(1), { saleId, pass: own });
  expect(order(brought)).toMatchObject({ code: "sale_pass_invalid" });
  expect(order(pass)).toMatchObject({ kind: "placed" });
});

test("a SKU that is gone from the catalog is not sold by a sale", () => {
  const shop = createSaleShop();
  const goneId = skuOf(9).id;
  const item = { skuId: goneId, priceMinor: 1n, allotment: 1n, ...saleItem };
  shop.setSale({ items: new Map([[goneId, item]]) });
  shop.open();
  expect(shop.buy([{ skuId: goneId, quantity: 1 }])).toMatchObject({ code: "sku_not_found" });
});

const told: Sale["state"][] = ["scheduled", "open"];

test.each(told)(
  "opens and closes by the clock, to the millisecond, when it is told as %s",
  (state) => {
    const shop = createSaleShop();
    const at = (ms: number) => {
      shop.setSale({ state });
      shop.advance(ms - shop.now());
      const outcome = shop.buy(mugs(1));
      return outcome.kind === "refused" ? outcome.facts : outcome.kind;
    };
    const facts = { saleId, opensAt: "2026-11-21T05:00:00.000Z" };
    const end = "2026-11-21T06:00:00.000Z";
    expect(at(opensAt - 1)).toEqual({ ...facts, state: "scheduled", closesAt: end });
    expect(at(opensAt)).toBe("placed");
    expect(at(closesAt - 1)).toBe("placed");
    expect(at(closesAt)).toEqual({ ...facts, state: "ended", endedAt: end });
  },
);

test("a sale that was ended before its time takes no order, and drafts do not exist", () => {
  const shop = openSale();
  shop.end();
  const facts = { state: "ended", endedAt: "2026-11-21T05:00:00.000Z" };
  expect(shop.buy(mugs(1))).toMatchObject({ code: "sale_not_open", facts });
  for (const state of ["draft", "ended"] as const) {
    shop.setSale({ state, scheduledAt: undefined });
    expect(shop.buy(mugs(1))).toMatchObject({ code: "sale_not_found" });
  }
});

test("an order of a sale costs what the sale says and takes what the sale has", () => {
  const shop = openSale();
  const order = shop.bought([...mugs(2), ...teas(1)]);
  expect(order).toMatchObject({
    saleId,
    totalMinor: 1_700n,
    lines: [{ unitPriceMinor: 700n }, {}],
  });
  expect(shop.unitsOf(mug.id)).toEqual({ left: 10n, held: 2n });
  expect(shop.stockOf(mug.id)).toEqual({ onHand: 8n, held: 0n, sold: 0n });
  expect(shop.world.written.events.at(-1)).toMatchObject({
    type: "order_placed",
    data: { saleId },
  });
  // Beside the sale, the shop sells as ever.
  expect(shop.placed(mugs(8))).toMatchObject({ saleId: undefined, totalMinor: 8_000n });
  expect(shop.buy(mugs(11))).toMatchObject({ code: "sold_out", facts: { left: 10n, wanted: 11 } });
});

test("what closes goes back to the sale, what is paid is sold, what is refunded is on sale again", () => {
  const shop = openSale();
  const closed = shop.bought(mugs(12));
  expect(shop.buy(mugs(1))).toMatchObject({ code: "sold_out" });
  shop.cancel(closed.id);
  expect(shop.unitsOf(mug.id)).toEqual({ left: 12n, held: 0n });
  const order = shop.paid([...mugs(5), ...teas(2)], { saleId });
  expect(shop.unitsOf(mug.id)).toEqual({ left: 7n, held: 0n });
  expect(shop.stockOf(mug.id)).toMatchObject({ onHand: 8n, sold: 5n });
  const refundId = shop.refunding(order.id, units(1, 2));
  shop.answerRefund(refundId, "refunded");
  shop.deliver();
  expect(shop.unitsOf(mug.id)).toEqual({ left: 9n, held: 0n });
  expect(shop.stockOf(mug.id)).toMatchObject({ onHand: 8n, sold: 3n });
  const back = { refundId, saleId, orderId: order.id, units: [{ skuId: mug.id, quantity: 2 }] };
  expect(shop.world.written.events).toContainEqual({
    type: "order_restocked",
    data: expect.objectContaining(back),
  });
});

test("late money never revives an order of a sale: it goes back", () => {
  const shop = openSale();
  shop.terms.latePayment = "revive";
  const order = shop.bought(mugs(1));
  const attempt = shop.started(order.id);
  shop.cancel(order.id);
  shop.closeOutside(attempt);
  shop.deliver();
  shop.pay(attempt);
  shop.deliver();
  expect(order).toMatchObject({ state: "closed", refundingMinor: 700n });
  expect(shop.lastStep(order.id)?.reason).toContain("paid after the close of a sale's order");
  expect(shop.unitsOf(mug.id)).toEqual({ left: 12n, held: 0n });
});

const limited = { limitPerMember: 3 };
const teaLimited = {
  limitPerMember: 4,
  items: [
    { skuId: mug.id, priceMinor: 700n, allotment: 12n, ...saleItem },
    { skuId: tea.id, priceMinor: 300n, allotment: 6n, ...saleItem, limitPerMember: 1 },
  ],
};

test("a member buys up to the sale's limit, of all SKUs together, over all orders [FLS-07]", () => {
  const shop = openSale(limited);
  expect(shop.buy(mugs(4))).toMatchObject({ code: "sale_limit_reached" });
  shop.bought(mugs(2));
  expect(shop.buy([...mugs(1), ...teas(1)])).toMatchObject({
    code: "sale_limit_reached",
    facts: { saleId, max: 3, bought: 2, wanted: 2 },
  });
  shop.bought(teas(1));
  expect(shop.buy(teas(1))).toMatchObject({ facts: { bought: 3, wanted: 1 } });
  expect(shop.buy(teas(1), "m-2")).toMatchObject({ kind: "placed" });
  // Outside of the sale nobody counts.
  expect(shop.place(mugs(5))).toMatchObject({ kind: "placed" });
});

test("orders of one batch see each other's units", () => {
  const shop = openSale(limited);
  const place = () => shop.place(mugs(2), { saleId });
  expect([place(), place()]).toMatchObject([
    { kind: "placed" },
    { code: "sale_limit_reached", facts: { bought: 2, wanted: 2 } },
  ]);
});

test("what was closed or refunded may be bought again", () => {
  const shop = openSale(limited);
  shop.cancel(shop.bought(mugs(3)).id);
  const paid = shop.bought(mugs(3));
  shop.pay(shop.started(paid.id));
  shop.deliver();
  expect(shop.buy(mugs(1))).toMatchObject({ code: "sale_limit_reached" });
  shop.answerRefund(shop.refunding(paid.id, rest), "refunded");
  shop.deliver();
  expect(shop.buy(mugs(3))).toMatchObject({ kind: "placed" });
});

test("a limit of one SKU stands beside that of the sale, whatever the lines [FLS-07]", () => {
  const shop = openSale(teaLimited);
  expect(shop.buy([...teas(1), ...mugs(1), ...teas(1)])).toMatchObject({
    code: "sale_limit_reached",
    facts: { saleId, skuId: tea.id, max: 1, bought: 0, wanted: 2 },
  });
  shop.bought([...teas(1), ...mugs(1)]);
  expect(shop.buy(teas(1))).toMatchObject({ facts: { skuId: tea.id, max: 1, bought: 1 } });
  expect(shop.buy([...teas(2), ...mugs(2)])).toMatchObject({ facts: { max: 4, bought: 2 } });
  expect(shop.buy(mugs(2))).toMatchObject({ kind: "placed" });
});

test("units that come back after the end go on to the shelf, once [FLS-08]", () => {
  const shop = openSale();
  const closing = shop.bought(mugs(3));
  const paid = shop.paid(teas(2), { saleId });
  shop.advance(closesAt - shop.now());
  shop.sweep();
  shop.returnUnits();
  expect(shop.sale().state).toBe("ended");
  expect(shop.unitsOf(mug.id)).toEqual({ left: 0n, held: 3n });
  expect(shop.stockOf(mug.id)).toMatchObject({ onHand: 17n });
  shop.cancel(closing.id);
  expect(shop.unitsOf(mug.id)).toEqual({ left: 3n, held: 0n });
  shop.answerRefund(shop.refunding(paid.id, rest), "refunded");
  shop.deliver();
  shop.returnUnits();
  shop.returnUnits();
  expect([shop.unitsOf(mug.id).left, shop.unitsOf(tea.id).left]).toEqual([0n, 0n]);
  expect([shop.stockOf(mug.id).onHand, shop.stockOf(tea.id).onHand]).toEqual([20n, 20n]);
  const returned = shop.events.filter(({ type }) => type === "sale_units_returned");
  expect(returned).toMatchObject([
    {
      data: {
        saleId,
        units: [
          { skuId: mug.id, quantity: 3 },
          { skuId: tea.id, quantity: 2 },
        ],
      },
    },
  ]);
});
