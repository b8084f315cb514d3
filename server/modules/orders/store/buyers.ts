import type { Database } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import { beforeAllIds } from "../../../kernel/ids.ts";
import type { SaleId } from "../../sales/index.ts";
import { orderStates } from "../domain/machine.ts";
import type { OrderId } from "../domain/types.ts";

/** An order of a sale, and whose it is. */
export interface PlacedInSale {
  readonly orderId: OrderId;
  readonly saleId: SaleId;
  readonly memberId: string;
}

const selectBuyers = statement(
  "orders.buyers_of_sale",
  // Closed ones too: whoever has placed one may ask again what became of it. The oldest of each
  // state, as the lists of orders read the newest; a sale has most of its orders in one or two.
  `select id, member_id from orders.orders
   where tenant_id = $1 and id = any(array(
     select oldest.id
     from unnest($5::text[]) as s (state)
     cross join lateral (
       select id from orders.orders
       where tenant_id = $1 and sale_id is not null
         and (sale_id, state) <= ((select $2::uuid), s.state)
         and (sale_id, state, id) > ((select $2::uuid), s.state, $3)
       order by sale_id, state, id limit $4) as oldest
     order by oldest.id limit $4))
   order by id`,
);

/** By the ids of their orders, oldest first. */
export async function readBuyers(
  database: Database,
  tenantId: string,
  wanted: {
    readonly saleId: SaleId;
    readonly after: OrderId | undefined;
    readonly limit: number;
  },
): Promise<PlacedInSale[]> {
  const { saleId, after, limit } = wanted;
  const values = [tenantId, saleId, after ?? beforeAllIds, limit, orderStates];
  const rows = await database.read<{ id: OrderId; member_id: string }>(
    tenantId,
    selectBuyers,
    values,
  );
  return rows.map((row) => ({ orderId: row.id, saleId, memberId: row.member_id }));
}
