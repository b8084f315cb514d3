import type { Tx } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import { idsFrom, idTime } from "../../../kernel/ids.ts";
import { hourMs } from "../../../kernel/time.ts";
import type { SaleId } from "../../sales/index.ts";
import type { BoughtUnits, Buyer } from "../domain/bought.ts";
import { addBought, buyerKey } from "../domain/bought.ts";
import type { LineJson } from "./world.ts";

export const selectBought = statement(
  "orders.bought_in_sales",
  // Member by member along the index of a member's orders, from the sale on. `offset 0` keeps the
  // planner from turning the loop round: on a table that was empty when it was planned, that reads
  // all of the tenant's orders. The sale is compared where no index can serve: with "=" inside, it
  // took the index of the sale, and read all of its orders for each member. And only that index has
  // a member's orders sorted by id, so that by state is none it would rather skip along.
  `select o.sale_id, o.member_id, o.lines
   from unnest($2::text[], $3::uuid[], $4::uuid[]) as b (member_id, sale_id, since)
   cross join lateral (
     select sale_id, member_id, lines from orders.orders
     where tenant_id = $1 and member_id = b.member_id and id >= b.since
       and state not in ('closed', 'refunded')
     order by id
     offset 0) as o
   where o.sale_id = b.sale_id`,
);

/** The clocks of those who made the sale and its orders differ by far less. */
const clocksApartMaxMs = hourMs;

/**
 * What members have bought in sales so far; one statement, or none when nobody is named. It leaves
 * behind the locks of the sales, so that nobody adds to it before the end of the transaction.
 */
export async function loadBought(tx: Tx, wanted: readonly Buyer[]): Promise<BoughtUnits> {
  const bought: BoughtUnits = new Map();
  const buyers = [...new Map(wanted.map((buyer) => [buyerKey(buyer), buyer])).values()];
  if (buyers.length === 0) return bought;
  const rows = await tx.rows<{ sale_id: SaleId; member_id: string; lines: LineJson[] }>(
    selectBought,
    [
      tx.tenantId,
      buyers.map(({ memberId }) => memberId),
      buyers.map(({ saleId }) => saleId),
      // No order of a sale is older than the sale.
      buyers.map(({ saleId }) => idsFrom(idTime(saleId) - clocksApartMaxMs)),
    ],
  );
  for (const { sale_id: saleId, member_id: memberId, lines } of rows) {
    const units = lines.map(({ sku: skuId, n: quantity }) => ({ skuId, quantity }));
    addBought(bought, { saleId, memberId }, units);
  }
  return bought;
}
