import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Operation } from "../../../kernel/operation.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import { saleStateAt } from "../domain/hours.ts";
import { nextPace, spent, startPace } from "../domain/pace.ts";
import type { SaleId } from "../domain/types.ts";
import type { AdmitMembers, RoomsWorld } from "../domain/waiting-room.ts";
import { decideAdmitMembers } from "../domain/waiting-room.ts";
import { readSalesWithRooms, readTenantsWithRooms } from "../store/waiting-room-reads.ts";
import { drawLot, loadRooms, saveRooms } from "../store/waiting-rooms.ts";
import type { KnownRoom, RoomMemory } from "./room-memory.ts";

export interface RoomMetrics {
  /** After each round: who waits in open sales, and how many a second this process lets in. */
  waiting(members: number, perSecond: number): void;
  admitted(members: number): void;
}

/** A sale that was scheduled in a hurry is found within it. */
const discoverMs = secondMs;
/**
 * Sales are scheduled long before they open. A room that is looked after costs some ten
 * transactions a second and process, so that begins when even a slow round finds it in time.
 */
const openingSoonMs = 10 * secondMs;
/** Bounds of what one process looks after. */
const tenantsMax = 500;
const roomsOfTenantMax = 50;

/**
 * Lets members in, as many as this process can hold: by the length of its own queue of commands.
 * Every process that answers the API does so; those that share a database share the rooms, each at
 * its own pace, and when one is gone its share is gone with it.
 */
export function createAdmission(deps: {
  readonly database: Database;
  readonly committers: Committers;
  readonly clock: Clock;
  readonly roomMemory: RoomMemory;
  readonly queueMax: number;
  readonly observe: RoomMetrics;
}) {
  const { database, committers, clock, roomMemory, queueMax, observe } = deps;
  let pace = startPace(clock.now());
  let rooms: readonly { readonly tenantId: string; readonly saleIds: readonly SaleId[] }[] = [];
  let discoveredAt = Number.NEGATIVE_INFINITY;
  let round = 0;

  function take(wanted: number): number {
    pace = nextPace(
      pace,
      { depth: committers.depth(), depthMax: queueMax, waiting: false },
      clock.now(),
    );
    const count = Math.min(wanted, Math.floor(pace.allowance));
    pace = spent(pace, count);
    return count;
  }

  function giveBack(count: number): void {
    pace = { ...pace, allowance: pace.allowance + count };
  }

  async function discover(): Promise<void> {
    const now = clock.now();
    if (now - discoveredAt < discoverMs) return;
    const soon = { now, opensBy: now + openingSoonMs };
    const tenants = await readTenantsWithRooms(database, { ...soon, limit: tenantsMax });
    rooms = await Promise.all(
      tenants.map(async (tenantId) => ({
        tenantId,
        saleIds: await readSalesWithRooms(database, tenantId, { ...soon, limit: roomsOfTenantMax }),
      })),
    );
    discoveredAt = now;
  }

  function openRooms(): KnownRoom[] {
    const now = clock.now();
    return rooms
      .flatMap(({ tenantId, saleIds }) =>
        saleIds.map((saleId) => roomMemory.known(tenantId, saleId)),
      )
      .filter((room) => room !== undefined)
      .filter(({ sale }) => saleStateAt(sale, now) === "open");
  }

  /** In turn, so that a room that comes first by chance does not always get the odd one. */
  async function admitFrom(waiting: readonly KnownRoom[]): Promise<void> {
    let left = take(Number.POSITIVE_INFINITY);
    for (let at = 0; at < waiting.length; at += 1) {
      const room = waiting[(at + round) % waiting.length];
      if (room === undefined || left === 0) break;
      const share = Math.ceil(left / (waiting.length - at));
      const count = Math.min(share, room.places - room.admittedThrough);
      const admitted = await committers.run(admitMembers, room.tenantId, {
        saleId: room.saleId,
        count,
      });
      left -= admitted;
      observe.admitted(admitted);
    }
    giveBack(left);
  }

  /** One round: reads the rooms, closes and draws lots whose time has come, lets people in. */
  async function admitRound(): Promise<void> {
    round += 1;
    await discover();
    await Promise.all(rooms.map(({ tenantId, saleIds }) => roomMemory.refresh(tenantId, saleIds)));
    const open = openRooms();
    for (const { tenantId, saleId, lotSize, places } of open) {
      if (lotSize !== undefined || places === 0) continue;
      await committers.run(admitMembers, tenantId, { saleId, count: 0 });
    }
    const undrawn = open.filter(({ lotDrawn, places }) => !lotDrawn && places > 0);
    for (const { tenantId, saleId } of undrawn)
      await database.transaction(tenantId, (tx) => drawLot(tx, saleId));
    const waiting = open.filter(
      ({ soldOut, places, admittedThrough }) => !soldOut && places > admittedThrough,
    );
    const depth = committers.depth();
    const load = { depth, depthMax: queueMax, waiting: waiting.length > 0 };
    pace = nextPace(pace, load, clock.now());
    await admitFrom(waiting);
    const members = open.reduce((sum, room) => sum + room.places - room.admittedThrough, 0);
    observe.waiting(members, pace.perSecond);
  }

  return {
    take,
    giveBack,
    admitMembers: admitRound,
  };
}

const admitMembers: Operation<AdmitMembers, RoomsWorld, number> = {
  name: "sales.admit_members",
  batchMax: 1,
  async load(tx, commands) {
    const saleIds = commands.map(({ saleId }) => saleId);
    // Who is let in was counted against the pace before.
    return { ...(await loadRooms(tx, saleIds)), allowance: 0 };
  },
  decide: decideAdmitMembers,
  save: saveRooms,
};
