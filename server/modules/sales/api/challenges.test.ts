import { afterAll, beforeEach, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { createSecrets } from "../../../kernel/secrets.ts";
import { createSignedTexts } from "../../../kernel/signed-text.ts";
import { holdLock, rawConnection } from "../../../kernel/testing/connections.ts";
import { dayMs, formatInstant, minuteMs } from "../../../kernel/time.ts";
import type { TestPlatform } from "../../../testing/platform.ts";
import type { TicketRulesView } from "../domain/views.ts";
import type { Asking, Solution } from "./testing/challenges.ts";
import { askChallenge, search, solveAndTake, takeWith } from "./testing/challenges.ts";
import { openHall } from "./testing/hall.ts";

const hall = await openHall();
const { first, second, clock } = hall;
const raw = await rawConnection(first.database.url);
afterAll(async () => {
  await raw.end();
  await hall.stop();
});
beforeEach(() => hall.rest());

const easy: TicketRulesView = { challengeDifficulty: 1_000 };
/** Challenges are good for so long. */
const lifeMs = 4 * minuteMs;

/** What the processes of the hall sign for a purpose. */
const texts = (purpose: string) => createSignedTexts(createSecrets([Buffer.alloc(32, 5)]), purpose);
const claimsOf = (text: string): unknown[] =>
  JSON.parse(Buffer.from(text.split(".")[0] ?? "", "base64url").toString());

const ask = async (given: Asking) => (await askChallenge(hall, first, given)).json;
const take = (process: TestPlatform, asking: Asking, solution?: Solution) =>
  takeWith(hall, process, asking, solution);

test("a ticket is given for the solution of a challenge, at any process [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: easy });
  const anna = { saleId, member: "anna" };
  const without = await take(first, anna);
  expect([without.status, without.json.code]).toEqual([403, "sale_solution_needed"]);
  const { status, json: challenge } = await askChallenge(hall, second, anna);
  expect([status, challenge]).toMatchObject([
    200,
    { algorithm: "SHA-256", difficulty: 1_000, expiresAt: formatInstant(clock.now() + lifeMs) },
  ]);
  const solution = search(challenge);
  const taken = await take(first, anna, solution);
  expect([taken.status, taken.json]).toMatchObject([201, { state: "admitted", place: 1 }]);
  expect(taken.json.deviceToken).toBeUndefined();
  // The reply may have been lost: the same solution gives the same ticket.
  const again = await take(second, anna, solution);
  expect([again.status, again.json]).toMatchObject([200, { id: taken.json.id, place: 1 }]);
});

test("a wrong, forged, foreign or unsigned solution gives no ticket [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: easy });
  const { saleId: otherSale } = await hall.makeSale({ ticketRules: easy });
  const anna = { saleId, member: "anna" };
  const challenge = await ask(anna);
  const { number } = search(challenge);
  const [claims = "", signature = ""] = challenge.challenge.split(".");
  const otherTenants = claimsOf(challenge.challenge).with(0, hall.otherTenantId);
  // A target that is known by heart.
  const own = claimsOf(challenge.challenge).with(5, "0".repeat(64));
  const ownClaims = Buffer.from(JSON.stringify(own)).toString("base64url");
  const codeWith = async (text: string, found: number) => {
    const { status, json } = await take(first, anna, { challenge: text, number: found });
    return [status, json.code];
  };

  const invalid = [403, "sale_solution_invalid"];
  expect(await codeWith("", number)).toEqual(invalid);
  expect(await codeWith("null.null", number)).toEqual(invalid);
  expect(await codeWith(`${ownClaims}.${signature}`, number)).toEqual(invalid);
  expect(await codeWith(`${claims}.${signature.slice(0, -2)}AA`, number)).toEqual(invalid);
  const bos = search(await ask({ saleId, member: "bo" }));
  expect(await codeWith(bos.challenge, bos.number)).toEqual(invalid);
  const ofOtherSale = search(await ask({ saleId: otherSale, member: "anna" }));
  expect(await codeWith(ofOtherSale.challenge, ofOtherSale.number)).toEqual(invalid);
  const signedForOther = texts("sale_challenge").write(otherTenants);
  expect(await codeWith(signedForOther, number)).toEqual(invalid);
  const signedAsPass = texts("sale_pass").write(claimsOf(challenge.challenge));
  expect(await codeWith(signedAsPass, number)).toEqual(invalid);

  const wrong = number === 0 ? 1 : number - 1;
  const { json: refused } = await take(first, anna, {
    challenge: challenge.challenge,
    number: wrong,
  });
  expect(refused).toMatchObject({ code: "sale_solution_wrong", facts: { max: 999 } });
  expect((await take(first, anna, { challenge: challenge.challenge, number })).status).toBe(201);
});

test("a solution is good for four minutes, and for one place alone [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: easy });
  const anna = { saleId, member: "anna" };
  const late = search(await ask(anna));
  clock.advance(lifeMs);
  const expiredAt = formatInstant(clock.now());
  expect((await take(first, anna, late)).json).toMatchObject({
    code: "sale_solution_expired",
    facts: { expiredAt },
  });
  // Somebody else is let in a moment before, and both passes run out with his.
  expect((await solveAndTake(hall, first, { saleId, member: "bo" })).status).toBe(201);
  clock.advance(999);
  const solution = search(await ask(anna));
  const { json: ticket } = await take(first, anna, solution);
  clock.advance(lifeMs - 1);
  expect((await take(first, anna, solution)).json).toMatchObject({ state: "admitted", place: 2 });
  clock.advance(minuteMs - 998);
  expect((await hall.ask(second, ticket)).json.state).toBe("expired");
  expect((await take(first, anna, solution)).json.code).toBe("sale_solution_expired");
  const { status, json: again } = await solveAndTake(hall, first, anna);
  expect([status, again]).toMatchObject([200, { id: ticket.id, place: 3 }]);
});

test("whoever brings no good solution is refused without the database [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: easy });
  const anna = { saleId, member: "anna" };
  const challenge = await ask(anna);
  const { number } = search(challenge);
  await take(first, anna);
  const { release } = await holdLock(
    first.database.url,
    `lock table sales.sales, sales.items, sales.waiting_rooms, sales.tickets
     in access exclusive mode`,
  );
  const brought = [
    undefined,
    { challenge: "nothing", number },
    { challenge: challenge.challenge, number: number + 1 },
  ];
  const refused = await Promise.all(brought.map((solution) => take(first, anna, solution)));
  const codes = ["sale_solution_needed", "sale_solution_invalid", "sale_solution_wrong"];
  expect(refused.map(({ json }) => json.code)).toEqual(codes);
  await release();
});

test("challenges are given by sales that ask for solutions, as long as they give tickets", async () => {
  const codeFor = async (saleId: typeof plain.saleId) => {
    const { status, json } = await askChallenge(hall, first, { saleId, member: "anna" });
    return [status, json.code];
  };
  const plain = await hall.makeSale();
  const roomless = await hall.makeSale({ waitingRoom: false });
  const over = await hall.makeSale({ ticketRules: easy });
  const token = await first.issueToken(hall.tenantId, "admin");
  await hall.call(first, `/v1/sales/${over.saleId}/end`, { token, body: {} });
  expect(await codeFor(plain.saleId)).toEqual([409, "sale_without_challenge"]);
  expect(await codeFor(roomless.saleId)).toEqual([409, "sale_without_waiting_room"]);
  expect(await codeFor(over.saleId)).toEqual([409, "sale_not_open"]);
  expect(await codeFor(first.ids.next())).toEqual([404, "not_found"]);
  // A sale without rules looks at no solution.
  const nonsense = { challenge: "nothing", number: 1 };
  expect((await take(first, { saleId: plain.saleId, member: "anna" }, nonsense)).status).toBe(201);
});

test("a sale that has ended asks for no solution: it says so [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: easy });
  const codeAt = async (process: TestPlatform) =>
    (await take(process, { saleId, member: "anna" })).json.code;
  expect(await codeAt(first)).toBe("sale_solution_needed");
  const token = await first.issueToken(hall.tenantId, "admin");
  await hall.call(first, `/v1/sales/${saleId}/end`, { token, body: {} });
  clock.advance(500);
  expect([await codeAt(first), await codeAt(second)]).toEqual(["sale_not_open", "sale_not_open"]);
});

test("one device gets so many tickets, also for parallel requests [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: { ...easy, ticketsPerDevice: 3 } });
  const { json: own } = await solveAndTake(hall, first, { saleId, member: "anna" });
  const { deviceToken } = own;
  expect(deviceToken).toBeDefined();
  const members = Array.from({ length: 24 }, (_, at) => `m-${at}`);
  const solutions = await Promise.all(
    members.map(async (member) => search(await ask({ saleId, member, deviceToken }))),
  );
  const replies = await Promise.all(
    members.map((member, at) =>
      take(at % 2 === 0 ? first : second, { saleId, member }, solutions[at]),
    ),
  );
  const refused = replies.filter(({ status }) => status !== 201);
  expect(refused).toHaveLength(22);
  for (const { status, json } of refused) {
    expect([status, json]).toMatchObject([
      409,
      { code: "sale_device_limit_reached", facts: { max: 3 } },
    ]);
  }
  // Who has a ticket keeps it, and who was refused goes on with another device.
  expect((await solveAndTake(hall, second, { saleId, member: "anna", deviceToken })).status).toBe(
    200,
  );
  const last = members[replies.findIndex(({ status }) => status === 409)] ?? "";
  expect((await solveAndTake(hall, second, { saleId, member: last })).status).toBe(201);
});

test("a device is counted anew in each sale, and for no new place [FLS-09]", async () => {
  const rules = { ...easy, ticketsPerDevice: 1 };
  const { saleId } = await hall.makeSale({ ticketRules: rules });
  const { saleId: next } = await hall.makeSale({ ticketRules: rules });
  const { json: ticket } = await solveAndTake(hall, first, { saleId, member: "anna" });
  const { deviceToken } = ticket;
  expect(
    (await solveAndTake(hall, first, { saleId: next, member: "bo", deviceToken })).status,
  ).toBe(201);
  clock.advance(5 * minuteMs);
  const { status, json } = await solveAndTake(hall, first, { saleId, member: "anna", deviceToken });
  expect([status, json]).toMatchObject([200, { id: ticket.id, place: 2 }]);
  const { json: refused } = await solveAndTake(hall, first, { saleId, member: "bo", deviceToken });
  expect(refused.code).toBe("sale_device_limit_reached");
});

test("a device without a name of ours searches four times as long for one [FLS-09]", async () => {
  const rules = { ...easy, ticketsPerDevice: 2 };
  const { saleId } = await hall.makeSale({ ticketRules: rules });
  const { json: ticket } = await solveAndTake(hall, first, { saleId, member: "anna" });
  const deviceToken = required(ticket.deviceToken, "the token");
  const difficultyWith = async (text: string | undefined) =>
    (await ask({ saleId, member: "bo", deviceToken: text })).difficulty;
  const otherTenants = texts("sale_device").write(
    claimsOf(deviceToken).with(0, hall.otherTenantId),
  );
  const [claims = ""] = deviceToken.split(".");
  expect(await difficultyWith(deviceToken)).toBe(1_000);
  for (const unknown of [undefined, "", "nothing", `${claims}.AAAA`, otherTenants])
    expect(await difficultyWith(unknown)).toBe(4_000);
  expect(await difficultyWith((await ask({ saleId, member: "bo", deviceToken })).challenge)).toBe(
    4_000,
  );
  const until = (expiresAt: number) =>
    texts("sale_device").write(claimsOf(deviceToken).with(2, expiresAt));
  expect(claimsOf(deviceToken)[2]).toBe(clock.now() + 400 * dayMs);
  expect(await difficultyWith(until(clock.now() + 1))).toBe(1_000);
  expect(await difficultyWith(until(clock.now()))).toBe(4_000);
});

test("a solution without a device is none where devices are counted [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: { ...easy, ticketsPerDevice: 1 } });
  const anna = { saleId, member: "anna" };
  const challenge = await ask(anna);
  const { number } = search(challenge);
  // We sign such ones for sales that count none.
  const nameless = texts("sale_challenge").write(claimsOf(challenge.challenge).with(3, null));
  const { json } = await take(first, anna, { challenge: nameless, number });
  expect(json.code).toBe("sale_solution_invalid");
});

test("one network gets so many tickets, also for parallel requests; of IPv6 a /64 [FLS-09]", async () => {
  const { saleId } = await hall.makeSale({ ticketRules: { ...easy, ticketsPerNetwork: 2 } });
  const from = (member: string, address: string) =>
    solveAndTake(hall, first, { saleId, member, address });
  const crowd = Array.from({ length: 12 }, (_, at) => ({ saleId, member: `m-${at}` }));
  const solutions = await Promise.all(crowd.map(async (one) => search(await ask(one))));
  const replies = await Promise.all(
    crowd.map((one, at) => {
      const address = `2001:db8:7:1:${at}::1`;
      return take(at % 2 === 0 ? first : second, { ...one, address }, solutions[at]);
    }),
  );
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(2);
  const { json: refused } = await from("anna", "2001:db8:7:1:ffff::");
  expect(refused).toMatchObject({ code: "sale_network_limit_reached", facts: { max: 2 } });
  expect((await from("anna", "2001:db8:7:2::1")).status).toBe(201);
  const statuses = ["198.51.100.7", "::ffff:198.51.100.7", "198.51.100.7", "198.51.100.8"];
  const told = [];
  for (const [at, address] of statuses.entries())
    told.push((await from(`n-${at}`, address)).status);
  expect(told).toEqual([201, 201, 409, 201]);
});

test("a program's own address is not counted, the member's device is [FLS-09]", async () => {
  const ticketRules = { ...easy, ticketsPerDevice: 2, ticketsPerNetwork: 1 };
  const { saleId } = await hall.makeSale({ ticketRules });
  const token = await first.issueToken(hall.tenantId, "service");
  const { json: own } = await solveAndTake(hall, first, { saleId, member: "anna", token });
  const { deviceToken } = own;
  const next = (member: string) =>
    solveAndTake(hall, first, { saleId, member, token, deviceToken });
  expect((await next("bo")).status).toBe(201);
  expect((await next("cy")).json.code).toBe("sale_device_limit_reached");
});

test("nothing is kept of where a ticket comes from unless its sale counts that", async () => {
  const counted = { ticketsPerDevice: 1, ticketsPerNetwork: 1 };
  const kept = async (ticketRules: TicketRulesView) => {
    const { saleId } = await hall.makeSale({ ticketRules });
    await solveAndTake(hall, first, { saleId, member: "anna", address: "198.51.100.7" });
    const { rows } = await raw.query<object>(
      "select device_id is null as nameless, network from sales.tickets where sale_id = $1",
      [saleId],
    );
    return rows;
  };
  expect(await kept(easy)).toEqual([{ nameless: true, network: null }]);
  expect(await kept({ ...easy, ...counted })).toEqual([
    { nameless: false, network: "198.51.100.7" },
  ]);
});
