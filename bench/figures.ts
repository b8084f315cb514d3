/** From single rounds to the figures that are shown. Pure. */

/** One transaction per request: as it is usually written, and as well as it can be. */
export const opponents = ["naive", "tuned"] as const;
export type Opponent = (typeof opponents)[number];

export const ways = [...opponents, "platform", "echo"] as const;
export type Way = (typeof ways)[number];

/** One way under load for some seconds. */
export interface Round {
  readonly ordersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Orders that shared a transaction, at the median of transactions. */
  readonly batch?: number;
  /** Processor time an order of the server's process, and of PostgreSQL. */
  readonly nodeUs?: number;
  readonly postgresUs?: number;
}

export interface Figures extends Round {
  /** Medians of the ratios within one turn: what slows the machine slows all ways of a turn. */
  readonly toNaive: number;
  readonly toTuned: number;
  readonly toEcho: number;
}

/** What the four ways did one right after the other. */
export type Turn = Readonly<Record<Way, Round>>;

export type Goods = "hot" | "many";

export interface Cell {
  readonly goods: Goods;
  readonly skus: number;
  readonly connections: number;
  /** Connections of an opponent's pool: the best of those that were tried. */
  readonly poolMax: Readonly<Record<Opponent, number>>;
  readonly figures: Readonly<Record<Way, Figures>>;
  readonly turns: readonly Turn[];
}

export function figuresOf(turns: readonly Turn[]): Record<Way, Figures> {
  return {
    naive: figuresOfWay(turns, "naive"),
    tuned: figuresOfWay(turns, "tuned"),
    platform: figuresOfWay(turns, "platform"),
    echo: figuresOfWay(turns, "echo"),
  };
}

function figuresOfWay(turns: readonly Turn[], way: Way): Figures {
  const of = (key: keyof Round): number | undefined => {
    const values = turns.flatMap((turn) => turn[way][key] ?? []);
    return values.length === 0 ? undefined : median(values);
  };
  const ratioTo = (other: Way): number =>
    median(turns.map((turn) => turn[way].ordersPerSecond / turn[other].ordersPerSecond));
  const [batch, nodeUs, postgresUs] = [of("batch"), of("nodeUs"), of("postgresUs")];
  return {
    ordersPerSecond: of("ordersPerSecond") ?? 0,
    p50Ms: of("p50Ms") ?? 0,
    p99Ms: of("p99Ms") ?? 0,
    ...(batch === undefined ? {} : { batch }),
    ...(nodeUs === undefined ? {} : { nodeUs }),
    ...(postgresUs === undefined ? {} : { postgresUs }),
    toNaive: ratioTo("naive"),
    toTuned: ratioTo("tuned"),
    toEcho: ratioTo("echo"),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [left = Number.NaN, right = Number.NaN] = [
    sorted[Math.ceil(middle) - 1],
    sorted[Math.floor(middle)],
  ];
  return (left + right) / 2;
}

/** A histogram of Prometheus: how many values were at most `le`. */
export type Buckets = readonly { readonly le: number; readonly count: number }[];

/** The buckets of one series out of the text of /metrics. */
export function readBuckets(
  metrics: string,
  { name, label }: { readonly name: string; readonly label: string },
): Buckets {
  const pattern = new RegExp(`^${name}_bucket\\{(.*)\\} (\\d+)$`, "gm");
  return [...metrics.matchAll(pattern)].flatMap(([, labels = "", count]) => {
    const le = /le="([^"]+)"/.exec(labels)?.[1];
    if (le === undefined || !labels.includes(label)) return [];
    return [{ le: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), count: Number(count) }];
  });
}

/** The median of what came between two looks, evenly spread within its bucket. */
export function medianBetween(before: Buckets, after: Buckets): number | undefined {
  const counts = after.map(({ le, count }, index) => ({
    le,
    count: count - (before[index]?.count ?? 0),
  }));
  const total = counts.at(-1)?.count ?? 0;
  if (total === 0) return undefined;
  let lower = { le: 0, count: 0 };
  for (const bucket of counts) {
    if (bucket.count * 2 >= total) {
      if (bucket.le === Number.POSITIVE_INFINITY) return lower.le;
      const share = (total / 2 - lower.count) / (bucket.count - lower.count);
      return lower.le + (bucket.le - lower.le) * share;
    }
    lower = bucket;
  }
  return undefined;
}
