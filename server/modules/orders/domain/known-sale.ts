/** A sale as a process has read it a moment ago, and what it may tell from that. Pure. */
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { secondMs } from "../../../kernel/time.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import type { Account, AccountId } from "../../ledger/index.ts";
import type { SaleWithUnits } from "../../sales/index.ts";
import { saleAccount } from "../../sales/index.ts";
import { checkPlacing } from "./placing.ts";
import { enterSale } from "./sale.ts";
import type { PlacingWorld, WantedInSale } from "./types.ts";

export interface KnownSale {
  /** As somebody meets it who has bought nothing in it. */
  readonly world: PlacingWorld;
  /** The goods that were read; the sale may have others. */
  readonly skuIds: ReadonlySet<SkuId>;
  /** When the read began, in epoch milliseconds. */
  readonly readAt: number;
}

/** Nothing is told from what was read longer ago: three polls may fail. */
export const knownAgeMsMax = secondMs;

/** From what was read without locks, at `readAt` or later: the sale, its units and its goods. */
export function knownSaleOf(
  { sale, left }: SaleWithUnits,
  goods: {
    readonly skuIds: ReadonlySet<SkuId>;
    readonly skus: ReadonlyMap<SkuId, Sku>;
  },
  readAt: number,
): KnownSale {
  const accounts = new Map<AccountId, Account>();
  for (const [skuId, posted] of left) {
    const id = saleAccount(sale.id, skuId);
    const empty = { pendingDebits: 0n, pendingCredits: 0n };
    const asset = `stock:${skuId}`;
    accounts.set(id, { id, asset, guarded: true, indexed: false, posted, ...empty });
  }
  const unwritten = { bundles: new Map(), touched: new Set<AccountId>(), written: [], opened: [] };
  const sales = new Map([[sale.id, sale]]);
  const ledger = { accounts, ...unwritten };
  const world = { skus: goods.skus, sales, bought: new Map(), ledger };
  return { world, skuIds: goods.skuIds, readAt };
}

/**
 * What a decision would refuse the order with now, its member having none in the sale yet;
 * undefined when a decision has to be made. Orders are small, so it takes a few microseconds.
 */
export function refusalKnown(
  { world, skuIds, readAt }: KnownSale,
  wanted: WantedInSale,
  now: number,
): Refusal | undefined {
  const age = now - readAt;
  // A clock that was set back makes what is known seem to be from the future.
  if (age < 0 || age >= knownAgeMsMax) return undefined;
  // Of goods that were not read, only what holds for all of the sale can be told.
  const areRead = wanted.lines.every(({ skuId }) => skuIds.has(skuId));
  const check = areRead ? checkPlacing : enterSale;
  const refusal = check(world, wanted, now);
  if (!isRefusal(refusal)) return undefined;
  // What was not so when it was read may have let an order in since: the end of the sale.
  const then = check(world, wanted, readAt);
  return isRefusal(then) && then.code === refusal.code ? refusal : undefined;
}
