import type { Currency } from "../../../kernel/money.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { SaleState } from "../domain/machine.ts";
import type { ListedSale, Sale, SaleHead, SaleId, SaleItem, TicketRules } from "../domain/types.ts";

export interface TicketRulesRow {
  challenge_difficulty: number | null;
  tickets_per_device: number | null;
  tickets_per_network: number | null;
}

export interface SaleRow extends TicketRulesRow {
  id: SaleId;
  title: string;
  state: SaleState;
  opens_at: number;
  closes_at: number;
  limit_per_member: number | null;
  waiting_room: boolean;
  made_by: string;
  created_at: number;
  changed_at: number;
  scheduled_at: number | null;
  ended_at: number | null;
}

export interface ListedSaleRow extends SaleRow {
  item_count: number;
}

export interface ItemRow {
  sale_id: SaleId;
  sku_id: SkuId;
  price_minor: bigint;
  currency: Currency;
  allotment: bigint;
  limit_per_member: number | null;
}

export const saleColumns = `id, title, state, opens_at, closes_at, limit_per_member, waiting_room,
          challenge_difficulty, tickets_per_device, tickets_per_network, made_by,
          created_at, changed_at, scheduled_at, ended_at`;
export const itemColumns = "sale_id, sku_id, price_minor, currency, allotment, limit_per_member";

/** Each sale with its items; the items come in the order in which people see them. */
export function salesOf(rows: readonly SaleRow[], items: readonly ItemRow[]): Sale[] {
  const bySale = Map.groupBy(items, (item) => item.sale_id);
  return rows.map((row) => saleOf(row, bySale.get(row.id) ?? []));
}

export function listedSaleOf(row: ListedSaleRow): ListedSale {
  return { ...headOf(row), itemCount: row.item_count };
}

function saleOf(row: SaleRow, items: readonly ItemRow[]): Sale {
  return { ...headOf(row), items: new Map(items.map((item) => [item.sku_id, itemOf(item)])) };
}

function headOf(row: SaleRow): SaleHead {
  return {
    id: row.id,
    title: row.title,
    state: row.state,
    opensAt: row.opens_at,
    closesAt: row.closes_at,
    limitPerMember: row.limit_per_member ?? undefined,
    waitingRoom: row.waiting_room,
    ticketRules: ticketRulesOf(row),
    madeBy: row.made_by,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    scheduledAt: row.scheduled_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
  };
}

export function ticketRulesOf(row: TicketRulesRow): TicketRules | undefined {
  if (row.challenge_difficulty === null) return undefined;
  return {
    challengeDifficulty: row.challenge_difficulty,
    ticketsPerDevice: row.tickets_per_device ?? undefined,
    ticketsPerNetwork: row.tickets_per_network ?? undefined,
  };
}

function itemOf(row: ItemRow): SaleItem {
  return {
    skuId: row.sku_id,
    priceMinor: row.price_minor,
    currency: row.currency,
    allotment: row.allotment,
    limitPerMember: row.limit_per_member ?? undefined,
  };
}
