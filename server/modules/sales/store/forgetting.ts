/** Tickets of sales that ended long ago are of no use to anybody. */
import type { Tx } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import type { SaleId } from "../domain/types.ts";
import { ticketLifeDays, ticketLifeMs } from "../domain/waiting-room.ts";

/** Which tenants have rooms to forget: of sales that ended more than `ticketLifeDays` ago. */
export const tenantsWithTicketsToForget = statement(
  "sales.tenants_with_tickets_to_forget",
  `select distinct r.tenant_id from sales.waiting_rooms r
   join sales.sales s on s.tenant_id = r.tenant_id and s.id = r.sale_id
   where s.ended_at <= $1::timestamptz - interval '${ticketLifeDays} days'`,
);

const lockRooms = statement(
  "sales.lock_rooms_to_forget",
  `select r.sale_id
   from sales.waiting_rooms r
   join sales.sales s on s.tenant_id = $1 and s.id = r.sale_id
   where r.tenant_id = $1 and s.ended_at <= $2
   order by r.sale_id limit $3
   for update of r skip locked`,
);

export const deleteTickets = statement(
  "sales.forget_tickets",
  `with gone as (
     delete from sales.tickets
     where tenant_id = $1 and id = any (array(
       select id from sales.tickets where tenant_id = $1 and sale_id = $2 limit $3))
     returning id
   )
   select count(*)::integer as tickets from gone`,
);

const deleteAdmissions = statement(
  "sales.forget_admissions_of_rooms",
  `delete from sales.admissions where tenant_id = $1 and sale_id = any($2::uuid[])`,
);

const deleteLots = statement(
  "sales.forget_lots",
  `delete from sales.lots where tenant_id = $1 and sale_id = any($2::uuid[])`,
);

const deleteRooms = statement(
  "sales.forget_rooms",
  `delete from sales.waiting_rooms where tenant_id = $1 and sale_id = any($2::uuid[])`,
);

/** Of one transaction; a busy tenant ends as many sales in days. */
const roomsMax = 20;

/**
 * Takes away up to `limit` tickets, and rooms of which none is left; gives how many tickets. Nobody
 * gets a ticket to a sale that has ended, so an empty room stays empty.
 */
export async function forgetTickets(tx: Tx, limit: number): Promise<number> {
  const values = [tx.tenantId, timestamp(tx.now - ticketLifeMs), roomsMax];
  const rooms = await tx.rows<{ sale_id: SaleId }>(lockRooms, values);
  const empty: SaleId[] = [];
  let left = limit;
  for (const { sale_id: saleId } of rooms) {
    const gone = await tx.rows<{ tickets: number }>(deleteTickets, [tx.tenantId, saleId, left]);
    left -= gone[0]?.tickets ?? 0;
    // The next portion finds whether there are more.
    if (left === 0) break;
    empty.push(saleId);
  }
  const statements = empty.length === 0 ? [] : [deleteAdmissions, deleteLots, deleteRooms];
  for (const each of statements) tx.write(each, [tx.tenantId, empty]);
  return limit - left;
}
