import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Numbers } from "../../../kernel/numbers.ts";
import { isNumber } from "../../../kernel/numbers.ts";
import type { Answer, KeyedOperation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { Catalog, SkuId } from "../../catalog/index.ts";
import { loadSkus, stockAccounts } from "../../catalog/index.ts";
import type { Identity } from "../../identity/index.ts";
import { loadLedger } from "../../ledger/index.ts";
import { loadPayments } from "../../payments/index.ts";
import type { BroughtPass, SaleId, Sales } from "../../sales/index.ts";
import { loadSales } from "../../sales/index.ts";
import type { ChangeOrder, OrderOutcome } from "../domain/ending.ts";
import { decideCancelOrder, decideCompleteOrder } from "../domain/ending.ts";
import type { PlaceOutcome } from "../domain/placing.ts";
import { decidePlaceOrder } from "../domain/placing.ts";
import type {
  HistoryStep,
  Order,
  OrderId,
  OrderRefund,
  OrdersWorld,
  PlaceOrder,
} from "../domain/types.ts";
import { orderView } from "../domain/views.ts";
import { nothingWritten, shelfOf } from "../domain/world.ts";
import { loadBought } from "../store/bought.ts";
import type { OrderFilter } from "../store/reads.ts";
import {
  readHistory,
  readOrder,
  readOrderByNumber,
  readOrders,
  readRefunds,
} from "../store/reads.ts";
import type { UsedPayments } from "./payments.ts";
import { createOrderPayments } from "./payments.ts";
import { createReacting } from "./reacting.ts";
import { createRefusalMemory } from "./refusal-memory.ts";
import { saleReads } from "./sale-polls.ts";
import type { OrderTenantSettings } from "./terms.ts";
import { createTerms } from "./terms.ts";
import { createWarmUp } from "./warm-up.ts";
import { loadWorld, saveWorld } from "./worlds.ts";

export interface OrderInput {
  readonly memberId: string;
  /** The sale that it is placed in, if it is. */
  readonly saleId?: SaleId | undefined;
  /** Where the sale has a waiting room. */
  readonly pass?: BroughtPass | undefined;
  readonly lines: readonly { readonly skuId: SkuId; readonly quantity: number }[];
  readonly placedBy: string;
}

export interface OrderDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly numbers: Numbers;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly catalog: Pick<Catalog, "noteWanted">;
  readonly sales: Pick<Sales, "readSales" | "readOpeningSales">;
  readonly payments: UsedPayments;
  readonly tenantSettings: OrderTenantSettings;
}

export type Orders = ReturnType<typeof createOrders>;

/** Above this a batch takes longer than the next one collects. */
const placeBatchMax = 512;
/** Nobody cancels or completes so many orders at once that more would pay. */
const changeBatchMax = 64;

export function createOrders(deps: OrderDeps) {
  const { database, committers, ids, numbers } = deps;
  const terms = createTerms(deps);
  const refusals = createRefusalMemory({ ...deps, reads: saleReads(deps) });

  async function place(tenantId: string, key: IdempotencyKey, input: OrderInput) {
    const closeAfterMs = await terms.closeAfterMs(tenantId);
    const completeAfterMs = await terms.completeAfterMs(tenantId);
    const made = { orderId: ids.next<"Order">(), number: numbers.next("T") };
    const command = { ...input, ...made, closeAfterMs, completeAfterMs };
    return committers.runKeyed(placeOrder, tenantId, key, command);
  }

  return {
    ...createOrderPayments(deps),
    ...createReacting({ ...deps, terms }),
    ...createWarmUp({ ...deps, terms, placeOrder }),
    /** Of orders in sales, those that come in thousands; kept fresh by a pulse. */
    refusals,

    /**
     * Holds the stock of all lines or of none; 201. Refusals: sale_not_found, sale_not_open,
     * sale_pass_needed, sale_pass_invalid, sale_pass_expired, sku_not_in_sale, sku_not_found,
     * sku_not_on_sale, currencies_mixed, order_too_large, sale_limit_reached, sold_out.
     */
    placeOrder(
      tenantId: string,
      key: IdempotencyKey,
      input: OrderInput,
    ): Promise<Answer | Refusal> {
      if (input.saleId === undefined) {
        const skuIds = input.lines.map(({ skuId }) => skuId);
        deps.catalog.noteWanted(tenantId, skuIds);
      }
      return refusals.place(tenantId, input, () => place(tenantId, key, input));
    },

    /** The order as it is now, 200: closed, closing. Refusals: not_found, order_not_cancellable. */
    cancelOrder: (tenantId: string, key: IdempotencyKey, command: ChangeOrder) =>
      committers.runKeyed(cancelOrder, tenantId, key, command),

    /** The order as it is now, 200. Refusals: not_found, order_not_completable. */
    completeOrder: (tenantId: string, key: IdempotencyKey, command: ChangeOrder) =>
      committers.runKeyed(completeOrder, tenantId, key, command),

    async readOrder(
      tenantId: string,
      wanted: { readonly id: OrderId; readonly memberId: string | undefined },
    ): Promise<Order | Refusal> {
      return (
        (await readOrder(database, tenantId, wanted)) ?? refuse("not_found", { what: "order" })
      );
    },

    /** A number that can't be ours is refused without a query. */
    async readOrderByNumber(
      tenantId: string,
      wanted: { readonly number: string; readonly memberId: string | undefined },
    ): Promise<Order | undefined> {
      if (!isNumber(wanted.number, "T")) return undefined;
      return readOrderByNumber(database, tenantId, wanted);
    },

    listOrders: (tenantId: string, filter: OrderFilter): Promise<Order[]> =>
      readOrders(database, tenantId, filter),

    readHistory: (tenantId: string, orderId: OrderId): Promise<HistoryStep[]> =>
      readHistory(database, tenantId, orderId),

    /** Oldest first; a channel makes a bounded number of them. */
    listRefunds: (tenantId: string, orderId: OrderId): Promise<OrderRefund[]> =>
      readRefunds(database, tenantId, orderId),
  };
}

const placeOrder: KeyedOperation<PlaceOrder, OrdersWorld, PlaceOutcome> = {
  name: "orders.place_order",
  batchMax: placeBatchMax,
  async load(tx, commands) {
    const skuIds = new Set(commands.flatMap(({ lines }) => lines.map(({ skuId }) => skuId)));
    const accounts = commands.flatMap((command) =>
      command.lines.flatMap(({ skuId }) => [shelfOf(command, skuId), stockAccounts(skuId).sold]),
    );
    const inSales = commands.flatMap(({ saleId, memberId, lines }) =>
      saleId === undefined ? [] : [{ saleId, memberId, lines }],
    );
    // The locks go first, so that prices, what members have bought and kept answers are read after
    // they were waited for. Orders of no sale send nothing about sales.
    const [sales, ledger, skus, bought, payments] = await Promise.all([
      loadSales(
        tx,
        inSales.map(({ saleId }) => saleId),
        inSales.flatMap(({ saleId, lines }) => lines.map(({ skuId }) => ({ saleId, skuId }))),
      ),
      loadLedger(tx, { accounts }),
      loadSkus(tx, skuIds),
      loadBought(tx, inSales),
      // Nobody has paid what is not placed yet: this sends no statement.
      loadPayments(tx, {}),
    ]);
    const empty = { orders: new Map(), steps: new Map(), refunds: new Map() };
    return { ...empty, skus, sales, bought, payments, ledger, written: nothingWritten() };
  },
  decide: decidePlaceOrder,
  save: saveWorld,
  answer: (outcome) => (isRefusal(outcome) ? outcome : answerWith(201, outcome.order)),
};

const cancelOrder: KeyedOperation<ChangeOrder, OrdersWorld, OrderOutcome | Refusal> = {
  name: "orders.cancel_order",
  batchMax: changeBatchMax,
  load(tx, commands) {
    const orderIds = commands.map(({ orderId }) => orderId);
    return loadWorld(tx, { orders: orderIds, payments: orderIds, stock: true });
  },
  decide: decideCancelOrder,
  save: saveWorld,
  answer: (outcome) => (isRefusal(outcome) ? outcome : answerWith(200, outcome.order)),
};

const completeOrder: KeyedOperation<ChangeOrder, OrdersWorld, OrderOutcome | Refusal> = {
  name: "orders.complete_order",
  batchMax: changeBatchMax,
  load: (tx, commands) => loadWorld(tx, { orders: commands.map(({ orderId }) => orderId) }),
  decide: decideCompleteOrder,
  save: saveWorld,
  answer: (outcome) => (isRefusal(outcome) ? outcome : answerWith(200, outcome.order)),
};

function answerWith(status: number, order: Order): Answer {
  return { kind: "answered", status, body: JSON.stringify(orderView(order)) };
}
