/** The units of a sale stand in the ledger: one account for each of its SKUs. */
import { memoize } from "../../../kernel/memoize.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { AccountId, AccountSpec } from "../../ledger/index.ts";
import { accountIdOf } from "../../ledger/index.ts";
import type { SaleId } from "./types.ts";

/** Hashing a code costs more than all else that an order line needs, so they are remembered. */
const rememberedMax = 50_000;
const idOfCode = memoize(rememberedMax, accountIdOf);

/** Where the units lie that were set aside for a sale; what its orders hold is pending there. */
export function saleAccount(saleId: SaleId, skuId: SkuId): AccountId {
  return idOfCode(codeOf(saleId, skuId));
}

/** The hottest accounts of all, so their movements are not indexed. */
export function saleAccountSpec(saleId: SaleId, skuId: SkuId): AccountSpec {
  const code = codeOf(saleId, skuId);
  return { code, asset: `stock:${skuId}`, guarded: true, indexed: false };
}

/** Below it stand the accounts of all SKUs of a sale, and no other. */
export function saleAccountsPrefix(saleId: SaleId): string {
  return `sale.allotment.${saleId}.`;
}

function codeOf(saleId: SaleId, skuId: SkuId): string {
  return `${saleAccountsPrefix(saleId)}${skuId}`;
}
