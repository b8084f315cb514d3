import type { Database } from "../../../kernel/database.ts";
import { createHotReads } from "../../../kernel/hot-reads.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { minuteMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { Ledger } from "../../ledger/index.ts";
import { saleAccount } from "../domain/allotments.ts";
import { isPublished } from "../domain/hours.ts";
import type { ListedSale, Sale, SaleId, SaleSku } from "../domain/types.ts";
import type { OpeningSale } from "../store/reads.ts";
import { selectOpeningSales, selectSalePage, selectSalesByIds } from "../store/reads.ts";

/** A sale, and how many units of its SKUs could be ordered a moment ago. */
export interface SaleWithUnits {
  readonly sale: Sale;
  readonly left: ReadonlyMap<SkuId, bigint>;
}

/** People come early: from then on a sale is kept in memory, whether many ask for it or not. */
const openingSoonMs = 5 * minuteMs;
/** If nobody comes in the first minute, heat alone says so. */
const keptAfterOpeningMs = minuteMs;
/** As many of a tenant as a process makes itself ready for; the next ones first. */
const openingMax = 100;

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

  async function readSales(
    tenantId: string,
    ids: readonly SaleId[],
    skus?: readonly SaleSku[],
  ): Promise<SaleWithUnits[]> {
    return withUnits(tenantId, await selectSalesByIds(database, tenantId, { ids, skus }));
  }

  const shown = createHotReads<SaleId, SaleWithUnits>({
    name: "sales.shown",
    clock,
    async load(tenantId, ids) {
      return new Map((await readSales(tenantId, ids)).map((found) => [found.sale.id, found]));
    },
  });

  function readPage(
    tenantId: string,
    wanted: {
      readonly drafts: boolean;
      readonly before: SaleId | undefined;
      readonly limit: number;
    },
  ): Promise<ListedSale[]> {
    return selectSalePage(database, tenantId, wanted);
  }

  /** The newest sales, by how many of them are wanted. */
  const shownFirst = createHotReads<`${number}`, ListedSale[]>({
    name: "sales.shown_first",
    clock,
    async load(tenantId, limits) {
      const pages = limits.map(async (limit) => {
        const wanted = { drafts: false, before: undefined, limit: Number(limit) };
        return [limit, await readPage(tenantId, wanted)] as const;
      });
      return new Map(await Promise.all(pages));
    },
  });

  return {
    /** Kept fresh by a pulse of every process that answers. */
    hotReads: [shown, shownFirst],

    /** Newest first, with drafts, as they are now. */
    listSales: (
      tenantId: string,
      wanted: { readonly before: SaleId | undefined; readonly limit: number },
    ): Promise<ListedSale[]> => readPage(tenantId, { ...wanted, drafts: true }),

    /** As members see them: no drafts, and as they were less than a second ago if many look. */
    async listShownSales(
      tenantId: string,
      { before, limit }: { readonly before: SaleId | undefined; readonly limit: number },
    ): Promise<ListedSale[]> {
      if (before !== undefined) return readPage(tenantId, { drafts: false, before, limit });
      return (await shownFirst.read(tenantId, `${limit}`)) ?? [];
    },

    /** As it is now. */
    async readSale(tenantId: string, id: SaleId): Promise<SaleWithUnits | Refusal> {
      return (await readSales(tenantId, [id]))[0] ?? noSale;
    },

    /**
     * For modules that keep what they were told in memory: sales with all of their items, or with
     * those that are named. Unknown ids are absent.
     */
    readSales,

    /** As members see it: no drafts, and as it was less than a second ago if many look. */
    async readShownSale(tenantId: string, id: SaleId): Promise<SaleWithUnits | Refusal> {
      const found = await shown.read(tenantId, id);
      return found !== undefined && isPublished(found.sale) ? found : noSale;
    },

    /** This process has changed a sale: its members see that at once. */
    forgetShown(tenantId: string, id: SaleId): void {
      shown.forget(tenantId, id);
      shownFirst.forgetAll(tenantId);
    },

    /** What opens within five minutes, of all tenants; from now on kept in memory. */
    async readOpeningSales(): Promise<OpeningSale[]> {
      const until = clock.now() + openingSoonMs;
      const opening = await selectOpeningSales(database, { until, limit: openingMax });
      for (const { tenantId, saleId, opensAt } of opening) {
        shown.keepUntil(tenantId, saleId, opensAt + keptAfterOpeningMs);
      }
      return opening;
    },
  };
}

const noSale = refuse("not_found", { what: "sale" });
