import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testDatabase } from "../../server/kernel/testing/database.ts";
import { dumpSchema } from "./schema.ts";

const { url } = await testDatabase();
const committed = readFileSync(
  join(import.meta.dirname, "../../server/migrations/schema.sql"),
  "utf8",
);
const client = new pg.Client({ connectionString: url });
beforeAll(() => client.connect());
afterAll(() => client.end());

test("the file is what the migrations make of an empty database", async () => {
  expect(await dumpSchema(url)).toBe(committed);
});

test("says nothing of the tables of the job runner", () => {
  expect(committed).not.toContain("graphile_worker");
});

test("refuses to leave out what it does not know", async () => {
  await client.query("create view ledger.rich as select 1 as one");
  await expect(dumpSchema(url)).rejects.toThrow("the dump does not know ledger.rich");
  await client.query("drop view ledger.rich");
});

test("makes the same database again", async () => {
  const schemas = [...committed.matchAll(/^create schema (\w+);$/gm)].map(([, name]) => name);
  await client.query(`drop schema ${schemas.join(", ")} cascade`);
  await client.query(committed);
  expect(await dumpSchema(url)).toBe(committed);
});
