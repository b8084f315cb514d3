/** How many new orders a second an empty database takes and a full one, turn by turn. */
import pg from "pg";
import { median } from "../figures.ts";
import type { Generator } from "../load/load.ts";
import { runLoad } from "../load/load.ts";
import type { Shop } from "../shop.ts";
import { settle } from "../watch.ts";

export interface Side {
  readonly shop: Shop;
  readonly databaseUrl: string;
  readonly home: string;
}

export interface Turn {
  readonly empty: number;
  readonly full: number;
}

export interface Throughput {
  readonly turns: readonly Turn[];
  readonly emptyPerSecond: number;
  readonly fullPerSecond: number;
  /** The median of the ratios within one turn: what slows the machine slows both. */
  readonly fullToEmpty: number;
}

export async function compareThroughput(given: {
  readonly generator: Generator;
  readonly sides: { readonly empty: Side; readonly full: Side };
  readonly rounds: number;
  readonly seconds: number;
  /**
   * Before the first turn. A crowd of members touches pages all over their index, each of which is
   * read once, and written once whole to the log after a checkpoint.
   */
  readonly warmupSeconds: number;
  readonly connections: number;
  readonly say: (line: string) => void;
}): Promise<Throughput> {
  const { sides, rounds, seconds, say } = given;
  const measure = async (name: keyof Turn, run: string, forSeconds: number): Promise<number> => {
    const side = sides[name];
    const { address, token, skuIds } = side.shop;
    const { connections } = given;
    const load = { address, token, skuIds, connections, seconds: forSeconds };
    const counts = await runLoad(given.generator, { ...load, run: `${name}-${run}` }, side.home);
    if (counts.created === 0 || counts.created < counts.answered || counts.broken > 0)
      throw new Error(`${name}: of ${counts.answered} answers ${counts.created} were 201`);
    await settleAt(side.databaseUrl);
    return counts.created / counts.seconds;
  };
  for (const name of ["empty", "full"] as const) await measure(name, "warm", given.warmupSeconds);
  const turns: Turn[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const rates = { empty: 0, full: 0 };
    // Who goes first changes: checkpoints and caches favour neither.
    const order = round % 2 === 1 ? (["empty", "full"] as const) : (["full", "empty"] as const);
    for (const name of order) rates[name] = await measure(name, String(round), seconds);
    say(
      `round ${round}: ${Math.round(rates.empty)} orders/s empty, ${Math.round(rates.full)} full`,
    );
    turns.push(rates);
  }
  return {
    turns,
    emptyPerSecond: median(turns.map(({ empty }) => empty)),
    fullPerSecond: median(turns.map(({ full }) => full)),
    fullToEmpty: median(turns.map(({ empty, full }) => full / empty)),
  };
}

async function settleAt(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await settle(client);
  } finally {
    await client.end();
  }
}
