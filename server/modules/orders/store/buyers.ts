import type { Database } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import { beforeAllIds } from "../../../kernel/ids.ts";
import type { SaleId } from "../../sales/index.ts";
import type { OrderId } from "../domain/types.ts";

/** An order of a sale, and whose it is. */
export interface PlacedInSale {
  readonly orderId: OrderId;
  readonly saleId: SaleId;
  readonly memberId: string;
}

const selectBuyers = statement(
  "orders.buyers_of_sale",
  // Closed ones too: whoever has placed one may ask again what became of it.
  `select id, member_id from orders.orders
   where tenant_id = $1 and sale_id = $2 and id > $3
   order by id limit $4`,
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
  const values = [tenantId, saleId, after ?? beforeAllIds, limit];
  const rows = await database.read<{ id: OrderId; member_id: string }>(
    tenantId,
    selectBuyers,
    values,
  );
  return rows.map((row) => ({ orderId: row.id, saleId, memberId: row.member_id }));
}
