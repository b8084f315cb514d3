/** Orders a second: lets the ways take turns at the same shop. */
import { hotOptions } from "../server/kernel/database.ts";
import type { Cell, Goods, Opponent, Turn, Way } from "./figures.ts";
import { byWay, figuresOf, median, opponents, ways } from "./figures.ts";
import type { Options } from "./options.ts";
import type { Site } from "./site.ts";
import { measureOrders, placedBy } from "./site.ts";
import type { Program } from "./stage.ts";
import { startNaive } from "./stage.ts";
import { BenchError } from "./watch.ts";

export interface OrdersGiven {
  readonly options: Pick<Options, "seconds" | "rounds" | "connections">;
  /** Connections of an opponent's pool that are tried; each takes its best one. */
  readonly poolSizes: readonly number[];
  /** A load before the first one that counts: code is compiled, caches and pools are filled. */
  readonly warmupSeconds: number;
}

/** The first trial of a pool is its warm-up. */
const poolTrials = 2;

/** Every number of connections, over one hot SKU or over many. */
export async function measureGoods(site: Site, given: OrdersGiven, goods: Goods): Promise<Cell[]> {
  const skuIds = goods === "hot" ? site.shop.skuIds.slice(0, 1) : site.shop.skuIds;
  const { connections: all, seconds, rounds } = given.options;
  const poolMax = {
    naive: await choosePool(site, given, { way: "naive", skuIds }),
    tuned: await choosePool(site, given, { way: "tuned", skuIds }),
  };
  const naive = await startOpponent(site, "naive", poolMax.naive);
  const tuned = await startOpponent(site, "tuned", poolMax.tuned);
  try {
    const { platform, edge, echo } = site;
    const programs: Record<Way, Program> = {
      naive,
      tuned,
      platform,
      sale: platform,
      edge,
      echo,
    };
    const cells: Cell[] = [];
    for (const connections of all) {
      const measure = (way: Way, roundSeconds: number) =>
        measureOrders(site, {
          way,
          program: programs[way],
          skuIds,
          connections,
          seconds: roundSeconds,
        });
      if (given.warmupSeconds > 0) for (const way of ways) await measure(way, given.warmupSeconds);
      const turns: Turn[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        const turn = await byWay((way) => measure(way, seconds));
        site.say(lineOf(turn, `${skuIds.length} SKUs, ${connections} connections, round ${round}`));
        turns.push(turn);
      }
      const figures = await byWay((way) => figuresOf(turns, way));
      cells.push({ goods, skus: skuIds.length, connections, poolMax, figures, turns });
    }
    return cells;
  } finally {
    await naive.stop();
    await tuned.stop();
  }
}

function lineOf(turn: Turn, where: string): string {
  const figures = ways.map((way) => `${way} ${Math.round(turn[way].perSecond)}`);
  return `${where}: ${figures.join(", ")} orders/s`;
}

/** The opponents have chosen their pools well. */
async function choosePool(
  site: Site,
  { poolSizes, options, warmupSeconds }: OrdersGiven,
  { way, skuIds }: { readonly way: Opponent; readonly skuIds: readonly string[] },
): Promise<number> {
  const [only, ...others] = poolSizes;
  if (only !== undefined && others.length === 0) return only;
  const connections = Math.max(...options.connections);
  const tried: { poolMax: number; perSecond: number }[] = [];
  for (const poolMax of poolSizes) {
    const program = await startOpponent(site, way, poolMax);
    try {
      const rates: number[] = [];
      for (let trial = 0; trial < poolTrials; trial += 1) {
        const load = { way, program, skuIds, connections, seconds: warmupSeconds };
        const { perSecond } = await measureOrders(site, load);
        if (trial > 0) rates.push(perSecond);
      }
      tried.push({ poolMax, perSecond: median(rates) });
    } finally {
      await program.stop();
    }
  }
  const [best] = tried.toSorted((a, b) => b.perSecond - a.perSecond);
  const shown = tried.map(({ poolMax, perSecond }) => `${poolMax}: ${Math.round(perSecond)}`);
  site.say(`${way} over ${skuIds.length} SKUs, by connections of its pool: ${shown.join(", ")}`);
  if (best === undefined) throw new BenchError("no pool size was given");
  return best.poolMax;
}

function startOpponent(site: Site, way: Opponent, poolMax: number): Promise<Program> {
  const url = new URL(site.databaseUrl);
  url.searchParams.set("options", hotOptions);
  const { tenantId, token } = site.shop;
  const subject = placedBy[way];
  return startNaive(site.home, { way, databaseUrl: url.href, poolMax, tenantId, token, subject });
}

/** The pools that were chosen, in words. */
export function shownPools(cells: readonly Cell[]): string[] {
  const pools = new Map(cells.map(({ skus, poolMax }) => [skus, poolMax]));
  return [...pools].flatMap(([skus, poolMax]) =>
    opponents.map((way) => `${way} over ${skus} SKUs: ${poolMax[way]} connections`),
  );
}
