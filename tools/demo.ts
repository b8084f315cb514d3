/**
 * `npm run demo`: members live their stories on the running platform, or on one that is started
 * for it, and an audit says in plain words whether everything is as it must be.
 */
import { resolve } from "node:path";
import type { Platform } from "../e2e/platform.ts";
import { isReady, readDemo, startPlatform } from "../e2e/platform.ts";
import { playDemo } from "./demo/play.ts";
import { createProgress } from "./progress.ts";
import { readRunArguments, usageExit } from "./run-arguments.ts";
import { stopRequest } from "./stop-request.ts";

const usage = `npm run demo -- [--members 300] [--seed <text>] [--faults <seed>]

  --members  how many members come, 20 to 4000
  --seed     the same seed lets the same members want the same things
  --faults   the simulator's hostile weather: lost, late, double and forged notices,
             calls that fail or whose answers get lost; the same for the same seed`;
const members = { name: "members", min: 20, max: 4_000, default: 300 };

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const wanted = readRunArguments(args, { usage, count: members, texts: ["faults"] }, say);
  if (wanted === undefined) return usageExit;
  const stopped = stopRequest();

  const home = resolve(process.env["TONGBAO_HOME"] ?? ".tongbao");
  let started: Platform | undefined;
  try {
    started = (await isRunning(home)) ? undefined : await start(home);
    const demo = started?.demo ?? readDemo(home);
    print(`Tongbao at ${demo.baseUrl}, the outside world at ${demo.simulatorUrl}`);
    const progress = createProgress();
    const { lines, isSound } = await playDemo({
      members: wanted.count,
      seed: wanted.seed,
      faults: wanted.texts["faults"],
      demo,
      progress,
      stopped,
    });
    for (const line of lines) print(line);
    return isSound ? 0 : 1;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  } finally {
    if (started !== undefined) say("Stopping the platform that was started for the demo.");
    await started?.stop();
  }
}

async function isRunning(home: string): Promise<boolean> {
  try {
    return await isReady(readDemo(home).baseUrl);
  } catch {
    // Nothing was ever started here.
    return false;
  }
}

async function start(home: string): Promise<Platform> {
  say("No platform is running: starting one for the demo.");
  return startPlatform({ home, environment: {} });
}
