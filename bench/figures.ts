/** From single rounds to the figures that are shown. Pure. */

/** One transaction per request: as it is usually written, and as well as it can be. */
export const opponents = ["naive", "tuned"] as const;
export type Opponent = (typeof opponents)[number];

/** In which orders are taken; `sale` is the platform's too, `edge` and `echo` take them nowhere. */
export const ways = [...opponents, "platform", "sale", "edge", "echo"] as const;
export type Way = (typeof ways)[number];

/** What one thing took, where the system tells it. */
export interface Used {
  /** Processor time of the server's process, of PostgreSQL, and of the load generator. */
  readonly nodeUs: number | undefined;
  readonly postgresUs: number | undefined;
  readonly generatorUs: number | undefined;
  readonly walBytes: number | undefined;
  /** Commands that shared a transaction, at the median of transactions. */
  readonly batch: number | undefined;
}

/** One way under load for some seconds. */
export interface Round extends Used {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Figures extends Round {
  /** Medians of the ratios within one turn: what slows the machine slows all ways of a turn. */
  readonly toNaive: number;
  readonly toTuned: number;
  readonly toPlatform: number;
  readonly toEdge: number;
  readonly toEcho: number;
}

/** What the ways did one right after the other. */
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

export async function byWay<Value>(
  give: (way: Way) => Promise<Value> | Value,
): Promise<Record<Way, Value>> {
  const found: Partial<Record<Way, Value>> = {};
  for (const way of ways) found[way] = await give(way);
  // Every way was asked.
  return found as Record<Way, Value>;
}

export function figuresOf(turns: readonly Turn[], way: Way): Figures {
  const ratioTo = (other: Way): number =>
    median(turns.map((turn) => turn[way].perSecond / turn[other].perSecond));
  return {
    ...medianRound(turns.map((turn) => turn[way])),
    toNaive: ratioTo("naive"),
    toTuned: ratioTo("tuned"),
    toPlatform: ratioTo("platform"),
    toEdge: ratioTo("edge"),
    toEcho: ratioTo("echo"),
  };
}

/** Each figure for itself: that of the round in the middle. */
export function medianRound(rounds: readonly Round[]): Round {
  const known = (key: keyof Round): number | undefined => {
    const values = rounds.flatMap((round) => round[key] ?? []);
    return values.length === 0 ? undefined : median(values);
  };
  return {
    perSecond: known("perSecond") ?? 0,
    p50Ms: known("p50Ms") ?? 0,
    p99Ms: known("p99Ms") ?? 0,
    batch: known("batch"),
    nodeUs: known("nodeUs"),
    postgresUs: known("postgresUs"),
    generatorUs: known("generatorUs"),
    walBytes: known("walBytes"),
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

/** By least squares, in units of y for one of x; 0 where there are fewer than two points. */
export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  if (spread === 0 || points.length < 2) return 0;
  return points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spread;
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

/** A quantile of what came between two looks, evenly spread within its bucket. */
export function quantileBetween(
  before: Buckets,
  after: Buckets,
  quantile: number,
): number | undefined {
  const counts = after.map(({ le, count }, index) => ({
    le,
    count: count - (before[index]?.count ?? 0),
  }));
  const total = counts.at(-1)?.count ?? 0;
  if (total === 0) return undefined;
  let lower = { le: 0, count: 0 };
  for (const bucket of counts) {
    if (bucket.count >= total * quantile) {
      if (bucket.le === Number.POSITIVE_INFINITY) return lower.le;
      const share = (total * quantile - lower.count) / (bucket.count - lower.count);
      return lower.le + (bucket.le - lower.le) * share;
    }
    lower = bucket;
  }
  return undefined;
}
