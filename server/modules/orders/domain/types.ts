import type { Id } from "../../../kernel/ids.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import type { LedgerWorld } from "../../ledger/index.ts";
import type { OrderState } from "./machine.ts";

export type OrderId = Id<"Order">;

/** Price and title as they were when the order was placed. */
export interface OrderLine {
  readonly skuId: SkuId;
  readonly title: string;
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
}

/** Times are epoch milliseconds, amounts minor units. The id is also that of its stock's bundle. */
export interface Order {
  readonly id: OrderId;
  readonly number: string;
  readonly memberId: string;
  readonly lines: readonly OrderLine[];
  readonly totalMinor: bigint;
  readonly currency: Currency;
  readonly placedBy: string;
  readonly placedAt: number;
  readonly closeDueAt: number;
  state: OrderState;
  changedAt: number;
}

/** One line of an order's history: who, when, why. */
export interface HistoryStep {
  readonly orderId: OrderId;
  readonly step: number;
  readonly at: number;
  readonly from: OrderState;
  readonly to: OrderState;
  readonly madeBy: string;
  readonly reason: string;
}

export interface PlaceOrder {
  readonly orderId: OrderId;
  readonly number: string;
  readonly memberId: string;
  readonly lines: readonly { readonly skuId: SkuId; readonly quantity: number }[];
  readonly placedBy: string;
  readonly closeAfterMs: number;
}

export interface OrdersWorld {
  readonly orders: Map<OrderId, Order>;
  /** The newest step of each order that was loaded. */
  readonly steps: Map<OrderId, number>;
  readonly skus: ReadonlyMap<SkuId, Sku>;
  readonly ledger: LedgerWorld;
}

/** What `save` has to write. */
export interface Written {
  readonly placed: Order[];
  readonly moved: { readonly order: Order; readonly step: HistoryStep }[];
}
