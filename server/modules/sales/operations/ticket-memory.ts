/**
 * The tickets that a process was asked about lately. What it does not know it reads together with
 * what others ask for at the same moment: one query, however many ask.
 */
import { LRUCache } from "lru-cache";
import type { Database } from "../../../kernel/database.ts";
import type { Clock } from "../../../kernel/time.ts";
import type { Ticket, TicketId } from "../domain/waiting-room.ts";
import { readTickets } from "../store/waiting-room-reads.ts";

export interface KnownTicket extends Readonly<Ticket> {
  /** When this process let it in at once. */
  readonly admittedAt: number | undefined;
  readonly readAt: number;
}

/** About 300 bytes each. */
const ticketsMax = 200_000;
/** Of one query. */
const batchMax = 1_000;

interface Asking {
  readonly id: TicketId;
  resolve(ticket: KnownTicket | undefined): void;
  reject(error: unknown): void;
}

export function createTicketMemory({
  database,
  clock,
}: {
  readonly database: Database;
  readonly clock: Clock;
}) {
  /** Made with the first ticket: its empty places alone are 6 MB. */
  let known: LRUCache<string, KnownTicket> | undefined;
  /** By tenant; as many ask as there may be requests and streams. */
  const asking = new Map<string, Asking[]>();

  function keep(tenantId: string, ticket: KnownTicket): void {
    known ??= new LRUCache({ max: ticketsMax });
    known.set(keyOf(tenantId, ticket.id), ticket);
  }

  async function serve(tenantId: string, queue: Asking[]): Promise<void> {
    for (;;) {
      const batch = queue.splice(0, batchMax);
      if (batch.length === 0) break;
      try {
        const readAt = clock.now();
        const tickets = await readTickets(database, tenantId, [
          ...new Set(batch.map(({ id }) => id)),
        ]);
        const found = new Map(
          tickets.map((ticket) => [ticket.id, { ...ticket, admittedAt: undefined, readAt }]),
        );
        for (const ticket of found.values()) keep(tenantId, ticket);
        for (const { id, resolve } of batch) resolve(found.get(id));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    asking.delete(tenantId);
  }

  return {
    known: (tenantId: string, id: TicketId): KnownTicket | undefined =>
      known?.get(keyOf(tenantId, id)),

    /** As it stands in the database; undefined when there is none. */
    read(tenantId: string, id: TicketId): Promise<KnownTicket | undefined> {
      return new Promise((resolve, reject) => {
        const queue = asking.get(tenantId);
        if (queue !== undefined) return void queue.push({ id, resolve, reject });
        const own = [{ id, resolve, reject }];
        asking.set(tenantId, own);
        void serve(tenantId, own);
      });
    },

    /** What this process has just given or found. */
    learn(tenantId: string, ticket: Ticket, admittedAt: number | undefined): KnownTicket {
      const entry = { ...ticket, admittedAt, readAt: clock.now() };
      keep(tenantId, entry);
      return entry;
    },
  };
}

function keyOf(tenantId: string, id: TicketId): string {
  return `${tenantId} ${id}`;
}
