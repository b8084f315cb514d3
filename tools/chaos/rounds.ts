/** Load, kills, and at the end the audit. */
import type { Platform } from "../../e2e/platform.ts";
import { isReady, ownPlace, startPlatform } from "../../e2e/platform.ts";
import { audit, isSound, wordFindings } from "../../e2e/play/audit.ts";
import type { Chapter } from "../../e2e/play/diary.ts";
import { readFacts } from "../../e2e/play/facts.ts";
import { pause } from "../../e2e/play/member.ts";
import type { Chance } from "../../e2e/play/random.ts";
import { createChance } from "../../e2e/play/random.ts";
import type { Stage } from "../../e2e/play/stage.ts";
import { createStage, fillShelves, playCrowd, withShortClose } from "../../e2e/play/stage.ts";
import type { StoryName } from "../../e2e/play/stories.ts";
import { castOf, stories } from "../../e2e/play/stories.ts";
import { settle } from "../../e2e/play/unfinished.ts";
import type { Progress } from "../progress.ts";
import type { Victim } from "./victims.ts";
import { killAndWait } from "./victims.ts";

export interface ChaosOptions {
  readonly home: string;
  readonly rounds: number;
  readonly seed: string;
  readonly say: (line: string) => void;
  readonly progress: Progress;
  readonly stopped: AbortSignal;
}

/** Members at once: enough that every kill meets requests in every step. */
const atOnce = 32;
/** From the moment that all is well again until the next kill. */
const calmMs = { least: 500, most: 3_500 };
/** More than the load of twenty rounds can buy, and less than a member wants who wants too much. */
const shelvesFor = 4_000;
/** What a kill has left half done is asked about again after seconds, then minutes. */
const settleMsMax = 300_000;
const speedAtTheEnd = 60;
const tellEveryMs = 1_000;
/** Orders that nobody pays close after a minute: too long for a short run. */
const roundsOfLongRun = 10;
const neverPaying = 20;

/**
 * The supervisor gives up a program that dies over and over, as it should; with one crash of
 * everything in each hand of three, nothing dies so often under one supervisor.
 */
const hand = ["server", "PostgreSQL", "everything"] as const;

export async function runChaos(options: ChaosOptions) {
  const { home, rounds, seed, say, progress, stopped } = options;
  const startedAt = performance.now();
  const environment = await ownPlace();
  let platform = await startPlatform({ home, environment });
  const stage = createStage(platform.demo);
  const chapters: Chapter[] = [];
  const chance = createChance(seed);
  let isOver = false;
  try {
    await fillShelves(stage, shelvesFor);
    await stage.outside.letStorm(seed);
    const run = `c${Date.now().toString(36)}`;
    const crowd = {
      run,
      seed,
      atOnce,
      onEnd: (chapter: Chapter) => void chapters.push(chapter),
    };
    if (rounds >= roundsOfLongRun) {
      const late = Array.from({ length: neverPaying }, (): StoryName => "never");
      const next = () => late.pop();
      await withShortClose(stage, run, () => playCrowd(stage, { ...crowd, next }));
    }
    const cast = createCast(chance);
    const load = playCrowd(stage, { ...crowd, next: () => (isOver ? undefined : cast()) });
    for (let round = 1; round <= rounds && !stopped.aborted; round += 1) {
      const told = await playRound(platform, { round, chance, seed, stage, environment });
      platform = told.platform;
      say(`round ${round} of ${rounds}: ${told.words}; ${chapters.length} stories have ended`);
    }
    isOver = true;
    stopped.throwIfAborted();
    const left = await finish(stage, load, { progress, chapters, stopped });
    const facts = await readFacts(stage.witness, chapters, left);
    const findings = audit(facts, { storm: true });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const title = `${rounds} rounds, seed "${seed}", ${chapters.length} stories, ${seconds} s`;
    return { lines: ["", title, "", ...wordFindings(findings)], isSound: isSound(findings) };
  } finally {
    isOver = true;
    progress.end();
    await platform.stop();
  }
}

/** Stories without end, in the mixture of the demo; those who never pay would pile up. */
function createCast(chance: Chance): () => StoryName {
  const names = (Object.keys(stories) as StoryName[]).filter((name) => name !== "never");
  const mixture = castOf(100, names);
  return () => chance.pick(mixture);
}

async function playRound(
  platform: Platform,
  given: {
    round: number;
    chance: Chance;
    seed: string;
    stage: Stage;
    environment: Readonly<Record<string, string>>;
  },
): Promise<{ platform: Platform; words: string }> {
  const { round, chance, seed, stage, environment } = given;
  const afterMs = calmMs.least + chance.below(calmMs.most - calmMs.least);
  await pause(afterMs);
  const victim = victimOf(round, seed);
  const when = `killed ${victim} after ${(afterMs / 1000).toFixed(1)} s`;
  const back = (ms: number) => `${when}, back after ${(ms / 1000).toFixed(1)} s`;
  if (victim !== "everything") {
    return { platform, words: back(await killAndWait(platform, victim)) };
  }
  const killedAt = performance.now();
  await platform.kill();
  // At the same addresses: clients and channels know them.
  const next = await startPlatform({ home: platform.home, environment });
  // The simulator keeps what it has answered, but not the weather.
  await stage.outside.letStorm(`${seed}/${round}`);
  return { platform: next, words: back(performance.now() - killedAt) };
}

/** Each hand of three in an order of its own. */
export function victimOf(round: number, seed: string): Victim | "everything" {
  const at = round - 1;
  const dealt = createChance(`${seed}/hand ${Math.floor(at / hand.length)}`).shuffle(hand);
  return dealt[at % hand.length] ?? "server";
}

/** Nobody new comes, the weather clears up, and everything that has begun comes to its end. */
async function finish(
  { witness, outside }: Stage,
  load: Promise<unknown>,
  given: Pick<ChaosOptions, "progress" | "stopped"> & { readonly chapters: readonly Chapter[] },
): Promise<string[]> {
  const { progress, stopped, chapters } = given;
  if (!(await isReady(witness.baseUrl))) throw new Error("the platform is not ready at the end");
  await outside.calmDown();
  await outside.setSpeed(speedAtTheEnd);
  const telling = setInterval(
    () => progress.tell(`load stops: ${chapters.length} stories have ended, the last ones end now`),
    tellEveryMs,
  );
  await load.finally(() => clearInterval(telling));
  const tell = (count: number) => progress.tell(`${count} things come to their end`);
  const left = await settle(witness, new Map(), { waitMs: settleMsMax, stopped, tell });
  progress.end();
  return left;
}
