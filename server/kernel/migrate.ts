import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { migrateJobs } from "./jobs.ts";

export interface Migration {
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
}

export class MigrationError extends Error {
  override name = "MigrationError";
}

/** Any fixed number: it only keeps two starting processes from migrating at the same time. */
const migrationLockId = 7_265_411;

const bookkeeping = `
  create schema if not exists migrations;
  create table if not exists migrations.applied (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null
  )`;

/** The numbered files of `directory` in order: 0001_kernel.sql, 0002_ledger.sql, … */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory))
    .filter((name) => /^\d{4}_\w+\.sql$/.test(name))
    .toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(directory, name), "utf8");
      return { name, text, sha256: createHash("sha256").update(text).digest("hex") };
    }),
  );
}

/**
 * Brings a database to the newest schema, each file in a transaction of its own. Safe to call from
 * several processes at once. A file that was applied and has changed since is refused: schemas
 * change by new files only.
 */
export async function migrate(options: {
  readonly url: string;
  readonly migrations: readonly Migration[];
  readonly onProgress?: (name: string) => void;
  readonly now: number;
}): Promise<void> {
  const client = new pg.Client({ connectionString: options.url, application_name: "migrate" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [migrationLockId]);
    await client.query(bookkeeping);
    const { rows } = await client.query<{ name: string; sha256: string }>(
      "select name, sha256 from migrations.applied",
    );
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));
    const known = new Set(options.migrations.map(({ name }) => name));
    for (const name of applied.keys()) {
      if (known.has(name)) continue;
      throw new MigrationError(`the database was migrated by a newer version: it has ${name}`);
    }
    for (const migration of options.migrations) {
      const sha256 = applied.get(migration.name);
      if (sha256 === migration.sha256) continue;
      if (sha256 !== undefined) {
        throw new MigrationError(`${migration.name} has changed since it was applied`);
      }
      options.onProgress?.(migration.name);
      await applyMigration(client, migration, options.now);
    }
    await migrateJobs(options.url);
  } finally {
    await client.end();
  }
}

async function applyMigration(client: pg.Client, migration: Migration, now: number): Promise<void> {
  try {
    await client.query("begin");
    await client.query(migration.text);
    await client.query("insert into migrations.applied values ($1, $2, $3)", [
      migration.name,
      migration.sha256,
      new Date(now).toISOString(),
    ]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    const why = error instanceof Error ? error.message : String(error);
    throw new MigrationError(`${migration.name}: ${why}`, { cause: error });
  }
}
