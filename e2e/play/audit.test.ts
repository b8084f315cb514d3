import { describe, expect, test } from "vitest";
import { audit, isSound, wordFindings, yuan } from "./audit.ts";
import { openChapter } from "./diary.ts";
import type { Case, Facts, Order, OrderRefund, Refund } from "./facts.ts";

const skuId = "sku-1";
const merchant = { channel: "wechatpay", merchantId: "1900000001" } as const;
const price = 1_000;
const cny = (amount: number) => ({ amount, currency: "CNY" as const });
const at = "2026-11-21T03:42:00.000Z";

function order(id: string, state: Order["state"], given: Partial<Order> = {}): Order {
  const line = { line: 1, skuId, title: "tea", quantity: 2, unitPrice: cny(price) };
  return {
    id,
    number: `N-${id}`,
    memberId: `m-${id}`,
    state,
    lines: [{ ...line, total: cny(2 * price) }],
    total: cny(2 * price),
    refunded: cny(0),
    refundsUnderWay: cny(0),
    placedAt: at,
    closesAt: at,
    changedAt: at,
    ...given,
  };
}

function refundOf(id: string, given: Partial<OrderRefund>): OrderRefund {
  return {
    id: `r-${id}`,
    orderId: id,
    number: `R-${id}`,
    cause: "requested",
    state: "refunded",
    amount: cny(price),
    lines: [{ line: 1, quantity: 1 }],
    restock: true,
    reason: "one broke",
    requestedBy: "service",
    requestedAt: at,
    ...given,
  };
}

function paymentRefund(id: string, cause: string, amount: number): Refund {
  return {
    id: `r-${id}`,
    number: `R-${id}`,
    attemptId: `a-${id}`,
    reference: id,
    cause,
    amount: cny(amount),
    reason: "",
    state: "refunded",
    requestedBy: "",
    createdAt: at,
  };
}

/** An attempt that the outside took, in the books and in the ledger. */
function taken(number: string, backMinor = 0) {
  return {
    id: `a-${number}`,
    number,
    state: "paid",
    captures: [2 * price],
    givenBackMinor: backMinor,
  };
}

function chapterOf(story: string, id: string, given: Partial<Case["chapter"]>): Case["chapter"] {
  const placed = { id, key: `k-${id}`, lines: [{ skuId, quantity: 2 }] };
  return { ...openChapter(story, `m-${id}`), order: placed, ...given };
}

function trade(
  attemptNumber: string,
  paidMinor: number,
  back: readonly (readonly [string, number])[],
) {
  return {
    attemptNumber,
    state: paidMinor === 0 ? "closed" : "paid",
    totalMinor: 2 * price,
    paidMinor,
    refundedMinor: back.reduce((sum, [, amount]) => sum + amount, 0),
    refunds: back.map(([refundNumber, amountMinor]) => ({
      refundNumber,
      amountMinor,
      state: "success",
    })),
  };
}

const orders = {
  paid: order("paid", "paid", { refunded: cny(price) }),
  late: order("late", "closed", { refunded: cny(2 * price) }),
  twice: order("twice", "paid"),
  closed: order("closed", "closed"),
};
const lateRefund = refundOf("late", {
  cause: "late",
  amount: cny(2 * price),
  lines: [],
  restock: false,
  requestedBy: "payments",
});

/** One unit came back, one order was paid too late, one twice, one never. */
function soundCases(): Case[] {
  const one = (
    story: string,
    of: Order,
    rest: Partial<Case>,
    chapter: Partial<Case["chapter"]>,
  ) => ({
    chapter: chapterOf(story, of.id, chapter),
    again: of.id,
    orders: [of],
    refunds: [],
    attempts: [],
    paymentRefunds: [],
    ...rest,
  });
  return [
    one(
      "refundLines",
      orders.paid,
      {
        refunds: [refundOf("paid", {})],
        attempts: [taken("T1", price)],
        paymentRefunds: [given.paid],
      },
      {
        attempts: [{ number: "T1", channel: "wechatpay" }],
        paid: new Set(["T1"]),
        refunds: [{ id: "r-paid", amountMinor: price }],
        ending: { state: "paid", refundedMinor: price },
      },
    ),
    one(
      "late",
      orders.late,
      {
        refunds: [lateRefund],
        attempts: [taken("T2", 2 * price)],
        paymentRefunds: [given.late],
      },
      { paid: new Set(["T2"]), ending: { state: "closed", refundedMinor: 2 * price } },
    ),
    one(
      "twice",
      orders.twice,
      { attempts: [taken("T3"), taken("T4", 2 * price)], paymentRefunds: [given.twice] },
      { paid: new Set(["T3", "T4"]), ending: { state: "paid", refundedMinor: 0 } },
    ),
    one(
      "never",
      orders.closed,
      { attempts: [{ ...taken("T5"), state: "closed", captures: [] }] },
      { ending: { state: "closed", refundedMinor: 0 } },
    ),
  ];
}

const given = {
  paid: paymentRefund("paid", "requested", price),
  late: paymentRefund("late", "late", 2 * price),
  twice: paymentRefund("twice", "surplus", 2 * price),
};

/** A play in which all is well. */
function soundFacts(): Facts {
  return {
    cases: soundCases(),
    orders: Object.values(orders),
    orderRefunds: new Map([
      ["paid", [refundOf("paid", {})]],
      ["late", [lateRefund]],
    ]),
    refunds: Object.values(given),
    stocks: [
      {
        title: "tea",
        skuId,
        stock: { putIn: 10, onHand: 6, held: 0, available: 6, setAside: 0, sold: 3, writtenOff: 1 },
      },
    ],
    ledger: {
      sound: true,
      accounts: 9,
      transfers: 20,
      unbalancedAssets: [],
      differences: [],
      wrongEndings: [],
    },
    trialBalance: [
      { asset: "CNY", accounts: 5, posted: 0, pendingDebits: 0, pendingCredits: 0, balanced: true },
    ],
    channels: [{ ...merchant, accountId: "c-1", inMinor: 8 * price, outMinor: 5 * price }],
    books: [
      {
        ...merchant,
        totals: { paidMinor: 8 * price, refundedMinor: 5 * price, refundingMinor: 0 },
        trades: [
          trade("T1", 2 * price, [["R-paid", price]]),
          trade("T2", 2 * price, [["R-late", 2 * price]]),
          trade("T3", 2 * price, []),
          trade("T4", 2 * price, [["R-twice", 2 * price]]),
          trade("T5", 0, []),
        ],
      },
    ],
    unfinished: [],
  };
}

/** Everything that a plant may change. */
type Changeable<Value> =
  Value extends ReadonlyMap<infer Key, infer Item>
    ? Map<Key, Changeable<Item>>
    : Value extends ReadonlySet<infer Item>
      ? Set<Item>
      : Value extends object
        ? { -readonly [Key in keyof Value]: Changeable<Value[Key]> }
        : Value;
type Plant = (facts: Changeable<Facts>) => void;

/** What is planted, how, and what the audit must say about it. */
const plants: readonly (readonly [string, Plant, RegExp])[] = [
  [
    "a story that broke off",
    ({ cases }) => void (one(cases).chapter.failure = "it hangs"),
    /hangs/,
  ],
  [
    "another ending",
    ({ cases }) => void (one(one(cases).orders).state = "refunded"),
    /must be paid/,
  ],
  [
    "another sum given back",
    ({ cases }) => void (one(one(cases).orders).refunded.amount = 7),
    /7 given/,
  ],
  [
    "a payment by nobody",
    ({ cases }) => void one(cases).chapter.paid.clear(),
    /T1 was paid, but not/,
  ],
  [
    "a number given twice",
    ({ orders: of }) => void (one(of).number = "N-late"),
    /N-late was given/,
  ],
  [
    "an unbalanced asset",
    ({ ledger }) => void ledger.unbalancedAssets.push(offBalance),
    /CNY does not/,
  ],
  ["a wrong balance", ({ ledger }) => void ledger.differences.push(difference), /another sum/],
  ["a hold resolved twice", ({ ledger }) => void ledger.wrongEndings.push(ending), /has held 1/],
  ["an unsound ledger", ({ ledger }) => void (ledger.sound = false), /without why/],
  ["a trial balance", ({ trialBalance }) => void (one(trialBalance).posted = 5), /is 5, not 0/],
  [
    "holds of one side",
    ({ trialBalance }) => void (one(trialBalance).pendingDebits = 5),
    /trial bal/,
  ],
  ["units that vanished", ({ stocks }) => void (one(stocks).stock.putIn = 11), /is 10, not 11/],
  ["units sold to nobody", ({ stocks }) => void sell(one(stocks).stock, 1), /orders have 3, 4 are/],
  ["an oversold shelf", ({ stocks }) => void sell(one(stocks).stock, 7), /oversold by 1/],
  ["units held by nobody", ({ stocks }) => void hold(one(stocks).stock), /open orders have 0, 1/],
  [
    "units not put back",
    (facts) => void facts.orderRefunds.delete("paid"),
    /paid orders have 4, 3/,
  ],
  [
    "money of the outside",
    ({ books }) => void (one(books).totals.paidMinor += 1),
    /paid: outside says/,
  ],
  [
    "money of the ledger",
    ({ channels }) => void (one(channels).inMinor += 1),
    /paid: outside says/,
  ],
  [
    "a refund outside",
    ({ books }) => void (one(books).totals.refundedMinor += 1),
    /given back: out/,
  ],
  [
    "a refund of the ledger",
    ({ channels }) => void (one(channels).outMinor += 1),
    /given back: out/,
  ],
  ["a refund on its way", ({ books }) => void (one(books).totals.refundingMinor = 1), /on its way/],
  [
    "an order paid by nobody",
    ({ orders: of }) => void (one(of).total.amount = 1),
    /paid for orders/,
  ],
  ["an order given back", ({ orders: of }) => void (one(of).refunded.amount = 1), /given back for/],
  ["a surplus that stayed", ({ refunds }) => void refunds.pop(), /surplus: outside says/],
  ["a lost order", ({ cases }) => void (one(cases).orders = []), /acknowledged and is lost/],
  [
    "a doubled order",
    ({ cases }) => void one(cases).orders.push(orders.late),
    /1 orders under no key/,
  ],
  [
    "a key that places anew",
    ({ cases }) => void (one(cases).again = "other"),
    /gives the order other/,
  ],
  [
    "a lost attempt",
    ({ cases }) => void (one(cases).attempts = []),
    /T1 was given out and is lost/,
  ],
  ["a forgotten payment", ({ cases }) => void (attempt(cases).captures = []), /booked is never/],
  [
    "a doubled payment",
    ({ cases }) => void attempt(cases).captures.push(5),
    /booked is 2000 and 5/,
  ],
  [
    "a state behind",
    ({ cases }) => void (attempt(cases).state = "closed"),
    /T1 is closed, the out/,
  ],
  [
    "a refund not booked",
    ({ cases }) => void (attempt(cases).givenBackMinor = 0),
    /given back of T1/,
  ],
  [
    "a payment not there",
    ({ books }) => void one(books).trades.shift(),
    /has paid T1, the outside/,
  ],
  ["a lost refund", ({ cases }) => void (one(cases).refunds = []), /r-paid of 1000 was acknow/],
  ["an unasked refund", ({ cases }) => void (one(cases).chapter.refunds = []), /nobody asked for/],
  ["a doubled refund", ({ books }) => void doubleRefund(books), /gave back 1000,1000/],
  [
    "a refund not done",
    ({ books }) => void (one(books).trades[0] = bare),
    /is refunded, the outside/,
  ],
  [
    "something unfinished",
    ({ unfinished }) => void unfinished.push("an order hangs"),
    /order hangs/,
  ],
];

const offBalance = {
  asset: "CNY",
  accounts: 1,
  posted: 1,
  pendingDebits: 0,
  pendingCredits: 0,
  balanced: false,
};
const sums = { posted: 0, pendingDebits: 0, pendingCredits: 0 };
const difference = { accountId: "a", code: "stock", kept: sums, rebuilt: { ...sums, posted: 1 } };
const ending = { bundleId: "b", leg: 1, held: 1, resolved: 2 };
const bare = trade("T1", 2 * price, []);

function one<Item>([item]: readonly Item[]): Item {
  if (item === undefined) throw new Error("there is one");
  return item;
}

function attempt(cases: Changeable<Case>[]) {
  return one(one(cases).attempts);
}

function sell(stock: Changeable<Facts>["stocks"][number]["stock"], units: number): void {
  stock.sold += units;
  stock.available -= units;
}

function hold(stock: Changeable<Facts>["stocks"][number]["stock"]): void {
  stock.held += 1;
  stock.available -= 1;
}

function doubleRefund(books: Changeable<Facts>["books"]): void {
  const { refunds } = one(one(books).trades);
  refunds.push(one(refunds));
}

describe("the audit", () => {
  test("finds nothing where all is well", () => {
    const findings = audit(soundFacts(), { storm: false });
    expect(findings.flatMap(({ contradictions }) => contradictions)).toEqual([]);
    expect(isSound(findings)).toBe(true);
    expect(wordFindings(findings).at(-1)).toBe("The audit holds: 10 of 10 sentences are true.");
  });

  test.each(plants)("names %s", (_name, plant, words) => {
    const facts = structuredClone(soundFacts()) as Changeable<Facts>;
    plant(facts);
    const findings = audit(facts, { storm: false });
    expect(isSound(findings)).toBe(false);
    expect(findings.flatMap(({ contradictions }) => contradictions).join("\n")).toMatch(words);
    expect(wordFindings(findings).join("\n")).toMatch(/VIOLATED[\s\S]+The audit FAILS/);
  });

  test("lets the weather pay in a storm, and judges the money all the same", () => {
    const facts = structuredClone(soundFacts()) as Changeable<Facts>;
    one(facts.cases).chapter.paid.clear();
    expect(isSound(audit(facts, { storm: true }))).toBe(true);
    one(facts.channels).inMinor -= 1;
    expect(isSound(audit(facts, { storm: true }))).toBe(false);
  });

  test("lets a story that broke off have one order that it never learned of, not two", () => {
    const facts = structuredClone(soundFacts()) as Changeable<Facts>;
    const { chapter } = one(facts.cases);
    Object.assign(chapter, { order: undefined, failure: "no answer" });
    one(facts.cases).again = undefined;
    const doubled = (): string =>
      wordFindings(audit(facts, { storm: false }))
        .filter((line) => line.endsWith("of its own"))
        .join();
    expect(doubled()).toBe("");
    one(facts.cases).orders.push(orders.late);
    expect(doubled()).toContain("m-paid has 2 orders under no key of its own");
  });
});

test("amounts read as people write them", () => {
  expect([0, 5, 123_456_789].map(yuan)).toEqual(["0.00 CNY", "0.05 CNY", "1,234,567.89 CNY"]);
});
