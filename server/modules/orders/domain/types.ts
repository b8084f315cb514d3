import type { NewEvent } from "../../../kernel/events.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import type { LedgerWorld } from "../../ledger/index.ts";
import type { ChannelTable, PaymentsWorld, RefundId } from "../../payments/index.ts";
import type { BroughtPass, Sale, SaleId } from "../../sales/index.ts";
import type { BoughtUnits } from "./bought.ts";
import type { OrderRefundState, OrderState } from "./machine.ts";

export type OrderId = Id<"Order">;

/** Price and title as they were when the order was placed. */
export interface OrderLine {
  readonly skuId: SkuId;
  readonly title: string;
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
}

/** Times are epoch milliseconds, amounts minor units. */
export interface Order {
  readonly id: OrderId;
  readonly number: string;
  readonly memberId: string;
  /** The sale that its prices and its units are of. */
  readonly saleId: SaleId | undefined;
  readonly lines: readonly OrderLine[];
  readonly totalMinor: bigint;
  readonly currency: Currency;
  readonly placedBy: string;
  readonly placedAt: number;
  readonly closeDueAt: number;
  /** The bundle that holds or has sold its units: of the order's own id, unless it was revived. */
  stockBundleId: string;
  state: OrderState;
  paidAt: number | undefined;
  completeDueAt: number | undefined;
  /** Back at the payer, and on its way there. */
  refundedMinor: bigint;
  refundingMinor: bigint;
  changedAt: number;
}

/** Units of a line; lines are counted from 1, as people do. */
export interface LineQuantity {
  readonly line: number;
  readonly quantity: number;
}

/** What of an order goes back. Its money travels in the refund of the same id in payments. */
export interface OrderRefund {
  readonly id: RefundId;
  readonly orderId: OrderId;
  readonly number: string;
  readonly cause: "requested" | "late";
  readonly amountMinor: bigint;
  readonly currency: Currency;
  /** In the order of the lines; empty where only money goes back. */
  readonly lines: readonly LineQuantity[];
  /** Whether the units of the lines go back on sale. */
  readonly restock: boolean;
  readonly reason: string;
  readonly requestedBy: string;
  readonly requestedAt: number;
  state: OrderRefundState;
  failure: string | undefined;
  endedAt: number | undefined;
}

/**
 * One line of an order's history: who, when, why. What happens to an order without moving it, such
 * as a refund of a part, has the same state on both sides.
 */
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
  readonly saleId?: SaleId | undefined;
  /** What came along to show that the member was admitted to the sale. */
  readonly pass?: BroughtPass | undefined;
  readonly lines: readonly { readonly skuId: SkuId; readonly quantity: number }[];
  readonly placedBy: string;
  readonly closeAfterMs: number;
  /** For an order that costs nothing: it is paid when it is placed. */
  readonly completeAfterMs: number;
}

/** What becomes of money that arrives when the order is closed already. */
export const latePaymentChoices = ["refund", "revive"] as const;
export type LatePayment = (typeof latePaymentChoices)[number];

/** What the tenant has chosen, as it was when the command was made. */
export interface PaidTerms {
  readonly completeAfterMs: number;
  readonly latePayment: LatePayment;
  readonly channels: ChannelTable;
}

/** What decides whether an order can be placed. */
export type WantedOrder = Pick<PlaceOrder, "memberId" | "saleId" | "pass" | "lines">;
export type WantedInSale = WantedOrder & { readonly saleId: SaleId };
export type PlacingWorld = Pick<OrdersWorld, "skus" | "sales" | "bought" | "ledger">;

export interface OrdersWorld {
  readonly orders: Map<OrderId, Order>;
  /** The newest step of each order that was loaded. */
  readonly steps: Map<OrderId, number>;
  /** All refunds of the orders, where the operation needs them. */
  readonly refunds: Map<RefundId, OrderRefund>;
  readonly skus: ReadonlyMap<SkuId, Sku>;
  /** Of orders that are being placed: their sales, locked, and what their members have bought. */
  readonly sales: ReadonlyMap<SaleId, Sale>;
  readonly bought: BoughtUnits;
  readonly payments: PaymentsWorld;
  readonly ledger: LedgerWorld;
  readonly written: Written;
}

/** What decisions did, for `save`. */
export interface Written {
  readonly placed: Order[];
  readonly changed: Set<Order>;
  readonly steps: HistoryStep[];
  readonly newRefunds: Set<OrderRefund>;
  readonly changedRefunds: Set<OrderRefund>;
  readonly events: OrderEvent[];
}

/** An order is placed as `pending_payment`, and never comes back to it. */
export type ReachedState = Exclude<OrderState, "pending_payment">;

/**
 * One event for the placing, one for each state that an order comes to after it, and one when
 * units of a refund go back on sale.
 */
export type OrderEvent =
  | NewEvent<"order_placed", OrderTold>
  | NewEvent<`order_${ReachedState}`, OrderMoved>
  | NewEvent<"order_restocked", OrderRestocked>;

/** Amounts are minor units, numbers as in every event: readers get them out of JSON. */
export interface OrderTold {
  readonly orderId: OrderId;
  readonly number: string;
  readonly memberId: string;
  readonly saleId?: SaleId;
  readonly totalMinor: number;
  readonly currency: Currency;
  readonly lines: readonly { readonly skuId: SkuId; readonly quantity: number }[];
}

export interface OrderMoved extends OrderTold {
  readonly refundedMinor: number;
  readonly reason: string;
}

/** `lines` are all of the order; `units` came back. */
export interface OrderRestocked extends OrderTold {
  readonly refundId: RefundId;
  readonly units: readonly { readonly skuId: SkuId; readonly quantity: number }[];
}
