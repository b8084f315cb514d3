import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeEach } from "vitest";
import { startEmbeddedPostgres } from "../embedded-postgres.ts";
import { waitForFileLock } from "../file-lock.ts";
import { testSettings } from "./settings.ts";
import { ensureTemplate } from "./template.ts";

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Drops it at once; otherwise that happens after the last test of the file. */
  close(): Promise<void>;
}

/** `npm test` gives the PostgreSQL that it has started; it is the superuser's url. */
const urlVariable = "TEST_DATABASE_URL";
const root = join(import.meta.dirname, "../../..");
const sharedHome = join(root, ".tongbao/test");

/**
 * A database of its own for a test file, with all migrations applied. Call it once, at the top of
 * the file: `const database = await testDatabase();`. It is dropped after the last test, and kept,
 * with its address printed, when a test has failed.
 */
export async function testDatabase(): Promise<TestDatabase> {
  const admin = await adminUrl();
  const name = `test_${secondsNow()}_${randomBytes(4).toString("hex")}`;
  const template = await ensureTemplate(admin);
  await query(admin, `create database ${name} template ${template}`);
  const url = withDatabase(admin, name);
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    await query(admin, `drop database if exists ${name} with (force)`);
  };
  let failed = false;
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => {
      failed = true;
    });
  });
  afterAll(async () => {
    if (failed && open) console.error(`kept for a look: ${url}`);
    else await close();
  });
  return { url, name, close };
}

/**
 * The url of a superuser on the PostgreSQL of the tests. When vitest was started by hand, one is
 * started under .tongbao/test, left running, and found again by the next file and the next run.
 */
export async function adminUrl(): Promise<string> {
  const given = process.env[urlVariable];
  if (given !== undefined && given !== "") return given;
  mkdirSync(sharedHome, { recursive: true });
  const lock = await waitForFileLock(join(sharedHome, "start.lock"));
  try {
    const url = readSharedUrl();
    if (url !== undefined && (await answers(url))) return url;
    return await startShared();
  } finally {
    lock.release();
  }
}

async function startShared(): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    home: sharedHome,
    log: (line) => console.error(line),
    settings: testSettings,
  });
  postgres.leaveRunning();
  const draft = `${sharedUrlFile}.draft`;
  writeFileSync(draft, postgres.url, { mode: 0o600 });
  renameSync(draft, sharedUrlFile);
  return postgres.url;
}

const sharedUrlFile = join(sharedHome, "url");

function readSharedUrl(): string | undefined {
  try {
    return readFileSync(sharedUrlFile, "utf8");
  } catch {
    return undefined;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await query(url, "select 1");
    return true;
  } catch {
    return false;
  }
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}
