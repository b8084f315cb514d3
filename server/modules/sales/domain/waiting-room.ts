/**
 * The waiting room of a sale: who comes before the opening takes part in a lot, who comes after it
 * stands behind. A place that was given never becomes worse: people are let in from the front.
 */
import type { Id } from "../../../kernel/ids.ts";
import { assert, required } from "../../../kernel/assert.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { dayMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import { refuseNotOpen, saleStateAt } from "./hours.ts";
import type { TicketCounts, TicketOrigin } from "./ticket-rules.ts";
import { countTicket, judgeOrigin } from "./ticket-rules.ts";
import type { Sale, SaleId } from "./types.ts";

export type TicketId = Id<"Ticket">;

/** A member has one for a sale. */
export interface Ticket {
  readonly id: TicketId;
  readonly saleId: SaleId;
  readonly memberId: string;
  /** Counted from 1; undefined until the lot was drawn. */
  place: number | undefined;
}

/** The places above `from`, up to `through`, were admitted at `at`. */
export interface Admission {
  readonly from: number;
  readonly through: number;
  readonly at: number;
}

export interface Room {
  readonly saleId: SaleId;
  /** The places that there are, those for the lot included. */
  places: number;
  /** The places that are for the lot; undefined as long as it takes tickets. */
  lotSize: number | undefined;
  lotDrawn: boolean;
  /** The last place that was admitted; it only rises. */
  admittedThrough: number;
  newest: Admission | undefined;
  /** The last place whose pass has run out. */
  readonly expiredThrough: number;
}

/** What a room needs to know of its sale. */
export type SaleHours = Pick<Sale, "state" | "opensAt" | "closesAt" | "endedAt" | "waitingRoom">;
/** And who takes a ticket. */
export type SaleDoor = SaleHours & Pick<Sale, "ticketRules">;

export interface RoomsWorld {
  /** Those that were scheduled. */
  readonly sales: ReadonlyMap<SaleId, SaleDoor>;
  readonly rooms: ReadonlyMap<SaleId, Room>;
  /** By sale and member: see `ticketKey`. */
  readonly tickets: Map<string, Ticket>;
  /** Of the origins that tickets are wanted from. */
  readonly taken: TicketCounts;
  /** How many more this process may let in at once. */
  allowance: number;
  readonly written: WrittenRooms;
}

/** What decisions did, for `save`. */
export interface WrittenRooms {
  readonly newTickets: NewTicket[];
  /** Tickets that have a new place. */
  readonly movedTickets: Set<Ticket>;
  readonly rooms: Set<Room>;
  readonly closedLots: Set<Room>;
  /** Rooms whose newest admission is new or has grown. */
  readonly admitted: Set<Room>;
}

export interface NewTicket {
  readonly ticket: Ticket;
  readonly lot: number;
  readonly origin: TicketOrigin | undefined;
}

export interface TakeTicket {
  readonly ticketId: TicketId;
  readonly saleId: SaleId;
  readonly memberId: string;
  /** A random number; the lot puts those of a room in order. */
  readonly lot: number;
  /** Undefined: nothing was asked, and nothing was proven. */
  readonly origin: TicketOrigin | undefined;
  /** As this process has seen the room: a pass would run out before there is anything to buy. */
  readonly soldOut: boolean;
}

export type TicketOutcome =
  | {
      readonly kind: "ticket";
      readonly ticket: Ticket;
      readonly isNew: boolean;
      /** When it was let in at once. */
      readonly admittedAt: number | undefined;
    }
  | Refusal;

/** Who is admitted has so long to place the order: time to read, choose and fill in an address. */
export const passLifeMs = 5 * minuteMs;
/** Who asks about a ticket has done so within days of the sale: as long as answers are kept. */
export const ticketLifeDays = 7;
export const ticketLifeMs = ticketLifeDays * dayMs;
/** A row for each would be hundreds a second; within it all are admitted at the same time. */
const admissionMs = secondMs;
/** More than any sale has drawn here; places are counted in 32 bits. */
export const placesMax = 5_000_000;

export function ticketKey(saleId: SaleId, memberId: string): string {
  return `${saleId} ${memberId}`;
}

/**
 * Gives the member's ticket, whoever asks however often. One whose pass has run out gets a new
 * place at the end. Refusals in order of precedence: not_found, sale_without_waiting_room,
 * sale_not_open, sale_solution_needed, waiting_room_full, sale_device_limit_reached,
 * sale_network_limit_reached.
 */
export function decideTakeTicket(
  world: RoomsWorld,
  command: TakeTicket,
  now: number,
): TicketOutcome {
  const { saleId, memberId, ticketId: id, lot, origin } = command;
  const sale = world.sales.get(saleId);
  if (sale === undefined) return refuse("not_found", { what: "sale" });
  const closed = judgeDoor(saleId, sale, now);
  if (closed !== undefined) return closed;
  const { ticketRules: rules } = sale;
  if (rules !== undefined && origin === undefined)
    return refuse("sale_solution_needed", { saleId });
  const room = required(world.rooms.get(saleId), "the room of the sale");
  if (saleStateAt(sale, now) === "open") closeLot(world, room);
  const key = ticketKey(saleId, memberId);
  const earlier = world.tickets.get(key);
  if (earlier !== undefined && !isExpired(room, earlier))
    return { kind: "ticket", ticket: earlier, isNew: false, admittedAt: undefined };
  if (room.places >= placesMax) return refuse("waiting_room_full", { max: placesMax });
  const isNew = earlier === undefined;
  const full = isNew ? judgeOrigin(world.taken, saleId, { rules, origin }) : undefined;
  if (full !== undefined) return full;

  // From here on there is a new place.
  const ticket = earlier ?? { id, saleId, memberId, place: undefined };
  room.places += 1;
  world.written.rooms.add(room);
  if (room.lotSize !== undefined) ticket.place = room.places;
  if (isNew) {
    world.tickets.set(key, ticket);
    world.written.newTickets.push({ ticket, lot, origin });
    if (origin !== undefined) countTicket(world.taken, saleId, origin);
  } else {
    world.written.movedTickets.add(ticket);
  }
  const admittedAt = command.soldOut ? undefined : admitAtOnce(world, room, ticket, now);
  return { kind: "ticket", ticket, isNew, admittedAt };
}

/** Of one tenant; the rooms whose turn comes first stand first. */
export interface AdmitMembers {
  readonly rooms: readonly {
    readonly saleId: SaleId;
    /** Members who were seen to wait; no more are let in. */
    readonly waiting: number;
  }[];
  /** To be shared among as many rooms: these, and those of other tenants whose turn is later. */
  readonly count: number;
  readonly among: number;
}

/**
 * Lets in who stands at the front, an even share from each room: what one does not need goes to
 * those behind it. Gives how many. The lot is closed when the sale is open.
 */
export function decideAdmitMembers(
  world: RoomsWorld,
  { rooms, count, among }: AdmitMembers,
  now: number,
): number {
  assert(count >= 0, "nobody is taken back");
  assert(among >= rooms.length, "each has its share");
  let left = count;
  rooms.forEach(({ saleId, waiting }, at) => {
    const share = Math.ceil(left / (among - at));
    left -= admitFrom(world, saleId, { count: Math.min(share, waiting), now });
  });
  return count - left;
}

function admitFrom(
  world: RoomsWorld,
  saleId: SaleId,
  { count, now }: { readonly count: number; readonly now: number },
): number {
  const sale = world.sales.get(saleId);
  const room = world.rooms.get(saleId);
  if (sale === undefined || room === undefined) return 0;
  if (!sale.waitingRoom || saleStateAt(sale, now) !== "open") return 0;
  closeLot(world, room);
  if (!hasOrder(room)) return 0;
  return admit(world, room, count, now);
}

/** From now on places are given by arrival. Whoever decides first says so for all processes. */
function closeLot(world: RoomsWorld, room: Room): void {
  if (room.lotSize !== undefined) return;
  room.lotSize = room.places;
  world.written.rooms.add(room);
  world.written.closedLots.add(room);
}

/** Whether it is known who stands at the front. */
function hasOrder(room: Room): boolean {
  return room.lotSize === 0 || room.lotDrawn;
}

/** In quiet times nobody notices that there is a room. */
function admitAtOnce(
  world: RoomsWorld,
  room: Room,
  { place }: Ticket,
  now: number,
): number | undefined {
  const isNext = place !== undefined && place === room.admittedThrough + 1;
  if (!isNext || !hasOrder(room) || world.allowance < 1) return undefined;
  world.allowance -= 1;
  admit(world, room, 1, now);
  return required(room.newest, "the admission").at;
}

function admit(world: RoomsWorld, room: Room, count: number, now: number): number {
  const through = Math.min(room.admittedThrough + Math.floor(count), room.places);
  const admitted = through - room.admittedThrough;
  if (admitted === 0) return 0;
  const { newest } = room;
  const isSame = newest !== undefined && now - newest.at < admissionMs;
  const { from, at } = isSame ? newest : { from: room.admittedThrough, at: now };
  room.newest = { from, through, at };
  room.admittedThrough = through;
  world.written.rooms.add(room);
  world.written.admitted.add(room);
  return admitted;
}

function isExpired(room: Room, { place }: Ticket): boolean {
  return place !== undefined && place <= room.expiredThrough;
}

/**
 * Whether the sale gives tickets at all. Refusals in order of precedence:
 * sale_without_waiting_room, sale_not_open.
 */
export function judgeDoor(saleId: SaleId, sale: SaleHours, now: number): Refusal | undefined {
  if (!sale.waitingRoom) return refuse("sale_without_waiting_room", { saleId });
  return saleStateAt(sale, now) === "ended" ? refuseNotOpen(saleId, sale, now) : undefined;
}
