import type { Tx } from "../../../kernel/database.ts";
import { optionalTimestamps, statement, timestamps } from "../../../kernel/database.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { RefundId } from "../../payments/index.ts";
import type { OrderRefundState } from "../domain/machine.ts";
import type { LineQuantity, OrderId, OrderRefund, Written } from "../domain/types.ts";

export interface OrderRefundRow {
  id: RefundId;
  order_id: OrderId;
  number: string;
  cause: OrderRefund["cause"];
  amount: bigint;
  currency: Currency;
  lines: LineJson[];
  restock: boolean;
  reason: string;
  state: OrderRefundState;
  failure: string | null;
  requested_by: string;
  requested_at: number;
  ended_at: number | null;
}

interface LineJson {
  readonly line: number;
  readonly n: number;
}

// A refund `r` has the currency of its order `o`.
export const refundColumns = `r.id, r.order_id, r.number, r.cause, r.amount, o.currency, r.lines, r.restock,
          r.reason, r.state, r.failure, r.requested_by, r.requested_at, r.ended_at`;

const selectRefunds = statement(
  "orders.load_refunds",
  // Without locks of their own: whoever changes them holds the lock of their order.
  `select ${refundColumns}
   from orders.refunds r
   join orders.orders o on o.tenant_id = $1 and o.id = r.order_id
   where r.tenant_id = $1 and r.order_id = any($2::uuid[]) order by r.id`,
);

const insertRefunds = statement(
  "orders.insert_refunds",
  `insert into orders.refunds
     (tenant_id, id, order_id, number, cause, amount, lines, restock, reason, state, requested_by,
      requested_at)
   select $1, r.id, r.order_id, r.number, r.cause, r.amount, r.lines::json, r.restock, r.reason,
          r.state, r.requested_by, r.requested_at
   from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::text[],
               $8::boolean[], $9::text[], $10::text[], $11::text[], $12::timestamptz[])
     as r (id, order_id, number, cause, amount, lines, restock, reason, state, requested_by,
           requested_at)`,
);

const updateRefunds = statement(
  "orders.update_refunds",
  `update orders.refunds r
   set state = n.state, failure = n.failure, ended_at = n.ended_at
   from unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
     as n (id, state, failure, ended_at)
   where r.tenant_id = $1 and r.id = n.id`,
);

/** All refunds of orders that this transaction has locked, or locks in the same flight. */
export async function loadRefunds(
  tx: Tx,
  orderIds: Iterable<OrderId>,
): Promise<Map<RefundId, OrderRefund>> {
  const wanted = [...new Set(orderIds)];
  if (wanted.length === 0) return new Map();
  const rows = await tx.rows<OrderRefundRow>(selectRefunds, [tx.tenantId, wanted]);
  return new Map(rows.map((row) => [row.id, refundOf(row)]));
}

/** One statement for those that are new and one for those that have ended. */
export function saveRefunds(tx: Tx, { newRefunds, changedRefunds }: Written): void {
  const fresh = [...newRefunds];
  if (fresh.length > 0) {
    tx.write(insertRefunds, [
      tx.tenantId,
      fresh.map(({ id }) => id),
      fresh.map(({ orderId }) => orderId),
      fresh.map(({ number }) => number),
      fresh.map(({ cause }) => cause),
      fresh.map(({ amountMinor }) => amountMinor),
      fresh.map(({ lines }) => JSON.stringify(lines.map(jsonOf))),
      fresh.map(({ restock }) => restock),
      fresh.map(({ reason }) => reason),
      fresh.map(({ state }) => state),
      fresh.map(({ requestedBy }) => requestedBy),
      timestamps(fresh.map(({ requestedAt }) => requestedAt)),
    ]);
  }
  const changed = [...changedRefunds];
  if (changed.length === 0) return;
  tx.write(updateRefunds, [
    tx.tenantId,
    changed.map(({ id }) => id),
    changed.map(({ state }) => state),
    changed.map(({ failure }) => failure ?? null),
    optionalTimestamps(changed.map(({ endedAt }) => endedAt)),
  ]);
}

export function refundOf(row: OrderRefundRow): OrderRefund {
  return {
    id: row.id,
    orderId: row.order_id,
    number: row.number,
    cause: row.cause,
    amountMinor: row.amount,
    currency: row.currency,
    lines: row.lines.map(({ line, n }) => ({ line, quantity: n })),
    restock: row.restock,
    reason: row.reason,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    state: row.state,
    failure: row.failure ?? undefined,
    endedAt: row.ended_at ?? undefined,
  };
}

function jsonOf({ line, quantity }: LineQuantity): LineJson {
  return { line, n: quantity };
}
