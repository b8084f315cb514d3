/** Stock stands in the ledger: four accounts a SKU, one asset. */
import { memoize } from "../../../kernel/memoize.ts";
import type { AccountId, AccountSpec } from "../../ledger/index.ts";
import { accountIdOf } from "../../ledger/index.ts";
import type { SkuId, Stock } from "./types.ts";

/**
 * Where the units of a SKU can be. They come from `supply`, lie `onHand` (what orders hold is
 * pending there), and go to `sold` or `writtenOff`. Modules above set units aside on accounts of
 * their own; so put in = on hand + set aside + sold + written off.
 */
export interface StockAccounts {
  readonly onHand: AccountId;
  /** Goes below zero by what was put in. */
  readonly supply: AccountId;
  /** Guarded: no more comes back than was sold. */
  readonly sold: AccountId;
  readonly writtenOff: AccountId;
}

/** Hashing four codes costs more than all else that an order line needs, so they are remembered. */
const rememberedSkusMax = 50_000;

/** The ledger accounts of a SKU's stock. They are opened with the SKU. */
export const stockAccounts: (skuId: SkuId) => StockAccounts = memoize(
  rememberedSkusMax,
  (skuId) => ({
    onHand: accountIdOf(`stock.on_hand.${skuId}`),
    supply: accountIdOf(`stock.supply.${skuId}`),
    sold: accountIdOf(`stock.sold.${skuId}`),
    writtenOff: accountIdOf(`stock.written_off.${skuId}`),
  }),
);

/** A flash sale makes these the hottest accounts of all, so their movements are not indexed. */
export function stockAccountSpecs(skuId: SkuId): AccountSpec[] {
  const shared = { asset: `stock:${skuId}`, indexed: false };
  return [
    { code: `stock.on_hand.${skuId}`, guarded: true, ...shared },
    { code: `stock.supply.${skuId}`, guarded: false, ...shared },
    { code: `stock.sold.${skuId}`, guarded: true, ...shared },
    { code: `stock.written_off.${skuId}`, guarded: true, ...shared },
  ];
}

/** Reads the stock of a SKU out of the balances of its accounts. */
export function stockFrom(
  skuId: SkuId,
  balanceOf: (id: AccountId) => { readonly posted: bigint; readonly pendingDebits: bigint },
): Stock {
  const accounts = stockAccounts(skuId);
  const { posted: onHand, pendingDebits: held } = balanceOf(accounts.onHand);
  const putIn = -balanceOf(accounts.supply).posted;
  const sold = balanceOf(accounts.sold).posted;
  const writtenOff = balanceOf(accounts.writtenOff).posted;
  return { putIn, onHand, held, setAside: putIn - onHand - sold - writtenOff, sold, writtenOff };
}
