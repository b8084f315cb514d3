import { minorToNumber, money, moneyView } from "../../../kernel/money.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type { HistoryStep, Order } from "./types.ts";

/** An order as it leaves the API. */
export function orderView(order: Order) {
  const { currency } = order;
  return {
    id: order.id,
    number: order.number,
    memberId: order.memberId,
    state: order.state,
    lines: order.lines.map((line) => ({
      skuId: line.skuId,
      title: line.title,
      quantity: line.quantity,
      unitPrice: moneyView(money(line.unitPriceMinor, currency)),
      total: moneyView(money(line.unitPriceMinor * BigInt(line.quantity), currency)),
    })),
    total: { amount: minorToNumber(order.totalMinor), currency },
    placedAt: formatInstant(order.placedAt),
    closesAt: formatInstant(order.closeDueAt),
    changedAt: formatInstant(order.changedAt),
  };
}

/** The placing and every change of state after it: who, when, why. */
export function historyView(order: Order, steps: readonly HistoryStep[]) {
  return [
    {
      at: formatInstant(order.placedAt),
      from: null,
      to: "pending_payment" as const,
      madeBy: order.placedBy,
      reason: "placed",
    },
    ...steps.map(({ at, from, to, madeBy, reason }) => ({
      at: formatInstant(at),
      from,
      to,
      madeBy,
      reason,
    })),
  ];
}
