import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { hotOptions } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock } from "../../../kernel/time.ts";
import { countOfDevices, countOfNetworks } from "./waiting-rooms.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const ids = createIds({ clock });
/** With the settings of a committer's connection, and to be looked into. */
const client = new pg.Client({ connectionString: url, options: hotOptions });
await client.connect();
afterAll(() => client.end());

const tenantId = ids.next<"Tenant">();
const saleId = ids.next<"Sale">();
const deviceIds = Array.from({ length: 100 }, () => ids.next<"Device">());
const networks = deviceIds.map((_, at) => `198.51.100.${at}`);

// Planned while the table is empty, as a process does that starts with a new database.
await client.query(`prepare devices as ${countOfDevices.text}`);
await client.query(`prepare networks as ${countOfNetworks.text}`);
await count("devices", deviceIds);
await count("networks", networks);
await fill();

/** Thirty thousand tickets of one sale: three of each origin, the others of uncounted ones. */
async function fill(): Promise<void> {
  const now = new Date(clock.now());
  await client.query(
    `insert into sales.sales
       (tenant_id, id, title, state, opens_at, closes_at, waiting_room, made_by, created_at,
        changed_at, scheduled_at)
     values ($1, $2, 'Anniversary', 'scheduled', $3, $4, true, 'anna', $3, $3, $3)`,
    [tenantId, saleId, now, new Date(clock.now() + 1)],
  );
  await client.query(
    `insert into sales.waiting_rooms (tenant_id, sale_id, places, admitted_through)
     values ($1, $2, 30000, 0)`,
    [tenantId, saleId],
  );
  await client.query(
    `insert into sales.tickets
       (tenant_id, id, sale_id, member_id, lot, device_id, network, taken_at)
     select $1, gen_random_uuid(), $2, 'm-' || n, n,
            ($3::uuid[])[1 + n / 3], ($4::text[])[1 + n / 3], $5
     from generate_series(0, 29999) as n`,
    [tenantId, saleId, deviceIds, networks, now],
  );
}

interface PlanNode {
  readonly "Index Name"?: string;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly Plans?: readonly PlanNode[];
}

async function count(name: string, origins: readonly string[]) {
  const type = name === "devices" ? "uuid" : "text";
  const sales = origins.map(() => saleId).join("','");
  const execute = `execute ${name}('${tenantId}', array['${sales}']::uuid[],
                                   array['${origins.join("','")}']::${type}[])`;
  const { rows: taken } = await client.query<{ taken: number }>(execute);
  const { rows } = await client.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
    `explain (analyze, format json) ${execute}`,
  );
  const [{ Plan: plan }] = required(rows[0], "a plan")["QUERY PLAN"];
  const blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
  return { taken: taken.map((row) => row.taken), indexes: indexesIn(plan), blocks };
}

function indexesIn(plan: PlanNode): string[] {
  const own = plan["Index Name"];
  return [...(own === undefined ? [] : [own]), ...(plan.Plans ?? []).flatMap(indexesIn)];
}

/** Two levels of the index, and the rows of its three tickets. */
const blocksOfOriginMax = 5;

test.each([
  ["on an empty table", undefined],
  ["on a table that nobody has analysed", "select 1"],
  ["on an analysed table", "analyze sales.tickets"],
])("a plan made %s counts each origin along its own index, no more", async (_, prepare) => {
  if (prepare !== undefined) {
    await client.query(prepare);
    await client.query("deallocate all");
    await client.query(`prepare devices as ${countOfDevices.text}`);
    await client.query(`prepare networks as ${countOfNetworks.text}`);
  }
  for (const [name, index, origins] of [
    ["devices", "tickets_of_device", deviceIds],
    ["networks", "tickets_of_network", networks],
  ] as const) {
    const { taken, indexes, blocks } = await count(name, origins);
    expect(taken).toEqual(origins.map(() => 3));
    expect(indexes).toEqual([index]);
    expect(blocks).toBeLessThanOrEqual(blocksOfOriginMax * origins.length);
  }
});
