/** Fills a year, compares new orders with those of an empty shop, and asks everything. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { EmbeddedPostgres } from "../../server/kernel/embedded-postgres.ts";
import { startEmbeddedPostgres } from "../../server/kernel/embedded-postgres.ts";
import { findGenerator } from "../load/load.ts";
import type { Shop } from "../shop.ts";
import { fillShop } from "../shop.ts";
import type { Program } from "../stage.ts";
import { startPlatform } from "../stage.ts";
import type { Year } from "./draft.ts";
import type { Filled } from "./fill.ts";
import { fillSettings, fillYear } from "./fill.ts";
import { endOfLog, logPlans, plansSince } from "./plans.ts";
import type { Question, Timing } from "./questions.ts";
import { ask, askAll, drawQuestions } from "./questions.ts";
import type { Side, Throughput } from "./rounds.ts";
import { compareThroughput } from "./rounds.ts";

export interface ScaleGiven {
  readonly orders: number;
  readonly skus: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly connections: number;
  /** Of each question. */
  readonly requests: number;
  /** Folder for everything; at the end it holds a database to look at. */
  readonly home: string;
  readonly say: (line: string) => void;
  /** Told of each PostgreSQL that runs, so that a stop reaches it. */
  readonly onPostgres: (postgres: EmbeddedPostgres) => void;
}

export interface Answered extends Timing {
  /** Of the slowest request, asked again: what PostgreSQL did for it. */
  readonly plans: readonly string[];
}

export interface ScaleResult {
  readonly orders: number;
  readonly filled: Filled;
  readonly throughput: Throughput;
  readonly answered: readonly Answered[];
}

export async function runScale(given: ScaleGiven): Promise<ScaleResult> {
  const { home, say, orders } = given;
  const log = (line: string) => say(line);
  const homes = { empty: join(home, "empty"), full: join(home, "full") };
  for (const each of Object.values(homes)) mkdirSync(each);
  chmodSync(home, 0o755);

  const filling = await startEmbeddedPostgres({ home, log, settings: fillSettings });
  given.onPostgres(filling);
  const urls = { empty: await createEmpty(filling.url), full: filling.url };
  const shops = {
    empty: await openShop(given, homes.empty, urls.empty),
    full: await openShop(given, homes.full, urls.full),
  };
  const year: Year = {
    orders,
    tenantId: shops.full.tenantId,
    now: await timeOf(urls.full),
    skus: given.skus,
    channelAccountId: crypto.randomUUID(),
  };
  const filled = await fillYear({ url: urls.full, year, say });
  await filling.stop();

  // As it always runs: durable, with its log, and with what the disk had to take behind it.
  const postgres = await startEmbeddedPostgres({ home, log });
  given.onPostgres(postgres);
  try {
    await query(postgres.url, "checkpoint");
    const sides = {
      empty: { shop: shops.empty, databaseUrl: urls.empty, home: homes.empty },
      full: { shop: shops.full, databaseUrl: urls.full, home: homes.full },
    };
    const throughput = await measureThroughput(given, sides);
    const answered = await measureAnswers(given, { ...sides.full, year });
    return { orders, filled, throughput, answered };
  } finally {
    await postgres.stop();
  }
}

async function createEmpty(url: string): Promise<string> {
  await query(url, "create database empty");
  const empty = new URL(url);
  empty.pathname = "/empty";
  return empty.href;
}

async function openShop(given: ScaleGiven, home: string, databaseUrl: string): Promise<Shop> {
  const program = await startPlatform({ home, databaseUrl });
  try {
    return await fillShop({ address: program.address, home, skus: given.skus });
  } finally {
    await program.stop();
  }
}

async function measureThroughput(
  given: ScaleGiven,
  sides: { readonly empty: Side; readonly full: Side },
): Promise<Throughput> {
  const programs: Program[] = [];
  const open = async (side: Side): Promise<Side> => {
    const program = await startPlatform(side);
    programs.push(program);
    return { ...side, shop: { ...side.shop, address: program.address } };
  };
  await query(sides.empty.databaseUrl, "analyze");
  try {
    const opened = { empty: await open(sides.empty), full: await open(sides.full) };
    return await compareThroughput({ ...given, generator: findGenerator(), sides: opened });
  } finally {
    for (const program of programs) await program.stop();
  }
}

async function measureAnswers(
  given: ScaleGiven,
  full: Side & { readonly year: Year },
): Promise<Answered[]> {
  const { databaseUrl, home } = full;
  const token = full.shop.adminToken;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  let program: Program | undefined;
  try {
    const questions = await drawQuestions(client, full.year, given.requests);
    program = await startPlatform({ home, databaseUrl });
    const timings = await askAll(program.address, token, questions);
    await program.stop();
    for (const { name, p50Ms, p99Ms } of timings)
      given.say(`${name}: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`);
    await logPlans(client);
    program = await startPlatform({ home, databaseUrl });
    return await explain(program, { ...given, token, timings, questions });
  } finally {
    await program?.stop();
    await client.end();
  }
}

/** Asked often enough that a plan for all values would have taken the place of one for each. */
const askedBefore = 12;

async function explain(
  { address }: Program,
  given: ScaleGiven & {
    readonly token: string;
    readonly timings: readonly Timing[];
    readonly questions: readonly Question[];
  },
): Promise<Answered[]> {
  const { token, timings, questions } = given;
  const log = join(given.home, "postgres.log");
  const answered: Answered[] = [];
  for (const timing of timings) {
    const paths = questions.find(({ name }) => name === timing.name)?.paths ?? [];
    for (const path of paths.slice(0, askedBefore)) await ask(address, token, path);
    const start = endOfLog(log);
    await ask(address, token, timing.slowest);
    answered.push({ ...timing, plans: plansSince(log, start) });
  }
  return answered;
}

async function timeOf(url: string): Promise<number> {
  const [row] = await query<{ ms: number }>(
    url,
    "select (extract(epoch from clock_timestamp()) * 1000)::bigint::float8 as ms",
  );
  return row?.ms ?? Number.NaN;
}

async function query<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
