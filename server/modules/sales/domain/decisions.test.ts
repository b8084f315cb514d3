import { expect, test } from "vitest";
import { canMove, isUnfinished, statesOf } from "../../../kernel/machine.ts";
import type { Id } from "../../../kernel/ids.ts";
import { hourMs, minuteMs } from "../../../kernel/time.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import { stockAccounts } from "../../catalog/index.ts";
import type { Account, AccountId, LedgerWorld } from "../../ledger/index.ts";
import { hold, release } from "../../ledger/index.ts";
import { saleAccount } from "./allotments.ts";
import {
  decideChangeSale,
  decideCreateSale,
  decideEndDueSale,
  decideEndSale,
  decideOpenDueSale,
  decideRaiseAllotment,
  decideReturnUnits,
  decideScheduleSale,
  saleItemsMax,
} from "./decisions.ts";
import { saleStateAt } from "./hours.ts";
import { saleMachine } from "./machine.ts";
import type { Sale, SaleChange, SaleItem, SalesWorld, SaleTerms } from "./types.ts";
import { saleView } from "./views.ts";

const now = Date.UTC(2026, 10, 11, 2);
const opensAt = now + hourMs;
const closesAt = opensAt + hourMs;

function idOf<Name extends string>(number: number): Id<Name> {
  return `01890000-0000-7000-8000-${String(number).padStart(12, "0")}` as Id<Name>;
}

const saleId = idOf<"Sale">(1);
const mug = idOf<"Sku">(11);
const tea = idOf<"Sku">(12);
const shelf = 10n;

const item = (skuId: SkuId, allotment: bigint): SaleItem => ({
  skuId,
  priceMinor: 700n,
  currency: "CNY",
  allotment,
  limitPerMember: undefined,
});

const terms: SaleTerms = {
  title: "Anniversary",
  opensAt,
  closesAt,
  limitPerMember: 2,
  waitingRoom: false,
  ticketRules: undefined,
  items: [item(mug, 6n), item(tea, 10n)],
};

function worldOf(skuIds: readonly SkuId[] = [mug, tea]): SalesWorld {
  const skus = skuIds.map((id): [SkuId, Sku] => {
    const fixed = { id, productId: idOf<"Product">(1), title: "Mug", priceMinor: 1_000n };
    return [id, { ...fixed, currency: "CNY", onSale: true }];
  });
  const ledger: LedgerWorld = {
    accounts: new Map(skuIds.flatMap(stockOf)),
    bundles: new Map(),
    touched: new Set(),
    written: [],
    opened: [],
  };
  const changed = { changedSales: new Map(), changedItems: new Set<never>() };
  const written = { newSales: new Map(), ...changed, raisedItems: new Map(), events: [] };
  return { sales: new Map(), skus: new Map(skus), ledger, written };
}

function stockOf(skuId: SkuId): [AccountId, Account][] {
  const { onHand, sold } = stockAccounts(skuId);
  const empty = { asset: `stock:${skuId}`, indexed: false, pendingDebits: 0n, pendingCredits: 0n };
  return [
    [onHand, { id: onHand, guarded: true, posted: shelf, ...empty }],
    [sold, { id: sold, guarded: true, posted: 0n, ...empty }],
  ];
}

/** With a sale in the state, reached the way it is reached in life. */
function worldWith(state: Sale["state"], change: Partial<SaleTerms> = {}): SalesWorld {
  const world = worldOf();
  decideCreateSale(world, { saleId, terms: { ...terms, ...change }, by: "anna" }, now);
  if (state !== "draft") decideScheduleSale(world, saleId, now);
  if (state === "open") decideOpenDueSale(world, saleId, opensAt);
  if (state === "ended") decideEndSale(world, saleId, now);
  if (saleIn(world).state !== state) throw new Error(saleIn(world).state);
  return world;
}

function saleIn(world: SalesWorld): Sale {
  const sale = world.sales.get(saleId);
  if (sale === undefined) throw new Error("no sale");
  return sale;
}

const balance = (world: SalesWorld, account: AccountId) =>
  world.ledger.accounts.get(account)?.posted;
const onShelf = (world: SalesWorld, skuId: SkuId) => balance(world, stockAccounts(skuId).onHand);
const inSale = (world: SalesWorld, skuId: SkuId) => balance(world, saleAccount(saleId, skuId));
const typesIn = ({ written }: SalesWorld) => written.events.map(({ type }) => type);

type PlainTerms = Partial<Omit<SaleTerms, "limitPerMember" | "ticketRules">>;
/** In the order of precedence: each row puts right what the row before it had wrong. */
const wrongTerms: readonly (readonly [string, PlainTerms])[] = [
  ["sale_closes_too_early", { opensAt: now - hourMs, closesAt: now - hourMs }],
  ["sale_time_over", { opensAt: now - hourMs, closesAt: now }],
  ["sale_time_over", { opensAt: now - hourMs, closesAt }],
  [
    "too_many_sale_items",
    { opensAt, closesAt, items: Array.from({ length: saleItemsMax + 1 }, () => item(tea, 1n)) },
  ],
  ["sku_twice_in_sale", { items: [item(mug, 1n), item(mug, 1n), item(idOf<"Sku">(99), 1n)] }],
  ["sku_not_found", { items: [item(mug, 1n), item(idOf<"Sku">(99), 1n)] }],
];

test.each(wrongTerms.map(([code], at) => [code, at] as const))(
  "a draft with wrong terms is refused with %s, when it is made and when it is changed (%i)",
  (code, at) => {
    const wrong: PlainTerms = Object.assign(
      {},
      ...wrongTerms.slice(0, at + 1).map(([, change]) => change),
    );
    const world = worldOf();
    const made = decideCreateSale(
      world,
      { saleId, terms: { ...terms, ...wrong }, by: "anna" },
      now,
    );
    expect(made).toMatchObject({ kind: "refused", code });
    expect([world.sales.size, world.written.events]).toEqual([0, []]);
    const draft = worldWith("draft");
    const changed = decideChangeSale(draft, { saleId, change: wrong }, now);
    expect(changed).toMatchObject({ kind: "refused", code });
    expect(saleIn(draft)).toMatchObject({ title: "Anniversary", opensAt, closesAt });
  },
);

test("ticket rules stand with a waiting room, and are taken away with it or alone", () => {
  const ticketRules = { challengeDifficulty: 2_000, ticketsPerDevice: 2, ticketsPerNetwork: 90 };
  const roomless = { saleId, terms: { ...terms, ticketRules }, by: "anna" };
  const code = "ticket_rules_without_waiting_room";
  expect(decideCreateSale(worldOf(), roomless, now)).toMatchObject({ code });
  const world = worldWith("draft", { waitingRoom: true, ticketRules });
  const change = (given: SaleChange) => decideChangeSale(world, { saleId, change: given }, now);
  expect(change({ waitingRoom: false })).toMatchObject({ code });
  change({ title: "Double Eleven" });
  expect(saleIn(world).ticketRules).toEqual(ticketRules);
  change({ ticketRules: { ...ticketRules, ticketsPerDevice: undefined } });
  expect(saleIn(world).ticketRules?.ticketsPerDevice).toBeUndefined();
  change({ ticketRules: null });
  expect(saleIn(world)).toMatchObject({ waitingRoom: true, ticketRules: undefined });
  expect(change({ waitingRoom: false, ticketRules: null })).toMatchObject({ kind: "sale" });
});

test("a sale in two currencies is refused", () => {
  // There is one currency yet, so another is made up.
  const dollars = JSON.parse('"USD"');
  const items = [item(mug, 1n), { ...item(tea, 1n), currency: dollars }];
  const refused = decideCreateSale(worldOf(), { saleId, terms: { ...terms, items }, by: "a" }, now);
  expect(refused).toMatchObject({ code: "currencies_mixed", facts: { skuId: tea, other: "CNY" } });
});

test("whoever says now says it a moment ago; ten minutes are a slip of the pen", () => {
  const opening = (ms: number) =>
    decideCreateSale(worldOf(), { saleId, terms: { ...terms, opensAt: ms }, by: "anna" }, now);
  expect(opening(now - 10 * minuteMs)).toMatchObject({ kind: "sale" });
  expect(opening(now - 10 * minuteMs - 1)).toMatchObject({ code: "sale_time_over" });
});

test("a draft is changed in part, and a limit is taken away with null", () => {
  const world = worldWith("draft");
  const change = { title: "Double Eleven", limitPerMember: null, items: [item(tea, 3n)] };
  decideChangeSale(world, { saleId, change }, now + 1);
  expect(saleIn(world)).toMatchObject({ title: "Double Eleven", opensAt, changedAt: now + 1 });
  expect(saleIn(world).limitPerMember).toBeUndefined();
  expect([...saleIn(world).items.keys()]).toEqual([tea]);
  expect([...world.written.changedItems]).toEqual([saleId]);
  decideChangeSale(world, { saleId, change: { waitingRoom: true } }, now + 2);
  expect(saleIn(world)).toMatchObject({ title: "Double Eleven", waitingRoom: true });
  expect(typesIn(world)).toEqual(["sale_created", "sale_changed", "sale_changed"]);
});

/** What may be asked of a sale in each state. */
const askedInState = [
  ["draft", "draft", "scheduled", "ended"],
  ["scheduled", "sale_not_draft", "sale_not_draft", "ended"],
  ["open", "sale_not_draft", "sale_not_draft", "ended"],
  ["ended", "sale_not_draft", "sale_not_draft", "ended"],
] as const;

test.each(askedInState)("%s: changing gives %s, scheduling %s, ending %s", (state, ...wanted) => {
  const asked = [
    (world: SalesWorld) => decideChangeSale(world, { saleId, change: { title: "x" } }, now),
    (world: SalesWorld) => decideScheduleSale(world, saleId, now),
    (world: SalesWorld) => decideEndSale(world, saleId, now),
  ].map((ask) => {
    const outcome = ask(worldWith(state));
    return outcome.kind === "refused" ? outcome.code : outcome.sale.state;
  });
  expect(asked).toEqual(wanted);
});

test("what is not there is not found", () => {
  const world = worldOf();
  const found = [
    decideChangeSale(world, { saleId, change: {} }, now),
    decideScheduleSale(world, saleId, now),
    decideEndSale(world, saleId, now),
  ];
  expect(found).toMatchObject(found.map(() => ({ code: "not_found", facts: { what: "sale" } })));
});

test("scheduling sets the units of all goods aside", () => {
  const world = worldWith("scheduled");
  expect([onShelf(world, mug), inSale(world, mug)]).toEqual([4n, 6n]);
  expect([onShelf(world, tea), inSale(world, tea)]).toEqual([0n, 10n]);
  expect(saleIn(world)).toMatchObject({ state: "scheduled", scheduledAt: now });
});

test("scheduling refuses when one of the goods is short, with the facts, and moves none", () => {
  const world = worldWith("draft", { items: [item(mug, 6n), item(tea, 11n)] });
  const { onHand, sold } = stockAccounts(tea);
  const legs = [{ debit: onHand, credit: sold, amount: 3n }];
  hold(world.ledger, { id: "order", legs, reference: "order", reason: "order" });
  expect(decideScheduleSale(world, saleId, now)).toMatchObject({
    code: "stock_too_low",
    facts: { skuId: tea, available: 7n, held: 3n, wanted: 11n },
  });
  expect([onShelf(world, mug), saleIn(world).state]).toEqual([10n, "draft"]);
  expect(inSale(world, mug)).toBeUndefined();
});

test("a draft that lay around is not scheduled when its time is over", () => {
  const world = worldWith("draft");
  expect(decideScheduleSale(world, saleId, closesAt)).toMatchObject({ code: "sale_time_over" });
  expect(decideScheduleSale(world, saleId, opensAt)).toMatchObject({ kind: "sale" });
});

const raise = (world: SalesWorld, change: object = {}, at = now) =>
  decideRaiseAllotment(
    world,
    { saleId, skuId: mug, quantity: 1n, bundleId: idOf(60), ...change },
    at,
  );

/** Each row puts right what the row before it had wrong. */
const wrongRaises = [
  ["not_found", { saleId: idOf<"Sale">(9), skuId: idOf<"Sku">(99), quantity: 5n }, "draft"],
  ["sale_not_running", { skuId: idOf<"Sku">(99), quantity: 5n }, "draft"],
  ["sale_not_running", { skuId: idOf<"Sku">(99), quantity: 5n }, "ended"],
  ["sku_not_in_sale", { skuId: idOf<"Sku">(99), quantity: 5n }, "scheduled"],
  ["stock_too_low", { quantity: 5n }, "open"],
] as const;

test.each(wrongRaises)("raising refuses with %s (%#), and moves nothing", (code, change, state) => {
  const world = worldWith(state);
  const before = [onShelf(world, mug), inSale(world, mug), world.written.events.length];
  expect(raise(world, change)).toMatchObject({ kind: "refused", code });
  expect([onShelf(world, mug), inSale(world, mug), world.written.events.length]).toEqual(before);
  expect(world.written.raisedItems.size).toBe(0);
});

test("raising refuses with the facts what orders hold on the shelf", () => {
  const world = worldWith("scheduled");
  const { onHand, sold } = stockAccounts(mug);
  const legs = [{ debit: onHand, credit: sold, amount: 3n }];
  hold(world.ledger, { id: "order", legs, reference: "order", reason: "order" });
  expect(raise(world, { quantity: 2n })).toMatchObject({
    code: "stock_too_low",
    facts: { skuId: mug, available: 1n, held: 3n, wanted: 2n },
  });
});

test.each(["scheduled", "open"] as const)(
  "units come to a sale that is %s, and go back with the others",
  (state) => {
    const world = worldWith(state);
    const raised = raise(world, { quantity: 3n }, opensAt);
    expect(raised).toMatchObject({ kind: "raised", item: { allotment: 9n }, left: 9n });
    const again = raise(world, { bundleId: idOf(61) }, opensAt + 1);
    expect(again).toMatchObject({ item: { allotment: 10n } });
    expect(saleIn(world)).toMatchObject({ state, changedAt: opensAt + 1 });
    expect(world.written.changedSales.get(saleId)).toBe(saleIn(world));
    expect([onShelf(world, mug), inSale(world, mug), inSale(world, tea)]).toEqual([0n, 10n, 10n]);
    expect(saleIn(world).items.get(mug)).toMatchObject({ allotment: 10n, priceMinor: 700n });
    expect(world.written.events.slice(-2)).toMatchObject([
      { type: "sale_allotment_raised", data: { saleId, skuId: mug, quantity: 3, allotment: 9 } },
      { type: "sale_allotment_raised", data: { saleId, skuId: mug, quantity: 1, allotment: 10 } },
    ]);
    decideEndDueSale(world, saleId, closesAt);
    expect([onShelf(world, mug), inSale(world, mug)]).toEqual([10n, 0n]);
  },
);

test("no units come to a sale that is over by the clock, though no sweep has ended it", () => {
  const world = worldWith("open");
  expect(raise(world, {}, closesAt - 1)).toMatchObject({ kind: "raised" });
  const refused = { code: "sale_not_running", facts: { state: "ended" } };
  expect(raise(world, { bundleId: idOf(61) }, closesAt)).toMatchObject(refused);
});

test("the sweep tells of the opening once, and not before", () => {
  const world = worldWith("scheduled");
  decideOpenDueSale(world, saleId, opensAt - 1);
  expect(saleIn(world).state).toBe("scheduled");
  decideOpenDueSale(world, saleId, opensAt);
  decideOpenDueSale(world, saleId, opensAt);
  expect(saleIn(world).state).toBe("open");
  expect(typesIn(world)).toEqual(["sale_created", "sale_scheduled", "sale_opened"]);
});

test.each(["scheduled", "open"] as const)(
  "the sweep ends a sale that is %s, not before its time, and its units go back once",
  (state) => {
    const world = worldWith(state);
    decideEndDueSale(world, saleId, closesAt - 1);
    expect([saleIn(world).state, inSale(world, mug)]).toEqual([state, 6n]);
    decideEndDueSale(world, saleId, closesAt);
    decideEndDueSale(world, saleId, closesAt);
    expect(saleIn(world)).toMatchObject({ state: "ended", endedAt: closesAt });
    expect([onShelf(world, mug), inSale(world, mug), inSale(world, tea)]).toEqual([10n, 0n, 0n]);
    expect(typesIn(world).filter((type) => type === "sale_ended")).toHaveLength(1);
  },
);

test("the sweep leaves drafts alone", () => {
  const world = worldWith("draft");
  decideOpenDueSale(world, saleId, closesAt);
  decideEndDueSale(world, saleId, closesAt);
  expect(saleIn(world).state).toBe("draft");
});

test("ending leaves with orders what they hold; it comes to the shelf when they give it back", () => {
  const world = worldWith("open");
  const { onHand, sold } = stockAccounts(mug);
  const legs = [{ debit: saleAccount(saleId, mug), credit: sold, amount: 2n }];
  hold(world.ledger, { id: "order", legs, reference: "order", reason: "order" });
  decideEndSale(world, saleId, opensAt);
  expect([onShelf(world, mug), inSale(world, mug)]).toEqual([8n, 2n]);
  expect(world.written.events.at(-1)).toMatchObject({
    type: "sale_ended",
    data: {
      saleId,
      units: [
        { skuId: mug, quantity: 4 },
        { skuId: tea, quantity: 10 },
      ],
    },
  });
  decideReturnUnits(world, { saleId, bundleId: idOf(50) });
  release(world.ledger, { bundleId: "order", reason: "closed" });
  decideReturnUnits(world, { saleId, bundleId: idOf(51) });
  decideReturnUnits(world, { saleId, bundleId: idOf(52) });
  expect([balance(world, onHand), inSale(world, mug)]).toEqual([10n, 0n]);
  expect(typesIn(world).filter((type) => type === "sale_units_returned")).toHaveLength(1);
});

test("units that come back while the sale runs stay in it", () => {
  const world = worldWith("open");
  decideReturnUnits(world, { saleId, bundleId: idOf(50) });
  expect([onShelf(world, mug), inSale(world, mug)]).toEqual([4n, 6n]);
});

test("a view tells what holds now, whatever was written down", () => {
  const sale = saleIn(worldWith("scheduled"));
  const states = [now, opensAt - 1, opensAt, closesAt - 1, closesAt].map((at) =>
    saleView(sale, new Map(), at),
  );
  expect(states.map(({ state }) => state)).toEqual([
    "scheduled",
    "scheduled",
    "open",
    "open",
    "ended",
  ]);
  expect(saleStateAt(saleIn(worldWith("ended")), opensAt)).toBe("ended");
  expect(saleStateAt(saleIn(worldWith("draft")), opensAt)).toBe("draft");
});

test("no state of a sale can get stuck", () => {
  for (const state of statesOf(saleMachine).filter((name) => isUnfinished(saleMachine, name))) {
    expect(canMove(saleMachine, state, "ended")).toBe(true);
  }
});
