/** Double entry as pure decisions over a world that was loaded and locked. No I/O. */
import { assert, required } from "../../kernel/assert.ts";
import { derivedId } from "../../kernel/ids.ts";

export type AccountId = string & { readonly __id: "LedgerAccount" };

export interface AccountSpec {
  /** Unique in the tenant, e.g. `stock.on_hand.<sku>`. */
  readonly code: string;
  /** `CNY`, `stock:<sku>`: transfers stay within one asset. */
  readonly asset: string;
  /** Never below zero, counting what is held. */
  readonly guarded: boolean;
  /** Whether movements are indexed by account; false for accounts as hot as a flash sale. */
  readonly indexed: boolean;
}

/** Amounts are whole units of the asset: fen, pieces, points. Balance = credits - debits. */
export interface Account {
  readonly id: AccountId;
  readonly asset: string;
  readonly guarded: boolean;
  readonly indexed: boolean;
  posted: bigint;
  pendingDebits: bigint;
  pendingCredits: bigint;
}

/** Moves `amount` from the debit account to the credit account. */
export interface Leg {
  readonly debit: AccountId;
  readonly credit: AccountId;
  readonly amount: bigint;
}

export interface Bundle {
  /** Given by the caller; a bundle of the same id is written once. */
  readonly id: string;
  readonly legs: readonly Leg[];
  /** The business row behind it. */
  readonly reference: string;
  /** For people: `order placed`, `refund`. */
  readonly reason: string;
}

export type Phase = "posted" | "pending" | "post" | "release";

export interface Transfer extends Leg {
  readonly bundleId: string;
  readonly leg: number;
  readonly phase: Phase;
  readonly resolvesLeg: number | undefined;
  readonly reference: string;
  readonly reason: string;
  readonly reversesBundleId: string | undefined;
}

/** What `load` locked, what decisions did to it, and what `save` has to write. */
export interface LedgerWorld {
  readonly accounts: Map<AccountId, Account>;
  /** All transfers of the bundles that were asked for, in leg order. */
  readonly bundles: Map<string, Transfer[]>;
  readonly touched: Set<AccountId>;
  readonly written: Transfer[];
  readonly opened: (AccountSpec & { readonly id: AccountId })[];
}

/** What is left of one leg of a hold. */
export interface OpenLeg extends Leg {
  readonly leg: number;
  readonly remaining: bigint;
}

/** The id follows from the code, so nobody has to look it up. */
export function accountIdOf(code: string): AccountId {
  // The only place that makes account ids.
  return derivedId(code) as AccountId;
}

/** What may still be taken out of an account. Unguarded accounts are never short. */
export function available(world: LedgerWorld, account: AccountId): bigint {
  const { posted, pendingDebits } = accountIn(world, account);
  return posted - pendingDebits;
}

/** True when every leg can be held or posted, also where several legs share an account. */
export function canMove(world: LedgerWorld, legs: readonly Leg[]): boolean {
  return firstShortLeg(world, legs) === undefined;
}

/** The index of the first leg that its debit account can't cover, after the legs before it. */
export function firstShortLeg(world: LedgerWorld, legs: readonly Leg[]): number | undefined {
  const taken = new Map<AccountId, bigint>();
  for (const [index, leg] of legs.entries()) {
    const account = accountIn(world, leg.debit);
    const total = (taken.get(leg.debit) ?? 0n) + leg.amount;
    if (account.guarded && total > available(world, leg.debit)) return index;
    taken.set(leg.debit, total);
  }
  return undefined;
}

/** Adds an account that the world was asked for and did not have. */
export function openAccount(world: LedgerWorld, spec: AccountSpec): AccountId {
  const id = accountIdOf(spec.code);
  if (world.accounts.has(id)) return id;
  const { asset, guarded, indexed } = spec;
  const zero = { posted: 0n, pendingDebits: 0n, pendingCredits: 0n };
  world.accounts.set(id, { id, asset, guarded, indexed, ...zero });
  world.opened.push({ id, ...spec });
  world.touched.add(id);
  return id;
}

/** Sets amounts aside: they are neither here nor there until posted or released. */
export function hold(world: LedgerWorld, bundle: Bundle): void {
  begin(world, bundle);
  for (const leg of bundle.legs) {
    append(world, bundle, { ...leg, phase: "pending", resolvesLeg: undefined });
  }
}

/** Moves amounts at once. `reverses` names the bundle that this one takes back. */
export function move(world: LedgerWorld, bundle: Bundle, reverses?: string): void {
  begin(world, bundle);
  for (const leg of bundle.legs) {
    append(world, bundle, { ...leg, phase: "posted", resolvesLeg: undefined }, reverses);
  }
}

/** What of a hold is neither posted nor released yet. */
export function openLegs(world: LedgerWorld, bundleId: string): OpenLeg[] {
  const transfers = bundleIn(world, bundleId);
  return transfers
    .filter(({ phase }) => phase === "pending")
    .map((pending) => {
      const resolved = transfers
        .filter(({ resolvesLeg }) => resolvesLeg === pending.leg)
        .reduce((sum, { amount }) => sum + amount, 0n);
      const { debit, credit, amount, leg } = pending;
      return { debit, credit, amount, leg, remaining: amount - resolved };
    })
    .filter(({ remaining }) => remaining > 0n);
}

/**
 * Makes a hold final: the whole rest, or `parts` (leg number -> amount), which leaves the rest
 * held. Gives false when nothing was left to post, so that a repeated call does nothing.
 */
export function post(
  world: LedgerWorld,
  ending: { readonly bundleId: string; readonly reason: string },
  parts?: ReadonlyMap<number, bigint>,
): boolean {
  return resolve(world, ending, "post", parts);
}

/** Gives back what is still held, wholly or in part. False when nothing was left. */
export function release(
  world: LedgerWorld,
  ending: { readonly bundleId: string; readonly reason: string },
  parts?: ReadonlyMap<number, bigint>,
): boolean {
  return resolve(world, ending, "release", parts);
}

/** What a bundle moved for good, leg by leg: the most that can be reversed of it. */
export function postedLegs(world: LedgerWorld, bundleId: string): Leg[] {
  return bundleIn(world, bundleId)
    .filter(({ phase }) => phase === "posted" || phase === "post")
    .map(({ debit, credit, amount }) => ({ debit, credit, amount }));
}

export function hasBundle(world: LedgerWorld, bundleId: string): boolean {
  return (world.bundles.get(bundleId)?.length ?? 0) > 0;
}

function resolve(
  world: LedgerWorld,
  ending: { readonly bundleId: string; readonly reason: string },
  phase: "post" | "release",
  parts?: ReadonlyMap<number, bigint>,
): boolean {
  const open = openLegs(world, ending.bundleId);
  const first = bundleIn(world, ending.bundleId)[0];
  if (open.length === 0 || first === undefined) return false;
  for (const leg of parts?.keys() ?? []) {
    assert(
      open.some((candidate) => candidate.leg === leg),
      `leg ${leg} is not open`,
    );
  }
  for (const { remaining, leg, debit, credit } of open) {
    const amount = parts === undefined ? remaining : (parts.get(leg) ?? 0n);
    if (amount === 0n) continue;
    assert(amount > 0n && amount <= remaining, "a hold ends within what is left of it");
    append(
      world,
      { id: ending.bundleId, reference: first.reference, reason: ending.reason },
      { debit, credit, amount, phase, resolvesLeg: leg },
    );
  }
  return true;
}

function begin(world: LedgerWorld, bundle: Bundle): void {
  assert(bundle.legs.length > 0, "a bundle has legs");
  assert(!hasBundle(world, bundle.id), `bundle ${bundle.id} is written once`);
  assert(canMove(world, bundle.legs), "the caller has checked that nothing goes below zero");
}

function append(
  world: LedgerWorld,
  bundle: Omit<Bundle, "legs">,
  entry: Leg & { phase: Phase; resolvesLeg: number | undefined },
  reverses?: string,
): void {
  const debit = accountIn(world, entry.debit);
  const credit = accountIn(world, entry.credit);
  assert(entry.amount > 0n, "an amount is above zero");
  assert(debit.id !== credit.id && debit.asset === credit.asset, "a transfer stays in one asset");
  applyPhase(entry.phase, entry.amount, debit, credit);
  assert(!debit.guarded || debit.posted >= debit.pendingDebits, "a guarded account went negative");
  const transfers = bundleIn(world, bundle.id);
  const transfer: Transfer = {
    ...entry,
    bundleId: bundle.id,
    leg: transfers.length + 1,
    reference: bundle.reference,
    reason: bundle.reason,
    reversesBundleId: reverses,
  };
  transfers.push(transfer);
  world.bundles.set(bundle.id, transfers);
  world.written.push(transfer);
  world.touched.add(debit.id).add(credit.id);
}

function applyPhase(phase: Phase, amount: bigint, debit: Account, credit: Account): void {
  if (phase === "pending") {
    debit.pendingDebits += amount;
    credit.pendingCredits += amount;
    return;
  }
  if (phase !== "posted") {
    debit.pendingDebits -= amount;
    credit.pendingCredits -= amount;
  }
  if (phase === "release") return;
  debit.posted -= amount;
  credit.posted += amount;
}

function accountIn(world: LedgerWorld, id: AccountId): Account {
  return required(world.accounts.get(id), `ledger account ${id}`);
}

function bundleIn(world: LedgerWorld, id: string): Transfer[] {
  return world.bundles.get(id) ?? [];
}
