import { parseArgs } from "node:util";
import type { Goods } from "./figures.ts";

export interface Options {
  /** Of each round of each way. */
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: readonly number[];
  readonly goods: readonly Goods[];
}

export type OptionsRead =
  | { readonly kind: "options"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string };

export const usage = `npm run bench -- [options]

Places the same orders in four ways, one right after the other, and compares:
  naive      one transaction per request as it is usually written: statement by statement
  tuned      one transaction per request as well as it can be: two round trips, locks last
  platform   POST /v1/orders of the platform, which commits in groups
  echo       what Fastify alone can do with the same requests

  --seconds N         of each round of each way (5)
  --rounds N          medians are over so many (3)
  --connections N,N   at once (64,256)
  --only hot|many     one hot SKU, or 1,000 SKUs (both)

  --scale             something else: a year of ten million orders; lists, searches, new orders
  --orders N          with --scale: so many (10000000)

Figures of a whole run are kept in bench/results.`;

const allGoods: readonly Goods[] = ["hot", "many"];

export function readOptions(args: readonly string[]): OptionsRead {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: "string", default: "5" },
        rounds: { type: "string", default: "3" },
        connections: { type: "string", default: "64,256" },
        only: { type: "string" },
        help: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
  if (values["help"] === true) return { kind: "help" };
  const seconds = wholeNumber(values["seconds"], 600);
  if (seconds === undefined) return wrong("--seconds must be a whole number from 1 to 600");
  const rounds = wholeNumber(values["rounds"], 100);
  if (rounds === undefined) return wrong("--rounds must be a whole number from 1 to 100");
  const connections = String(values["connections"])
    .split(",")
    .map((text) => wholeNumber(text, 2_000));
  if (!connections.every((count) => count !== undefined)) {
    return wrong("--connections must be whole numbers from 1 to 2000, with commas between");
  }
  const only = allGoods.find((goods) => goods === values["only"]);
  if (values["only"] !== undefined && only === undefined)
    return wrong("--only must be hot or many");
  const goods = only === undefined ? allGoods : [only];
  return { kind: "options", options: { seconds, rounds, connections, goods } };
}

function wholeNumber(text: string | boolean | undefined, max: number): number | undefined {
  if (typeof text !== "string" || !/^\d{1,4}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= 1 && value <= max ? value : undefined;
}

function wrong(message: string): OptionsRead {
  return { kind: "wrong", message };
}
