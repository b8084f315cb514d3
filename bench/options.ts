import { parseArgs } from "node:util";
import type { Goods } from "./figures.ts";

/** What a whole run consists of. */
export const parts = ["hot", "many", "notices", "closing"] as const;
export type Part = (typeof parts)[number];

export type Mode =
  | { readonly kind: "parts"; readonly parts: readonly Part[] }
  | { readonly kind: "overload" }
  | { readonly kind: "soak"; readonly minutes: number };

export interface Options {
  readonly mode: Mode;
  /** Of each round of each way. */
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: readonly number[];
  /** In each round of `notices`. */
  readonly notices: number;
  /** In each round of `closing`. */
  readonly orders: number;
}

export type OptionsRead =
  | { readonly kind: "options"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string };

export const usage = `npm run bench -- [options]

Without a mode it measures all of this, with everything taking turns:
  hot, many   the same orders, over one SKU or over 1,000, in these ways:
    naive       one transaction per request as it is usually written: statement by statement
    tuned       one transaction per request as well as it can be: two round trips, locks last
    platform    POST /v1/orders of the platform, which commits in groups
    sale        the same in flash sales, with prices, units and a limit per member of their own
    edge        the platform's own HTTP edge, with the token check and all, and nothing behind it
    echo        what Fastify alone can do with the same requests
  notices     signed notices of WeChat Pay and Alipay, until the orders are paid
  closing     orders that nobody has paid in time, closed by the platform's own sweep

Other modes:
  --overload          by one process and by two: the peak, then up to twice the load that is
                      sustained, whatever the answers are
  --soak MINUTES      full load for so long, and what memory the platform holds

  --only PART,PART    some of hot, many, notices, closing (all)
  --seconds N         of each round of each way (3)
  --rounds N          medians are over so many (3)
  --connections N,N   at once (64,128,256)
  --notices N         in each round (6000)
  --orders N          closed in each round (100000)

  --scale             a year of ten million orders, or of --orders N: lists, searches, new orders

Every run appends a line to bench/results; the page there shows the last whole run.`;

const allGoods: readonly Goods[] = ["hot", "many"];

export function isGoods(part: Part): part is Goods {
  return allGoods.some((goods) => goods === part);
}

/** All parts with all numbers of connections, so that the page of results shows it. */
export function isWhole({ mode }: Options): boolean {
  return mode.kind !== "parts" || mode.parts.length === parts.length;
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

export function readOptions(args: readonly string[]): OptionsRead {
  let values: Values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: "string", default: "3" },
        rounds: { type: "string", default: "3" },
        connections: { type: "string", default: "64,128,256" },
        notices: { type: "string", default: "6000" },
        orders: { type: "string", default: "100000" },
        only: { type: "string" },
        overload: { type: "boolean", default: false },
        soak: { type: "string" },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
  if (values["help"] === true) return { kind: "help" };
  const mode = readMode(values);
  if (typeof mode === "string") return wrong(mode);
  const numbers = readNumbers(values);
  if (typeof numbers === "string") return wrong(numbers);
  const connections = String(values["connections"])
    .split(",")
    .map((text) => wholeNumber(text, 2_000));
  if (!connections.every((count) => count !== undefined)) {
    return wrong("--connections must be whole numbers from 1 to 2000, with commas between");
  }
  return { kind: "options", options: { mode, ...numbers, connections } };
}

/** A text says what is wrong. */
function readMode(values: Values): Mode | string {
  const { only, overload, soak } = values;
  const given = [only, soak].filter((value) => value !== undefined).length;
  if (given + (overload === true ? 1 : 0) > 1)
    return "--only, --overload and --soak exclude each other";
  if (overload === true) return { kind: "overload" };
  if (soak !== undefined) {
    const minutes = wholeNumber(soak, 1_440);
    if (minutes === undefined) return "--soak must be a whole number of minutes from 1 to 1440";
    return { kind: "soak", minutes };
  }
  if (only === undefined) return { kind: "parts", parts };
  const wanted = String(only).split(",");
  const known = parts.filter((part) => wanted.includes(part));
  if (known.length < wanted.length) return `--only must be some of ${parts.join(", ")}`;
  return { kind: "parts", parts: known };
}

const numberMax = { seconds: 600, rounds: 100, notices: 100_000, orders: 1_000_000 } as const;

function readNumbers(values: Values): Record<keyof typeof numberMax, number> | string {
  const read = { seconds: 0, rounds: 0, notices: 0, orders: 0 };
  for (const name of ["seconds", "rounds", "notices", "orders"] as const) {
    const value = wholeNumber(values[name], numberMax[name]);
    if (value === undefined) return `--${name} must be a whole number from 1 to ${numberMax[name]}`;
    read[name] = value;
  }
  return read;
}

function wholeNumber(text: string | boolean | undefined, max: number): number | undefined {
  if (typeof text !== "string" || !/^\d{1,7}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= 1 && value <= max ? value : undefined;
}

function wrong(message: string): OptionsRead {
  return { kind: "wrong", message };
}
