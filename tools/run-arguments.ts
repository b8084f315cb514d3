import { parseArgs } from "node:util";

/** sysexits.h: used wrongly. */
export const usageExit = 64;

/** What a run by seed can be told. `count` says how much happens in it. */
export interface RunArguments {
  readonly usage: string;
  readonly count: {
    readonly name: string;
    readonly min: number;
    readonly max: number;
    readonly default: number;
  };
  /** Options beside it that take a text. */
  readonly texts?: readonly string[];
}

export interface Run {
  readonly count: number;
  /** Another one at each run, unless it was given. */
  readonly seed: string;
  readonly texts: Readonly<Record<string, string | undefined>>;
}

/** Reads the words behind `--`; undefined, after `say` was told the usage, when they are wrong. */
export function readRunArguments(
  args: readonly string[],
  { usage, count, texts = [] }: RunArguments,
  say: (line: string) => void,
): Run | undefined {
  try {
    const named = [count.name, "seed", ...texts].map((name) => [name, { type: "string" }] as const);
    const options = { ...Object.fromEntries(named), help: { type: "boolean" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const given: Record<string, string | boolean | undefined> = values;
    const textOf = (name: string) => {
      const value = given[name];
      return typeof value === "string" ? value : undefined;
    };
    const wanted = Number(textOf(count.name) ?? count.default);
    const isInside = Number.isInteger(wanted) && wanted >= count.min && wanted <= count.max;
    if (given["help"] !== true && isInside) {
      return {
        count: wanted,
        seed: textOf("seed") ?? Date.now().toString(36),
        texts: Object.fromEntries(texts.map((name) => [name, textOf(name)])),
      };
    }
  } catch (error) {
    // Node's own sentence names the word that it does not know.
    say(error instanceof Error ? error.message : String(error));
  }
  say(usage);
  return undefined;
}
