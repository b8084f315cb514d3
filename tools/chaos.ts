/**
 * `npm run chaos`: kills, holds and overruns the processes of a platform again and again while
 * members shop in the simulator's hostile weather; after every round, and at the end, an audit says
 * whether anything was lost or doubled.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "./chaos/rounds.ts";
import { createProgress } from "./progress.ts";
import { stopRequest } from "./stop-request.ts";

const usage = `npm run chaos -- [--rounds 20] [--seed <text>]

  --rounds  how many things happen, 1 to 1000; eight of them are one of each kind
  --seed    with the same seed the same happens, in the same weather`;
const roundsMax = 1_000;
const roundsDefault = "20";
/** sysexits.h: used wrongly. */
const usageExit = 64;

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const wanted = readArguments(args);
  if (wanted === undefined) return usageExit;
  const stopped = stopRequest();
  const home = mkdtempSync(join(tmpdir(), "tongbao-chaos-"));
  // Only its owner may enter what mkdtemp makes, and as root PostgreSQL runs as somebody else.
  chmodSync(home, 0o755);
  print(`chaos with the seed "${wanted.seed}" in ${home}`);
  try {
    const progress = createProgress();
    const { lines, isSound } = await runChaos({
      ...wanted,
      home,
      say: print,
      progress,
      stopped,
    });
    for (const line of lines) print(line);
    if (isSound) rmSync(home, { recursive: true, force: true });
    else print(`Everything is kept in ${home}.`);
    return isSound ? 0 : 1;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    say(`Everything is kept in ${home}.`);
    return 1;
  }
}

function readArguments(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: "string", default: roundsDefault },
        seed: { type: "string" },
        help: { type: "boolean" },
      },
    });
    const rounds = Number(values.rounds);
    const isNumber = Number.isInteger(rounds) && rounds >= 1 && rounds <= roundsMax;
    if (values.help !== true && isNumber) {
      return { rounds, seed: values.seed ?? Date.now().toString(36) };
    }
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  say(usage);
  return undefined;
}
