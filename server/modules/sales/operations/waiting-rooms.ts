import { randomInt } from "node:crypto";
import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Operation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import { createSignedIds } from "../../../kernel/signed-ids.ts";
import type { Sight } from "../../../kernel/sse.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { Ledger } from "../../ledger/index.ts";
import type { TicketView } from "../domain/standings.ts";
import { standingOf, ticketView } from "../domain/standings.ts";
import type { SaleId } from "../domain/types.ts";
import type { RoomsWorld, TakeTicket, TicketId, TicketOutcome } from "../domain/waiting-room.ts";
import { decideTakeTicket, judgeDoor } from "../domain/waiting-room.ts";
import { loadRooms, saveRooms } from "../store/waiting-rooms.ts";
import { createAdmission } from "./admission.ts";
import type { TicketWish } from "./challenges.ts";
import { createChallenges } from "./challenges.ts";
import { createPasses } from "./passes.ts";
import type { KnownRoom } from "./room-memory.ts";
import { createRoomMemory } from "./room-memory.ts";
import type { RoomMetrics } from "./room-metrics.ts";
import type { KnownTicket } from "./ticket-memory.ts";
import type { Sales } from "./sales.ts";
import { createTicketMemory } from "./ticket-memory.ts";

export interface WaitingRoomDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly secrets: Secrets;
  /** Gives a sale as it was up to a second ago. */
  readonly sales: Pick<Sales, "readShownSale">;
  readonly ledger: Pick<Ledger, "prefixesWithAvailable">;
  /** Commands that may wait in this process. */
  readonly queueMax: number;
  /** Gives random numbers from 0 to 2^47 - 1; those of the machine unless a test has its own. */
  readonly drawNumber?: () => number;
  readonly observe: RoomMetrics;
}

export type WaitingRooms = ReturnType<typeof createWaitingRooms>;

interface WantedTicket {
  readonly saleId: SaleId;
  readonly ticketId: TicketId;
  /** Only this member's; to members those of others do not exist. */
  readonly memberId: string | undefined;
}

interface TakenTicket {
  readonly isNew: boolean;
  readonly view: TicketView;
  /** The name of the device that has taken it, signed, where the sale counts devices. */
  readonly deviceToken: string | undefined;
}

/** Tickets are small: as many as orders share a transaction. */
const takeBatchMax = 512;
/** Two of a million tickets rarely have the same number; then the older one is in front. */
const lotMax = 2 ** 47;
/** A ticket that seems to have run out may have a new place: it is read again so often. */
const expiredReadMs = secondMs;

/** How members take tickets and hear of their places; `createAdmission` lets them in. */
export function createWaitingRooms(deps: WaitingRoomDeps) {
  const { committers, clock, observe } = deps;
  const drawNumber = deps.drawNumber ?? (() => randomInt(lotMax));
  const roomMemory = createRoomMemory(deps);
  const ticketMemory = createTicketMemory(deps);
  const admission = createAdmission({ ...deps, roomMemory });
  const { readPass, passOf } = createPasses(deps);
  const challenges = createChallenges(deps);
  const ticketIds = createSignedIds<"Ticket">({ ...deps, purpose: "sale_ticket" });

  const takeTicket: Operation<TakeTicket, RoomsWorld, TicketOutcome> = {
    name: "sales.take_ticket",
    batchMax: takeBatchMax,
    async load(tx, commands) {
      const saleIds = commands.map(({ saleId }) => saleId);
      const world = await loadRooms(tx, saleIds, commands);
      return { ...world, allowance: admission.take(commands.length) };
    },
    decide: decideTakeTicket,
    save(tx, world) {
      saveRooms(tx, world);
      tx.afterCommit(() => admission.giveBack(world.allowance));
    },
  };

  function viewOf(tenantId: string, room: KnownRoom, ticket: KnownTicket): TicketView {
    const now = clock.now();
    const standing = standingOf(room, ticket, now);
    const shown = { room, now };
    if (standing.state !== "admitted") return ticketView(ticket, standing, shown);
    const pass = passOf({ tenantId, ticket, expiresAt: standing.expiresAt });
    return ticketView(ticket, standing, { ...shown, pass });
  }

  /** What may have changed since this process has read the ticket is read again. */
  async function currentTicket(
    tenantId: string,
    room: KnownRoom,
    id: TicketId,
  ): Promise<KnownTicket | undefined> {
    const ticket = ticketMemory.known(tenantId, id);
    if (ticket === undefined || mayHaveMoved(room, ticket)) return ticketMemory.read(tenantId, id);
    return ticket;
  }

  function mayHaveMoved(room: KnownRoom, ticket: KnownTicket): boolean {
    const now = clock.now();
    if (ticket.place === undefined) return room.lotDrawn;
    const isExpired = standingOf(room, ticket, now).state === "expired";
    return isExpired && now - ticket.readAt >= expiredReadMs;
  }

  /**
   * Told without the database: false for a made-up ticket, or that of another member or sale. Staff
   * may ask for anybody's, and what is not known of theirs is looked up.
   */
  function mayBeTheirs(tenantId: string, { saleId, ticketId, memberId }: WantedTicket): boolean {
    const known = ticketMemory.known(tenantId, ticketId);
    if (known !== undefined) return isWanted(known, { saleId, memberId });
    return memberId === undefined || ticketIds.isMadeFor(ticketId, [tenantId, saleId, memberId]);
  }

  async function find(
    tenantId: string,
    { saleId, ticketId, memberId }: WantedTicket,
  ): Promise<{ readonly room: KnownRoom; readonly ticket: KnownTicket } | Refusal> {
    if (!mayBeTheirs(tenantId, { saleId, ticketId, memberId })) return noTicket;
    const room = await roomMemory.read(tenantId, saleId);
    if (room === undefined) return noTicket;
    const ticket = await currentTicket(tenantId, room, ticketId);
    if (ticket === undefined || !isWanted(ticket, { saleId, memberId })) return noTicket;
    return { room, ticket };
  }

  return {
    /** Tells who has signed the pass that came with an order; only ours lets anybody in. */
    readPass,

    /** Lets members in, at the pace that this process holds: the beat of a pulse. */
    admitMembers: admission.admitMembers,

    giveChallenge: challenges.giveChallenge,

    /**
     * Gives the member's one ticket. Refusals: not_found, sale_without_waiting_room, sale_not_open,
     * sale_solution_needed, sale_solution_invalid, sale_solution_expired, sale_solution_wrong,
     * waiting_room_full, sale_device_limit_reached, sale_network_limit_reached.
     */
    async takeTicket(tenantId: string, wish: TicketWish): Promise<TakenTicket | Refusal> {
      const seen = await roomMemory.read(tenantId, wish.saleId);
      const closed = seen && judgeDoor(wish.saleId, seen.sale, clock.now());
      if (closed !== undefined) return closed;
      const proven = await challenges.judge(tenantId, wish);
      if (isRefusal(proven)) return proven;
      const { origin, deviceToken } = proven;
      const { saleId, memberId } = wish;
      const ticketId = ticketIds.next([tenantId, saleId, memberId]);
      const soldOut = seen?.soldOut ?? false;
      const command = { saleId, memberId, ticketId, lot: drawNumber(), origin, soldOut };
      const outcome = await committers.run(takeTicket, tenantId, command);
      if (isRefusal(outcome)) return outcome;
      const { ticket, isNew, admittedAt } = outcome;
      if (admittedAt !== undefined) observe.admitted(1);
      const room = await roomMemory.read(tenantId, saleId);
      if (room === undefined) return noTicket;
      const known = ticketMemory.learn(tenantId, ticket, admittedAt);
      return { isNew, view: viewOf(tenantId, room, known), deviceToken };
    },

    /** From memory. Refusals: not_found. */
    async readTicket(tenantId: string, wanted: WantedTicket): Promise<TicketView | Refusal> {
      const found = await find(tenantId, wanted);
      return isRefusal(found) ? found : viewOf(tenantId, found.room, found.ticket);
    },

    /** What a stream shows of a ticket, until it waits no longer. Refusals: not_found. */
    async followTicket(tenantId: string, wanted: WantedTicket): Promise<(() => Sight) | Refusal> {
      const found = await find(tenantId, wanted);
      if (isRefusal(found)) return found;
      let { ticket, room } = found;
      return () => {
        // Long before the opening nobody else keeps it fresh. What fails here is tried again.
        roomMemory.read(tenantId, wanted.saleId).catch(() => undefined);
        room = roomMemory.known(tenantId, wanted.saleId) ?? room;
        ticket = ticketMemory.known(tenantId, wanted.ticketId) ?? ticket;
        // What fails here is tried again at the next look.
        if (mayHaveMoved(room, ticket))
          ticketMemory.read(tenantId, wanted.ticketId).catch(() => undefined);
        return sightOf(viewOf(tenantId, room, ticket));
      };
    },
  };
}

function isWanted(
  ticket: Pick<KnownTicket, "saleId" | "memberId">,
  { saleId, memberId }: Pick<WantedTicket, "saleId" | "memberId">,
): boolean {
  return ticket.saleId === saleId && (memberId === undefined || memberId === ticket.memberId);
}

const noTicket = refuse("not_found", { what: "ticket" });

/** Its id says all that a reader sees changing. */
function sightOf(view: TicketView): Sight {
  const ahead = "ahead" in view ? view.ahead : "";
  const id = `${view.state}.${view.place ?? ""}.${ahead}`;
  return { id, event: "ticket", data: view, last: view.state !== "waiting" };
}
