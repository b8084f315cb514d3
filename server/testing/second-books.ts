/**
 * A second bookkeeping beside the ledger's, for random runs. It knows nothing of the domain's code:
 * it adds up the transfers that the domain has written.
 */
import { assert, required } from "../kernel/assert.ts";
import type { Account, AccountId, LedgerWorld } from "../modules/ledger/index.ts";

type Transfer = LedgerWorld["written"][number];

interface Sums {
  posted: bigint;
  pendingDebits: bigint;
  pendingCredits: bigint;
}

interface Held {
  readonly transfer: Transfer;
  left: bigint;
}

export type SecondBooks = ReturnType<typeof openSecondBooks>;

/** Begins with what the accounts hold already. */
export function openSecondBooks(accounts: Iterable<Account>) {
  const sums = new Map<AccountId, Sums>();
  /** By bundle and leg: what of a hold is not yet resolved. */
  const held = new Map<string, Held[]>();
  const open = new Set<Held>();
  for (const { id, posted, pendingDebits, pendingCredits } of accounts) {
    sums.set(id, { posted, pendingDebits, pendingCredits });
  }

  const sumsOf = (id: AccountId): Sums => {
    let own = sums.get(id);
    if (own === undefined) {
      own = { posted: 0n, pendingDebits: 0n, pendingCredits: 0n };
      sums.set(id, own);
    }
    return own;
  };

  function check(account: Account): void {
    const { posted, pendingDebits, pendingCredits } = sumsOf(account.id);
    assert(account.posted === posted, "posted = credits - debits");
    assert(account.pendingDebits === pendingDebits, "pending debits are the open holds");
    assert(account.pendingCredits === pendingCredits, "pending credits are the open holds");
    assert(pendingDebits >= 0n && pendingCredits >= 0n, "no more is ended than was held");
    if (account.guarded) assert(posted >= pendingDebits, "a guarded account is not below zero");
  }

  function resolve(transfer: Transfer, resolvesLeg: number): void {
    const { bundleId, debit, credit, amount } = transfer;
    const hold = required(held.get(bundleId)?.[resolvesLeg], "the leg that is resolved");
    hold.left -= amount;
    assert(hold.left >= 0n, "resolved never exceeds held");
    if (hold.left === 0n) open.delete(hold);
    const isSame = hold.transfer.debit === debit && hold.transfer.credit === credit;
    assert(isSame, "what was held goes where it was to go");
  }

  return {
    add(transfer: Transfer): void {
      const { amount, phase, bundleId, leg, resolvesLeg } = transfer;
      assert(amount > 0n, "a transfer moves something");
      const debit = sumsOf(transfer.debit);
      const credit = sumsOf(transfer.credit);
      if (phase !== "posted") {
        const change = phase === "pending" ? amount : -amount;
        debit.pendingDebits += change;
        credit.pendingCredits += change;
      }
      if (phase === "posted" || phase === "post") {
        debit.posted -= amount;
        credit.posted += amount;
      }
      if (phase === "pending") {
        const legs = held.get(bundleId) ?? [];
        const hold = { transfer, left: amount };
        legs[leg] = hold;
        held.set(bundleId, legs);
        open.add(hold);
      }
      if (resolvesLeg !== undefined) resolve(transfer, resolvesLeg);
    },

    /** Of the accounts that these transfers move. */
    checkMoved(world: LedgerWorld, transfers: readonly Transfer[]): void {
      for (const { debit, credit } of transfers) {
        check(required(world.accounts.get(debit), "the debit account"));
        check(required(world.accounts.get(credit), "the credit account"));
      }
    },

    checkAll(world: LedgerWorld): void {
      for (const account of world.accounts.values()) check(account);
    },

    /** Legs of holds of which something is left. */
    open: (): ReadonlySet<Held> => open,

    /** A bundle that nobody comes back to. */
    forget: (bundleId: string) => void held.delete(bundleId),
  };
}
