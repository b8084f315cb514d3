/** The run: seeds a shop, lets the ways take turns at it, and proves what they have answered. */
import pg from "pg";
import type { Acknowledged } from "./books.ts";
import { checkBooks } from "./books.ts";
import type { Buckets, Cell, Goods, Opponent, Round, Turn, Way } from "./figures.ts";
import { figuresOf, median, medianBetween, readBuckets, ways } from "./figures.ts";
import type { Generator } from "./load/load.ts";
import { runLoad } from "./load/load.ts";
import type { Options } from "./options.ts";
import { processorSeconds } from "./processor-time.ts";
import type { Shop } from "./shop.ts";
import { auditLedger, fillShop } from "./shop.ts";
import type { Program } from "./stage.ts";
import { startEcho, startNaive, startPlatform } from "./stage.ts";

export interface Given {
  readonly options: Options;
  readonly generator: Generator;
  /** Folder for logs and for what the platform keeps. */
  readonly home: string;
  readonly databaseUrl: string;
  /** Its processor time is told when it is known. */
  readonly postgresPid: number | undefined;
  readonly manySkus: number;
  /** Connections of an opponent's pool that are tried; each takes its best one. */
  readonly poolSizes: readonly number[];
  /** A load before the first one that counts: code is compiled, caches and pools are filled. */
  readonly warmupSeconds: number;
  readonly say: (line: string) => void;
}

export interface Result {
  readonly durability: Readonly<Record<string, string>>;
  readonly postgres: string;
  readonly cells: readonly Cell[];
  /** Orders that were acknowledged, found again and added up. */
  readonly ordersProven: number;
}

/** Something else than 201 came, or the books do not say what the answers said. */
export class BenchError extends Error {
  override name = "BenchError";
}

/** As the names of who placed them: the books are checked way by way. */
const placedBy = {
  naive: "service:naive",
  tuned: "service:tuned",
  platform: "service:demo",
} as const;

/** The hot connections of the platform have these too: plans that stay good as tables grow. */
const plannerOptions =
  "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan";

/** The first trial of a pool is its warm-up. */
const poolTrials = 3;
/** A batch or a hundred transactions that wait for one row are done long before. */
const settleTimeoutMs = 30_000;
const settlePollMs = 50;
/** Looks in a row at which nobody worked: between two transactions a connection is idle too. */
const quietLooks = 3;

interface Run extends Given {
  readonly client: pg.Client;
  readonly shop: Shop;
  readonly programs: { readonly platform: Program; readonly echo: Program };
  readonly acknowledged: Record<keyof typeof placedBy, { created: number; sent: number }>;
  loads: number;
}

export async function runBench(given: Given): Promise<Result> {
  const { home, databaseUrl, say } = given;
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on("error", () => undefined);
  await client.connect();
  const started: Program[] = [];
  try {
    const platform = await startPlatform({ home, databaseUrl });
    started.push(platform);
    const echo = await startEcho(home);
    started.push(echo);
    say(`filling the shelves: ${given.manySkus} SKUs`);
    const shop = await fillShop({ address: platform.address, home, skus: given.manySkus });
    await client.query("analyze");
    const zero = () => ({ created: 0, sent: 0 });
    const run: Run = {
      ...given,
      client,
      shop,
      programs: { platform, echo },
      acknowledged: { naive: zero(), tuned: zero(), platform: zero() },
      loads: 0,
    };
    const cells: Cell[] = [];
    for (const goods of given.options.goods) cells.push(...(await measureGoods(run, goods)));
    const ordersProven = await prove(run);
    return { ...(await describeDatabase(client)), cells, ordersProven };
  } finally {
    for (const program of started.toReversed()) await program.stop();
    await client.end();
  }
}

async function measureGoods(run: Run, goods: Goods): Promise<Cell[]> {
  const skuIds = goods === "hot" ? run.shop.skuIds.slice(0, 1) : run.shop.skuIds;
  const { connections: all, seconds, rounds } = run.options;
  const poolMax = {
    naive: await choosePool(run, "naive", skuIds),
    tuned: await choosePool(run, "tuned", skuIds),
  };
  const naive = await startOpponent(run, "naive", poolMax.naive);
  const tuned = await startOpponent(run, "tuned", poolMax.tuned);
  try {
    const programs = { ...run.programs, naive, tuned };
    const cells: Cell[] = [];
    for (const connections of all) {
      for (const way of ways) {
        await measure(run, {
          way,
          program: programs[way],
          skuIds,
          connections,
          seconds: run.warmupSeconds,
        });
      }
      const turns: Turn[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        const measureWay = (way: Way) =>
          measure(run, { way, program: programs[way], skuIds, connections, seconds });
        const turn = {
          naive: await measureWay("naive"),
          tuned: await measureWay("tuned"),
          platform: await measureWay("platform"),
          echo: await measureWay("echo"),
        };
        run.say(lineOf(turn, `${skuIds.length} SKUs, ${connections} connections, round ${round}`));
        turns.push(turn);
      }
      const figures = figuresOf(turns);
      cells.push({ goods, skus: skuIds.length, connections, poolMax, figures, turns });
    }
    return cells;
  } finally {
    await naive.stop();
    await tuned.stop();
  }
}

function lineOf(turn: Turn, where: string): string {
  const figures = ways.map((way) => `${way} ${Math.round(turn[way].ordersPerSecond)}`);
  return `${where}: ${figures.join(", ")} orders/s`;
}

/** The opponents have chosen their pools well. */
async function choosePool(run: Run, way: Opponent, skuIds: readonly string[]): Promise<number> {
  const [only, ...others] = run.poolSizes;
  if (only !== undefined && others.length === 0) return only;
  const connections = Math.max(...run.options.connections);
  const seconds = run.warmupSeconds;
  const tried: { poolMax: number; ordersPerSecond: number }[] = [];
  for (const poolMax of run.poolSizes) {
    const program = await startOpponent(run, way, poolMax);
    try {
      const rates: number[] = [];
      for (let trial = 0; trial < poolTrials; trial += 1) {
        const load = { way, program, skuIds, connections, seconds };
        const { ordersPerSecond } = await measure(run, load);
        if (trial > 0) rates.push(ordersPerSecond);
      }
      tried.push({ poolMax, ordersPerSecond: median(rates) });
    } finally {
      await program.stop();
    }
  }
  const [best] = tried.toSorted((a, b) => b.ordersPerSecond - a.ordersPerSecond);
  const shown = tried.map(
    ({ poolMax, ordersPerSecond }) => `${poolMax}: ${Math.round(ordersPerSecond)}`,
  );
  run.say(`${way} over ${skuIds.length} SKUs, by connections of its pool: ${shown.join(", ")}`);
  if (best === undefined) throw new BenchError("no pool size was given");
  return best.poolMax;
}

function startOpponent(run: Run, way: Opponent, poolMax: number): Promise<Program> {
  const url = new URL(run.databaseUrl);
  url.searchParams.set("options", plannerOptions);
  const { tenantId, token } = run.shop;
  const subject = placedBy[way];
  return startNaive(run.home, { way, databaseUrl: url.href, poolMax, tenantId, token, subject });
}

interface Wanted {
  readonly way: Way;
  readonly program: Program;
  readonly skuIds: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

async function measure(run: Run, wanted: Wanted): Promise<Round> {
  const { way, program, ...load } = wanted;
  run.loads += 1;
  const before = await look(run, wanted);
  const counts = await runLoad(
    run.generator,
    { ...load, address: program.address, token: run.shop.token, run: `${way}-${run.loads}` },
    run.home,
  );
  const after = await look(run, wanted);
  const other = counts.answered - counts.created;
  if (other > 0 || counts.broken > 0 || counts.created === 0) {
    throw new BenchError(
      `${way}: of ${counts.answered} answers ${other} were other than 201, ` +
        `and ${counts.broken} connections broke; the logs are in ${run.home}`,
    );
  }
  if (way !== "echo") {
    run.acknowledged[way].created += counts.created;
    run.acknowledged[way].sent += counts.sent;
    await settle(run.client);
  }
  const batch = medianBetween(before.batches, after.batches);
  const perOrder = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined ? undefined : ((to - from) * 1e6) / counts.created;
  const nodeUs = perOrder(before.nodeSeconds, after.nodeSeconds);
  const postgresUs =
    way === "echo" ? undefined : perOrder(before.postgresSeconds, after.postgresSeconds);
  return {
    ordersPerSecond: counts.created / counts.seconds,
    p50Ms: counts.p50Ms,
    p99Ms: counts.p99Ms,
    ...(batch === undefined ? {} : { batch }),
    ...(nodeUs === undefined ? {} : { nodeUs }),
    ...(postgresUs === undefined ? {} : { postgresUs }),
  };
}

const batchSizes = { name: "tongbao_batch_size", label: 'operation="orders.place_order"' };

interface Look {
  readonly nodeSeconds: number | undefined;
  readonly postgresSeconds: number | undefined;
  readonly batches: Buckets;
}

async function look(run: Run, { way, program }: Wanted): Promise<Look> {
  const metrics =
    way === "platform" ? await (await fetch(`${program.address}/metrics`)).text() : "";
  const { postgresPid } = run;
  return {
    nodeSeconds: processorSeconds(program.pid),
    postgresSeconds: postgresPid === undefined ? undefined : processorSeconds(postgresPid),
    batches: readBuckets(metrics, batchSizes),
  };
}

/** Orders that were cut off at the end of a round are still worked on; the next one waits. */
async function settle(client: pg.Client): Promise<void> {
  const deadline = performance.now() + settleTimeoutMs;
  let quiet = 0;
  while (performance.now() < deadline) {
    const { rows } = await client.query<{ busy: number }>(
      `select count(*)::integer as busy from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend'
         and state <> 'idle' and pid <> pg_backend_pid()`,
    );
    quiet = rows[0]?.busy === 0 ? quiet + 1 : 0;
    if (quiet === quietLooks) return;
    await new Promise((resolve) => setTimeout(resolve, settlePollMs));
  }
  throw new BenchError("the database did not come to rest after a round");
}

async function prove(run: Run): Promise<number> {
  run.say("proving that every acknowledged order is there");
  const { naive, tuned, platform } = run.acknowledged;
  const acknowledged: Acknowledged[] = [
    { placedBy: placedBy.naive, ...naive },
    { placedBy: placedBy.tuned, ...tuned },
    { placedBy: placedBy.platform, ...platform },
  ];
  const findings = await checkBooks(run.client, run.shop.tenantId, acknowledged);
  const audit = await auditLedger(run.shop);
  if (!audit.sound) findings.push(`the ledger is not sound: ${JSON.stringify(audit)}`);
  if (findings.length > 0) throw new BenchError(findings.join("\n"));
  return naive.created + tuned.created + platform.created;
}

async function describeDatabase(
  client: pg.Client,
): Promise<Omit<Result, "cells" | "ordersProven">> {
  const settings = ["fsync", "synchronous_commit", "full_page_writes"];
  const { rows } = await client.query<{ name: string; setting: string }>(
    "select name, setting from pg_settings where name = any($1)",
    [[...settings, "server_version"]],
  );
  const byName = new Map(rows.map(({ name, setting }) => [name, setting]));
  return {
    durability: Object.fromEntries(settings.map((name) => [name, byName.get(name) ?? ""])),
    postgres: byName.get("server_version") ?? "",
  };
}
