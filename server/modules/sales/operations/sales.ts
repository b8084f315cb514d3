import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Answer, KeyedOperation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import type { Ledger } from "../../ledger/index.ts";
import {
  decideChangeSale,
  decideCreateSale,
  decideEndSale,
  decideRaiseAllotment,
  decideScheduleSale,
} from "../domain/decisions.ts";
import type {
  ChangeSale,
  CreateSale,
  RaiseAllotment,
  RaiseOutcome,
  SaleId,
  SaleOutcome,
  SaleSku,
  SalesWorld,
  SaleTerms,
} from "../domain/types.ts";
import { saleItemView, saleView } from "../domain/views.ts";
import { loadSalesWorld, saveSales } from "../store/world.ts";
import { createReacting } from "./reacting.ts";
import { createReads } from "./reads.ts";

export interface SalesDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly ledger: Ledger;
}

export type Sales = ReturnType<typeof createSales>;

/** All of these are rare beside orders: each command has a transaction of its own. */
export function createSales(deps: SalesDeps) {
  const { committers, ids } = deps;
  const reads = createReads(deps);

  async function change<Command, Outcome>(
    operation: KeyedOperation<Command, SalesWorld, Outcome>,
    { tenantId, key, saleId }: Call,
    command: Command,
  ): Promise<Answer | Refusal> {
    const changed = await committers.runKeyed(operation, tenantId, key, command);
    reads.forgetShown(tenantId, saleId);
    return changed;
  }

  return {
    ...reads,
    ...createReacting(deps),

    /**
     * Gives the draft, 201; `by` is the subject of the token. Refusals: sale_closes_too_early,
     * sale_time_over, too_many_sale_items, sku_twice_in_sale, sku_not_found, currencies_mixed.
     */
    createSale(
      tenantId: string,
      key: IdempotencyKey,
      input: { readonly terms: SaleTerms; readonly by: string },
    ): Promise<Answer | Refusal> {
      const command = { saleId: ids.next<"Sale">(), ...input };
      return committers.runKeyed(createSale, tenantId, key, command);
    },

    /** Gives the draft. Refusals: not_found, sale_not_draft, and those of `createSale`. */
    changeSale: (tenantId: string, key: IdempotencyKey, command: ChangeSale) =>
      change(changeSale, { tenantId, key, saleId: command.saleId }, command),

    /**
     * Sets the units aside; from then on the terms stand. Refusals: not_found, sale_not_draft,
     * sale_closes_too_early, sale_time_over, stock_too_low.
     */
    scheduleSale: (tenantId: string, key: IdempotencyKey, saleId: SaleId) =>
      change(scheduleSale, { tenantId, key, saleId }, saleId),

    /**
     * Sets more units of one SKU aside; gives its item. Refusals: not_found, sale_not_running,
     * sku_not_in_sale, stock_too_low.
     */
    raiseAllotment(
      tenantId: string,
      key: IdempotencyKey,
      input: SaleSku & { readonly quantity: bigint },
    ): Promise<Answer | Refusal> {
      const command = { ...input, bundleId: ids.next<"Bundle">() };
      return change(raiseAllotment, { tenantId, key, saleId: input.saleId }, command);
    },

    /** What is left of the units goes back on the shelf at once. Refusals: not_found. */
    endSale: (tenantId: string, key: IdempotencyKey, saleId: SaleId) =>
      change(endSale, { tenantId, key, saleId }, saleId),
  };
}

interface Call {
  readonly tenantId: string;
  readonly key: IdempotencyKey;
  readonly saleId: SaleId;
}

const createSale: KeyedOperation<CreateSale, SalesWorld, SaleOutcome | Refusal> = {
  name: "sales.create_sale",
  batchMax: 1,
  load: (tx, commands) =>
    loadSalesWorld(tx, {
      skus: commands.flatMap(({ terms }) => terms.items.map(({ skuId }) => skuId)),
    }),
  decide: decideCreateSale,
  save: saveSales,
  answer: answerSale,
};

const changeSale: KeyedOperation<ChangeSale, SalesWorld, SaleOutcome | Refusal> = {
  name: "sales.change_sale",
  batchMax: 1,
  load: (tx, commands) =>
    loadSalesWorld(tx, {
      sales: commands.map(({ saleId }) => saleId),
      skus: commands.flatMap(({ change }) => (change.items ?? []).map(({ skuId }) => skuId)),
    }),
  decide: decideChangeSale,
  save: saveSales,
  answer: answerSale,
};

const scheduleSale: KeyedOperation<SaleId, SalesWorld, SaleOutcome | Refusal> = {
  name: "sales.schedule_sale",
  batchMax: 1,
  load: (tx, sales) => loadSalesWorld(tx, { sales, stock: true }),
  decide: decideScheduleSale,
  save: saveSales,
  answer: answerSale,
};

const raiseAllotment: KeyedOperation<RaiseAllotment, SalesWorld, RaiseOutcome | Refusal> = {
  name: "sales.raise_allotment",
  batchMax: 1,
  load: (tx, items) =>
    loadSalesWorld(tx, { sales: items.map(({ saleId }) => saleId), items, stock: true }),
  decide: decideRaiseAllotment,
  save: saveSales,
  answer(outcome) {
    if (isRefusal(outcome)) return outcome;
    const view = saleItemView(outcome.item, outcome.left);
    return { kind: "answered", status: 200, body: JSON.stringify(view) };
  },
};

const endSale: KeyedOperation<SaleId, SalesWorld, SaleOutcome | Refusal> = {
  name: "sales.end_sale",
  batchMax: 1,
  load: (tx, sales) => loadSalesWorld(tx, { sales, stock: true }),
  decide: decideEndSale,
  save: saveSales,
  answer: answerSale,
};

function answerSale(outcome: SaleOutcome | Refusal): Answer | Refusal {
  if (isRefusal(outcome)) return outcome;
  const { sale, isNew } = outcome;
  // What was just scheduled has all of its units, what is a draft or has ended has none.
  const left = [...sale.items.values()].map(
    ({ skuId, allotment }) => [skuId, sale.state === "scheduled" ? allotment : 0n] as const,
  );
  const view = saleView(sale, new Map(left), sale.changedAt);
  return { kind: "answered", status: isNew ? 201 : 200, body: JSON.stringify(view) };
}
