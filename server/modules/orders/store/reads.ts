import type { Database, Statement, Value } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import type { SaleId } from "../../sales/index.ts";
import type { OrderState } from "../domain/machine.ts";
import type { HistoryStep, Order, OrderId, OrderRefund } from "../domain/types.ts";
import type { OrderRefundRow } from "./refunds.ts";
import { refundColumns, refundOf } from "./refunds.ts";
import type { OrderRow } from "./world.ts";
import { orderColumns, orderOf } from "./world.ts";

interface StepRow {
  step: number;
  at: number;
  from_state: OrderState;
  to_state: OrderState;
  made_by: string;
  reason: string;
}

const selectOrder = statement(
  "orders.order_by_id",
  `select ${orderColumns} from orders.orders where tenant_id = $1 and id = $2`,
);

const selectOrderByNumber = statement(
  "orders.order_by_number",
  `select ${orderColumns} from orders.orders where tenant_id = $1 and number = $2`,
);

const selectOrders = statement(
  "orders.order_page",
  `select ${orderColumns} from orders.orders
   where tenant_id = $1 and ($2::uuid is null or id < $2) and ($3::text is null or state = $3)
   order by id desc limit $4`,
);

const selectOrdersOfSale = statement(
  "orders.order_page_of_sale",
  `select ${orderColumns} from orders.orders
   where tenant_id = $1 and sale_id = $5 and ($2::uuid is null or id < $2)
     and ($3::text is null or state = $3)
   order by id desc limit $4`,
);

const selectOrdersOfMember = statement(
  "orders.order_page_of_member",
  `select ${orderColumns} from orders.orders
   where tenant_id = $1 and member_id = $5 and ($2::uuid is null or id < $2)
     and ($3::text is null or state = $3) and ($6::uuid is null or sale_id = $6)
   order by id desc limit $4`,
);

const selectHistory = statement(
  "orders.history_of_order",
  `select step, at, from_state, to_state, made_by, reason
   from orders.history where tenant_id = $1 and order_id = $2 order by step`,
);

const selectRefunds = statement(
  "orders.refunds_of_order",
  `select ${refundColumns}
   from orders.refunds r
   join orders.orders o on o.tenant_id = $1 and o.id = r.order_id
   where r.tenant_id = $1 and r.order_id = $2 order by r.id`,
);

/** `memberId`: only this member's order; to members those of others do not exist. */
export async function readOrder(
  database: Database,
  tenantId: string,
  wanted: { readonly id: OrderId; readonly memberId: string | undefined },
): Promise<Order | undefined> {
  const [row] = await database.read<OrderRow>(tenantId, selectOrder, [tenantId, wanted.id]);
  if (row === undefined) return undefined;
  const isOthers = wanted.memberId !== undefined && wanted.memberId !== row.member_id;
  return isOthers ? undefined : orderOf(row);
}

export interface OrderFilter {
  readonly memberId: string | undefined;
  readonly saleId: SaleId | undefined;
  readonly state: OrderState | undefined;
  /** Only orders older than this one; lists are newest first. */
  readonly before: OrderId | undefined;
  readonly limit: number;
}

export async function readOrders(
  database: Database,
  tenantId: string,
  filter: OrderFilter,
): Promise<Order[]> {
  const { memberId, saleId, before = null, state = null } = filter;
  const shared = [tenantId, before, state, filter.limit];
  const read = (text: Statement, ...more: readonly Value[]) =>
    database.read<OrderRow>(tenantId, text, [...shared, ...more]);
  if (memberId !== undefined) {
    return (await read(selectOrdersOfMember, memberId, saleId ?? null)).map(orderOf);
  }
  const rows = saleId === undefined ? read(selectOrders) : read(selectOrdersOfSale, saleId);
  return (await rows).map(orderOf);
}

/** By the number that people read out. */
export async function readOrderByNumber(
  database: Database,
  tenantId: string,
  wanted: { readonly number: string; readonly memberId: string | undefined },
): Promise<Order | undefined> {
  const [row] = await database.read<OrderRow>(tenantId, selectOrderByNumber, [
    tenantId,
    wanted.number,
  ]);
  if (row === undefined) return undefined;
  const isOthers = wanted.memberId !== undefined && wanted.memberId !== row.member_id;
  return isOthers ? undefined : orderOf(row);
}

export async function readHistory(
  database: Database,
  tenantId: string,
  orderId: OrderId,
): Promise<HistoryStep[]> {
  const rows = await database.read<StepRow>(tenantId, selectHistory, [tenantId, orderId]);
  return rows.map((row) => ({
    orderId,
    step: row.step,
    at: row.at,
    from: row.from_state,
    to: row.to_state,
    madeBy: row.made_by,
    reason: row.reason,
  }));
}

/** Oldest first. */
export async function readRefunds(
  database: Database,
  tenantId: string,
  orderId: OrderId,
): Promise<OrderRefund[]> {
  const rows = await database.read<OrderRefundRow>(tenantId, selectRefunds, [tenantId, orderId]);
  return rows.map(refundOf);
}
