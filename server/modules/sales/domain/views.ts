/** How a sale leaves the API. */
import type { MoneyView } from "../../../kernel/money.ts";
import { money, moneyView } from "../../../kernel/money.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type { SkuId } from "../../catalog/index.ts";
import { saleStateAt } from "./hours.ts";
import type { SaleState } from "./machine.ts";
import type { ListedSale, Sale, SaleHead, SaleItem, TicketRules } from "./types.ts";

export interface SaleHeadView {
  id: string;
  title: string;
  state: SaleState;
  opensAt: string;
  closesAt: string;
  limitPerMember?: number;
  waitingRoom: boolean;
  ticketRules?: TicketRulesView;
  createdAt: string;
  changedAt: string;
  scheduledAt?: string;
  endedAt?: string;
}

export interface TicketRulesView {
  challengeDifficulty: number;
  ticketsPerDevice?: number;
  ticketsPerNetwork?: number;
}

export interface SaleView extends SaleHeadView {
  items: SaleItemView[];
}

export interface ListedSaleView extends SaleHeadView {
  itemCount: number;
}

export interface SaleItemView {
  skuId: string;
  price: MoneyView;
  allotment: number;
  limitPerMember?: number;
  left: number;
}

/** `left`: of the SKUs whose units are known; the others have none in the sale. */
export function saleView(sale: Sale, left: ReadonlyMap<SkuId, bigint>, now: number): SaleView {
  const items = [...sale.items.values()];
  return {
    ...headView(sale, now),
    items: items.map((item) => saleItemView(item, left.get(item.skuId) ?? 0n)),
  };
}

export function listedSaleView(sale: ListedSale, now: number): ListedSaleView {
  return { ...headView(sale, now), itemCount: sale.itemCount };
}

function headView(sale: SaleHead, now: number): SaleHeadView {
  const { limitPerMember, ticketRules, scheduledAt, endedAt } = sale;
  return {
    id: sale.id,
    title: sale.title,
    state: saleStateAt(sale, now),
    opensAt: formatInstant(sale.opensAt),
    closesAt: formatInstant(sale.closesAt),
    ...(limitPerMember === undefined ? {} : { limitPerMember }),
    waitingRoom: sale.waitingRoom,
    ...(ticketRules === undefined ? {} : { ticketRules: ticketRulesView(ticketRules) }),
    createdAt: formatInstant(sale.createdAt),
    changedAt: formatInstant(sale.changedAt),
    ...(scheduledAt === undefined ? {} : { scheduledAt: formatInstant(scheduledAt) }),
    ...(endedAt === undefined ? {} : { endedAt: formatInstant(endedAt) }),
  };
}

function ticketRulesView(rules: TicketRules): TicketRulesView {
  const { challengeDifficulty, ticketsPerDevice, ticketsPerNetwork } = rules;
  return {
    challengeDifficulty,
    ...(ticketsPerDevice === undefined ? {} : { ticketsPerDevice }),
    ...(ticketsPerNetwork === undefined ? {} : { ticketsPerNetwork }),
  };
}

/** Units are counted in integers far below 2^53: an allotment is at most a thousand million. */
export function saleItemView(item: SaleItem, left: bigint): SaleItemView {
  const { skuId, priceMinor, currency, limitPerMember } = item;
  return {
    skuId,
    price: moneyView(money(priceMinor, currency)),
    allotment: Number(item.allotment),
    ...(limitPerMember === undefined ? {} : { limitPerMember }),
    left: Number(left),
  };
}
