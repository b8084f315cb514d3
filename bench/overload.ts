/**
 * More than it can take, by one process that answers and by two on the same cores; the second one
 * stands idle while the first is asked alone. In each round the peak, then orders that are due at a
 * fixed rate whatever the answers are, at what the peak lets hope for and at multiples of that, and
 * the peak again: a virtual machine is not as fast at the end of a round as it was before. A
 * platform that keeps its word takes about its peak all the while, answers who it takes in bounded
 * time and everybody else 503 at once, and has every order that it acknowledged.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./figures.ts";
import type { Counts } from "./load/load.ts";
import { runGenerator } from "./load/load.ts";
import type { Options } from "./options.ts";
import type { Site } from "./site.ts";
import { assertAllTaken, note, placedBy, proveOrders } from "./site.ts";
import { startPlatform } from "./stage.ts";
import { BenchError, settle } from "./watch.ts";

/** Of callers each of whom waits for his answer. */
export interface OverloadPeak {
  readonly processes: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface OverloadRound {
  readonly processes: number;
  /** Times the load that is sustained. */
  readonly factor: number;
  readonly offeredPerSecond: number;
  readonly acceptedPerSecond: number;
  /** Of the same processes in the same round, before it and behind it. */
  readonly shareOfPeak: number;
  /** Of accepted orders, from the moment at which each was due. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers 503. */
  readonly shed: number;
}

export interface Overload {
  /** Medians, one for each number of processes. */
  readonly peaks: readonly OverloadPeak[];
  /** Medians, one for each number of processes and factor. */
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

export type OverloadLoad = Omit<OverloadRound, "shareOfPeak">;

interface Load {
  /** Of the processes that answer. */
  readonly addresses: readonly string[];
  readonly seconds: number;
}

/**
 * Of the peak; orders that come when they come need some room between them. The first row of the
 * table tells how much of it was taken.
 */
const sustainedShare = 0.85;
/** A crowd that waits for an opening is connected; more are opened as answers take longer. */
const connectionsAtFirst = 4_000;
/** Until the platform has forgotten the crowd, and callers may wait as long as ever. */
const calmMs = 1_000;

export async function measureOverload(site: Site, given: OverloadGiven): Promise<Overload> {
  const { home, databaseUrl, platform } = site;
  const second = await startPlatform({ home, databaseUrl, role: "api" });
  try {
    const both = [platform.address, second.address];
    const { peaks, rounds } = await measureRounds(site, given, [[platform.address], both]);
    const peaksByProcesses = Map.groupBy(peaks, ({ processes }) => processes);
    const roundsByLoad = Map.groupBy(rounds, ({ processes, factor }) => `${processes} ${factor}`);
    return {
      peaks: [...peaksByProcesses.values()].map(medianPeak),
      figures: [...roundsByLoad.values()].map(medianRound),
      rounds,
      ordersProven: await proveOrders(site),
    };
  } finally {
    await second.stop();
  }
}

async function measureRounds(
  site: Site,
  given: OverloadGiven,
  configurations: readonly (readonly string[])[],
): Promise<{ peaks: OverloadPeak[]; rounds: OverloadRound[] }> {
  const { options, factors, warmupSeconds: seconds } = given;
  for (const addresses of configurations) {
    const peak = await measurePeak(site, { addresses, seconds, options });
    await overload(site, { addresses, seconds, factor: Math.max(...factors), peak });
  }
  const peaks: OverloadPeak[] = [];
  const rounds: OverloadRound[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const addresses of configurations) {
      const name = `round ${round}, processes: ${addresses.length}`;
      const measured = await measureRound(site, { ...given, addresses, name });
      peaks.push(...measured.peaks);
      rounds.push(...measured.rounds);
    }
  }
  return { peaks, rounds };
}

async function measureRound(
  site: Site,
  given: OverloadGiven & { readonly addresses: readonly string[]; readonly name: string },
): Promise<{ peaks: readonly OverloadPeak[]; rounds: readonly OverloadRound[] }> {
  const { options, factors, addresses, name } = given;
  const { seconds } = options;
  const peakNow = async (): Promise<OverloadPeak> => {
    const peak = await measurePeak(site, { addresses, seconds, options });
    site.say(`${name}, the peak: ${Math.round(peak.perSecond)} orders/s`);
    return peak;
  };
  const before = await peakNow();
  const loads: OverloadLoad[] = [];
  for (const factor of factors) {
    const load = await overload(site, { addresses, seconds, factor, peak: before });
    loads.push(load);
    site.say(
      `${name}, ${factor} times: ${Math.round(load.offeredPerSecond)} offered, ` +
        `${Math.round(load.acceptedPerSecond)} accepted orders/s, ${load.shed} times 503`,
    );
  }
  await sleep(calmMs);
  const peaks = [before, await peakNow()];
  return { peaks, rounds: loads.map((load) => ofPeaks(load, peaks)) };
}

/** Holds a load against the mean of the peaks. */
export function ofPeaks(load: OverloadLoad, peaks: readonly OverloadPeak[]): OverloadRound {
  const sum = peaks.reduce((all, { perSecond }) => all + perSecond, 0);
  return { ...load, shareOfPeak: (load.acceptedPerSecond * peaks.length) / sum };
}

function medianPeak(peaks: readonly OverloadPeak[]): OverloadPeak {
  const of = (key: keyof OverloadPeak) => median(peaks.map((each) => each[key]));
  return {
    processes: of("processes"),
    perSecond: of("perSecond"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
  };
}

function medianRound(rounds: readonly OverloadRound[]): OverloadRound {
  const of = (key: keyof OverloadRound) => median(rounds.map((each) => each[key]));
  return {
    processes: of("processes"),
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
async function measurePeak(
  site: Site,
  { addresses, seconds, options }: Load & Pick<OverloadGiven, "options">,
): Promise<OverloadPeak> {
  const connections = Math.max(...options.connections);
  const load = { ...ordersFor(site, addresses), connections, seconds };
  const counts = await runGenerator(load, site.home);
  assertAllTaken(site, "the peak", counts);
  note(site, placedBy.platform, counts);
  await settle(site.client);
  const { p50Ms, p99Ms } = counts;
  const perSecond = counts.counted / counts.seconds;
  return { processes: addresses.length, perSecond, p50Ms, p99Ms };
}

async function overload(
  site: Site,
  {
    addresses,
    seconds,
    factor,
    peak,
  }: Load & { readonly factor: number; readonly peak: OverloadPeak },
): Promise<OverloadLoad> {
  const perSecond = Math.round(peak.perSecond * sustainedShare * factor);
  const orders = ordersFor(site, addresses);
  const idsPath = join(site.home, `${orders.run}.ids`);
  const load = { ...orders, connections: connectionsAtFirst, seconds, perSecond, idsPath };
  const counts = await runGenerator(load, site.home);
  assertOnlyShed(site, counts);
  note(site, placedBy.platform, counts);
  await settle(site.client);
  await findAgain(site, idsPath, counts.created);
  return {
    processes: addresses.length,
    factor,
    offeredPerSecond: counts.sent / counts.seconds,
    acceptedPerSecond: counts.counted / counts.seconds,
    p50Ms: counts.p50Ms,
    p99Ms: counts.p99Ms,
    shed: counts.shed,
  };
}

/** Of one SKU. */
function ordersFor({ shop, platform, nextRun }: Site, addresses: readonly string[]) {
  const { token, skuIds } = shop;
  const run = nextRun("overload");
  return { address: platform.address, addresses, token, skuIds: skuIds.slice(0, 1), run };
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
