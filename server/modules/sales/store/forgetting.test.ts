import { afterAll, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { createIds } from "../../../kernel/ids.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { planningConnection } from "../../../kernel/testing/planning.ts";
import { createManualClock } from "../../../kernel/time.ts";
import { deleteTickets } from "./forgetting.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const ids = createIds({ clock });
const client = await planningConnection(url, deleteTickets);
afterAll(() => client.end());

const tenantId = ids.next<"Tenant">();
const ticketsOfSale = 2_000;
const portion = 100;

async function insertTickets(count: number): Promise<string[]> {
  const saleIds = Array.from({ length: count }, () => ids.next<"Sale">());
  const [opensAt, closesAt] = [new Date(clock.now()), new Date(clock.now() + 1)];
  await client.query(
    `insert into sales.sales
       (tenant_id, id, title, state, opens_at, closes_at, waiting_room, made_by, created_at,
        changed_at, scheduled_at, ended_at)
     select $1, s, 'Anniversary', 'ended', $3, $4, true, 'anna', $3, $3, $3, $4
     from unnest($2::uuid[]) as s`,
    [tenantId, saleIds, opensAt, closesAt],
  );
  await client.query(
    `insert into sales.waiting_rooms (tenant_id, sale_id, places, lot_size, admitted_through)
     select $1, s, $3, 0, 0 from unnest($2::uuid[]) as s`,
    [tenantId, saleIds, ticketsOfSale],
  );
  const tickets = Array.from({ length: ticketsOfSale }, () =>
    saleIds.map((saleId) => ({ id: ids.next<"Ticket">(), saleId })),
  ).flat();
  await client.query(
    `insert into sales.tickets (tenant_id, id, sale_id, member_id, lot, taken_at)
     select $1, t.id, t.sale_id, t.id::text, 1, $4
     from unnest($2::uuid[], $3::uuid[]) as t (id, sale_id)`,
    [tenantId, tickets.map(({ id }) => id), tickets.map(({ saleId }) => saleId), opensAt],
  );
  return saleIds;
}

/** The index of tickets of a sale, that of their ids, and the row, each a few levels deep. */
const blocksOfTicketMax = 4;

test.each(["on an empty table", "on an analysed table"])(
  "a plan that was made %s finds a portion of a sale's tickets by their sale, no others",
  async (when) => {
    if (when === "on an empty table") await client.planAfter("analyze sales.tickets");
    const saleIds = await insertTickets(10);
    if (when !== "on an empty table") await client.planAfter("analyze sales.tickets");
    const saleId = required(saleIds[4], "a sale");
    const plan = await client.explain(`'${tenantId}'`, `'${saleId}'`, `${portion}`);
    expect(plan.indexes.toSorted()).toEqual([
      "tickets_pkey",
      "tickets_tenant_id_sale_id_member_id_key",
    ]);
    expect(plan.blocks).toBeLessThanOrEqual(blocksOfTicketMax * portion);
  },
);
