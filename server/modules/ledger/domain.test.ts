import { describe, expect, test } from "vitest";
import { assert, required } from "../../kernel/assert.ts";
import type { SeededRandom } from "../../kernel/testing/random.ts";
import { withSeed } from "../../kernel/testing/random.ts";
import type { Account, AccountId, Bundle, Leg, LedgerWorld, Transfer } from "./domain.ts";
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
 * 120,000 random holds, moves, posts and releases. The invariants are checked against a second
 * bookkeeping, which only adds up what was written: after each step for the accounts that it
 * touched, every 4,000 steps for all.
 */
const stepsTotal = 120_000;
const fullCheckEvery = 4_000;

test("keeps every invariant over 120,000 random steps [LED-08] [LED-09]", () =>
  withSeed((random) => {
    const world = marketWorld();
    const market = { world, random, open: new Array<string>(), steps: 0 };
    const second = new SecondBooks();
    for (let step = 1; step <= stepsTotal; step += 1) {
      market.steps = step;
      const before = world.written.length;
      takeStep(market);
      for (const transfer of world.written.slice(before)) second.add(transfer);
      second.checkTouched(world, world.written.slice(before));
      if (step % fullCheckEvery === 0) second.checkAll(world);
    }
    // The run did something of every kind, or it has proved nothing.
    const phases = Map.groupBy(world.written, ({ phase }) => phase);
    for (const phase of ["posted", "pending", "post", "release"] as const) {
      expect(phases.get(phase)?.length ?? 0).toBeGreaterThan(stepsTotal / 20);
    }
  }));

const assets = ["CNY", "points", "stock:1"];

function marketWorld(): LedgerWorld {
  const world = emptyWorld();
  for (const asset of assets) {
    openAccount(world, { code: `${asset}.source`, asset, guarded: false, indexed: false });
    for (let index = 0; index < 5; index += 1) {
      openAccount(world, { code: `${asset}.${index}`, asset, guarded: true, indexed: true });
    }
  }
  return world;
}

interface Market {
  readonly world: LedgerWorld;
  readonly random: SeededRandom;
  /** Holds that may have something left. */
  readonly open: string[];
  steps: number;
}

function takeStep(market: Market): void {
  const { world, random, open } = market;
  const kind = random.below(10);
  if (kind < 5 || open.length === 0) return beginSomething(market);
  const bundleId = random.pick(open);
  const ending = { bundleId, reason: "end" };
  const parts = random.chance(0.5) ? randomParts(market, bundleId) : undefined;
  const before = openLegs(world, bundleId).length;
  const written = world.written.length;
  const ended = kind < 8 ? post(world, ending, parts) : release(world, ending, parts);
  assert(ended === before > 0, "an ending says whether there was something to end");
  assert(ended || world.written.length === written, "a finished hold writes nothing");
  // Some finished holds stay in the list, so that endings are repeated.
  if (openLegs(world, bundleId).length === 0 && random.chance(0.7)) {
    open.splice(open.indexOf(bundleId), 1);
  }
}

function beginSomething({ world, random, open, steps }: Market): void {
  const legs = Array.from({ length: 1 + random.below(3) }, () => randomLeg(world, random));
  const short = naiveIsShort(world, legs);
  assert(canMove(world, legs) === !short, "canMove agrees with a count by hand");
  const next = bundle(`bundle ${steps}`, legs);
  if (short) {
    let refused = false;
    try {
      move(world, next);
    } catch {
      refused = true;
    }
    assert(refused && !hasBundle(world, next.id), "a short bundle leaves nothing behind");
    return;
  }
  if (random.chance(0.4)) return move(world, next);
  hold(world, next);
  open.push(next.id);
}

function randomLeg(world: LedgerWorld, random: SeededRandom): Leg {
  const asset = random.pick(assets);
  const own = [...world.accounts.values()].filter((account) => account.asset === asset);
  const [debit, credit] = random.shuffle(own);
  // Sources fill the guarded accounts; without them everything would soon be refused.
  const source = required(
    own.find(({ guarded }) => !guarded),
    "a source",
  );
  const from = random.chance(0.35) ? source : required(debit, "a debit account");
  const to = from === credit ? required(debit, "another account") : required(credit, "a credit");
  return leg(from.id, to.id, BigInt(1 + random.below(50)));
}

function randomParts({ world, random }: Market, bundleId: string): Map<number, bigint> {
  const legs = openLegs(world, bundleId).filter(() => random.chance(0.6));
  return new Map(
    legs.map(({ leg, remaining }) => [leg, BigInt(1 + random.below(Number(remaining)))]),
  );
}

function naiveIsShort(world: LedgerWorld, legs: readonly Leg[]): boolean {
  return [...world.accounts.values()].some((account) => {
    const wanted = legs
      .filter(({ debit }) => debit === account.id)
      .reduce((sum, { amount }) => sum + amount, 0n);
    return account.guarded && wanted > 0n && account.posted - account.pendingDebits < wanted;
  });
}

interface Sums {
  debits: bigint;
  credits: bigint;
  pendingDebits: bigint;
  pendingCredits: bigint;
}

/** Knows nothing of the domain's code: it adds up the transfers that the domain has written. */
class SecondBooks {
  private readonly accounts = new Map<AccountId, Sums>();
  /** `bundle leg` -> held and not yet resolved. */
  private readonly held = new Map<string, { transfer: Transfer; left: bigint }>();

  add(transfer: Transfer): void {
    const { amount, phase, bundleId, resolvesLeg } = transfer;
    assert(amount > 0n);
    const debit = this.of(transfer.debit);
    const credit = this.of(transfer.credit);
    const sign = phase === "pending" ? 1n : phase === "posted" ? 0n : -1n;
    debit.pendingDebits += sign * amount;
    credit.pendingCredits += sign * amount;
    if (phase === "posted" || phase === "post") {
      debit.debits += amount;
      credit.credits += amount;
    }
    if (phase === "pending")
      this.held.set(`${bundleId} ${transfer.leg}`, { transfer, left: amount });
    if (resolvesLeg === undefined) return;
    const held = required(this.held.get(`${bundleId} ${resolvesLeg}`), "the leg that is resolved");
    held.left -= amount;
    assert(held.left >= 0n, "resolved never exceeds held");
    assert(held.transfer.debit === transfer.debit && held.transfer.credit === transfer.credit);
  }

  checkTouched(world: LedgerWorld, written: readonly Transfer[]): void {
    for (const { debit, credit } of written) {
      this.check(required(world.accounts.get(debit), "the debit account"));
      this.check(required(world.accounts.get(credit), "the credit account"));
    }
  }

  checkAll(world: LedgerWorld): void {
    for (const account of world.accounts.values()) this.check(account);
    for (const asset of assets) {
      const own = [...world.accounts.values()].filter((account) => account.asset === asset);
      const total = (pick: (account: Account) => bigint) =>
        own.reduce((sum, account) => sum + pick(account), 0n);
      assert(total(({ posted }) => posted) === 0n, `debits = credits of ${asset}`);
      const pendingDebits = total((account) => account.pendingDebits);
      assert(pendingDebits === total((account) => account.pendingCredits));
      const openOfAsset = [...this.held.values()]
        .filter(({ transfer }) => world.accounts.get(transfer.debit)?.asset === asset)
        .reduce((sum, { left }) => sum + left, 0n);
      assert(pendingDebits === openOfAsset, `what is pending of ${asset} is what is open`);
    }
    for (const [key, { left, transfer }] of this.held) {
      const open = openLegs(world, transfer.bundleId).find((other) => other.leg === transfer.leg);
      assert((open?.remaining ?? 0n) === left, `the open leg ${key}`);
    }
  }

  private check(account: Account): void {
    const sums = this.of(account.id);
    assert(account.posted === sums.credits - sums.debits, "posted = credits - debits");
    assert(account.pendingDebits === sums.pendingDebits, "pending debits");
    assert(account.pendingCredits === sums.pendingCredits, "pending credits");
    assert(account.pendingDebits >= 0n && account.pendingCredits >= 0n);
    if (account.guarded) assert(account.posted >= account.pendingDebits, "guarded");
  }

  private of(id: AccountId): Sums {
    const sums = this.accounts.get(id) ?? {
      debits: 0n,
      credits: 0n,
      pendingDebits: 0n,
      pendingCredits: 0n,
    };
    this.accounts.set(id, sums);
    return sums;
  }
}
