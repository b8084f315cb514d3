/** One run: what was asked for, one part after the other, each ending with its proof. */
import type { ClosingRound } from "./closing.ts";
import { measureClosing } from "./closing.ts";
import type { Cell } from "./figures.ts";
import type { NoticeCell } from "./notices/notices.ts";
import { measureNotices } from "./notices/notices.ts";
import type { Options, Part } from "./options.ts";
import { isGoods } from "./options.ts";
import { measureGoods } from "./orders.ts";
import type { Overload } from "./overload.ts";
import { measureOverload } from "./overload.ts";
import type { DatabaseDescription, Given, Site } from "./site.ts";
import { describeDatabase, openSite, proveOrders } from "./site.ts";
import type { Soak } from "./soak.ts";
import { measureSoak } from "./soak.ts";

export interface RunGiven extends Given {
  readonly options: Options;
  readonly poolSizes: readonly number[];
  readonly warmupSeconds: number;
  readonly sampleEveryMs: number;
}

export type Measured =
  | ({ readonly kind: "parts" } & Parts)
  | ({ readonly kind: "overload" } & Overload)
  | ({ readonly kind: "soak" } & Soak);

export interface Parts {
  readonly cells: readonly Cell[];
  /** Orders that were acknowledged, found again and added up. */
  readonly ordersProven: number;
  readonly notices: readonly NoticeCell[];
  readonly closing: readonly ClosingRound[];
}

export type Result = DatabaseDescription & { readonly measured: Measured };

/** Of the load that is sustained, up to one that nobody could take. */
const overloadFactors = [1, 1.5, 2];

export async function runBench(given: RunGiven): Promise<Result> {
  const site = await openSite(given);
  try {
    const measured = await measure(site, given);
    return { ...(await describeDatabase(site.client)), measured };
  } finally {
    await site.close();
  }
}

async function measure(site: Site, given: RunGiven): Promise<Measured> {
  const { options } = given;
  const { mode } = options;
  switch (mode.kind) {
    case "parts":
      return { kind: "parts", ...(await measureParts(site, given, mode.parts)) };
    case "overload":
      return {
        kind: "overload",
        ...(await measureOverload(site, { ...given, factors: overloadFactors })),
      };
    case "soak": {
      const connections = Math.max(...options.connections);
      return { kind: "soak", ...(await measureSoak(site, { ...given, ...mode, connections })) };
    }
  }
}

/** Orders first: the other parts pay and close them. */
async function measureParts(site: Site, given: RunGiven, parts: readonly Part[]): Promise<Parts> {
  const { options } = given;
  const cells: Cell[] = [];
  for (const goods of parts.filter(isGoods))
    cells.push(...(await measureGoods(site, given, goods)));
  const ordersProven = cells.length === 0 ? 0 : await proveOrders(site);
  return {
    cells,
    ordersProven,
    notices: parts.includes("notices") ? await measureNotices(site, options) : [],
    closing: parts.includes("closing") ? await measureClosing(site, options) : [],
  };
}
