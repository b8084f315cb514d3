/** What processes read of waiting rooms, over and over: for all who wait in them at once. */
import type { Database } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import type { SaleId } from "../domain/types.ts";
import type { Admission, SaleHours, Ticket, TicketId } from "../domain/waiting-room.ts";
import type { TicketRow } from "./waiting-rooms.ts";
import { hoursOf, ticketOf } from "./waiting-rooms.ts";

const selectTenants = statement(
  "sales.tenants_with_waiting_rooms",
  `select distinct tenant_id from sales.sales
   where waiting_room and state in ('scheduled', 'open') and closes_at > $1 and opens_at <= $2
   limit $3`,
);

const selectSalesWithRooms = statement(
  "sales.sales_with_waiting_rooms",
  // Where somebody waits first: sales that are open for months must not keep a new one out. Of
  // these the next ones by id, so that all have their turn however many there are.
  `select s.id
   from sales.sales s
   left join sales.waiting_rooms r on r.tenant_id = $1 and r.sale_id = s.id
   where s.tenant_id = $1 and s.waiting_room and s.state in ('scheduled', 'open')
     and s.closes_at > $2 and s.opens_at <= $3
   order by coalesce(r.places > r.admitted_through, false) desc, s.id > $5 desc, s.id
   limit $4`,
);

const selectRooms = statement(
  "sales.waiting_rooms_as_seen",
  // One snapshot, so that the admissions have no gap up to the last place that was admitted. Drafts
  // are absent.
  `select s.id as sale_id, s.state, s.opens_at, s.closes_at, s.ended_at, s.waiting_room,
          coalesce(r.places, 0) as places, r.lot_size,
          coalesce(r.admitted_through, 0) as admitted_through,
          coalesce(r.lot_size = 0 or l.drawn_at is not null, false) as lot_drawn,
          (select json_agg(json_build_array(
                    a.from_place, a.through_place,
                    (extract(epoch from a.admitted_at) * 1000)::bigint) order by a.from_place)
           from sales.admissions a
           where a.tenant_id = $1 and a.sale_id = s.id and a.from_place >= w.known_from)
            as admissions
   from unnest($2::uuid[], $3::integer[]) as w (sale_id, known_from)
   join sales.sales s on s.tenant_id = $1 and s.id = w.sale_id
   left join sales.waiting_rooms r on r.tenant_id = $1 and r.sale_id = s.id
   left join sales.lots l on l.tenant_id = $1 and l.sale_id = s.id
   where s.tenant_id = $1 and s.scheduled_at is not null`,
);

const selectTickets = statement(
  "sales.tickets_by_id",
  `select id, sale_id, member_id, place
   from sales.tickets where tenant_id = $1 and id = any($2::uuid[])`,
);

interface SeenRoomRow {
  sale_id: SaleId;
  state: SaleHours["state"];
  opens_at: number;
  closes_at: number;
  ended_at: number | null;
  waiting_room: boolean;
  places: number;
  lot_size: number | null;
  admitted_through: number;
  lot_drawn: boolean;
  admissions: readonly [number, number, number][] | null;
}

/** A room as it stands in the database, with the admissions from a place on. */
export interface ReadRoom {
  readonly saleId: SaleId;
  readonly sale: SaleHours;
  readonly places: number;
  readonly lotSize: number | undefined;
  readonly lotDrawn: boolean;
  readonly admittedThrough: number;
  readonly admissions: readonly Admission[];
}

/** The rooms that somebody has to look after: of sales that are not over and open soon. */
export interface WantedRooms {
  readonly now: number;
  readonly opensBy: number;
  readonly limit: number;
}

/** Tenants that have a sale with such a room. */
export function readTenantsWithRooms(
  database: Database,
  { now, opensBy, limit }: WantedRooms,
): Promise<string[]> {
  return database.tenantsWith(selectTenants, [timestamp(now), timestamp(opensBy), limit]);
}

/** Those of one tenant: where somebody waits first, and of these the next `after` a room. */
export async function readSalesWithRooms(
  database: Database,
  tenantId: string,
  { now, opensBy, limit, after }: WantedRooms & { readonly after: SaleId | undefined },
): Promise<SaleId[]> {
  const values = [tenantId, timestamp(now), timestamp(opensBy), limit, after ?? null];
  const rows = await database.read<{ id: SaleId }>(tenantId, selectSalesWithRooms, values);
  return rows.map(({ id }) => id);
}

/** One query for all of them. `knownFrom`: older admissions are known already. */
export async function readRooms(
  database: Database,
  tenantId: string,
  wanted: readonly { readonly saleId: SaleId; readonly knownFrom: number }[],
): Promise<ReadRoom[]> {
  const rows = await database.read<SeenRoomRow>(tenantId, selectRooms, [
    tenantId,
    wanted.map(({ saleId }) => saleId),
    wanted.map(({ knownFrom }) => knownFrom),
  ]);
  return rows.map((row) => ({
    saleId: row.sale_id,
    sale: hoursOf(row),
    places: row.places,
    lotSize: row.lot_size ?? undefined,
    lotDrawn: row.lot_drawn,
    admittedThrough: row.admitted_through,
    admissions: (row.admissions ?? []).map(([from, through, at]) => ({ from, through, at })),
  }));
}

/** Unknown ids are absent. */
export async function readTickets(
  database: Database,
  tenantId: string,
  ids: readonly TicketId[],
): Promise<Ticket[]> {
  const rows = await database.read<TicketRow>(tenantId, selectTickets, [tenantId, ids]);
  return rows.map(ticketOf);
}
