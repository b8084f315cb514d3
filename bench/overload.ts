/**
 * More than it can take: the peak, then orders that are due at a fixed rate whatever the answers
 * are, at what it sustains and at multiples of that. A platform that keeps its word takes about its
 * peak all the while, answers who it takes in bounded time and everybody else 503 at once, and has
 * every order that it acknowledged.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Round } from "./figures.ts";
import { median, medianRound } from "./figures.ts";
import type { Counts } from "./load/load.ts";
import { runGenerator } from "./load/load.ts";
import type { Options } from "./options.ts";
import type { Site } from "./site.ts";
import { measureOrders, note, placedBy, proveOrders } from "./site.ts";
import { BenchError, settle } from "./watch.ts";

export interface OverloadRound {
  /** Times the load that is sustained. */
  readonly factor: number;
  readonly offeredPerSecond: number;
  readonly acceptedPerSecond: number;
  readonly shareOfPeak: number;
  /** Of accepted orders, from the moment at which each was due. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers 503. */
  readonly shed: number;
}

export interface Overload {
  readonly peak: Round;
  /** Medians, one for each factor. */
  readonly figures: readonly OverloadRound[];
  readonly rounds: readonly OverloadRound[];
  readonly ordersProven: number;
}

export interface OverloadGiven {
  readonly options: Pick<Options, "seconds" | "rounds" | "connections">;
  /** Times the load that is sustained. */
  readonly factors: readonly number[];
  readonly warmupSeconds: number;
}

/**
 * Of the peak, which is that of callers who wait for each other's answers; orders that come when
 * they come need some room between them. The first row of the table shows that it is sustained.
 */
const sustainedShare = 0.85;
/** Open from the start; more are opened as answers take longer. */
const connectionsAtFirst = 1_000;

export async function measureOverload(site: Site, given: OverloadGiven): Promise<Overload> {
  const { rounds, seconds } = given.options;
  const peaks: Round[] = [];
  await measurePeak(site, given, given.warmupSeconds);
  for (let round = 1; round <= rounds; round += 1)
    peaks.push(await measurePeak(site, given, seconds));
  const peak = medianRound(peaks);
  site.say(`peak: ${Math.round(peak.perSecond)} orders/s`);
  const measured: OverloadRound[] = [];
  for (let round = 1; round <= rounds; round += 1)
    for (const factor of given.factors) {
      const one = await overload(site, given, { factor, peak: peak.perSecond });
      site.say(
        `round ${round}, ${factor} times: ${Math.round(one.offeredPerSecond)} offered, ` +
          `${Math.round(one.acceptedPerSecond)} accepted orders/s, ${one.shed} times 503`,
      );
      measured.push(one);
    }
  const figures = given.factors.map((factor) =>
    mediansOf(measured.filter((each) => each.factor === factor)),
  );
  return { peak, figures, rounds: measured, ordersProven: await proveOrders(site) };
}

function mediansOf(rounds: readonly OverloadRound[]): OverloadRound {
  const of = (key: keyof OverloadRound) => median(rounds.map((each) => each[key]));
  return {
    factor: of("factor"),
    offeredPerSecond: of("offeredPerSecond"),
    acceptedPerSecond: of("acceptedPerSecond"),
    shareOfPeak: of("shareOfPeak"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
    shed: of("shed"),
  };
}

function measurePeak(site: Site, { options }: OverloadGiven, seconds: number): Promise<Round> {
  const connections = Math.max(...options.connections);
  const { platform: program, shop } = site;
  const load = { way: "platform", program, skuIds: shop.skuIds.slice(0, 1) } as const;
  return measureOrders(site, { ...load, connections, seconds });
}

async function overload(
  site: Site,
  { options }: OverloadGiven,
  { factor, peak }: { readonly factor: number; readonly peak: number },
): Promise<OverloadRound> {
  const { shop, platform, home } = site;
  const perSecond = Math.round(peak * sustainedShare * factor);
  const run = site.nextRun("overload");
  const idsPath = join(home, `${run}.ids`);
  const load = {
    address: platform.address,
    token: shop.token,
    skuIds: shop.skuIds.slice(0, 1),
    run,
    connections: connectionsAtFirst,
    seconds: options.seconds,
    perSecond,
    idsPath,
  };
  const counts = await runGenerator(load, home);
  assertOnlyShed(site, counts);
  note(site, placedBy.platform, counts);
  await settle(site.client);
  await findAgain(site, idsPath, counts.created);
  const acceptedPerSecond = counts.counted / counts.seconds;
  return {
    factor,
    offeredPerSecond: counts.sent / counts.seconds,
    acceptedPerSecond,
    shareOfPeak: acceptedPerSecond / peak,
    p50Ms: counts.p50Ms,
    p99Ms: counts.p99Ms,
    shed: counts.shed,
  };
}

function assertOnlyShed(site: Site, counts: Counts): void {
  const other = counts.answered - counts.created - counts.shed;
  if (other === 0 && counts.broken === 0 && counts.created > 0) return;
  throw new BenchError(
    `overload: ${other} answers were neither 201 nor 503 (${JSON.stringify(counts.others)}), ` +
      `and ${counts.broken} requests had none; ` +
      `the logs are in ${site.home}`,
  );
}

/** By the ids in the answers: each is in the database. */
async function findAgain(site: Site, idsPath: string, acknowledged: number): Promise<void> {
  const ids = (await readFile(idsPath, "utf8")).split("\n").filter((id) => id !== "");
  const { rows } = await site.client.query<{ count: number }>(
    `select count(*)::integer as count from orders.orders
     where tenant_id = $1 and id = any($2::uuid[])`,
    [site.shop.tenantId, ids],
  );
  const found = rows[0]?.count ?? 0;
  if (found === acknowledged && new Set(ids).size === acknowledged) return;
  throw new BenchError(`${acknowledged} orders were acknowledged, but ${found} of them are there`);
}
