import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import type { Migration } from "./migrate.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { rawConnection } from "./testing/connections.ts";
import { adminUrl, withDatabase } from "./testing/database.ts";

const admin = await rawConnection(await adminUrl());
afterAll(() => admin.end());

const now = Date.UTC(2026, 0, 1);

function migration(name: string, text: string): Migration {
  return { name, text, sha256: createHash("sha256").update(text).digest("hex") };
}

const first = migration("0001_first.sql", "create table public.first (id integer primary key)");
const second = migration("0002_second.sql", "create table public.second (id integer primary key)");

/** A database without anything in it, dropped after the test. */
async function emptyDatabase(): Promise<string> {
  const name = `test_${Math.floor(Date.now() / 1000)}_${randomBytes(4).toString("hex")}`;
  await admin.query(`create database ${name}`);
  onTestFinished(async () => void (await admin.query(`drop database ${name} with (force)`)));
  return withDatabase(await adminUrl(), name);
}

async function tablesOf(url: string): Promise<string[]> {
  const client = await rawConnection(url);
  const { rows } = await client.query<{ tablename: string }>(
    "select tablename from pg_tables where schemaname = 'public' order by tablename",
  );
  await client.end();
  return rows.map(({ tablename }) => tablename);
}

test("the project's own migrations bring an empty database to the newest schema, once", async () => {
  const url = await emptyDatabase();
  const migrations = await readMigrations(join(import.meta.dirname, "../migrations"));
  const applied: string[] = [];
  const run = () => migrate({ url, migrations, now, onProgress: (name) => applied.push(name) });
  await run();
  await run();
  expect(applied).toEqual(migrations.map(({ name }) => name));
  expect(applied).toEqual(applied.toSorted());
});

test("several processes that start at once migrate once", async () => {
  const url = await emptyDatabase();
  const applied: string[] = [];
  const onProgress = (name: string) => void applied.push(name);
  const options = { url, migrations: [first, second], now, onProgress };
  await Promise.all(Array.from({ length: 4 }, () => migrate(options)));
  expect(applied).toEqual([first.name, second.name]);
});

test("a later version adds what is new", async () => {
  const url = await emptyDatabase();
  await migrate({ url, migrations: [first], now });
  await migrate({ url, migrations: [first, second], now });
  expect(await tablesOf(url)).toEqual(["first", "second"]);
});

test("a file that has changed since it was applied is refused", async () => {
  const url = await emptyDatabase();
  await migrate({ url, migrations: [first], now });
  const changed = { ...first, sha256: second.sha256 };
  await expect(migrate({ url, migrations: [changed, second], now })).rejects.toThrow(
    "0001_first.sql has changed since it was applied",
  );
  expect(await tablesOf(url)).toEqual(["first"]);
});

test("a database of a newer version is refused", async () => {
  const url = await emptyDatabase();
  await migrate({ url, migrations: [first, second], now });
  await expect(migrate({ url, migrations: [first], now })).rejects.toThrow(
    "migrated by a newer version: it has 0002_second.sql",
  );
});

test("a file that fails is named and leaves nothing behind, and can be mended", async () => {
  const url = await emptyDatabase();
  const broken = migration(second.name, "create table public.half (id integer); select nonsense");
  await expect(migrate({ url, migrations: [first, broken], now })).rejects.toThrow(
    /0002_second\.sql: .*nonsense/,
  );
  expect(await tablesOf(url)).toEqual(["first"]);
  await migrate({ url, migrations: [first, second], now });
  expect(await tablesOf(url)).toEqual(["first", "second"]);
});
