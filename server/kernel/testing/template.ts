import { createHash } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { migrate, readMigrations } from "../migrate.ts";
import type { Migration } from "../migrate.ts";

const migrationsDirectory = join(import.meta.dirname, "../../migrations");

/** Any fixed number: it keeps the processes of one run from making the template twice. */
const templateLockId = 7_265_412;
/** Long enough to look at a database that a failed test has left. */
const keptSeconds = 24 * 60 * 60;

/**
 * The name of a migrated database to copy test databases from. It carries a hash of the
 * migrations, so a changed file gives a new one and nobody ever tests on an old schema.
 */
export async function ensureTemplate(adminUrl: string): Promise<string> {
  const migrations = await readMigrations(migrationsDirectory);
  const name = `template_${hashOf(migrations)}`;
  const client = new pg.Client({ connectionString: adminUrl });
  client.on("error", () => undefined);
  await client.connect();
  try {
    if (await exists(client, name)) return name;
    await client.query("select pg_advisory_lock($1)", [templateLockId]);
    if (await exists(client, name)) return name;
    await dropOld(client);
    await make(client, adminUrl, name, migrations);
    return name;
  } finally {
    await client.end();
  }
}

/** It gets its name last, so that a half-migrated one is never copied. */
async function make(
  client: pg.Client,
  adminUrl: string,
  name: string,
  migrations: readonly Migration[],
): Promise<void> {
  const draft = `${name}_draft`;
  await client.query(`drop database if exists ${draft} with (force)`);
  await client.query(`create database ${draft}`);
  const url = new URL(adminUrl);
  url.pathname = `/${draft}`;
  await migrate({ url: url.href, migrations, now: Date.now() });
  await client.query(`alter database ${draft} rename to ${name}`);
}

async function exists(client: pg.Client, name: string): Promise<boolean> {
  const found = await client.query("select 1 from pg_database where datname = $1", [name]);
  return found.rowCount === 1;
}

/** Test databases carry the time in their names: what failed runs have kept goes after a day. */
async function dropOld(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    "select datname from pg_database where datname ~ '^test_[0-9]+_'",
  );
  for (const { datname } of rows) {
    const seconds = Number(datname.split("_")[1]);
    if (Date.now() / 1000 - seconds < keptSeconds) continue;
    await client.query(`drop database if exists ${datname} with (force)`);
  }
}

function hashOf(migrations: readonly Migration[]): string {
  const hash = createHash("sha256");
  for (const { name, sha256 } of migrations) hash.update(`${name}:${sha256}\n`);
  return hash.digest("hex").slice(0, 16);
}
