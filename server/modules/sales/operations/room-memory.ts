/**
 * What a process knows of waiting rooms. However many members ask, a room is read once in a while,
 * and all are answered from here.
 */
import { LRUCache } from "lru-cache";
import { required } from "../../../kernel/assert.ts";
import type { Database } from "../../../kernel/database.ts";
import { createSingleFlight } from "../../../kernel/single-flight.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import type { Ledger } from "../../ledger/index.ts";
import { saleAccountsPrefix } from "../domain/allotments.ts";
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
  /** Since then `soldOut` is known. */
  readonly unitsReadAt: number;
}

export interface RoomsOfTenant {
  readonly tenantId: string;
  readonly saleIds: readonly SaleId[];
}

export type RoomMemory = ReturnType<typeof createRoomMemory>;

/** Rooms that are asked for though nobody looks after them; each has some hundred admissions. */
const othersMax = 500;
/** A room that was read within it is not read again because somebody asks. */
const freshMs = secondMs / 2;
/** However often a room is read, whether units are left is asked no more often. */
const unitsFreshMs = secondMs;

export function createRoomMemory(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly ledger: Pick<Ledger, "prefixesWithAvailable">;
}) {
  const { database, clock, ledger } = deps;
  /** Those that rounds look after: all of them are known, however many are open. */
  const own = new Map<string, KnownRoom>();
  let ownKeys: ReadonlySet<string> = new Set();
  const others = new LRUCache<string, KnownRoom>({ max: othersMax });
  const reads = createSingleFlight<string, void>();

  function knownBy(key: string): KnownRoom | undefined {
    return own.get(key) ?? others.get(key);
  }

  /** Two statements for all of them, or one: their units were read a moment ago. */
  async function refresh(tenantId: string, saleIds: readonly SaleId[]): Promise<void> {
    if (saleIds.length === 0) return;
    const readAt = clock.now();
    const earlier = new Map(saleIds.map((id) => [id, knownBy(keyOf(tenantId, id))]));
    const wanted = saleIds.map((saleId) => ({
      saleId,
      knownFrom: earlier.get(saleId)?.admissions.at(-1)?.from ?? 0,
    }));
    const stale = saleIds.filter((saleId) => {
      const { unitsReadAt } = earlier.get(saleId) ?? { unitsReadAt: Number.NEGATIVE_INFINITY };
      return readAt - unitsReadAt >= unitsFreshMs;
    });
    const [rooms, soldOut] = await Promise.all([
      readRooms(database, tenantId, wanted),
      readSoldOut(tenantId, stale),
    ]);
    for (const room of rooms) {
      const before = earlier.get(room.saleId);
      const units = unitsOf(before, soldOut.get(room.saleId), readAt);
      keep({ ...room, ...units, tenantId, readAt }, before);
    }
  }

  /** One statement, which reads of each sale up to the first account with a unit left. */
  async function readSoldOut(
    tenantId: string,
    saleIds: readonly SaleId[],
  ): Promise<Map<SaleId, boolean>> {
    if (saleIds.length === 0) return new Map();
    const prefixes = saleIds.map(saleAccountsPrefix);
    const withUnits = await ledger.prefixesWithAvailable(tenantId, prefixes);
    return new Map(saleIds.map((id) => [id, !withUnits.has(saleAccountsPrefix(id))]));
  }

  /** `before`: as it was known when the read began. */
  function keep(read: KnownRoom & ReadRoom, before: KnownRoom | undefined): void {
    const key = keyOf(read.tenantId, read.saleId);
    // Others may have pushed it out meanwhile, and older admissions were not read.
    const earlier = knownBy(key) ?? before;
    // Of two reads under way the later one may be answered first.
    if (earlier !== undefined && earlier.readAt > read.readAt) return;
    const admissions = merged(earlier?.admissions ?? [], read.admissions, read.readAt);
    put(key, { ...read, admissions });
  }

  function put(key: string, room: KnownRoom): void {
    if (ownKeys.has(key)) own.set(key, room);
    else others.set(key, room);
  }

  return {
    refresh,

    /** From now on these are kept, and no others but those that were asked for last. */
    lookAfter(rooms: Iterable<RoomsOfTenant>): void {
      const known = [...own];
      own.clear();
      ownKeys = new Set(
        [...rooms].flatMap(({ tenantId, saleIds }) => saleIds.map((id) => keyOf(tenantId, id))),
      );
      for (const [key, room] of known) put(key, room);
      for (const key of ownKeys) {
        const room = others.peek(key);
        if (room === undefined) continue;
        others.delete(key);
        own.set(key, room);
      }
    },

    /** As it was half a second ago at most; undefined when there is no such sale. */
    async read(tenantId: string, saleId: SaleId): Promise<KnownRoom | undefined> {
      const key = keyOf(tenantId, saleId);
      const room = knownBy(key);
      if (room !== undefined && clock.now() - room.readAt < freshMs) return room;
      await reads.run(key, () => refresh(tenantId, [saleId]));
      return knownBy(key);
    },

    /** As it was last read; nothing is read for it. */
    known: (tenantId: string, saleId: SaleId): KnownRoom | undefined =>
      knownBy(keyOf(tenantId, saleId)),
  };
}

/** Undefined: its units were not read now. */
function unitsOf(
  earlier: KnownRoom | undefined,
  soldOut: boolean | undefined,
  readAt: number,
): Pick<KnownRoom, "soldOut" | "unitsReadAt"> {
  if (soldOut !== undefined) return { soldOut, unitsReadAt: readAt };
  const { soldOut: wasSoldOut, unitsReadAt } = required(earlier, "what was not read is known");
  return { soldOut: wasSoldOut, unitsReadAt };
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
