/** Load, one deed a round and an audit after each, and at the end the whole audit. */
import { addressesOf, isReady, ownPlace, startPlatform } from "../../e2e/platform.ts";
import { audit, isSound, wordFindings } from "../../e2e/play/audit.ts";
import type { Finding } from "../../e2e/play/audit.ts";
import { auditNow, toldIn } from "../../e2e/play/database-audit.ts";
import type { Chapter } from "../../e2e/play/diary.ts";
import { readFacts } from "../../e2e/play/facts.ts";
import { pause } from "../../e2e/play/member.ts";
import { createChance } from "../../e2e/play/random.ts";
import type { Crowd, Stage } from "../../e2e/play/stage.ts";
import { createStage, fillShelves, playCrowd, withShortClose } from "../../e2e/play/stage.ts";
import type { StoryName } from "../../e2e/play/stories.ts";
import { castOf, everyday } from "../../e2e/play/stories.ts";
import { judgeWaits } from "../../e2e/play/patience.ts";
import { settle } from "../../e2e/play/unfinished.ts";
import { createWire, judgeWire } from "../../e2e/play/wire.ts";
import { partsOf } from "./processes.ts";
import { embeddedUrl } from "../../server/kernel/embedded-postgres.ts";
import type { Progress } from "../progress.ts";
import type { Deed, Site } from "./deeds.ts";
import { chaosSettings, deeds } from "./deeds.ts";
import { createMidway, judgeMidway } from "./midway.ts";
import { letAllStorm, settleRefunds } from "./weather.ts";

export interface ChaosOptions {
  readonly home: string;
  readonly rounds: number;
  readonly seed: string;
  readonly say: (line: string) => void;
  readonly progress: Progress;
  readonly stopped: AbortSignal;
}

/** Two that answer and one that works: the least that can disagree with each other. */
const processes = { apis: 2, workers: 1 };
/** Members at once: enough that every deed meets requests in every step. */
const atOnce = 32;
/** More than can end before the deed, so that none meets an idle platform. */
const storiesPerRound = 80;
const doorMs = 50;
/** From the moment that all is well again until the next deed. */
const calmMs = { least: 500, most: 2_500 };
/** Less than a member wants who wants too much; filled up again when half of it is sold. */
const shelvesFor = 4_000;
const roundsPerFilling = 10;
/** What a kill has left half done is asked about again after seconds, then minutes. */
const settleMsMax = 300_000;
/** By then all processes have seen a setting that one of them was told. */
const settingSeenMs = 6_000;
const speedAtTheEnd = 60;
const tellEveryMs = 1_000;
/** Orders that nobody pays close after a minute: too long for a short run. */
const roundsOfLongRun = 10;
const neverPaying = 20;

export async function runChaos(options: ChaosOptions) {
  const { rounds, seed, stopped } = options;
  const startedAt = performance.now();
  const diary: Diary = { begun: new Set(), ended: [] };
  const chapters = diary.ended;
  const site = await open(options, diary);
  const { stage } = site;
  const life = new AbortController();
  const allowance: Allowance = { left: 0 };
  try {
    await fillShelves(stage, shelvesFor);
    await letAllStorm(stage.outside, seed);
    const { run, onBegin, onEnd } = site;
    const crowd = { run, seed, atOnce, onBegin, onEnd };
    if (rounds >= roundsOfLongRun) await playNever(stage, crowd);
    const load = playCrowd(stage, { ...crowd, next: createDoor(seed, allowance, life.signal) });
    const broken = await playRounds(site, options, { diary, allowance });
    life.abort();
    stopped.throwIfAborted();
    if (broken.length > 0) return { lines: ["", ...wordFindings(broken)], isSound: false };
    const left = await finish(stage, Promise.all([load, ...site.crowds]), { ...options, chapters });
    const facts = await readFacts(stage.witness, chapters, left);
    const findings = [...audit(facts, { storm: true }), ...judgeAnswers(site)];
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const title = `${rounds} rounds, seed "${seed}", ${chapters.length} stories, ${seconds} s`;
    return { lines: ["", title, "", ...wordFindings(findings)], isSound: isSound(findings) };
  } finally {
    life.abort();
    options.progress.end();
    await site.platform.stop();
  }
}

interface Diary {
  readonly begun: Set<Chapter>;
  readonly ended: Chapter[];
}

async function open(options: ChaosOptions, { begun, ended }: Diary): Promise<Site> {
  const { home, seed } = options;
  const place = { ...(await ownPlace(processes)), ...chaosSettings(home) };
  const platform = await startPlatform({ home, environment: place });
  const parts = partsOf(addressesOf(place), processes.apis);
  const servers = parts.slice(0, processes.apis);
  const wire = createWire(servers.map(({ address }) => address));
  const demo = { ...platform.demo, baseUrl: servers[0]?.address ?? "" };
  return {
    platform,
    place,
    servers,
    workers: parts.slice(processes.apis),
    stage: createStage(demo, wire),
    wire,
    chance: createChance(seed),
    seed,
    run: `c${Date.now().toString(36)}`,
    onBegin: (chapter) => void begun.add(chapter),
    onEnd: (chapter) => void ended.push(chapter),
    crowds: [],
  };
}

/** Gives the sentences that are not true; then no further round is played. */
async function playRounds(
  site: Site,
  options: ChaosOptions,
  { diary, allowance }: { readonly diary: Diary; readonly allowance: Allowance },
): Promise<Finding[]> {
  const { begun, ended } = diary;
  const { rounds, seed, say, stopped, home } = options;
  const midway = createMidway(site.stage.witness, site.wire);
  const { tenantId } = site.platform.demo;
  for (let round = 1; round <= rounds && !stopped.aborted; round += 1) {
    if (round % roundsPerFilling === 0) await fillShelves(site.stage, shelvesFor);
    const calm = calmMs.least + site.chance.below(calmMs.most - calmMs.least);
    allowance.left = storiesPerRound;
    await pause(calm);
    const told = await deeds[deedOf(round, seed)](site);
    const findings = judgeMidway(await midway.read());
    const within = await auditNow(
      { databaseUrl: embeddedUrl(home) ?? "", tenantId },
      toldIn(begun),
    );
    const all = [...findings, ...within, ...judgeAnswers(site)];
    const broken = all.filter(({ contradictions }) => contradictions.length > 0);
    const sentences = findings.map(({ sentence }) => sentence).join("; ");
    const when = `after ${(calm / 1000).toFixed(1)} s ${told}`;
    say(`round ${round} of ${rounds}: ${when}; ${ended.length} stories; ${sentences}`);
    if (broken.length > 0) return broken;
  }
  return [];
}

function judgeAnswers({ wire, stage }: Site): Finding[] {
  return [...judgeWire(wire.heard), judgeWaits(stage.waits)];
}

function playNever(stage: Stage, crowd: Omit<Crowd, "next">): Promise<Chapter[]> {
  const late = Array.from({ length: neverPaying }, (): StoryName => "never");
  const next = () => late.pop();
  return withShortClose(stage, crowd.run, async () => {
    await pause(settingSeenMs);
    return playCrowd(stage, { ...crowd, next });
  });
}

/** Whoever finds none waits for the next round: what an audit reads must not outgrow it. */
interface Allowance {
  left: number;
}

/** Stories in the mixture of the demo, until the end; those who never pay would pile up. */
function createDoor(seed: string, allowance: Allowance, end: AbortSignal) {
  const chance = createChance(`${seed}/cast`);
  const mixture = castOf(
    100,
    everyday.filter((name) => name !== "never"),
  );
  return async (): Promise<StoryName | undefined> => {
    while (allowance.left === 0 && !end.aborted) await pause(doorMs);
    if (end.aborted) return undefined;
    allowance.left -= 1;
    return chance.pick(mixture);
  };
}

/**
 * The supervisor gives up a program that dies over and over, as it should; with one crash of
 * everything in each hand, nothing dies so often under one supervisor.
 */
const hand = Object.keys(deeds) as Deed[];

/** Each hand in an order of its own. */
export function deedOf(round: number, seed: string): Deed {
  const at = round - 1;
  const dealt = createChance(`${seed}/hand ${Math.floor(at / hand.length)}`).shuffle(hand);
  return dealt[at % hand.length] ?? "kill a server";
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
  const waiting = { waitMs: settleMsMax, stopped, tell };
  await settleRefunds(outside, "abnormal");
  const left = await settle(witness, new Map(), waiting);
  // What the channel gave up is done by hand when nothing else of the payment is under way.
  const settled = left.length === 0 ? await settleRefunds(outside, "closed") : 0;
  const leftAtLast = settled === 0 ? left : await settle(witness, new Map(), waiting);
  progress.end();
  return leftAtLast;
}
