import type { Tx } from "../../../kernel/database.ts";
import { optionalTimestamps, statement, timestamp, timestamps } from "../../../kernel/database.ts";
import type { Currency } from "../../../kernel/money.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { SaleId } from "../../sales/index.ts";
import type { OrderState } from "../domain/machine.ts";
import type { HistoryStep, Order, OrderId, OrderLine, OrdersWorld } from "../domain/types.ts";
import { saveRefunds } from "./refunds.ts";

export interface OrderRow {
  id: OrderId;
  number: string;
  member_id: string;
  sale_id: SaleId | null;
  state: OrderState;
  lines: LineJson[];
  total: bigint;
  currency: Currency;
  placed_by: string;
  placed_at: number;
  close_due_at: number;
  stock_bundle_id: string | null;
  paid_at: number | null;
  complete_due_at: number | null;
  refunded: bigint;
  refunding: bigint;
  changed_at: number;
}

/** How a line stands in the row: short names, because there is one for every line ever sold. */
export interface LineJson {
  readonly sku: SkuId;
  readonly title: string;
  readonly n: number;
  readonly price: number;
}

export const orderColumns = `id, number, member_id, sale_id, state, lines, total, currency, placed_by,
          placed_at, close_due_at, stock_bundle_id, paid_at, complete_due_at, refunded, refunding,
          changed_at`;

const lockOrders = statement(
  "orders.lock_orders",
  `select ${orderColumns}
   from orders.orders where tenant_id = $1 and id = any($2::uuid[])
   order by id for no key update`,
);

const selectSteps = statement(
  "orders.newest_steps",
  `select order_id, max(step)::integer as step
   from orders.history where tenant_id = $1 and order_id = any($2::uuid[])
   group by order_id`,
);

const lockDueOrders = statement(
  "orders.lock_due_orders",
  // Oldest first; what another process is closing right now is left to it.
  `select id from orders.orders
   where tenant_id = $1 and close_due_at <= $2 and state in ('pending_payment', 'paying')
   order by close_due_at limit $3
   for no key update skip locked`,
);

/** Which tenants have unpaid orders past their time. */
export const tenantsWithOrdersDue = statement(
  "orders.tenants_with_orders_due",
  `select distinct tenant_id from orders.orders
   where close_due_at <= $1 and state in ('pending_payment', 'paying')`,
);

const lockCompleteDue = statement(
  "orders.lock_complete_due",
  `select id from orders.orders
   where tenant_id = $1 and complete_due_at <= $2 and state = 'paid'
   order by complete_due_at limit $3
   for no key update skip locked`,
);

/** Which tenants have paid orders whose time for complaints is over. */
export const tenantsWithOrdersToComplete = statement(
  "orders.tenants_with_orders_to_complete",
  `select distinct tenant_id from orders.orders
   where complete_due_at <= $1 and state = 'paid'`,
);

const insertOrders = statement(
  "orders.insert_orders",
  `insert into orders.orders
     (tenant_id, id, number, member_id, sale_id, state, lines, total, currency, placed_by,
      placed_at, close_due_at, changed_at)
   select $1, o.id, o.number, o.member_id, o.sale_id, 'pending_payment', o.lines::json, o.total,
          o.currency, o.placed_by, $2, o.close_due_at, $2
   from unnest($3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::bigint[],
               $9::text[], $10::text[], $11::timestamptz[])
     as o (id, number, member_id, sale_id, lines, total, currency, placed_by, close_due_at)`,
);

const updateOrders = statement(
  "orders.update_orders",
  `update orders.orders o
   set state = n.state, stock_bundle_id = n.stock_bundle_id, paid_at = n.paid_at,
       complete_due_at = n.complete_due_at, refunded = n.refunded, refunding = n.refunding,
       changed_at = $2
   from unnest($3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[], $7::timestamptz[],
               $8::bigint[], $9::bigint[])
     as n (id, state, stock_bundle_id, paid_at, complete_due_at, refunded, refunding)
   where o.tenant_id = $1 and o.id = n.id`,
);

const insertSteps = statement(
  "orders.insert_steps",
  `insert into orders.history
     (tenant_id, order_id, step, at, from_state, to_state, made_by, reason)
   select $1, h.order_id, h.step, $2, h.from_state, h.to_state, h.made_by, h.reason
   from unnest($3::uuid[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::text[])
     as h (order_id, step, from_state, to_state, made_by, reason)`,
);

/** Locks the orders, in id order; unknown ids are absent. */
export async function loadOrders(tx: Tx, ids: Iterable<OrderId>): Promise<Map<OrderId, Order>> {
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) return new Map();
  const rows = await tx.rows<OrderRow>(lockOrders, [tx.tenantId, wanted]);
  return new Map(rows.map((row) => [row.id, orderOf(row)]));
}

/** The number of the newest step of each order; none when only the placing has happened. */
export async function loadSteps(tx: Tx, ids: Iterable<OrderId>): Promise<Map<OrderId, number>> {
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) return new Map();
  const rows = await tx.rows<{ order_id: OrderId; step: number }>(selectSteps, [
    tx.tenantId,
    wanted,
  ]);
  return new Map(rows.map((row) => [row.order_id, row.step]));
}

/** Takes unpaid orders past their time, locked. */
export async function takeDueOrders(tx: Tx, limit: number): Promise<OrderId[]> {
  const values = [tx.tenantId, timestamp(tx.now), limit];
  return (await tx.rows<{ id: OrderId }>(lockDueOrders, values)).map(({ id }) => id);
}

/** Takes paid orders whose time for complaints is over, locked. */
export async function takeOrdersToComplete(tx: Tx, limit: number): Promise<OrderId[]> {
  const values = [tx.tenantId, timestamp(tx.now), limit];
  return (await tx.rows<{ id: OrderId }>(lockCompleteDue, values)).map(({ id }) => id);
}

/** Writes what decisions did to orders: one statement a table. */
export function saveOrders(tx: Tx, { written }: OrdersWorld): void {
  insertPlaced(tx, written.placed);
  updateChanged(tx, [...written.changed]);
  insertHistory(tx, written.steps);
  saveRefunds(tx, written);
  tx.emit(written.events);
}

function insertPlaced(tx: Tx, placed: readonly Order[]): void {
  if (placed.length === 0) return;
  tx.write(insertOrders, [
    tx.tenantId,
    timestamp(tx.now),
    placed.map(({ id }) => id),
    placed.map(({ number }) => number),
    placed.map(({ memberId }) => memberId),
    placed.map(({ saleId }) => saleId ?? null),
    placed.map(({ lines }) => JSON.stringify(lines.map(jsonOf))),
    placed.map(({ totalMinor }) => totalMinor),
    placed.map(({ currency }) => currency),
    placed.map(({ placedBy }) => placedBy),
    timestamps(placed.map(({ closeDueAt }) => closeDueAt)),
  ]);
}

function updateChanged(tx: Tx, changed: readonly Order[]): void {
  if (changed.length === 0) return;
  tx.write(updateOrders, [
    tx.tenantId,
    timestamp(tx.now),
    changed.map(({ id }) => id),
    changed.map(({ state }) => state),
    changed.map(({ id, stockBundleId }) => (stockBundleId === id ? null : stockBundleId)),
    optionalTimestamps(changed.map(({ paidAt }) => paidAt)),
    optionalTimestamps(changed.map(({ completeDueAt }) => completeDueAt)),
    changed.map(({ refundedMinor }) => refundedMinor),
    changed.map(({ refundingMinor }) => refundingMinor),
  ]);
}

function insertHistory(tx: Tx, steps: readonly HistoryStep[]): void {
  if (steps.length === 0) return;
  tx.write(insertSteps, [
    tx.tenantId,
    timestamp(tx.now),
    steps.map(({ orderId }) => orderId),
    steps.map(({ step }) => step),
    steps.map(({ from }) => from),
    steps.map(({ to }) => to),
    steps.map(({ madeBy }) => madeBy),
    steps.map(({ reason }) => reason),
  ]);
}

export function orderOf(row: OrderRow): Order {
  return {
    id: row.id,
    number: row.number,
    memberId: row.member_id,
    saleId: row.sale_id ?? undefined,
    lines: row.lines.map(lineOf),
    totalMinor: row.total,
    currency: row.currency,
    placedBy: row.placed_by,
    placedAt: row.placed_at,
    closeDueAt: row.close_due_at,
    stockBundleId: row.stock_bundle_id ?? row.id,
    state: row.state,
    paidAt: row.paid_at ?? undefined,
    completeDueAt: row.complete_due_at ?? undefined,
    refundedMinor: row.refunded,
    refundingMinor: row.refunding,
    changedAt: row.changed_at,
  };
}

function jsonOf({ skuId, title, quantity, unitPriceMinor }: OrderLine): LineJson {
  return { sku: skuId, title, n: quantity, price: Number(unitPriceMinor) };
}

function lineOf({ sku, title, n, price }: LineJson): OrderLine {
  return { skuId: sku, title, quantity: n, unitPriceMinor: BigInt(price) };
}
