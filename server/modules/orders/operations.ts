import Type from "typebox";
import type { Committers } from "../../kernel/batch.ts";
import type { Database, Tx } from "../../kernel/database.ts";
import type { IdempotencyKey } from "../../kernel/idempotency.ts";
import type { Ids } from "../../kernel/ids.ts";
import type { Numbers } from "../../kernel/numbers.ts";
import { isNumber } from "../../kernel/numbers.ts";
import type { Answer, KeyedOperation, Operation } from "../../kernel/operation.ts";
import { execute } from "../../kernel/operation.ts";
import { minuteMs } from "../../kernel/time.ts";
import type { Refusal } from "../../kernel/refusal.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import { refuse } from "../../refusals.ts";
import type { SkuId } from "../catalog/index.ts";
import { loadSkus, stockAccounts } from "../catalog/index.ts";
import type { Identity } from "../identity/index.ts";
import { defineTenantSetting } from "../identity/index.ts";
import { loadLedger, saveLedger } from "../ledger/index.ts";
import type { MoveOutcome } from "./domain/decisions.ts";
import { decideCancelOrder, decideCloseDueOrder, decidePlaceOrder } from "./domain/decisions.ts";
import type { HistoryStep, Order, OrderId, OrdersWorld, PlaceOrder } from "./domain/types.ts";
import { orderView } from "./domain/views.ts";
import type { OrderFilter } from "./store/reads.ts";
import { readHistory, readOrder, readOrderByNumber, readOrders } from "./store/reads.ts";
import { insertPlaced, loadOrders, loadSteps, saveMoves, takeDueOrders } from "./store/world.ts";

export interface OrderInput {
  readonly memberId: string;
  readonly lines: readonly { readonly skuId: SkuId; readonly quantity: number }[];
  readonly placedBy: string;
}

interface CancelOrder {
  readonly orderId: OrderId;
  /** Present when a member asks: only this member's orders exist then. */
  readonly memberId?: string;
  readonly madeBy: string;
}

/** What a tenant may choose; the platform's default is a setting of the installation. */
export function orderTenantSettings(platform: { readonly closeAfterMinutes: number }) {
  return {
    closeAfterMinutes: defineTenantSetting({
      name: "orders.close_after_minutes",
      // Channels keep an unpaid trade for some days at most; a week is past them all.
      schema: Type.Integer({ minimum: 1, maximum: 10_080 }),
      platformDefault: platform.closeAfterMinutes,
      meaning: "Minutes after which an unpaid order is closed.",
    }),
  };
}

export type OrderTenantSettings = ReturnType<typeof orderTenantSettings>;

export type Orders = ReturnType<typeof createOrders>;

/** Above this a batch takes longer than the next one collects. */
const placeBatchMax = 512;

export function createOrders(deps: {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly numbers: Numbers;
  readonly identity: Identity;
  readonly tenantSettings: OrderTenantSettings;
}) {
  const { database, committers, ids, numbers, identity, tenantSettings } = deps;
  return {
    /**
     * Holds the stock of all lines or of none; 201. Refusals: sku_not_found, sku_not_on_sale,
     * currencies_mixed, order_too_large, sold_out.
     */
    async placeOrder(
      tenantId: string,
      key: IdempotencyKey,
      input: OrderInput,
    ): Promise<Answer | Refusal> {
      const minutes = await identity.setting(tenantId, tenantSettings.closeAfterMinutes);
      const closeAfterMs = minutes * minuteMs;
      const made = { orderId: ids.next<"Order">(), number: numbers.next("T"), closeAfterMs };
      return committers.runKeyed(placeOrder, tenantId, key, { ...input, ...made });
    },

    /** The order as it is now, 200. Refusals: not_found, order_not_cancellable. */
    cancelOrder: (tenantId: string, key: IdempotencyKey, command: CancelOrder) =>
      committers.runKeyed(cancelOrder, tenantId, key, command),

    /** Closes up to `limit` unpaid orders past their time; gives how many were looked at. */
    async closeDueOrders(tx: Tx, limit: number): Promise<number> {
      const due = await takeDueOrders(tx, limit);
      await execute(tx, closeDueOrders, due);
      return due.length;
    },

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
  };
}

const placeOrder: KeyedOperation<PlaceOrder, OrdersWorld, ReturnType<typeof decidePlaceOrder>> = {
  name: "orders.place_order",
  batchMax: placeBatchMax,
  async load(tx, commands) {
    const skuIds = new Set(commands.flatMap(({ lines }) => lines.map(({ skuId }) => skuId)));
    const accounts = [...skuIds].map(stockAccounts).flatMap(({ onHand, sold }) => [onHand, sold]);
    // The locks go first, so that prices and kept answers are read after they were waited for.
    const [ledger, skus] = await Promise.all([loadLedger(tx, { accounts }), loadSkus(tx, skuIds)]);
    return { orders: new Map(), steps: new Map(), skus, ledger };
  },
  decide: decidePlaceOrder,
  save(tx, world, outcomes) {
    const placed = outcomes.flatMap((outcome) =>
      outcome.kind === "placed" ? [outcome.order] : [],
    );
    insertPlaced(tx, placed);
    saveLedger(tx, world.ledger);
    tx.emit(placed.map((order) => ({ type: "order_placed", data: eventData(order) })));
  },
  answer: (outcome) => (isRefusal(outcome) ? outcome : answerWith(201, outcome.order)),
};

const cancelOrder: KeyedOperation<
  CancelOrder,
  OrdersWorld,
  ReturnType<typeof decideCancelOrder>
> = {
  name: "orders.cancel_order",
  batchMax: 64,
  load: (tx, commands) =>
    loadForChange(
      tx,
      commands.map(({ orderId }) => orderId),
    ),
  decide: decideCancelOrder,
  save(tx, world, outcomes) {
    saveChanges(tx, world, outcomes.filter(isMove));
  },
  answer: (outcome) => (isRefusal(outcome) ? outcome : answerWith(200, outcome.order)),
};

const closeDueOrders: Operation<OrderId, OrdersWorld, MoveOutcome | undefined> = {
  name: "orders.close_due_orders",
  batchMax: placeBatchMax,
  load: loadForChange,
  decide: decideCloseDueOrder,
  save(tx, world, outcomes) {
    saveChanges(tx, world, outcomes.filter(isMove));
  },
};

/** Orders first, then the accounts of their lines: the same order of locks everywhere. */
async function loadForChange(tx: Tx, orderIds: readonly OrderId[]): Promise<OrdersWorld> {
  const [orders, steps] = await Promise.all([loadOrders(tx, orderIds), loadSteps(tx, orderIds)]);
  const accounts = [...orders.values()]
    .flatMap(({ lines }) => lines.map(({ skuId }) => stockAccounts(skuId)))
    .flatMap(({ onHand, sold }) => [onHand, sold]);
  const ledger = await loadLedger(tx, { accounts, bundles: orders.keys() });
  return { orders, steps, skus: new Map(), ledger };
}

function saveChanges(tx: Tx, world: OrdersWorld, moves: readonly MoveOutcome[]): void {
  saveMoves(
    tx,
    moves.map(({ step }) => step),
  );
  saveLedger(tx, world.ledger);
  tx.emit(
    moves.map(({ order, step }) => ({
      type: `order_${step.to}`,
      data: { ...eventData(order), reason: step.reason },
    })),
  );
}

function isMove(outcome: { readonly kind: string } | undefined): outcome is MoveOutcome {
  return outcome?.kind === "moved";
}

function eventData({ id, number, memberId, totalMinor, currency, lines }: Order) {
  const sold = lines.map(({ skuId, quantity }) => ({ skuId, quantity }));
  return { orderId: id, number, memberId, totalMinor, currency, lines: sold };
}

function answerWith(status: number, order: Order): Answer {
  return { kind: "answered", status, body: JSON.stringify(orderView(order)) };
}
