import { afterAll, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { timestamp } from "../../../kernel/database.ts";
import { checkedId } from "../../../kernel/shapes.ts";
import { rawConnection } from "../../../kernel/testing/connections.ts";
import { dayMs, hourMs } from "../../../kernel/time.ts";
import type { SaleId } from "../domain/types.ts";
import { ticketLifeMs } from "../domain/waiting-room.ts";
import { tenantsWithTicketsToForget } from "../store/forgetting.ts";
import { loadRooms } from "../store/waiting-rooms.ts";
import { openHall } from "./testing/hall.ts";

const hall = await openHall();
const { first, second, clock, tenantId } = hall;
const raw = await rawConnection(first.database.url);
afterAll(async () => {
  await raw.end();
  await hall.stop();
});

/** With a lot, members who were let in, and members who wait. */
async function runSale(early: number, late: number): Promise<SaleId> {
  // Tokens do not live as long as tickets.
  const of = await first.issueToken(tenantId, "admin");
  const { saleId } = await hall.makeSale({ opensInMs: 1_000, of });
  await hall.crowd(first, saleId, early);
  clock.advance(1_000);
  await hall.round(first, second);
  await hall.crowd(second, saleId, late);
  return saleId;
}

async function endSales(): Promise<void> {
  clock.advance(hourMs);
  await first.database.transaction(tenantId, (tx) => first.sales.endDueSales(tx, 10));
}

const sweep = (limit: number) =>
  first.database.transaction(tenantId, (tx) => first.sales.forgetTickets(tx, limit));

const tenantsDue = () =>
  first.database.tenantsWith(tenantsWithTicketsToForget, [timestamp(clock.now())]);

/** Rows of a sale in each of the tables of waiting rooms. */
async function rowsOf(saleId: SaleId): Promise<Record<string, number>> {
  const { rows } = await raw.query<Record<string, number>>(
    `select (select count(*)::integer from sales.tickets where sale_id = $1) as tickets,
            (select count(*)::integer from sales.admissions where sale_id = $1) as admissions,
            (select count(*)::integer from sales.lots where sale_id = $1) as lots,
            (select count(*)::integer from sales.waiting_rooms where sale_id = $1) as waiting_rooms`,
    [saleId],
  );
  return required(rows[0], "the counts");
}

const nothing = { tickets: 0, admissions: 0, lots: 0, waiting_rooms: 0 };

test("a week after the end of a sale its tickets are forgotten, some at a time [FLS-09]", async () => {
  const old = await runSale(6, 1);
  await endSales();
  clock.advance(dayMs);
  const newer = await runSale(3, 0);
  await endSales();
  const all = { tickets: 7, admissions: expect.any(Number), lots: 1, waiting_rooms: 1 };
  expect(await rowsOf(old)).toEqual(all);
  clock.advance(ticketLifeMs - dayMs - 2 * hourMs);
  const running = await runSale(2, 0);
  expect([await tenantsDue(), await sweep(100)]).toEqual([[], 0]);
  expect(await rowsOf(old)).toEqual(all);

  clock.advance(hourMs + 10_000);
  expect(await tenantsDue()).toEqual([tenantId]);
  expect([await sweep(3), await sweep(3)]).toEqual([3, 3]);
  expect(await rowsOf(old)).toEqual({ ...all, tickets: 1 });
  expect(await sweep(3)).toBe(1);
  expect(await rowsOf(old)).toEqual(nothing);
  expect([await tenantsDue(), await sweep(3)]).toEqual([[], 0]);
  expect(await rowsOf(newer)).toMatchObject({ tickets: 3, lots: 1, waiting_rooms: 1 });
  expect(await rowsOf(running)).toMatchObject({ tickets: 2, waiting_rooms: 1 });
});

test("nobody gets a forgotten sale's room back [FLS-09]", async () => {
  const saleId = await runSale(2, 1);
  const [ticket] = await hall.crowd(first, saleId, 1);
  const ticketId = checkedId<"Ticket">(required(ticket, "a ticket").id);
  await endSales();
  clock.advance(ticketLifeMs);
  while ((await sweep(100)) > 0);
  const again = await second.waitingRooms.takeTicket(tenantId, { saleId, memberId: "anna" });
  expect(again).toMatchObject({ kind: "refused", code: "sale_not_open" });
  // A ticket that was under way when the sale ended locks the room, too.
  await first.database.transaction(tenantId, (tx) => loadRooms(tx, [saleId]));
  expect(await rowsOf(saleId)).toEqual(nothing);
  const asked = { saleId, ticketId, memberId: undefined };
  expect(await second.waitingRooms.readTicket(tenantId, asked)).toMatchObject({
    kind: "refused",
    code: "not_found",
  });
});

test("two sweeps at the same time share the rooms [FLS-09]", async () => {
  const sales = [await runSale(4, 0), await runSale(4, 0)];
  await endSales();
  clock.advance(ticketLifeMs);
  const gone = await Promise.all(Array.from({ length: 6 }, () => sweep(2)));
  let more = await sweep(100);
  while (more > 0) {
    gone.push(more);
    more = await sweep(100);
  }
  expect(gone.reduce((sum, each) => sum + each, 0)).toBe(8);
  for (const saleId of sales) expect(await rowsOf(saleId)).toEqual(nothing);
});
