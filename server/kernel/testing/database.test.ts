import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { adminUrl, testDatabase, withDatabase } from "./database.ts";
import { ensureTemplate } from "./template.ts";

const database = await testDatabase();
const admin = new pg.Client({ connectionString: await adminUrl() });
await admin.connect();
afterAll(() => admin.end());

async function databaseNames(): Promise<string[]> {
  const { rows } = await admin.query<{ datname: string }>("select datname from pg_database");
  return rows.map(({ datname }) => datname);
}

test("a test database has every migration and no business rows", async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query("select name from migrations.applied order by name");
  await client.end();
  expect(rows[0]).toEqual({ name: "0001_kernel.sql" });
});

test("the template is made once, also when many ask at the same time", async () => {
  const url = await adminUrl();
  const names = await Promise.all(Array.from({ length: 5 }, () => ensureTemplate(url)));
  expect(new Set(names).size).toBe(1);
  expect(await databaseNames()).toContain(names[0]);
});

test("close drops the database, even under an open connection", async () => {
  const other = await testDatabase();
  const client = new pg.Client({ connectionString: other.url });
  client.on("error", () => undefined);
  await client.connect();
  await other.close();
  expect(await databaseNames()).not.toContain(other.name);
  expect(await databaseNames()).toContain(database.name);
});

test("an address for another database keeps everything else", () => {
  expect(withDatabase("postgresql://u:p@127.0.0.1:5432/a", "b")).toBe(
    "postgresql://u:p@127.0.0.1:5432/b",
  );
});
