import { required } from "../../../kernel/assert.ts";
import type { Database, Statement, Value } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import { behindAllIds } from "../../../kernel/ids.ts";
import type { SaleId } from "../../sales/index.ts";
import type { OrderState } from "../domain/machine.ts";
import { orderStates } from "../domain/machine.ts";
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
   where tenant_id = $1 and id < $2
   order by id desc limit $3`,
);

/**
 * One walk along orders_by_state. Rows compared with rows, and the order by the same columns, leave
 * no other index to take: with `state = $4` those of the sweeps look better while statistics are
 * old, and all unpaid orders are read and sorted for a page. Behind a `select` the values tell the
 * planner nothing, so that it cannot believe that there are hardly any such orders.
 */
const selectOrdersInState = statement(
  "orders.order_page_in_state",
  `select ${orderColumns} from orders.orders
   where tenant_id = $1 and state >= (select $4::text)
     and (state, id) < ((select $4::text), $2)
   order by state desc, id desc limit $3`,
);

/** One walk along orders_of_sale, in the same form. */
const selectOrdersOfSaleInState = statement(
  "orders.order_page_of_sale_in_state",
  `select ${orderColumns} from orders.orders
   where tenant_id = $1 and sale_id is not null
     and (sale_id, state) >= ((select $4::uuid), (select $5::text))
     and (sale_id, state, id) < ((select $4::uuid), (select $5::text), $2)
   order by sale_id desc, state desc, id desc limit $3`,
);

/**
 * The newest of each state, of which the newest of all are shown: the index alone tells their ids,
 * and only those that are shown are looked up.
 */
const selectOrdersOfSale = statement(
  "orders.order_page_of_sale",
  `select ${orderColumns} from orders.orders
   where tenant_id = $1 and id = any(array(
     select newest.id
     from unnest($5::text[]) as s (state)
     cross join lateral (
       select id from orders.orders
       where tenant_id = $1 and sale_id is not null
         and (sale_id, state) >= ((select $4::uuid), s.state)
         and (sale_id, state, id) < ((select $4::uuid), s.state, $2)
       order by sale_id desc, state desc, id desc limit $3) as newest
     order by newest.id desc limit $3))
   order by id desc`,
);

/** As unknown to the planner as above: orders of a frequent member may all be long ago. */
const selectOrdersOfMember = statement(
  "orders.order_page_of_member",
  `select ${orderColumns} from orders.orders
   where tenant_id = $1 and member_id = (select $4::text) and id < $2
   order by id desc limit $3`,
);

/**
 * A member has thousands of orders at most, so with another filter they are looked at one after
 * the other, newest first, until the page is full. `offset 0` keeps that filter from choosing the
 * index.
 */
function pageOfMember(name: string, conditions: string): Statement {
  return statement(
    `orders.order_page_of_member_${name}`,
    `select ${orderColumns} from (
       select ${orderColumns} from orders.orders
       where tenant_id = $1 and member_id = (select $4::text) and id < $2
       order by id desc offset 0) as own
     where ${conditions} order by id desc limit $3`,
  );
}

/**
 * By the filters that are given, in the order of their parameters. One statement for each set of
 * them: a filter that may be absent (`$4 is null or state = $4`) is one that no index serves, and
 * the rarest state would be looked for in every order there is.
 */
const orderPages: Readonly<Record<string, Statement>> = {
  "": selectOrders,
  state: selectOrdersInState,
  saleId: selectOrdersOfSale,
  "saleId state": selectOrdersOfSaleInState,
  memberId: selectOrdersOfMember,
  "memberId state": pageOfMember("in_state", "state = $5"),
  "memberId saleId": pageOfMember("of_sale", "sale_id = $5"),
  "memberId saleId state": pageOfMember("of_sale_in_state", "sale_id = $5 and state = $6"),
};

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
  const { before = behindAllIds, limit } = filter;
  const filters = (["memberId", "saleId", "state"] as const).filter(
    (name) => filter[name] !== undefined,
  );
  const values: Value[] = filters.map((name) => filter[name] ?? null);
  const read = required(orderPages[filters.join(" ")], "a statement for these filters");
  if (read === selectOrdersOfSale) values.push(orderStates);
  const rows = await database.read<OrderRow>(tenantId, read, [tenantId, before, limit, ...values]);
  return rows.map(orderOf);
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
