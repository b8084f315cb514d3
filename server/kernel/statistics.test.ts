import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase } from "./database.ts";
import { countOnce } from "./statistics.ts";
import { testDatabase } from "./testing/database.ts";

const tenantId = "00000000-0000-7000-8000-000000000001";
const { url } = await testDatabase();
const client = new pg.Client({ connectionString: url });
const database = createDatabase({ url, clock: { now: () => 0 } });

beforeAll(async () => {
  await client.connect();
  await client.query("create schema probe");
  await client.query(
    `create table probe.rows (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))
     with (autovacuum_enabled = off)`,
  );
  await client.query("analyze probe.rows");
});

afterAll(async () => {
  await client.end();
  await database.close();
});

async function insertRows(count: number): Promise<void> {
  await client.query(
    "insert into probe.rows select $1, gen_random_uuid() from generate_series(1, $2)",
    [tenantId, count],
  );
  await client.query("select pg_stat_force_next_flush()");
}

/** What a batch of one tenant costs by the planner's word. */
async function planText(): Promise<string> {
  await client.query("set enable_hashjoin = off; set enable_mergejoin = off");
  await client.query("set enable_seqscan = off; set enable_bitmapscan = off");
  const { rows } = await client.query<{ "QUERY PLAN": string }>(
    `explain select 1 from probe.rows r
     join unnest(array_fill(gen_random_uuid(), array[128])) as n (id) on r.id = n.id
     where r.tenant_id = '${tenantId}'`,
  );
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

test("a table that has grown from nothing is counted once, and joined by its key from then on", async () => {
  await insertRows(10);
  expect(await countOnce(database)).not.toContain("probe.rows");
  await insertRows(3_000);
  expect(await planText()).toContain("Join Filter");

  expect(await countOnce(database)).toContain("probe.rows");
  expect(await planText()).not.toContain("Join Filter");
  expect(await countOnce(database)).not.toContain("probe.rows");
});
