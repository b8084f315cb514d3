import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Operation } from "../../../kernel/operation.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import { saleStateAt } from "../domain/hours.ts";
import { nextPace, spent, startPace } from "../domain/pace.ts";
import type { AdmitMembers, RoomsWorld } from "../domain/waiting-room.ts";
import { decideAdmitMembers } from "../domain/waiting-room.ts";
import { readSalesWithRooms, readTenantsWithRooms } from "../store/waiting-room-reads.ts";
import { drawLot, loadRooms, saveRooms } from "../store/waiting-rooms.ts";
import type { KnownRoom, RoomMemory, RoomsOfTenant } from "./room-memory.ts";
import type { RoomMetrics } from "./room-metrics.ts";

/** A sale that was scheduled in a hurry is found within it. */
const discoverMs = secondMs;
/**
 * Sales are scheduled long before they open. A tenant whose rooms are looked after costs each
 * process some ten transactions a second, however many rooms it has: four rounds read them, four
 * let people in, one looks which they are and one whether units are left. That begins when even a
 * slow round finds them in time.
 */
const openingSoonMs = 10 * secondMs;
/**
 * Bounds of what one process looks after at once. Where more rooms of a tenant have somebody
 * waiting, they take turns, from one discovery to the next.
 */
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
  let rooms: readonly RoomsOfTenant[] = [];
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
    const lastOf = new Map(rooms.map(({ tenantId, saleIds }) => [tenantId, saleIds.at(-1)]));
    const tenants = await readTenantsWithRooms(database, { ...soon, limit: tenantsMax });
    rooms = await Promise.all(
      tenants.map(async (tenantId) => {
        const wanted = { ...soon, limit: roomsOfTenantMax, after: lastOf.get(tenantId) };
        return { tenantId, saleIds: await readSalesWithRooms(database, tenantId, wanted) };
      }),
    );
    roomMemory.lookAfter(rooms);
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

  /**
   * In turn, so that a room that comes first by chance does not always get the odd one: all rooms
   * of a tenant in one transaction.
   */
  async function admitFrom(waiting: readonly KnownRoom[]): Promise<void> {
    const first = round % Math.max(1, waiting.length);
    const inTurn = [...waiting.slice(first), ...waiting.slice(0, first)];
    let left = take(Number.POSITIVE_INFINITY);
    let among = waiting.length;
    for (const [tenantId, theirs] of Map.groupBy(inTurn, (room) => room.tenantId)) {
      if (left === 0) break;
      const seen = theirs.map(({ saleId, places, admittedThrough }) => ({
        saleId,
        waiting: places - admittedThrough,
      }));
      const command = { rooms: seen, count: left, among };
      const admitted = await committers.run(admitMembers, tenantId, command);
      left -= admitted;
      among -= theirs.length;
      observe.admitted(admitted);
    }
    giveBack(left);
  }

  async function closeLots(open: readonly KnownRoom[]): Promise<void> {
    const unclosed = open.filter(({ lotSize, places }) => lotSize === undefined && places > 0);
    for (const [tenantId, theirs] of Map.groupBy(unclosed, (room) => room.tenantId)) {
      const seen = theirs.map(({ saleId }) => ({ saleId, waiting: 0 }));
      const command = { rooms: seen, count: 0, among: seen.length };
      await committers.run(admitMembers, tenantId, command);
    }
  }

  /** One round: reads the rooms, closes and draws lots whose time has come, lets people in. */
  async function admitRound(): Promise<void> {
    round += 1;
    await discover();
    await Promise.all(rooms.map(({ tenantId, saleIds }) => roomMemory.refresh(tenantId, saleIds)));
    const open = openRooms();
    await closeLots(open);
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
    const saleIds = commands.flatMap(({ rooms }) => rooms.map(({ saleId }) => saleId));
    // Who is let in was counted against the pace before.
    return { ...(await loadRooms(tx, saleIds)), allowance: 0 };
  },
  decide: decideAdmitMembers,
  save: saveRooms,
};
