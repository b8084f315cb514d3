/** What a sale is, and what may be done to it. */
import type { NewEvent } from "../../../kernel/events.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import type { LedgerWorld } from "../../ledger/index.ts";
import type { SaleState } from "./machine.ts";

export type SaleId = Id<"Sale">;
/** What has asked for a challenge: a browser or an app, as long as it keeps what it was told. */
export type DeviceId = Id<"Device">;

/** Of one SKU: what it costs in the sale, and how many units are set aside for it. */
export interface SaleItem {
  readonly skuId: SkuId;
  readonly priceMinor: bigint;
  readonly currency: Currency;
  readonly allotment: bigint;
  /** Units of this SKU that a member may buy; the limit of the sale holds beside it. */
  readonly limitPerMember: number | undefined;
}

/** One SKU of one sale. */
export interface SaleSku {
  readonly saleId: SaleId;
  readonly skuId: SkuId;
}

/** What members bring for a ticket, and how many tickets of the sale one origin is given. */
export interface TicketRules {
  /** How many numbers a challenge takes to solve at most; half of them on average. */
  readonly challengeDifficulty: number;
  readonly ticketsPerDevice: number | undefined;
  readonly ticketsPerNetwork: number | undefined;
}

/** A sale without its goods, as lists show it. Times are epoch milliseconds. */
export interface SaleHead {
  readonly id: SaleId;
  readonly title: string;
  /** As it was last written: see `saleStateAt` for what holds now. */
  readonly state: SaleState;
  /** The first millisecond of the sale, and the first one after it. */
  readonly opensAt: number;
  readonly closesAt: number;
  /** Units, of all SKUs together, that a member may buy. */
  readonly limitPerMember: number | undefined;
  readonly waitingRoom: boolean;
  readonly ticketRules: TicketRules | undefined;
  readonly madeBy: string;
  readonly createdAt: number;
  readonly changedAt: number;
  readonly scheduledAt: number | undefined;
  readonly endedAt: number | undefined;
}

export interface Sale extends SaleHead {
  /** All of them, in the order in which people see them; or those that a loader was asked for. */
  readonly items: ReadonlyMap<SkuId, SaleItem>;
}

export interface ListedSale extends SaleHead {
  readonly itemCount: number;
}

export interface SalesWorld {
  readonly sales: Map<SaleId, Sale>;
  readonly skus: ReadonlyMap<SkuId, Sku>;
  readonly ledger: LedgerWorld;
  readonly written: Written;
}

/** What decisions did, for `save`. */
export interface Written {
  readonly newSales: Map<SaleId, Sale>;
  readonly changedSales: Map<SaleId, Sale>;
  /** Sales whose items are not those that were loaded. */
  readonly changedItems: Set<SaleId>;
  /** Items with more units than before, by sale and SKU. */
  readonly raisedItems: Map<string, RaisedItem>;
  readonly events: SaleEvent[];
}

export interface RaisedItem {
  readonly saleId: SaleId;
  readonly item: SaleItem;
}

export type SaleEvent =
  | NewEvent<"sale_created" | "sale_changed" | "sale_scheduled" | "sale_opened", SaleTold>
  | NewEvent<"sale_allotment_raised", AllotmentRaised>
  | NewEvent<"sale_ended", SaleTold & { readonly units: readonly UnitsTold[] }>
  | NewEvent<
      "sale_units_returned",
      { readonly saleId: SaleId; readonly units: readonly UnitsTold[] }
    >;

/** Times are RFC 3339. */
export interface SaleTold {
  readonly saleId: SaleId;
  readonly title: string;
  readonly opensAt: string;
  readonly closesAt: string;
}

/** `quantity` units came to those that were set aside: `allotment` in all. */
export interface AllotmentRaised extends UnitsTold {
  readonly saleId: SaleId;
  readonly allotment: number;
}

/** Units that went from the sale back to the shelf. */
export interface UnitsTold {
  readonly skuId: SkuId;
  readonly quantity: number;
}

/** What a draft says; from the scheduling on it stands. */
export interface SaleTerms {
  readonly title: string;
  readonly opensAt: number;
  readonly closesAt: number;
  readonly limitPerMember: number | undefined;
  readonly waitingRoom: boolean;
  readonly ticketRules: TicketRules | undefined;
  readonly items: readonly SaleItem[];
}

export interface CreateSale {
  readonly saleId: SaleId;
  readonly terms: SaleTerms;
  readonly by: string;
}

/** What is absent stays as it is; a limit or rules of null are taken away. */
export interface SaleChange {
  readonly title?: string;
  readonly opensAt?: number;
  readonly closesAt?: number;
  readonly limitPerMember?: number | null;
  readonly waitingRoom?: boolean;
  readonly ticketRules?: TicketRules | null;
  readonly items?: readonly SaleItem[];
}

export interface ChangeSale {
  readonly saleId: SaleId;
  readonly change: SaleChange;
}

export interface RaiseAllotment extends SaleSku {
  readonly quantity: bigint;
  /** The ledger's bundle. */
  readonly bundleId: string;
}

export interface ReturnUnits {
  readonly saleId: SaleId;
  /** The ledger's bundle, when units move. */
  readonly bundleId: string;
}

export interface SaleOutcome {
  readonly kind: "sale";
  readonly isNew: boolean;
  readonly sale: Sale;
}

export interface RaiseOutcome {
  readonly kind: "raised";
  readonly item: SaleItem;
  /** Units that can be ordered now. */
  readonly left: bigint;
}
