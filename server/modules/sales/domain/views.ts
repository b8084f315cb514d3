/** How a sale leaves the API. */
import type { MoneyView } from "../../../kernel/money.ts";
import { money, moneyView } from "../../../kernel/money.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type { SkuId } from "../../catalog/index.ts";
import { saleStateAt } from "./hours.ts";
import type { SaleState } from "./machine.ts";
import type { Sale, SaleItem } from "./types.ts";

export interface SaleView {
  id: string;
  title: string;
  state: SaleState;
  opensAt: string;
  closesAt: string;
  limitPerMember?: number;
  waitingRoom: boolean;
  items: SaleItemView[];
  createdAt: string;
  changedAt: string;
  scheduledAt?: string;
  endedAt?: string;
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
  const { limitPerMember, scheduledAt, endedAt } = sale;
  return {
    id: sale.id,
    title: sale.title,
    state: saleStateAt(sale, now),
    opensAt: formatInstant(sale.opensAt),
    closesAt: formatInstant(sale.closesAt),
    ...(limitPerMember === undefined ? {} : { limitPerMember }),
    waitingRoom: sale.waitingRoom,
    items: [...sale.items.values()].map((item) => itemView(item, left.get(item.skuId) ?? 0n)),
    createdAt: formatInstant(sale.createdAt),
    changedAt: formatInstant(sale.changedAt),
    ...(scheduledAt === undefined ? {} : { scheduledAt: formatInstant(scheduledAt) }),
    ...(endedAt === undefined ? {} : { endedAt: formatInstant(endedAt) }),
  };
}

/** Units are counted in integers far below 2^53: an allotment is at most a thousand million. */
function itemView(item: SaleItem, left: bigint): SaleItemView {
  const { skuId, priceMinor, currency, limitPerMember } = item;
  return {
    skuId,
    price: moneyView(money(priceMinor, currency)),
    allotment: Number(item.allotment),
    ...(limitPerMember === undefined ? {} : { limitPerMember }),
    left: Number(left),
  };
}
