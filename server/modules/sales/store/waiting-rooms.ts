import type { Tx } from "../../../kernel/database.ts";
import { optionalTimestamps, statement, timestamp } from "../../../kernel/database.ts";
import type { TicketCounts } from "../domain/ticket-rules.ts";
import { originKey } from "../domain/ticket-rules.ts";
import type { SaleId } from "../domain/types.ts";
import type {
  NewTicket,
  Room,
  RoomsWorld,
  SaleHours,
  TakeTicket,
  Ticket,
  TicketId,
} from "../domain/waiting-room.ts";
import { passLifeMs, ticketKey } from "../domain/waiting-room.ts";
import type { TicketRulesRow } from "./rows.ts";
import { ticketRulesOf } from "./rows.ts";

interface RoomRow {
  sale_id: SaleId;
  places: number;
  lot_size: number | null;
  admitted_through: number;
  newest_from: number | null;
  newest_at: number | null;
}

interface HoursRow {
  id: SaleId;
  state: SaleHours["state"];
  opens_at: number;
  closes_at: number;
  ended_at: number | null;
  waiting_room: boolean;
}

type DoorRow = HoursRow & TicketRulesRow;

interface CountRow {
  sale_id: SaleId;
  origin: string;
  taken: number;
}

type TicketTaker = Pick<TakeTicket, "saleId" | "memberId" | "origin">;

export interface TicketRow {
  id: TicketId;
  sale_id: SaleId;
  member_id: string;
  place: number | null;
}

const lockRooms = statement(
  "sales.lock_waiting_rooms",
  `select sale_id, places, lot_size, admitted_through, newest_from, newest_at
   from sales.waiting_rooms where tenant_id = $1 and sale_id = any($2::uuid[])
   order by sale_id for no key update`,
);

const openRooms = statement(
  "sales.open_waiting_rooms",
  `insert into sales.waiting_rooms (tenant_id, sale_id, places, admitted_through)
   select $1, id, 0, 0 from sales.sales
   where tenant_id = $1 and id = any($2::uuid[]) and waiting_room and scheduled_at is not null
     and state <> 'ended'
   order by id
   on conflict (tenant_id, sale_id) do nothing`,
);

const selectHours = statement(
  "sales.hours_of_sales",
  // Without a lock, which the orders of a sale hold nearly all the time: the hours stand from the
  // scheduling on, and an end that comes this moment comes for the next ticket. Drafts are absent.
  `select id, state, opens_at, closes_at, ended_at, waiting_room, challenge_difficulty,
          tickets_per_device, tickets_per_network
   from sales.sales where tenant_id = $1 and id = any($2::uuid[]) and scheduled_at is not null`,
);

const selectDrawn = statement(
  "sales.drawn_lots",
  `select sale_id from sales.lots
   where tenant_id = $1 and sale_id = any($2::uuid[]) and drawn_at is not null`,
);

const selectExpired = statement(
  "sales.expired_places",
  // What is forgotten ran out earlier than all that is left.
  `select sale_id,
          coalesce(max(through_place) filter (where admitted_at <= $3), min(from_place)) as through
   from sales.admissions where tenant_id = $1 and sale_id = any($2::uuid[])
   group by sale_id`,
);

const selectTickets = statement(
  "sales.tickets_of_members",
  `select t.id, t.sale_id, t.member_id, t.place
   from unnest($2::uuid[], $3::text[]) as w (sale_id, member_id)
   join sales.tickets t
     on t.tenant_id = $1 and t.sale_id = w.sale_id and t.member_id = w.member_id
   where t.tenant_id = $1`,
);

export const countOfDevices = statement(
  "sales.tickets_of_devices",
  // Device by device along its index, which has no more entries of one than the sale allows.
  `select w.sale_id, w.origin::text as origin,
          (select count(*)::integer from sales.tickets t
           where t.tenant_id = $1 and t.sale_id = w.sale_id and t.device_id = w.origin) as taken
   from unnest($2::uuid[], $3::uuid[]) as w (sale_id, origin)`,
);

export const countOfNetworks = statement(
  "sales.tickets_of_networks",
  `select w.sale_id, w.origin,
          (select count(*)::integer from sales.tickets t
           where t.tenant_id = $1 and t.sale_id = w.sale_id and t.network = w.origin) as taken
   from unnest($2::uuid[], $3::text[]) as w (sale_id, origin)`,
);

const insertTickets = statement(
  "sales.insert_tickets",
  `insert into sales.tickets
     (tenant_id, id, sale_id, member_id, lot, place, device_id, network, taken_at)
   select $1, t.id, t.sale_id, t.member_id, t.lot, t.place, t.device_id, t.network, $2
   from unnest($3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::integer[], $8::uuid[],
               $9::text[])
     as t (id, sale_id, member_id, lot, place, device_id, network)`,
);

const moveTickets = statement(
  "sales.move_tickets",
  `update sales.tickets t set place = n.place
   from unnest($2::uuid[], $3::integer[]) as n (id, place)
   where t.tenant_id = $1 and t.id = n.id`,
);

const updateRooms = statement(
  "sales.update_waiting_rooms",
  `update sales.waiting_rooms r
   set places = n.places, lot_size = n.lot_size, admitted_through = n.admitted_through,
       newest_from = n.newest_from, newest_at = n.newest_at
   from unnest($2::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[],
               $7::timestamptz[])
     as n (sale_id, places, lot_size, admitted_through, newest_from, newest_at)
   where r.tenant_id = $1 and r.sale_id = n.sale_id`,
);

const saveAdmissions = statement(
  "sales.save_admissions",
  `insert into sales.admissions (tenant_id, sale_id, from_place, through_place, admitted_at)
   select $1, a.sale_id, a.from_place, a.through_place, a.admitted_at
   from unnest($2::uuid[], $3::integer[], $4::integer[], $5::timestamptz[])
     as a (sale_id, from_place, through_place, admitted_at)
   on conflict (tenant_id, sale_id, from_place)
   do update set through_place = excluded.through_place`,
);

const forgetAdmissions = statement(
  "sales.forget_admissions",
  `delete from sales.admissions
   where tenant_id = $1 and sale_id = any($2::uuid[]) and admitted_at < $3`,
);

const insertLots = statement(
  "sales.insert_lots",
  `insert into sales.lots (tenant_id, sale_id, closed_at)
   select $1, l.sale_id, $2 from unnest($3::uuid[]) as l (sale_id)`,
);

const takeLot = statement(
  "sales.take_lot",
  // One process draws; the others go on with what they have to do.
  `select sale_id from sales.lots
   where tenant_id = $1 and sale_id = $2 and drawn_at is null
   for no key update skip locked`,
);

const drawPlaces = statement(
  "sales.draw_places",
  `update sales.tickets t set place = d.place
   from (select id, row_number() over (order by lot, id)::integer as place
         from sales.tickets where tenant_id = $1 and sale_id = $2 and place is null) as d
   where t.tenant_id = $1 and t.id = d.id`,
);

const finishLot = statement(
  "sales.finish_lot",
  `update sales.lots set drawn_at = $3 where tenant_id = $1 and sale_id = $2`,
);

/**
 * Locks the rooms of the sales, in id order, and makes those that are not there; a sale without a
 * waiting room has none, and one that has ended gets none. `wanted`: the members whose tickets are
 * needed, and where they are.
 */
export async function loadRooms(
  tx: Tx,
  saleIds: Iterable<SaleId>,
  wanted: readonly TicketTaker[] = [],
): Promise<Omit<RoomsWorld, "allowance">> {
  const ids = [...new Set(saleIds)];
  const locked = lockedRooms(tx, ids);
  const rooms = (await locked).length === ids.length ? await locked : await madeRooms(tx, ids);
  const expiredBy = timestamp(tx.now - passLifeMs);
  // After the lock, so that they see what others did while it was waited for.
  const [hours, drawn, expired, tickets, taken] = await Promise.all([
    tx.rows<DoorRow>(selectHours, [tx.tenantId, ids]),
    tx.rows<{ sale_id: SaleId }>(selectDrawn, [tx.tenantId, ids]),
    tx.rows<{ sale_id: SaleId; through: number }>(selectExpired, [tx.tenantId, ids, expiredBy]),
    loadTickets(tx, wanted),
    countTaken(tx, wanted),
  ]);
  const drawnLots = new Set(drawn.map(({ sale_id }) => sale_id));
  const expiredThrough = new Map(expired.map((row) => [row.sale_id, row.through]));
  const known = { drawnLots, expiredThrough };
  return {
    sales: new Map(
      hours.map((row) => [row.id, { ...hoursOf(row), ticketRules: ticketRulesOf(row) }]),
    ),
    rooms: new Map(rooms.map((row) => [row.sale_id, roomOf(row, known)])),
    tickets: new Map(tickets.map((ticket) => [ticketKey(ticket.saleId, ticket.memberId), ticket])),
    taken,
    written: {
      newTickets: [],
      movedTickets: new Set(),
      rooms: new Set(),
      closedLots: new Set(),
      admitted: new Set(),
    },
  };
}

function lockedRooms(tx: Tx, ids: readonly SaleId[]): Promise<RoomRow[]> {
  return tx.rows<RoomRow>(lockRooms, [tx.tenantId, ids]);
}

async function madeRooms(tx: Tx, ids: readonly SaleId[]): Promise<RoomRow[]> {
  await tx.rows(openRooms, [tx.tenantId, ids]);
  return lockedRooms(tx, ids);
}

async function loadTickets(tx: Tx, wanted: readonly TicketTaker[]): Promise<Ticket[]> {
  if (wanted.length === 0) return [];
  const rows = await tx.rows<TicketRow>(selectTickets, [
    tx.tenantId,
    wanted.map(({ saleId }) => saleId),
    wanted.map(({ memberId }) => memberId),
  ]);
  return rows.map(ticketOf);
}

/** Nothing is asked where no sale counts origins. */
async function countTaken(tx: Tx, wanted: readonly TicketTaker[]): Promise<TicketCounts> {
  const counts = await Promise.all([
    countOrigins(
      tx,
      countOfDevices,
      wanted.map(({ saleId, origin }) => [saleId, origin?.deviceId]),
    ),
    countOrigins(
      tx,
      countOfNetworks,
      wanted.map(({ saleId, origin }) => [saleId, origin?.network]),
    ),
  ]);
  return new Map(
    counts.flat().map(({ sale_id: saleId, origin, taken }) => [originKey(saleId, origin), taken]),
  );
}

async function countOrigins(
  tx: Tx,
  count: typeof countOfDevices,
  wanted: readonly (readonly [SaleId, string | undefined])[],
): Promise<CountRow[]> {
  const named = new Map<string, readonly [SaleId, string]>();
  for (const [saleId, origin] of wanted)
    if (origin !== undefined) named.set(originKey(saleId, origin), [saleId, origin]);
  if (named.size === 0) return [];
  const each = [...named.values()];
  return tx.rows<CountRow>(count, [
    tx.tenantId,
    each.map(([saleId]) => saleId),
    each.map(([, origin]) => origin),
  ]);
}

/** Writes what decisions did: one statement a table. */
export function saveRooms(tx: Tx, { written }: Pick<RoomsWorld, "written">): void {
  const { newTickets, movedTickets } = written;
  saveNewTickets(tx, newTickets);
  if (movedTickets.size > 0) {
    const moved = [...movedTickets];
    tx.write(moveTickets, [
      tx.tenantId,
      moved.map(({ id }) => id),
      moved.map(({ place }) => place ?? null),
    ]);
  }
  saveRoomRows(tx, [...written.rooms]);
  saveNewest(tx, [...written.admitted]);
  const lots = [...written.closedLots].filter(({ lotSize }) => lotSize !== 0);
  if (lots.length === 0) return;
  tx.write(insertLots, [tx.tenantId, timestamp(tx.now), lots.map(({ saleId }) => saleId)]);
}

function saveNewTickets(tx: Tx, made: readonly NewTicket[]): void {
  if (made.length === 0) return;
  tx.write(insertTickets, [
    tx.tenantId,
    timestamp(tx.now),
    made.map(({ ticket }) => ticket.id),
    made.map(({ ticket }) => ticket.saleId),
    made.map(({ ticket }) => ticket.memberId),
    made.map(({ lot }) => lot),
    made.map(({ ticket }) => ticket.place ?? null),
    made.map(({ origin }) => origin?.deviceId ?? null),
    made.map(({ origin }) => origin?.network ?? null),
  ]);
}

function saveRoomRows(tx: Tx, rooms: readonly Room[]): void {
  if (rooms.length === 0) return;
  tx.write(updateRooms, [
    tx.tenantId,
    rooms.map(({ saleId }) => saleId),
    rooms.map(({ places }) => places),
    rooms.map(({ lotSize }) => lotSize ?? null),
    rooms.map(({ admittedThrough }) => admittedThrough),
    rooms.map(({ newest }) => newest?.from ?? null),
    optionalTimestamps(rooms.map(({ newest }) => newest?.at)),
  ]);
}

function saveNewest(tx: Tx, rooms: readonly Room[]): void {
  const admitted = rooms.flatMap(({ saleId, newest }) =>
    newest === undefined ? [] : [{ saleId, ...newest }],
  );
  if (admitted.length === 0) return;
  tx.write(saveAdmissions, [
    tx.tenantId,
    admitted.map(({ saleId }) => saleId),
    admitted.map(({ from }) => from),
    admitted.map(({ through }) => through),
    admitted.map(({ at }) => timestamp(at)),
  ]);
  // Kept for twice as long as passes live, so that no clock that is behind misses one.
  const forgotten = timestamp(tx.now - 2 * passLifeMs);
  tx.write(forgetAdmissions, [tx.tenantId, admitted.map(({ saleId }) => saleId), forgotten]);
}

/**
 * Gives places to all who came before the opening, by lot, in one statement; false when another
 * process does so, or has.
 */
export async function drawLot(tx: Tx, saleId: SaleId): Promise<boolean> {
  const taken = await tx.rows(takeLot, [tx.tenantId, saleId]);
  if (taken.length === 0) return false;
  tx.write(drawPlaces, [tx.tenantId, saleId]);
  tx.write(finishLot, [tx.tenantId, saleId, timestamp(tx.now)]);
  return true;
}

export function ticketOf(row: TicketRow): Ticket {
  const { id, sale_id: saleId, member_id: memberId, place } = row;
  return { id, saleId, memberId, place: place ?? undefined };
}

export function hoursOf(row: Omit<HoursRow, "id">): SaleHours {
  const { state, opens_at: opensAt, closes_at: closesAt, waiting_room: waitingRoom } = row;
  return { state, opensAt, closesAt, endedAt: row.ended_at ?? undefined, waitingRoom };
}

function roomOf(
  row: RoomRow,
  known: {
    readonly drawnLots: ReadonlySet<SaleId>;
    readonly expiredThrough: ReadonlyMap<SaleId, number>;
  },
): Room {
  const { sale_id: saleId, newest_from: from, newest_at: at, admitted_through: through } = row;
  return {
    saleId,
    places: row.places,
    lotSize: row.lot_size ?? undefined,
    lotDrawn: known.drawnLots.has(saleId),
    admittedThrough: through,
    newest: from === null || at === null ? undefined : { from, through, at },
    // No admission is left: nobody was admitted, or all of them long ago.
    expiredThrough: known.expiredThrough.get(saleId) ?? through,
  };
}
