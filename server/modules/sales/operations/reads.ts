import { createCache } from "../../../kernel/cache.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { Ledger } from "../../ledger/index.ts";
import { saleAccount } from "../domain/allotments.ts";
import type { Sale, SaleId } from "../domain/types.ts";
import { selectSaleById, selectSalePage } from "../store/reads.ts";

/** A sale, and how many units of its SKUs could be ordered a moment ago. */
export interface SaleWithUnits {
  readonly sale: Sale;
  readonly left: ReadonlyMap<SkuId, bigint>;
}

/** A page that thousands look at shows units that are at most this old. */
const shownMs = secondMs;
/** Sales that are looked at in the same second; more are read from the database each time. */
const shownSalesMax = 1_000;

export function createReads(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly ledger: Ledger;
}) {
  const { database, clock, ledger } = deps;

  async function withUnits(tenantId: string, sales: readonly Sale[]): Promise<SaleWithUnits[]> {
    const accounts = sales.flatMap(({ id, items }) =>
      [...items.keys()].map((skuId) => saleAccount(id, skuId)),
    );
    if (accounts.length === 0) return sales.map((sale) => ({ sale, left: new Map() }));
    const balances = await ledger.readBalances(tenantId, accounts);
    return sales.map((sale) => {
      const left = [...sale.items.keys()].map((skuId): [SkuId, bigint] => {
        const balance = balances.get(saleAccount(sale.id, skuId));
        return [skuId, balance === undefined ? 0n : balance.posted - balance.pendingDebits];
      });
      return { sale, left: new Map(left) };
    });
  }

  async function readOne(tenantId: string, id: SaleId): Promise<SaleWithUnits | undefined> {
    const sale = await selectSaleById(database, tenantId, id);
    return sale === undefined ? undefined : (await withUnits(tenantId, [sale]))[0];
  }

  const shown = createCache<`${string} ${SaleId}`, SaleWithUnits>({
    name: "sales.shown",
    clock,
    max: shownSalesMax,
    ttlMs: shownMs,
    load: (key) => {
      const [tenantId = "", saleId] = key.split(" ");
      // The key is made below, of these two.
      return readOne(tenantId, saleId as SaleId);
    },
  });

  return {
    /** For the metrics. */
    caches: [shown],

    /** Newest first; drafts for those who make them. */
    async listSales(
      tenantId: string,
      wanted: {
        readonly drafts: boolean;
        readonly before: SaleId | undefined;
        readonly limit: number;
      },
    ): Promise<SaleWithUnits[]> {
      return withUnits(tenantId, await selectSalePage(database, tenantId, wanted));
    },

    /** As it is now. */
    async readSale(tenantId: string, id: SaleId): Promise<SaleWithUnits | Refusal> {
      return (await readOne(tenantId, id)) ?? noSale;
    },

    /** As members see it: no drafts, and units that are up to a second old. */
    async readShownSale(tenantId: string, id: SaleId): Promise<SaleWithUnits | Refusal> {
      const found = await shown.get(`${tenantId} ${id}`);
      return found === undefined || found.sale.state === "draft" ? noSale : found;
    },
  };
}

const noSale = refuse("not_found", { what: "sale" });
