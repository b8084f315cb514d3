import { describe, expect, test } from "vitest";
import { assert, required } from "../../kernel/assert.ts";
import type { SeededRandom } from "../../kernel/testing/random.ts";
import { countSteps, withSeed } from "../../kernel/testing/random.ts";
import type { SecondBooks } from "../../testing/second-books.ts";
import { openSecondBooks } from "../../testing/second-books.ts";
import type { Account, AccountId, Bundle, Leg, LedgerWorld, OpenLeg } from "./domain.ts";
import {
  accountIdOf,
  available,
  canMove,
  firstShortLeg,
  hasBundle,
  hold,
  move,
  openAccount,
  openLegs,
  post,
  postedLegs,
  release,
} from "./domain.ts";

const reference = "01890000-0000-7000-8000-000000000001";
const supply = accountIdOf("supply");
const shelf = accountIdOf("shelf");
const sold = accountIdOf("sold");
const cash = accountIdOf("cash");

function emptyWorld(): LedgerWorld {
  return { accounts: new Map(), bundles: new Map(), touched: new Set(), written: [], opened: [] };
}

/** Ten pieces lie on the shelf. */
function shop(): LedgerWorld {
  const world = emptyWorld();
  openAccount(world, { code: "supply", asset: "pieces", guarded: false, indexed: false });
  openAccount(world, { code: "shelf", asset: "pieces", guarded: true, indexed: false });
  openAccount(world, { code: "sold", asset: "pieces", guarded: true, indexed: false });
  openAccount(world, { code: "cash", asset: "CNY", guarded: false, indexed: true });
  move(world, bundle("put in", [leg(supply, shelf, 10n)]));
  return world;
}

function leg(debit: AccountId, credit: AccountId, amount: bigint): Leg {
  return { debit, credit, amount };
}

function bundle(id: string, legs: readonly Leg[]): Bundle {
  return { id, legs, reference, reason: "test" };
}

function balance(world: LedgerWorld, id: AccountId) {
  const { posted, pendingDebits, pendingCredits } = required(world.accounts.get(id), id);
  return { posted, pendingDebits, pendingCredits };
}

test("gives an account the same id in every process, a UUID of version 8", () => {
  expect(accountIdOf("stock.on_hand.1")).toBe("95b3bd1d-dff1-809b-8a52-d1ece503015d");
  expect(accountIdOf("a")).not.toBe(accountIdOf("b"));
});

describe("canMove", () => {
  const cases: [string, Leg[], number | undefined][] = [
    ["all that is there", [leg(shelf, sold, 10n)], undefined],
    ["one more than is there", [leg(shelf, sold, 11n)], 0],
    [
      "two legs that share an account and fit",
      [leg(shelf, sold, 4n), leg(shelf, sold, 6n)],
      undefined,
    ],
    ["two legs that share an account and do not", [leg(shelf, sold, 4n), leg(shelf, sold, 7n)], 1],
    ["more than an unguarded account has", [leg(supply, shelf, 99n)], undefined],
    ["what an earlier leg would only bring", [leg(shelf, sold, 5n), leg(sold, shelf, 1n)], 1],
  ];
  test.each(cases)("judges %s", (_name, legs, short) => {
    expect(firstShortLeg(shop(), legs)).toBe(short);
    expect(canMove(shop(), legs)).toBe(short === undefined);
  });

  test("does not count what others hold", () => {
    const world = shop();
    hold(world, bundle("order", [leg(shelf, sold, 7n)]));
    expect(available(world, shelf)).toBe(3n);
    expect(canMove(world, [leg(shelf, sold, 4n)])).toBe(false);
  });

  test("does not count what is only promised to an account", () => {
    const world = shop();
    hold(world, bundle("order", [leg(shelf, sold, 7n)]));
    expect(canMove(world, [leg(sold, shelf, 1n)])).toBe(false);
  });
});

describe("a hold", () => {
  test("sets aside, and posting it moves [LED-08]", () => {
    const world = shop();
    hold(world, bundle("order", [leg(shelf, sold, 7n)]));
    expect(balance(world, shelf)).toEqual({ posted: 10n, pendingDebits: 7n, pendingCredits: 0n });
    expect(balance(world, sold)).toEqual({ posted: 0n, pendingDebits: 0n, pendingCredits: 7n });
    expect(post(world, { bundleId: "order", reason: "paid" })).toBe(true);
    expect(balance(world, shelf)).toEqual({ posted: 3n, pendingDebits: 0n, pendingCredits: 0n });
    expect(balance(world, sold)).toEqual({ posted: 7n, pendingDebits: 0n, pendingCredits: 0n });
  });

  test("gives back when it is released [CAT-07]", () => {
    const world = shop();
    hold(world, bundle("order", [leg(shelf, sold, 7n)]));
    expect(release(world, { bundleId: "order", reason: "closed" })).toBe(true);
    expect(balance(world, shelf)).toEqual({ posted: 10n, pendingDebits: 0n, pendingCredits: 0n });
    expect(balance(world, sold)).toEqual({ posted: 0n, pendingDebits: 0n, pendingCredits: 0n });
  });

  test("ends once: a second ending changes nothing and writes nothing", () => {
    const world = shop();
    hold(world, bundle("order", [leg(shelf, sold, 7n)]));
    post(world, { bundleId: "order", reason: "paid" });
    const written = world.written.length;
    expect(post(world, { bundleId: "order", reason: "paid" })).toBe(false);
    expect(release(world, { bundleId: "order", reason: "closed" })).toBe(false);
    expect(world.written).toHaveLength(written);
    expect(available(world, shelf)).toBe(3n);
  });

  test("is posted in part and released for the rest", () => {
    const world = shop();
    hold(world, bundle("order", [leg(shelf, sold, 7n), leg(shelf, sold, 2n)]));
    post(world, { bundleId: "order", reason: "shipped" }, new Map([[1, 3n]]));
    expect(openLegs(world, "order").map(({ leg, remaining }) => [leg, remaining])).toEqual([
      [1, 4n],
      [2, 2n],
    ]);
    release(world, { bundleId: "order", reason: "closed" });
    expect(openLegs(world, "order")).toEqual([]);
    expect(postedLegs(world, "order")).toEqual([leg(shelf, sold, 3n)]);
    expect(available(world, shelf)).toBe(7n);
  });

  test("that is not known has nothing to end", () => {
    const world = shop();
    expect(post(world, { bundleId: "never", reason: "paid" })).toBe(false);
    expect(hasBundle(world, "never")).toBe(false);
  });
});

describe("what the caller must have checked is asserted", () => {
  const held = () => {
    const world = shop();
    hold(world, bundle("order", [leg(shelf, sold, 7n)]));
    return world;
  };
  const ending = { bundleId: "order", reason: "paid" };
  const cases: [string, string, (world: LedgerWorld) => unknown][] = [
    ["a bundle without legs", "has legs", (world) => hold(world, bundle("empty", []))],
    [
      "a bundle written twice",
      "written once",
      (world) => move(world, bundle("order", [leg(shelf, sold, 1n)])),
    ],
    [
      "more than is there",
      "below zero",
      (world) => move(world, bundle("big", [leg(shelf, sold, 4n)])),
    ],
    [
      "an amount of nothing",
      "above zero",
      (world) => move(world, bundle("zero", [leg(shelf, sold, 0n)])),
    ],
    [
      "a negative amount",
      "above zero",
      (world) => move(world, bundle("less", [leg(supply, shelf, -1n)])),
    ],
    [
      "an account to itself",
      "one asset",
      (world) => move(world, bundle("self", [leg(shelf, shelf, 1n)])),
    ],
    ["two assets", "one asset", (world) => move(world, bundle("mixed", [leg(shelf, cash, 1n)]))],
    [
      "an account that was not loaded",
      "is missing",
      (world) => move(world, bundle("gone", [leg(supply, accountIdOf("nowhere"), 1n)])),
    ],
    ["ending more than is held", "left of it", (world) => post(world, ending, new Map([[1, 8n]]))],
    [
      "ending less than nothing",
      "left of it",
      (world) => release(world, ending, new Map([[1, -1n]])),
    ],
    [
      "ending a leg that is not there",
      "is not open",
      (world) => post(world, ending, new Map([[2, 1n]])),
    ],
  ];
  test.each(cases)("refuses %s", (_name, message, act) => {
    expect(() => act(held())).toThrow(message);
  });
});

test("a reversal names the bundle that it takes back", () => {
  const world = shop();
  move(world, bundle("sale", [leg(shelf, sold, 4n)]));
  move(world, bundle("return", [leg(sold, shelf, 1n)]), "sale");
  expect(world.written.at(-1)).toMatchObject({ phase: "posted", reversesBundleId: "sale" });
  expect(available(world, shelf)).toBe(7n);
});

test("opens an account once, however often it is asked for", () => {
  const world = emptyWorld();
  const spec = { code: "shelf", asset: "pieces", guarded: true, indexed: false };
  openAccount(world, spec);
  openAccount(world, spec);
  expect(world.opened).toEqual([{ id: shelf, ...spec }]);
});

/**
 * Random holds, moves, posts and releases. The invariants are checked against a second bookkeeping,
 * which only adds up what was written: after each step for the accounts that it touched, every
 * 4,000 steps for all.
 */
const stepsTotal = 300_000;
const fullCheckEvery = 4_000;
/** Three seconds of work; on a machine that does much else as well, minutes. */
const timeoutMs = 600_000;

test(
  "keeps every invariant over 300,000 random steps [LED-08] [LED-09]",
  {
    timeout: timeoutMs,
  },
  ({ task }) =>
    withSeed((random) => {
      const market = openMarket(random);
      const { world } = market;
      const second = openSecondBooks(world.accounts.values());
      for (let step = 1; step <= stepsTotal; step += 1) {
        market.steps = step;
        takeStep(market);
        for (const transfer of world.written) second.add(transfer);
        second.checkMoved(world, world.written);
        for (const { phase } of world.written) {
          market.phases.set(phase, (market.phases.get(phase) ?? 0) + 1);
        }
        world.written.length = 0;
        for (const bundleId of market.done.splice(0)) {
          world.bundles.delete(bundleId);
          second.forget(bundleId);
        }
        if (step % fullCheckEvery === 0) checkAll(world, second);
      }
      countSteps(task, "the ledger", stepsTotal);
      // The run did something of every kind, or it has proved nothing.
      for (const phase of ["posted", "pending", "post", "release"] as const) {
        expect(market.phases.get(phase) ?? 0).toBeGreaterThan(stepsTotal / 20);
      }
      for (const kind of ["refused", "ended in parts", "ended twice"]) {
        expect(market.kinds.get(kind) ?? 0, kind).toBeGreaterThan(stepsTotal / 100);
      }
    }),
);

const assets = ["CNY", "points", "stock:1"];
const guardedOfAsset = 5;

/** Holds that may have something left; many more would make none of them meet again. */
const openMax = 60;

interface Market {
  readonly world: LedgerWorld;
  readonly random: SeededRandom;
  /** By asset: the source first, which fills the guarded ones. */
  readonly accounts: readonly (readonly Account[])[];
  readonly open: string[];
  /** Bundles that nobody comes back to: a load would not bring them. */
  readonly done: string[];
  readonly phases: Map<string, number>;
  readonly kinds: Map<string, number>;
  steps: number;
}

function openMarket(random: SeededRandom): Market {
  const world = emptyWorld();
  const accounts = assets.map((asset) => {
    const code = (name: string | number) => `${asset}.${name}`;
    const source = { code: code("source"), asset, guarded: false, indexed: false };
    const guarded = Array.from({ length: guardedOfAsset }, (_, index) => {
      return { code: code(index), asset, guarded: true, indexed: true };
    });
    return [source, ...guarded].map((spec) => {
      return required(world.accounts.get(openAccount(world, spec)), "an account just opened");
    });
  });
  const counts = { phases: new Map<string, number>(), kinds: new Map<string, number>() };
  return { world, random, accounts, open: [], done: [], ...counts, steps: 0 };
}

function count(market: Market, kind: string): void {
  market.kinds.set(kind, (market.kinds.get(kind) ?? 0) + 1);
}

function takeStep(market: Market): void {
  const { world, random, open } = market;
  const kind = random.below(10);
  if (open.length === 0 || (kind < 5 && open.length < openMax)) return beginSomething(market);
  const at = random.below(open.length);
  const bundleId = required(open[at], "an open hold");
  const ending = { bundleId, reason: "end" };
  const before = openLegs(world, bundleId);
  const parts = random.chance(0.5) ? randomParts(random, before) : undefined;
  const ended = kind < 8 ? post(world, ending, parts) : release(world, ending, parts);
  assert(ended === before.length > 0, "an ending says whether there was something to end");
  assert(ended || world.written.length === 0, "a finished hold writes nothing");
  count(market, ended ? (parts === undefined ? "ended" : "ended in parts") : "ended twice");
  // Some finished holds stay in the list, so that endings are repeated.
  if (openLegs(world, bundleId).length > 0 || random.chance(0.4)) return;
  open.splice(at, 1);
  market.done.push(bundleId);
}

function beginSomething(market: Market): void {
  const { world, random, open, steps } = market;
  const legs = Array.from({ length: 1 + random.below(3) }, () => randomLeg(market));
  const short = naiveIsShort(world, legs);
  assert(canMove(world, legs) === !short, "canMove agrees with a count by hand");
  const next = bundle(`bundle ${steps}`, legs);
  if (short) {
    count(market, "refused");
    // Throwing is slow, and each of a thousand throws in the same way.
    if (!random.chance(0.02)) return;
    expect(() => move(world, next)).toThrow("nothing goes below zero");
    assert(!hasBundle(world, next.id), "a short bundle leaves nothing behind");
    return;
  }
  if (random.chance(0.4)) {
    move(world, next);
    market.done.push(next.id);
    return;
  }
  hold(world, next);
  open.push(next.id);
}

function randomLeg({ random, accounts }: Market): Leg {
  const own = random.pick(accounts);
  const from = random.below(own.length);
  // More goes back to the source than comes from it, so that accounts are often short.
  const isBack = from !== 0 && random.chance(0.05);
  const to = isBack ? 0 : (from + 1 + random.below(own.length - 1)) % own.length;
  const at = (index: number) => required(own[index], "an account").id;
  return leg(at(from), at(to), BigInt(1 + random.below(50)));
}

function randomParts(random: SeededRandom, open: readonly OpenLeg[]): Map<number, bigint> {
  const legs = open.filter(() => random.chance(0.6));
  return new Map(
    legs.map(({ leg, remaining }) => [leg, BigInt(1 + random.below(Number(remaining)))]),
  );
}

function naiveIsShort(world: LedgerWorld, legs: readonly Leg[]): boolean {
  return legs.some(({ debit }) => {
    const account = required(world.accounts.get(debit), "the debit account");
    let wanted = 0n;
    for (const other of legs) if (other.debit === debit) wanted += other.amount;
    return account.guarded && account.posted - account.pendingDebits < wanted;
  });
}

function checkAll(world: LedgerWorld, second: SecondBooks): void {
  second.checkAll(world);
  const holds = [...second.open()];
  for (const asset of assets) {
    const own = [...world.accounts.values()].filter((account) => account.asset === asset);
    const total = (pick: (account: Account) => bigint) =>
      own.reduce((sum, account) => sum + pick(account), 0n);
    assert(total(({ posted }) => posted) === 0n, `debits = credits of ${asset}`);
    const pendingDebits = total((account) => account.pendingDebits);
    assert(pendingDebits === total((account) => account.pendingCredits), "holds have two sides");
    const openOfAsset = holds
      .filter(({ transfer }) => world.accounts.get(transfer.debit)?.asset === asset)
      .reduce((sum, { left }) => sum + left, 0n);
    assert(pendingDebits === openOfAsset, `what is pending of ${asset} is what is open`);
  }
  for (const { left, transfer } of holds) {
    const open = openLegs(world, transfer.bundleId).find((other) => other.leg === transfer.leg);
    assert(open?.remaining === left, `the open leg ${transfer.leg} of a bundle`);
  }
}
