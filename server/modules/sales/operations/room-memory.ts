/**
 * What a process knows of waiting rooms. However many members ask, a room is read once in a while,
 * and all are answered from here.
 */
import { LRUCache } from "lru-cache";
import type { Database } from "../../../kernel/database.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import type { SeenRoom } from "../domain/standings.ts";
import type { SaleId } from "../domain/types.ts";
import type { Admission } from "../domain/waiting-room.ts";
import { passLifeMs } from "../domain/waiting-room.ts";
import type { ReadRoom } from "../store/waiting-room-reads.ts";
import { readRooms } from "../store/waiting-room-reads.ts";

export interface KnownRoom extends SeenRoom {
  readonly tenantId: string;
  readonly saleId: SaleId;
  readonly places: number;
  readonly lotSize: number | undefined;
  readonly readAt: number;
}

export type RoomMemory = ReturnType<typeof createRoomMemory>;

/** Rooms of sales that are asked for at the same time; each has some hundred admissions. */
const roomsMax = 500;
/** A room that was read within it is not read again because somebody asks. */
const freshMs = secondMs / 2;

export function createRoomMemory(deps: {
  readonly database: Database;
  readonly clock: Clock;
  /** As it was up to a second ago. */
  readonly isSoldOut: (tenantId: string, saleId: SaleId) => Promise<boolean>;
}) {
  const { database, clock, isSoldOut } = deps;
  const known = new LRUCache<string, KnownRoom>({ max: roomsMax });
  const reading = new Map<string, Promise<void>>();

  /** One query for all of them. */
  async function refresh(tenantId: string, saleIds: readonly SaleId[]): Promise<void> {
    if (saleIds.length === 0) return;
    const wanted = saleIds.map((saleId) => {
      const newest = known.peek(keyOf(tenantId, saleId))?.admissions.at(-1);
      return { saleId, knownFrom: newest?.from ?? 0 };
    });
    const readAt = clock.now();
    const [rooms, soldOut] = await Promise.all([
      readRooms(database, tenantId, wanted),
      Promise.all(saleIds.map((saleId) => isSoldOut(tenantId, saleId))),
    ]);
    const areSoldOut = new Map(saleIds.map((saleId, at) => [saleId, soldOut[at] === true]));
    for (const room of rooms) {
      const isOut = areSoldOut.get(room.saleId) === true;
      keep({ ...room, tenantId, readAt, soldOut: isOut });
    }
  }

  function keep(read: KnownRoom & ReadRoom): void {
    const key = keyOf(read.tenantId, read.saleId);
    const earlier = known.peek(key);
    // Of two reads under way the later one may be answered first.
    if (earlier !== undefined && earlier.readAt > read.readAt) return;
    const admissions = merged(earlier?.admissions ?? [], read.admissions, read.readAt);
    known.set(key, { ...read, admissions });
  }

  /** Joins a read under way. */
  function refreshOne(tenantId: string, saleId: SaleId): Promise<void> {
    const key = keyOf(tenantId, saleId);
    const running = reading.get(key);
    if (running !== undefined) return running;
    const own = refresh(tenantId, [saleId]).finally(() => reading.delete(key));
    reading.set(key, own);
    return own;
  }

  return {
    refresh,

    /** As it was half a second ago at most; undefined when there is no such sale. */
    async read(tenantId: string, saleId: SaleId): Promise<KnownRoom | undefined> {
      const key = keyOf(tenantId, saleId);
      const room = known.get(key);
      if (room !== undefined && clock.now() - room.readAt < freshMs) return room;
      await refreshOne(tenantId, saleId);
      return known.get(key);
    },

    /** As it was last read; nothing is read for it. */
    known: (tenantId: string, saleId: SaleId): KnownRoom | undefined =>
      known.get(keyOf(tenantId, saleId)),
  };
}

function keyOf(tenantId: string, saleId: SaleId): string {
  return `${tenantId} ${saleId}`;
}

/** The newest of those that were known may have grown; those whose passes ran out are dropped. */
function merged(
  earlier: readonly Admission[],
  read: readonly Admission[],
  now: number,
): readonly Admission[] {
  const [first] = read;
  if (first === undefined) return earlier;
  const before = earlier.filter(({ from }) => from < first.from);
  const all = [...before, ...read];
  const expired = now - passLifeMs;
  // One that ran out is as good as one that was forgotten.
  return (all[0]?.at ?? now) > expired ? all : all.filter(({ at }) => at > expired);
}
