/** The order that all ways take and what they answer: the shapes of `POST /v1/orders`. */
import Type from "typebox";
import { idPatternSource } from "../server/kernel/ids.ts";
import { formatInstant, minuteMs } from "../server/kernel/time.ts";

export const newOrder = Type.Object({
  memberId: Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" }),
  lines: Type.Array(
    Type.Object({
      skuId: Type.String({ pattern: idPatternSource }),
      quantity: Type.Integer({ minimum: 1, maximum: 10_000 }),
    }),
    { minItems: 1, maxItems: 50 },
  ),
});

/** The platform's default. */
export const closeAfterMs = 30 * minuteMs;

export interface NewOrder {
  readonly memberId: string;
  readonly lines: readonly { readonly skuId: string; readonly quantity: number }[];
  readonly placedBy: string;
}

export interface PricedLine {
  readonly skuId: string;
  readonly title: string;
  readonly quantity: number;
  readonly priceMinor: bigint;
}

export interface PricedOrder extends NewOrder {
  readonly id: string;
  readonly number: string;
  readonly lines: readonly PricedLine[];
  readonly totalMinor: bigint;
  readonly currency: string;
}

/** An order that was placed `now`. */
export function viewOf(order: PricedOrder, now: number) {
  const { id, number, memberId, currency } = order;
  const moneyOf = (amountMinor: bigint) => ({ amount: Number(amountMinor), currency });
  return {
    id,
    number,
    memberId,
    state: "pending_payment",
    lines: order.lines.map(({ skuId, title, quantity, priceMinor }, at) => ({
      line: at + 1,
      skuId,
      title,
      quantity,
      unitPrice: moneyOf(priceMinor),
      total: moneyOf(priceMinor * BigInt(quantity)),
    })),
    total: moneyOf(order.totalMinor),
    refunded: moneyOf(0n),
    refundsUnderWay: moneyOf(0n),
    placedAt: formatInstant(now),
    closesAt: formatInstant(now + closeAfterMs),
    changedAt: formatInstant(now),
  };
}
