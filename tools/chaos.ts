/**
 * `npm run chaos`: kills, holds and overruns the processes of a platform again and again while
 * members shop in the simulator's hostile weather; after every round, and at the end, an audit says
 * whether anything was lost or doubled.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChaos } from "./chaos/rounds.ts";
import { createProgress } from "./progress.ts";
import { readRunArguments, usageExit } from "./run-arguments.ts";
import { stopRequest } from "./stop-request.ts";

const usage = `npm run chaos -- [--rounds 20] [--seed <text>]

  --rounds  how many things happen, 1 to 1000; eight of them are one of each kind
  --seed    with the same seed the same happens, in the same weather`;
const rounds = { name: "rounds", min: 1, max: 1_000, default: 20 };

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const wanted = readRunArguments(args, { usage, count: rounds }, say);
  if (wanted === undefined) return usageExit;
  const stopped = stopRequest();
  const home = mkdtempSync(join(tmpdir(), "tongbao-chaos-"));
  // Only its owner may enter what mkdtemp makes, and as root PostgreSQL runs as somebody else.
  chmodSync(home, 0o755);
  print(`chaos with the seed "${wanted.seed}" in ${home}`);
  try {
    const progress = createProgress();
    const { lines, isSound } = await runChaos({
      rounds: wanted.count,
      seed: wanted.seed,
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
