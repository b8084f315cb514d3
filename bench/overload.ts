/**
 * More than it can take: in each round the peak, then orders that are due at a fixed rate whatever
 * the answers are, at what it sustains and at multiples of that. A platform that keeps its word
 * takes about its peak all the while, answers who it takes in bounded time and everybody else 503
 * at once, and has every order that it acknowledged.
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
  /** Of the same round. */
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
/** A crowd that waits for an opening is connected; more are opened as answers take longer. */
const connectionsAtFirst = 4_000;

export async function measureOverload(site: Site, given: OverloadGiven): Promise<Overload> {
  const { options, factors, warmupSeconds } = given;
  const peaks: Round[] = [];
  const measured: OverloadRound[] = [];
  const warmUp = await measurePeak(site, given, warmupSeconds);
  await overload(site, { factor: Math.max(...factors), peak: warmUp, seconds: warmupSeconds });
  for (let round = 1; round <= options.rounds; round += 1) {
    const peak = await measurePeak(site, given, options.seconds);
    site.say(`round ${round}, the peak: ${Math.round(peak.perSecond)} orders/s`);
    peaks.push(peak);
    for (const factor of factors) {
      const one = await overload(site, { factor, peak, seconds: options.seconds });
      site.say(
        `round ${round}, ${factor} times: ${Math.round(one.offeredPerSecond)} offered, ` +
          `${Math.round(one.acceptedPerSecond)} accepted orders/s, ${one.shed} times 503`,
      );
      measured.push(one);
    }
  }
  const figures = factors.map((factor) =>
    mediansOf(measured.filter((each) => each.factor === factor)),
  );
  const peak = medianRound(peaks);
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

/** By the generator that also brings the crowd: its processor time comes out of the same cores. */
function measurePeak(site: Site, { options }: OverloadGiven, seconds: number): Promise<Round> {
  const connections = Math.max(...options.connections);
  const { platform: program, shop } = site;
  const load = { way: "platform", program, skuIds: shop.skuIds.slice(0, 1) } as const;
  return measureOrders({ ...site, generator: "own" }, { ...load, connections, seconds });
}

async function overload(
  site: Site,
  load: { readonly factor: number; readonly peak: Round; readonly seconds: number },
): Promise<OverloadRound> {
  const { shop, platform, home } = site;
  const { factor, peak, seconds } = load;
  const perSecond = Math.round(peak.perSecond * sustainedShare * factor);
  const run = site.nextRun("overload");
  const idsPath = join(home, `${run}.ids`);
  const given = {
    address: platform.address,
    token: shop.token,
    skuIds: shop.skuIds.slice(0, 1),
    run,
    connections: connectionsAtFirst,
    seconds,
    perSecond,
    idsPath,
  };
  const counts = await runGenerator(given, home);
  assertOnlyShed(site, counts);
  note(site, placedBy.platform, counts);
  await settle(site.client);
  await findAgain(site, idsPath, counts.created);
  const acceptedPerSecond = counts.counted / counts.seconds;
  return {
    factor,
    offeredPerSecond: counts.sent / counts.seconds,
    acceptedPerSecond,
    shareOfPeak: acceptedPerSecond / peak.perSecond,
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
