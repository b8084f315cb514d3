import { afterAll, expect, test } from "vitest";
import { createIds } from "../../../kernel/ids.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { planningConnection, uuids } from "../../../kernel/testing/planning.ts";
import { createManualClock } from "../../../kernel/time.ts";
import { countOfDevices, countOfNetworks } from "./waiting-rooms.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const ids = createIds({ clock });
const devices = await planningConnection(url, countOfDevices);
const networks = await planningConnection(url, countOfNetworks);
afterAll(async () => {
  await devices.end();
  await networks.end();
});

const tenantId = ids.next<"Tenant">();
const saleId = ids.next<"Sale">();
const deviceIds = Array.from({ length: 100 }, () => ids.next<"Device">());
const addresses = deviceIds.map((_, at) => `198.51.100.${at}`);
const tenant = `'${tenantId}'`;
const sales = uuids(deviceIds.map(() => saleId));
const counts = [
  {
    connection: devices,
    index: "tickets_of_device",
    values: [tenant, sales, uuids(deviceIds)],
  },
  {
    connection: networks,
    index: "tickets_of_network",
    values: [tenant, sales, `array['${addresses.join("','")}']`],
  },
];

// Planned while the table is empty, as a process does that starts with a new database.
for (const { connection, values } of counts) await connection.explain(...values);
await fill();

/** Thirty thousand tickets of one sale: three of each origin, the others of uncounted ones. */
async function fill(): Promise<void> {
  const now = new Date(clock.now());
  await devices.query(
    `insert into sales.sales
       (tenant_id, id, title, state, opens_at, closes_at, waiting_room, made_by, created_at,
        changed_at, scheduled_at)
     values ($1, $2, 'Anniversary', 'scheduled', $3, $4, true, 'anna', $3, $3, $3)`,
    [tenantId, saleId, now, new Date(clock.now() + 1)],
  );
  await devices.query(
    `insert into sales.waiting_rooms (tenant_id, sale_id, places, admitted_through)
     values ($1, $2, 30000, 0)`,
    [tenantId, saleId],
  );
  await devices.query(
    `insert into sales.tickets
       (tenant_id, id, sale_id, member_id, lot, device_id, network, taken_at)
     select $1, gen_random_uuid(), $2, 'm-' || n, n,
            ($3::uuid[])[1 + n / 3], ($4::text[])[1 + n / 3], $5
     from generate_series(0, 29999) as n`,
    [tenantId, saleId, deviceIds, addresses, now],
  );
}

/** Two levels of the index, and the rows of its three tickets. */
const blocksOfOriginMax = 5;

test.each([
  ["on an empty table", undefined],
  ["on a table that nobody has analysed", "select 1"],
  ["on an analysed table", "analyze sales.tickets"],
])("a plan made %s counts each origin along its own index, no more", async (_, prepare) => {
  for (const { connection, index, values } of counts) {
    if (prepare !== undefined) await connection.planAfter(prepare);
    const { rows } = await connection.query(`execute probe(${values.join(", ")})`);
    expect(rows.map(({ taken }) => taken)).toEqual(deviceIds.map(() => 3));
    const { indexes, blocks } = await connection.explain(...values);
    expect(indexes).toEqual([index]);
    expect(blocks).toBeLessThanOrEqual(blocksOfOriginMax * deviceIds.length);
  }
});
