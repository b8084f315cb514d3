import { expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { SeededRandom } from "../../../kernel/testing/random.ts";
import { withSeed } from "../../../kernel/testing/random.ts";
import { formatInstant, hourMs } from "../../../kernel/time.ts";
import type { SeenRoom } from "./standings.ts";
import { standingOf, ticketView } from "./standings.ts";
import { originKey } from "./ticket-rules.ts";
import type { DeviceId, SaleId } from "./types.ts";
import type { Admission, Room, RoomsWorld, SaleDoor, Ticket } from "./waiting-room.ts";
import {
  decideAdmitMembers,
  decideTakeTicket,
  passLifeMs,
  placesMax,
  ticketKey,
} from "./waiting-room.ts";

const opensAt = Date.parse("2026-11-21T10:00:00.000Z");
const idOf = <Name extends string>(number: number) =>
  `01890000-0000-7000-8000-${String(number).padStart(12, "0")}` as Id<Name>;
const saleId: SaleId = idOf<"Sale">(1);
const hours: SaleDoor = {
  state: "scheduled",
  opensAt,
  closesAt: opensAt + hourMs,
  endedAt: undefined,
  waitingRoom: true,
  ticketRules: undefined,
};
const emptyRoom: Room = {
  saleId,
  places: 0,
  lotSize: undefined,
  lotDrawn: false,
  admittedThrough: 0,
  newest: undefined,
  expiredThrough: 0,
};

function worldOf(given: {
  sale?: Partial<SaleDoor> | undefined;
  room?: Partial<Room>;
  tickets?: readonly Ticket[];
  allowance?: number;
}): RoomsWorld & { readonly room: Room } {
  const room = { ...emptyRoom, ...given.room };
  return {
    room,
    sales: new Map(given.sale === undefined ? [] : [[saleId, { ...hours, ...given.sale }]]),
    rooms: new Map([[saleId, room]]),
    tickets: new Map(
      (given.tickets ?? []).map((ticket) => [ticketKey(saleId, ticket.memberId), ticket]),
    ),
    taken: new Map(),
    allowance: given.allowance ?? 100,
    written: {
      newTickets: [],
      movedTickets: new Set(),
      rooms: new Set(),
      closedLots: new Set(),
      admitted: new Set(),
    },
  };
}

let made = 0;
const taking = (memberId: string, lot = 0) => ({
  ticketId: idOf<"Ticket">((made += 1)),
  saleId,
  memberId,
  lot,
  origin: undefined,
  soldOut: false,
});

const admitting = (count: number) => ({
  rooms: [{ saleId, waiting: placesMax }],
  count,
  among: 1,
});

test.each([
  ["not_found", { sale: undefined }, opensAt],
  ["sale_without_waiting_room", { sale: { waitingRoom: false } }, opensAt + hourMs],
  ["sale_not_open", { sale: {}, room: { places: placesMax } }, opensAt + hourMs],
  ["sale_not_open", { sale: { state: "ended" as const } }, opensAt],
  ["waiting_room_full", { sale: {}, room: { places: placesMax } }, opensAt],
])("a ticket is refused with %s [FLS-09]", (code, given, now) => {
  const world = worldOf(given);
  expect(decideTakeTicket(world, taking("anna"), now)).toMatchObject({ kind: "refused", code });
  expect(world.written.newTickets).toEqual([]);
});

const rules = { challengeDifficulty: 1_000, ticketsPerDevice: 2, ticketsPerNetwork: 3 };
const origin = { deviceId: idOf<"Device">(50), network: "198.51.100.7" };

test.each([
  ["sale_not_open", { origin: undefined }, { devices: 2, places: placesMax }, opensAt + hourMs],
  ["sale_solution_needed", { origin: undefined }, { devices: 2, places: placesMax }, opensAt],
  ["waiting_room_full", { origin }, { devices: 2, networks: 3, places: placesMax }, opensAt],
  ["sale_device_limit_reached", { origin }, { devices: 2, networks: 3 }, opensAt],
  ["sale_network_limit_reached", { origin }, { devices: 1, networks: 3 }, opensAt],
])("a ticket by rules is refused with %s [FLS-09]", (code, given, has, now) => {
  const { devices = 0, networks = 0, places = 0 } = has as Record<string, number>;
  const world = worldOf({ sale: { ticketRules: rules }, room: { places } });
  world.taken.set(originKey(saleId, origin.deviceId), devices);
  world.taken.set(originKey(saleId, origin.network), networks);
  const outcome = decideTakeTicket(world, { ...taking("anna"), ...given }, now);
  expect(outcome).toMatchObject({ kind: "refused", code });
  expect([world.written.newTickets, world.room.places]).toEqual([[], places]);
});

test("each sees the tickets of those before it in the batch, of the same sale [FLS-09]", () => {
  const world = worldOf({ sale: { ticketRules: rules } });
  world.taken.set(originKey(idOf<"Sale">(2), origin.deviceId), 2);
  const take = (memberId: string, deviceId: DeviceId, network?: string) =>
    decideTakeTicket(world, { ...taking(memberId), origin: { deviceId, network } }, opensAt);
  const other = idOf<"Device">(51);
  const outcomes = [
    take("anna", origin.deviceId, origin.network),
    take("bo", origin.deviceId, origin.network),
    take("cy", origin.deviceId, "198.51.100.8"),
    // Whoever has a ticket keeps it, wherever it is asked for.
    take("anna", origin.deviceId, origin.network),
    take("cy", other, origin.network),
    take("di", other, origin.network),
    // A program has asked in the member's place: its own address is nobody's.
    take("di", other),
  ];
  const codes = outcomes.map((outcome) => (outcome.kind === "refused" ? outcome.code : "ticket"));
  const [device, network] = ["sale_device_limit_reached", "sale_network_limit_reached"];
  expect(codes).toEqual(["ticket", "ticket", device, "ticket", "ticket", network, "ticket"]);
});

test("a new place for a ticket that ran out is not another ticket [FLS-09]", () => {
  const anna: Ticket = { id: idOf<"Ticket">(7_000), saleId, memberId: "anna", place: 2 };
  const room = { places: 9, lotSize: 0, admittedThrough: 5, expiredThrough: 2 };
  const world = worldOf({ sale: { ticketRules: rules }, room, tickets: [anna] });
  world.taken.set(originKey(saleId, origin.deviceId), 2);
  const outcome = decideTakeTicket(world, { ...taking("anna"), origin }, opensAt);
  expect(outcome).toMatchObject({ isNew: false, ticket: { id: anna.id, place: 10 } });
  expect(world.taken.get(originKey(saleId, origin.deviceId))).toBe(2);
});

test("before the opening there is no place, from the opening on places go by arrival", () => {
  const world = worldOf({ sale: {}, allowance: 0 });
  const early = decideTakeTicket(world, taking("anna", 77), opensAt - 1);
  expect(early).toMatchObject({ isNew: true, ticket: { place: undefined } });
  expect(world.written.newTickets).toMatchObject([{ lot: 77 }]);
  const late = decideTakeTicket(world, taking("bo"), opensAt);
  expect(late).toMatchObject({ ticket: { place: 2 }, admittedAt: undefined });
  expect(world.room).toMatchObject({ places: 2, lotSize: 1, lotDrawn: false });
  expect([...world.written.closedLots]).toEqual([world.room]);
});

test("once a process has seen the opening, none whose clock is behind adds to the lot", () => {
  const world = worldOf({ sale: {}, room: { places: 5, lotSize: 5 }, allowance: 0 });
  const late = decideTakeTicket(world, taking("anna"), opensAt - 1);
  expect(late).toMatchObject({ ticket: { place: 6 } });
});

test("nobody is let in before the lot was drawn, before the opening, or after the end", () => {
  const undrawn = { places: 5, lotSize: 5, lotDrawn: false };
  const admit = (room: Partial<Room>, now: number) =>
    decideAdmitMembers(worldOf({ sale: {}, room }), admitting(3), now);
  expect(admit(undrawn, opensAt)).toBe(0);
  const drawn = { ...undrawn, lotDrawn: true };
  expect(admit(drawn, opensAt - 1)).toBe(0);
  expect(admit(drawn, opensAt + hourMs)).toBe(0);
  expect(admit(drawn, opensAt)).toBe(3);
  expect(admit({ ...drawn, admittedThrough: 4 }, opensAt)).toBe(1);
});

const doors = [2, 3, 4].map((number) => idOf<"Sale">(number));

/** Rooms of one tenant with so many waiting in each, of which so many were seen. */
function admitInTurn(given: {
  waiting: readonly number[];
  seen?: readonly number[];
  count: number;
  among?: number;
}): { admitted: number; through: number[] } {
  const { waiting, seen: seenWaiting = waiting, count, among = waiting.length } = given;
  const rooms = waiting.map((places, index) => {
    const room = { ...emptyRoom, saleId: required(doors[index], "a door"), places };
    return { ...room, lotSize: 0, admittedThrough: 0 };
  });
  const world = {
    ...worldOf({ sale: {} }),
    sales: new Map(rooms.map((room) => [room.saleId, hours])),
    rooms: new Map(rooms.map((room) => [room.saleId, room])),
  };
  const wanted = rooms.map((room, index) => ({
    saleId: room.saleId,
    waiting: seenWaiting[index] ?? 0,
  }));
  const admitted = decideAdmitMembers(world, { rooms: wanted, count, among }, opensAt);
  return { admitted, through: rooms.map(({ admittedThrough }) => admittedThrough) };
}

test.each([
  ["evenly, the odd ones to those in front", { waiting: [9, 9, 9], count: 7 }, [3, 2, 2]],
  ["what one does not need to those behind it", { waiting: [1, 9, 9], count: 9 }, [1, 4, 4]],
  ["with a share left for other tenants", { waiting: [9, 9], count: 9, among: 3 }, [3, 3]],
  ["one to each while it lasts", { waiting: [9, 9, 9], count: 2 }, [1, 1, 0]],
  ["nobody who was not seen", { waiting: [9, 9], seen: [2, 9], count: 12 }, [2, 9]],
])("rooms are admitted from in turn: %s [FLS-09]", (_how, given, through) => {
  const admitted = through.reduce((sum, each) => sum + each, 0);
  expect(admitInTurn(given)).toEqual({ admitted, through });
});

test("who comes when nobody waits is let in at once, while the pace allows [FLS-09]", () => {
  const world = worldOf({ sale: {}, allowance: 1 });
  expect(decideTakeTicket(world, taking("anna"), opensAt)).toMatchObject({ admittedAt: opensAt });
  expect(decideTakeTicket(world, taking("bo"), opensAt)).toMatchObject({ admittedAt: undefined });
  world.allowance = 5;
  // Somebody waits in front, so the next one waits too.
  expect(decideTakeTicket(world, taking("cy"), opensAt)).toMatchObject({ admittedAt: undefined });
  expect(world.allowance).toBe(5);
});

test("nobody is let in at once to a sale that is known to be sold out [FLS-09]", () => {
  const world = worldOf({ sale: {}, allowance: 1 });
  const late = decideTakeTicket(world, { ...taking("anna"), soldOut: true }, opensAt);
  expect(late).toMatchObject({ ticket: { place: 1 }, admittedAt: undefined });
  expect([world.room.admittedThrough, world.allowance]).toEqual([0, 1]);
});

test("those admitted within a second share an admission, and so the end of their passes", () => {
  const world = worldOf({ sale: {}, room: { places: 9, lotSize: 0 } });
  const admit = (count: number, now: number) => decideAdmitMembers(world, admitting(count), now);
  admit(2, opensAt);
  admit(2, opensAt + 999);
  expect(world.room.newest).toEqual({ from: 0, through: 4, at: opensAt });
  admit(2, opensAt + 1_000);
  expect(world.room.newest).toEqual({ from: 4, through: 6, at: opensAt + 1_000 });
});

test("one whose pass ran out gets a place at the end and keeps the ticket [FLS-09]", () => {
  const anna: Ticket = { id: idOf<"Ticket">(7_000), saleId, memberId: "anna", place: 2 };
  const room = { places: 9, lotSize: 0, admittedThrough: 5 };
  const good = worldOf({ sale: {}, room: { ...room, expiredThrough: 1 }, tickets: [{ ...anna }] });
  expect(decideTakeTicket(good, taking("anna"), opensAt)).toMatchObject({
    isNew: false,
    ticket: { id: anna.id, place: 2 },
  });
  const expired = worldOf({ sale: {}, room: { ...room, expiredThrough: 2 }, tickets: [anna] });
  expect(decideTakeTicket(expired, taking("anna"), opensAt)).toMatchObject({
    isNew: false,
    ticket: { id: anna.id, place: 10 },
  });
  expect(expired.written.newTickets).toEqual([]);
  expect(expired.written.movedTickets.size).toBe(1);
});

const seen: SeenRoom = {
  sale: hours,
  soldOut: false,
  lotDrawn: true,
  admittedThrough: 60,
  admissions: [
    { from: 20, through: 40, at: opensAt },
    { from: 40, through: 60, at: opensAt + 2_000 },
  ],
};
const at = opensAt + 4_000;
const place = (number: number | undefined) => ({ place: number, admittedAt: undefined });

test.each([
  ["has no place yet", place(undefined), at, { state: "waiting", ahead: undefined }],
  ["waits behind nobody", place(61), at, { state: "waiting", ahead: 0, waitMs: 100 }],
  ["waits behind others", place(161), at, { state: "waiting", ahead: 100, waitMs: 10_100 }],
  ["sees nobody move", place(61), at + 60_000, { state: "waiting", waitMs: undefined }],
  ["was let in", place(40), at, { state: "admitted", expiresAt: opensAt + passLifeMs }],
  ["was let in later", place(41), at, { expiresAt: opensAt + 2_000 + passLifeMs }],
  ["ran out", place(40), opensAt + passLifeMs, { state: "expired" }],
  ["ran out long ago", place(20), at, { state: "expired" }],
  ["was let in a moment ago", { place: 61, admittedAt: at }, at, { state: "admitted" }],
  ["comes after the end", place(40), opensAt + hourMs, { state: "over", why: "ended" }],
] as const)("a member's standing: %s [FLS-10]", (_what, ticket, now, standing) => {
  expect(standingOf(seen, ticket, now)).toMatchObject(standing);
});

test("when all is sold nobody waits, and who let a pass run out is told that [FLS-10]", () => {
  const soldOut = { ...seen, soldOut: true };
  expect(standingOf(soldOut, place(161), at)).toEqual({ state: "over", why: "sold_out" });
  expect(standingOf(soldOut, place(50), at)).toEqual({ state: "over", why: "sold_out" });
  expect(standingOf(soldOut, place(20), at)).toEqual({ state: "expired" });
});

test.each([
  ["waiting", place(61), false, at],
  ["admitted", place(50), false, at],
  ["expired", place(20), false, at],
  ["expired", place(20), true, at],
  ["over", place(61), true, at],
] as const)(
  "one that is %s tells whether a unit is left [FLS-10]",
  (state, given, soldOut, now) => {
    const room = { ...seen, soldOut };
    const ticket = { id: idOf<"Ticket">(1), saleId, memberId: "anna", place: given.place };
    const view = ticketView(ticket, standingOf(room, given, now), { room, now });
    expect(view).toMatchObject({ state, soldOut });
  },
);

test("after the end it tells of no sold-out sale, and of the end that came [FLS-10]", () => {
  const ticket = { id: idOf<"Ticket">(1), saleId, memberId: "anna", place: 61 };
  const told = (sale: Partial<SaleDoor>, now: number) => {
    const room = { ...seen, soldOut: true, sale: { ...hours, ...sale } };
    return ticketView(ticket, standingOf(room, place(61), now), { room, now });
  };
  const closesAt = formatInstant(hours.closesAt);
  const over = { state: "over", soldOut: false };
  expect(told({}, hours.closesAt)).toMatchObject({ ...over, closesAt });
  // The sweep has noted it a little later.
  const swept = { state: "ended", endedAt: hours.closesAt + 900 } as const;
  expect(told(swept, hours.closesAt + 1_000)).toMatchObject({ ...over, closesAt });
  const byHand = { state: "ended", endedAt: at } as const;
  expect(told(byHand, at + 1)).toMatchObject({ ...over, closesAt: formatInstant(at) });
});

test("a place between two admissions that are known ran out with those that were forgotten", () => {
  const gap = {
    ...seen,
    admissions: [{ from: 0, through: 20, at: opensAt }, ...seen.admissions],
  };
  const [first, , last] = gap.admissions;
  const admissions = [required(first, "the first"), required(last, "the last")];
  expect(standingOf({ ...gap, admissions }, place(30), at)).toEqual({ state: "expired" });
});

test("those far behind are told to ask seldom, those in front often [FLS-10]", () => {
  const ticket = { id: idOf<"Ticket">(1), saleId, memberId: "anna", place: 61 };
  const seconds = (number: number, now = at) =>
    ticketView(ticket, standingOf(seen, place(number), now), { room: seen, now }).askAgainSeconds;
  expect([seconds(61), seconds(461), seconds(5_000)]).toEqual([1, 11, 15]);
  expect(seconds(61, opensAt - hourMs)).toBe(15);
});

/** A room through its life, with what every member was told. */
function live(random: SeededRandom) {
  const world = worldOf({ sale: {}, allowance: 0 });
  const { room } = world;
  const admissions: Admission[] = [];
  const told = new Map<string, { place: number; ahead: number }>();
  const tickets = new Map<string, Ticket>();
  let now = opensAt - 10_000;

  function draw(): void {
    if (room.lotSize === undefined || room.lotDrawn) return;
    const lots = [...tickets.values()].filter((ticket) => ticket.place === undefined);
    random.shuffle(lots).forEach((ticket, index) => (ticket.place = index + 1));
    room.lotDrawn = true;
  }

  function keepNewest(): void {
    const { newest } = room;
    if (newest === undefined) return;
    const last = admissions.at(-1);
    if (last?.from === newest.from) admissions.pop();
    admissions.push(newest);
    const ranOut = admissions.filter(({ at: since }) => since <= now - passLifeMs);
    Object.assign(room, { expiredThrough: ranOut.at(-1)?.through ?? 0 });
  }

  function standing(member: string) {
    const ticket = required(tickets.get(member), "the ticket");
    const { lotDrawn, admittedThrough } = room;
    const seen = { sale: hours, soldOut: false, lotDrawn, admittedThrough, admissions };
    return standingOf(seen, { place: ticket.place, admittedAt: undefined }, now);
  }

  return {
    room,
    tickets,
    step(): void {
      now += random.below(2_000);
      world.allowance = random.below(5);
      const member = `m-${random.below(200)}`;
      const before = tickets.has(member) ? standing(member).state : undefined;
      const outcome = decideTakeTicket(world, taking(member), now);
      if (outcome.kind === "refused") throw new Error(outcome.code);
      tickets.set(member, outcome.ticket);
      if (before === "expired") told.delete(member);
      keepNewest();
      if (random.chance(0.3)) draw();
      decideAdmitMembers(world, admitting(random.below(4)), now);
      keepNewest();
    },

    check(): void {
      for (const [member, ticket] of tickets) {
        const stands = standing(member);
        if (ticket.place === undefined) continue;
        const ahead = stands.state === "waiting" ? (stands.ahead ?? 0) : 0;
        const earlier = told.get(member);
        // Compared by hand: there are a hundred thousand of them in a run.
        if (earlier !== undefined && (ticket.place !== earlier.place || ahead > earlier.ahead))
          expect({ member, place: ticket.place, ahead }).toEqual({ member, ...earlier });
        told.set(member, { place: ticket.place, ahead });
      }
      const places = [...tickets.values()].flatMap((each) => each.place ?? []);
      expect(new Set(places).size).toBe(places.length);
      expect(Math.max(0, ...places)).toBeLessThanOrEqual(room.places);
      expect(room.admittedThrough).toBeLessThanOrEqual(room.places);
      const gap = admissions.find(
        ({ from }, index) => from !== (admissions[index - 1]?.through ?? 0),
      );
      expect(gap).toBeUndefined();
      expect(admissions.at(-1)?.through ?? 0).toBe(room.admittedThrough);
    },
  };
}

test("whatever happens, no two have one place and nobody's becomes worse [FLS-09]", () =>
  withSeed((random) => {
    for (let run = 0; run < 10; run += 1) {
      const room = live(random);
      for (let step = 0; step < 300; step += 1) {
        room.step();
        room.check();
      }
      expect(room.room.admittedThrough).toBeGreaterThan(0);
    }
  }));
