import pg from "pg";
import { afterAll, beforeEach, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { checkedId } from "../../../kernel/shapes.ts";
import { holdLock } from "../../../kernel/testing/connections.ts";
import { formatInstant, minuteMs } from "../../../kernel/time.ts";
import type { TestPlatform } from "../../../testing/platform.ts";
import type { TicketView } from "../domain/standings.ts";
import { openHall } from "./testing/hall.ts";

const hall = await openHall();
afterAll(() => hall.stop());
beforeEach(() => hall.rest());
const { first, second, clock } = hall;

/** More than a process lets in at once at the pace at which it starts, or somewhat faster. */
const rush = 500;

test("below the limit nobody notices the room: the ticket is admitted at once [FLS-09]", async () => {
  const sale = await hall.makeSale();
  const { status, json: ticket } = await hall.take(first, sale.saleId, "anna");
  expect(status).toBe(201);
  expect(ticket).toMatchObject({ state: "admitted", place: 1, memberId: "anna", soldOut: false });
  expect(ticket.passExpiresAt).toBe(new Date(clock.now() + 300_000).toISOString());
  const { pass } = ticket;
  expect((await hall.order(second, sale, { member: "anna", pass })).status).toBe(201);
});

test("who asks again has the same ticket and place, on any process [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ opensInMs: 60_000 });
  const { json: ticket } = await hall.take(first, saleId, "anna");
  const others = await Promise.all([first, second, first].map((p) => hall.take(p, saleId, "anna")));
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(new Set(others.map(({ json }) => json.id))).toEqual(new Set([ticket.id]));
  const atTheSameTime = await Promise.all(
    Array.from({ length: 20 }, (_, at) => hall.take(at % 2 === 0 ? first : second, saleId, "bo")),
  );
  expect(new Set(atTheSameTime.map(({ json }) => json.id)).size).toBe(1);
  expect(atTheSameTime.filter(({ status }) => status === 201)).toHaveLength(1);
});

test("no order without an own pass for this sale [FLS-09]", async () => {
  const sale = await hall.makeSale();
  const otherSale = await hall.makeSale();
  const { json: own } = await hall.take(first, sale.saleId, "anna");
  const { json: ofOtherSale } = await hall.take(first, otherSale.saleId, "anna");
  const { json: ofOther } = await hall.take(first, sale.saleId, "bo");
  const pass = required(own.pass, "the pass");
  const [claims = "", signature = ""] = pass.split(".");
  const longer = [hall.tenantId, sale.saleId, "anna", own.id, clock.now() + 86_400_000];
  const forgedClaims = Buffer.from(JSON.stringify(longer)).toString("base64url");
  const codeWith = async (text: string | undefined) =>
    (await hall.order(first, sale, { member: "anna", pass: text })).json.code;

  expect(await codeWith(undefined)).toBe("sale_pass_needed");
  expect(await codeWith("")).toBe("sale_pass_invalid");
  expect(await codeWith(own.id)).toBe("sale_pass_invalid");
  expect(await codeWith(`${forgedClaims}.${signature}`)).toBe("sale_pass_invalid");
  expect(await codeWith(`${claims}.${signature.slice(0, -2)}AA`)).toBe("sale_pass_invalid");
  expect(await codeWith(ofOther.pass)).toBe("sale_pass_invalid");
  expect(await codeWith(ofOtherSale.pass)).toBe("sale_pass_invalid");
  expect(await codeWith(pass)).toBeUndefined();
});

test("a pass of another tenant is as good as forged [FLS-09]", async () => {
  const sale = await hall.makeSale();
  const { json: ticket } = await hall.take(first, sale.saleId, "anna");
  const pass = required(ticket.pass, "the pass");
  expect(first.waitingRooms.readPass(hall.tenantId, pass)).toMatchObject({
    kind: "pass",
    memberId: "anna",
  });
  expect(first.waitingRooms.readPass(hall.otherTenantId, pass)).toEqual({ kind: "forged" });
});

test("a sale without a waiting room takes orders without a pass, and gives no tickets", async () => {
  const sale = await hall.makeSale({ waitingRoom: false });
  expect((await hall.order(first, sale, { member: "anna" })).status).toBe(201);
  const { status, json } = await hall.take(first, sale.saleId, "anna");
  expect([status, json]).toMatchObject([409, { code: "sale_without_waiting_room" }]);
});

test("who comes before the opening takes part in a lot, who comes later stands behind [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ opensInMs: 60_000 });
  const early = await Promise.all([
    hall.crowd(first, saleId, 200),
    hall.crowd(second, saleId, 200),
  ]);
  const tickets = early.flat();
  expect(tickets.every(({ state, place }) => state === "waiting" && place === undefined)).toBe(
    true,
  );
  await hall.round(first, second);
  const { json: still } = await hall.take(first, saleId, "cy");
  expect(still).toMatchObject({ state: "waiting", opensAt: expect.any(String) });
  expect(still.place).toBeUndefined();

  clock.advance(60_000);
  const { json: late } = await hall.take(second, saleId, "late");
  expect(late).toMatchObject({ state: "waiting", place: 402 });
  await hall.round(second);
  const places = await Promise.all(
    [...tickets, still].map(async (ticket) => (await placeOf(ticket)) ?? 0),
  );
  const inOrder = places.toSorted((left, right) => left - right);
  expect(inOrder).toEqual(Array.from({ length: 401 }, (_, at) => at + 1));
  // By chance the lot would be the order of arrival once in 401! times.
  expect(places).not.toEqual(inOrder);
  expect(places.slice(0, 401)).toEqual(await lotOrder([...tickets, still]));
});

/** As the tenant's staff sees it. */
async function seen(process: TestPlatform, ticket: TicketView): Promise<TicketView> {
  const saleId = checkedId<"Sale">(ticket.saleId);
  const wanted = { saleId, ticketId: checkedId<"Ticket">(ticket.id), memberId: undefined };
  const found = await process.waitingRooms.readTicket(hall.tenantId, wanted);
  if ("code" in found) throw new Error(found.code);
  return found;
}

const placeOf = async (ticket: TicketView) => (await seen(first, ticket)).place;

/** The places that follow from the numbers that were drawn. */
async function lotOrder(tickets: readonly TicketView[]): Promise<number[]> {
  const { rows } = await withClient((client) =>
    client.query<{ id: string }>(
      "select id from sales.tickets where sale_id = $1 and id = any($2) order by lot, id",
      [tickets[0]?.saleId, tickets.map(({ id }) => id)],
    ),
  );
  return tickets.map((ticket) => rows.findIndex(({ id }) => id === ticket.id) + 1);
}

async function withClient<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: first.database.url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test("people are let in from the front, at the pace of all processes together [FLS-09]", async () => {
  const { saleId } = await hall.makeSale();
  const crowd = await hall.crowd(first, saleId, rush);
  const atOnce = crowd.filter(({ state }) => state === "admitted").length;
  expect(atOnce).toBeGreaterThanOrEqual(250);
  expect(atOnce).toBeLessThan(rush);
  await hall.crowd(second, saleId, rush);
  clock.advance(500);
  const { json: last } = await hall.take(second, saleId, "last");
  expect(last).toMatchObject({ state: "waiting", place: 2 * rush + 1, ahead: 2 * rush - atOnce });

  await hall.round(first);
  const { json: then } = await hall.ask(second, last);
  expect(then.place).toBe(last.place);
  const ahead = required(then.ahead, "those who wait in front");
  const admitted = 2 * rush - atOnce - ahead;
  expect(admitted).toBeGreaterThanOrEqual(250);
  expect(admitted).toBeLessThan(rush);
  expect(then.estimatedSeconds).toBeGreaterThan(0);
  await hall.round(second);
  const { json: nearer } = await hall.ask(first, last);
  expect(ahead - required(nearer.ahead, "those in front")).toBeGreaterThanOrEqual(250);
  await hall.round(first, second);
  clock.advance(500);
  expect((await hall.ask(first, last)).json).toMatchObject({ state: "admitted" });
});

test("nobody sees the ticket of another member [FLS-09]", async () => {
  const { saleId } = await hall.makeSale();
  const other = await hall.makeSale();
  const { json: ticket } = await hall.take(first, saleId, "anna");
  expect((await hall.ask(second, ticket)).status).toBe(200);
  expect((await hall.ask(second, ticket, "bo")).status).toBe(404);
  expect((await hall.ask(second, { ...ticket, saleId: other.saleId })).status).toBe(404);
});

test("a made-up ticket, or that of another, is refused without the database [FLS-09]", async () => {
  const { saleId } = await hall.makeSale();
  const { saleId: otherSale } = await hall.makeSale();
  const { json: ticket } = await hall.take(first, saleId, "anna");
  const { json: ofBo } = await hall.take(first, saleId, "bo");
  const forged = [
    { ...ticket, id: first.ids.next() },
    { ...ticket, id: digitChanged(ticket.id, 0) },
    { ...ticket, id: digitChanged(ticket.id, -1) },
    { ...ticket, id: ofBo.id },
    { ...ticket, saleId: otherSale },
    { ...ticket, saleId: first.ids.next() },
    { ...ofBo, memberId: "cy" },
  ];
  const askFor = (each: TicketView) =>
    Promise.all([hall.ask(first, each), hall.ask(second, each), hall.follow(second, each)]);
  // Whoever reads any of these now waits for ever.
  const { release } = await holdLock(
    first.database.url,
    `lock table sales.sales, sales.waiting_rooms, sales.tickets, sales.admissions
     in access exclusive mode`,
  );
  const replies = (await Promise.all(forged.map(askFor))).flat();
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([404]));
  await release();
  expect((await hall.ask(second, ticket)).json).toMatchObject({ id: ticket.id, memberId: "anna" });
  // Staff bring no member whom a signature could name.
  expect(await seen(second, ofBo)).toMatchObject({ id: ofBo.id, memberId: "bo" });
});

/** Another id of the same form. */
function digitChanged(id: string, at: number): string {
  const digit = id.at(at) === "0" ? "1" : "0";
  return at === 0 ? `${digit}${id.slice(1)}` : `${id.slice(0, at)}${digit}`;
}

test("a stream tells of the place, then of the pass, and ends [FLS-10]", async () => {
  const { saleId } = await hall.makeSale();
  await hall.crowd(first, saleId, 2 * rush);
  clock.advance(500);
  const { json: ticket } = await hall.take(first, saleId, "anna");
  const stream = await hall.follow(second, ticket);
  expect(stream.headers.get("content-type")).toContain("text/event-stream");
  const waiting = await stream.next();
  expect(waiting).toMatchObject({ event: "ticket", data: { state: "waiting", place: 1_001 } });
  await hall.round(second);
  await second.waitingRooms.admitMembers();
  const nearer = await stream.next();
  expect(nearer).toMatchObject({ data: { state: "waiting", place: 1_001 } });
  expect(nearer).not.toMatchObject({ data: { ahead: 0 } });
  for (let rounds = 0; rounds < 3; rounds += 1) await hall.round(second);
  const admitted = required(await stream.next(), "the admission");
  expect(admitted).toMatchObject({ data: { state: "admitted", pass: expect.any(String) } });
  expect(await stream.next()).toBeUndefined();
  expect((await hall.follow(first, ticket, admitted.id)).status).toBe(204);
});

test("a pass that was not used in time is gone, and its place is behind all others [FLS-09]", async () => {
  const sale = await hall.makeSale();
  const { saleId } = sale;
  const { json: ticket } = await hall.take(first, saleId, "anna");
  const { pass } = ticket;
  clock.advance(299_999);
  expect((await hall.ask(second, ticket)).json).toMatchObject({ state: "admitted", pass });
  clock.advance(1);
  expect((await hall.ask(first, ticket)).json).toMatchObject({ state: "expired" });
  expect((await hall.ask(second, ticket)).json.pass).toBeUndefined();
  const { json: late } = await hall.order(first, sale, { member: "anna", pass });
  expect(late.code).toBe("sale_pass_expired");

  await hall.crowd(first, saleId, 10);
  const { status, json: again } = await hall.take(second, saleId, "anna");
  expect([status, again]).toMatchObject([200, { id: ticket.id, place: 12, state: "admitted" }]);
  // The other process still remembers the old place, and looks again.
  clock.advance(1_000);
  expect((await hall.ask(first, ticket)).json).toMatchObject({ place: 12, state: "admitted" });
});

test("whoever does not use a pass keeps nobody else waiting [FLS-09]", async () => {
  const { saleId } = await hall.makeSale();
  await hall.crowd(first, saleId, rush);
  const { json: next } = await hall.take(first, saleId, "anna");
  expect(next.state).toBe("waiting");
  for (let rounds = 0; rounds < 3; rounds += 1) await hall.round(first);
  expect((await hall.ask(first, next)).json.state).toBe("admitted");
});

test("when all is sold it is over for those who wait, until units come back [FLS-10]", async () => {
  const sale = await hall.makeSale({ units: 1 });
  const { saleId } = sale;
  const { json: buyer } = await hall.take(first, saleId, "anna");
  const { pass } = buyer;
  const { json: order } = await hall.order(first, sale, { member: "anna", pass });
  clock.advance(1_500);
  await hall.crowd(first, saleId, rush);
  const { json: waiting } = await hall.take(first, saleId, "bo");
  expect(waiting).toMatchObject({ state: "over", soldOut: true });
  const stream = await hall.follow(first, waiting);
  expect(await stream.next()).toMatchObject({ data: { state: "over", soldOut: true } });
  expect(await stream.next()).toBeUndefined();
  for (let rounds = 0; rounds < 3; rounds += 1) await hall.round(first, second);

  const cancel = `/v1/orders/${order.id ?? ""}/cancel`;
  await hall.call(first, cancel, { token: await hall.tokenOf("anna"), body: {} });
  clock.advance(1_500);
  expect((await hall.ask(first, waiting)).json).toMatchObject({
    state: "waiting",
    place: waiting.place,
    soldOut: false,
  });
  for (let rounds = 0; rounds < 3; rounds += 1) await hall.round(first);
  expect((await hall.ask(second, waiting)).json.state).toBe("admitted");
});

test("who comes while all is sold has the whole pass once units come [FLS-09]", async () => {
  const sale = await hall.makeSale({ units: 1 });
  const { saleId, skuId } = sale;
  const { json: buyer } = await hall.take(first, saleId, "anna");
  expect((await hall.order(first, sale, { member: "anna", pass: buyer.pass })).status).toBe(201);
  clock.advance(1_500);
  // One process has seen the room before, the other one has not.
  const { json: waiting } = await hall.take(first, saleId, "bo");
  const { json: behind } = await hall.take(second, saleId, "cy");
  clock.advance(5 * minuteMs);
  await hall.round(first, second);
  for (const ticket of [waiting, behind])
    expect((await hall.ask(second, ticket)).json).toMatchObject({ state: "over", soldOut: true });

  const token = await first.issueToken(hall.tenantId, "admin");
  const delivery = { kind: "put_in", quantity: 5, reason: "new" };
  await hall.call(first, `/v1/skus/${skuId}/stock/movements`, { token, body: delivery });
  const more = { token, body: { skuId, quantity: 5 } };
  expect((await hall.call(first, `/v1/sales/${saleId}/allotments`, more)).status).toBe(200);
  clock.advance(1_000);
  await hall.round(first);
  const passExpiresAt = formatInstant(clock.now() + 5 * minuteMs);
  clock.advance(500);
  for (const ticket of [waiting, behind]) {
    const { json } = await hall.ask(first, ticket);
    expect(json).toMatchObject({ state: "admitted", place: ticket.place, passExpiresAt });
  }
});

test("who comes too early, or after an end by hand, is told the time [FLS-10]", async () => {
  const opensAt = formatInstant(clock.now() + minuteMs);
  const closesAt = formatInstant(clock.now() + 61 * minuteMs);
  const sale = await hall.makeSale({ opensInMs: minuteMs });
  const { json: ticket } = await hall.take(first, sale.saleId, "anna");
  expect(ticket).toMatchObject({ opensAt, closesAt });
  expect((await hall.order(first, sale, { member: "anna" })).json).toMatchObject({
    title: `The sale has not opened yet: orders are taken from ${opensAt} until ${closesAt}.`,
    facts: { state: "scheduled", opensAt, closesAt },
  });

  clock.advance(10 * minuteMs);
  const token = await first.issueToken(hall.tenantId, "admin");
  await hall.call(first, `/v1/sales/${sale.saleId}/end`, { token, body: {} });
  const endedAt = formatInstant(clock.now());
  clock.advance(minuteMs);
  expect((await hall.ask(second, ticket)).json).toMatchObject({ state: "over", closesAt: endedAt });
  const refused = [
    await hall.take(second, sale.saleId, "bo"),
    await hall.order(second, sale, { member: "anna", pass: ticket.pass }),
  ];
  for (const { json } of refused) {
    const title = `The sale ended at ${endedAt}.`;
    const facts = { saleId: sale.saleId, state: "ended", opensAt, endedAt };
    expect(json).toMatchObject({ code: "sale_not_open", title });
    expect(json).toHaveProperty("facts", facts);
  }
});

test("after the end it is over, and there are no more tickets [FLS-10]", async () => {
  const { saleId } = await hall.makeSale();
  const { json: ticket } = await hall.take(first, saleId, "anna");
  clock.advance(3_600_000);
  expect((await hall.ask(second, ticket)).json).toMatchObject({ state: "over", soldOut: false });
  const { status, json } = await hall.take(first, saleId, "bo");
  expect([status, json]).toMatchObject([409, { code: "sale_not_open" }]);
});

test("a process that dies takes no ticket and no place along [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ opensInMs: 60_000 });
  const doomed = await hall.start();
  const early = await hall.crowd(doomed, saleId, 300);
  clock.advance(60_000);
  await doomed.waitingRooms.admitMembers();
  const late = await hall.crowd(doomed, saleId, 300);
  const told = required(late.at(-1), "the last one");
  expect(told).toMatchObject({ state: "waiting", place: 600 });
  await doomed.stop();

  const { json: kept } = await hall.ask(second, told, "nobody");
  expect(kept).toMatchObject({ code: "not_found" });
  expect(await placeOf(told)).toBe(600);
  const places = await Promise.all(early.map(placeOf));
  expect(new Set(places).size).toBe(300);
  for (let rounds = 0; rounds < 3; rounds += 1) await hall.round(second);
  expect(await seen(second, told)).toMatchObject({ state: "admitted", place: 600 });
});

test("those who ask are answered from memory, however many they are [FLS-10]", async () => {
  const { saleId } = await hall.makeSale();
  await hall.crowd(first, saleId, rush);
  const { json: ticket } = await hall.take(first, saleId, "anna");
  await withClient(async (client) => {
    await client.query("begin");
    // Whoever reads any of these now waits for ever.
    await client.query(
      `lock table sales.sales, sales.waiting_rooms, sales.tickets, sales.admissions
       in access exclusive mode`,
    );
    const asked = await Promise.all(Array.from({ length: 50 }, () => hall.ask(first, ticket)));
    expect(asked.every(({ json }) => json.state === "waiting")).toBe(true);
    await client.query("rollback");
  });
});

test("a room that opens later is not looked after until shortly before", async () => {
  const { saleId } = await hall.makeSale({ opensInMs: minuteMs });
  await hall.take(first, saleId, "anna");
  for (let rounds = 0; rounds < 3; rounds += 1) await hall.round(first);
  await withClient(async (client) => {
    await client.query("begin");
    await client.query("lock table sales.waiting_rooms in access exclusive mode");
    let ended = false;
    const beat = hall.round(first).then(() => (ended = true));
    await expect.poll(() => ended, { timeout: 5_000 }).toBe(true);
    await client.query("rollback");
    await beat;
  });
});

test("a stream hears of a sale that is dropped before it opens [FLS-10]", async () => {
  const { saleId } = await hall.makeSale({ opensInMs: minuteMs });
  const { json: ticket } = await hall.take(first, saleId, "anna");
  const stream = await hall.follow(second, ticket);
  expect(await stream.next()).toMatchObject({ data: { state: "waiting" } });
  const token = await first.issueToken(hall.tenantId, "admin");
  await hall.call(first, `/v1/sales/${saleId}/end`, { token, body: {} });
  clock.advance(1_000);
  expect(await stream.next()).toMatchObject({ data: { state: "over", soldOut: false } });
});

test("the metrics tell who waits, who was let in, and the pace [FLS-09]", async () => {
  const { saleId } = await hall.makeSale();
  const before = await metrics();
  await hall.crowd(first, saleId, rush);
  for (let rounds = 0; rounds < 3; rounds += 1) await hall.round(first);
  const text = await metrics();
  expect(text).toMatch(/^tongbao_admission_waiting \d+$/m);
  // Those who were let in at once, too.
  expect(admittedIn(text) - admittedIn(before)).toBe(rush);
  expect(Number(/^tongbao_admission_per_second ([\d.]+)$/m.exec(text)?.[1])).toBeGreaterThan(400);
});

async function metrics(): Promise<string> {
  return (await fetch(`${first.baseUrl}/metrics`)).text();
}

function admittedIn(text: string): number {
  return Number(/^tongbao_admitted_total (\d+)$/m.exec(text)?.[1] ?? 0);
}
