import type { Demo } from "../../e2e/platform.ts";
import { audit, isSound, wordFindings } from "../../e2e/play/audit.ts";
import type { Chapter } from "../../e2e/play/diary.ts";
import { readFacts } from "../../e2e/play/facts.ts";
import type { Stage } from "../../e2e/play/stage.ts";
import { createStage, fillShelves, playCrowd, withShortClose } from "../../e2e/play/stage.ts";
import type { StoryName } from "../../e2e/play/stories.ts";
import { castOf, everyday } from "../../e2e/play/stories.ts";
import { openIds, settle } from "../../e2e/play/unfinished.ts";
import { createChance } from "../../e2e/play/random.ts";
import type { Progress } from "../progress.ts";

export interface DemoOptions {
  readonly demo: Demo;
  readonly members: number;
  readonly seed: string;
  readonly faults: string | undefined;
  readonly progress: Progress;
  /** Nobody new comes; what has begun is ended, and the tenant gets its settings back. */
  readonly stopped: AbortSignal;
}

/** Two cores are busy with so many, and orders still take some ten milliseconds. */
const atOnce = 24;
/** A minute until unpaid orders close, and time for channels in bad weather. */
const settleMsMax = 180_000;
/** In bad weather a lost notice comes again after minutes; nobody wants to watch that. */
const speedAtTheEnd = 60;

export async function playDemo(options: DemoOptions) {
  const { demo, members, seed, faults, progress, stopped } = options;
  const startedAt = performance.now();
  const stage = createStage(demo);
  const { witness, outside } = stage;
  const before = await openIds(witness.tongbao);
  const run = `d${Date.now().toString(36)}`;
  await fillShelves(stage, members);
  const speed = await outside.speed();
  if (faults !== undefined) await outside.letStorm(faults);
  let left: string[] = [];
  const chapters: Chapter[] = [];
  try {
    await playAll(stage, { ...options, run, chapters });
    progress.end();
    if (faults !== undefined) await outside.calmDown();
    stopped.throwIfAborted();
    await outside.setSpeed(speedAtTheEnd);
    const seconds = () => Math.round((performance.now() - startedAt) / 1000);
    left = await settle(witness, before, {
      waitMs: settleMsMax,
      stopped,
      tell: (count) =>
        progress.tell(`${seconds()} s: ${count} things come to their end; unpaid orders close`),
    });
  } finally {
    progress.end();
    if (faults !== undefined) await outside.calmDown();
    await outside.setSpeed(speed);
  }
  const facts = await readFacts(witness, chapters, left);
  const findings = audit(facts, { storm: faults !== undefined });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const weather = faults === undefined ? "in calm weather" : `in the hostile weather "${faults}"`;
  const title = `${chapters.length} members, seed "${seed}", ${weather}, ${seconds} s`;
  return { lines: ["", title, "", ...wordFindings(findings)], isSound: isSound(findings) };
}

/** Those who never pay come first: while the others play, their time runs out. */
async function playAll(
  stage: Stage,
  given: DemoOptions & { readonly run: string; readonly chapters: Chapter[] },
): Promise<void> {
  const { members, seed, progress, stopped, run, chapters } = given;
  const startedAt = performance.now();
  const cast = castOf(members, everyday);
  const late = cast.filter((name) => name === "never");
  const others = createChance(seed).shuffle(cast.filter((name) => name !== "never"));
  const onEnd = (chapter: Chapter): void => {
    chapters.push(chapter);
    const seconds = (performance.now() - startedAt) / 1000;
    const broken = chapters.filter(({ failure }) => failure !== undefined).length;
    const trouble = broken === 0 ? "" : `, ${broken} broke off`;
    const speed = (chapters.length / seconds).toFixed(0);
    progress.tell(
      `${Math.round(seconds)} s: ${chapters.length} of ${members} stories, ${speed} a second` +
        `${trouble}; ${late.length} will never pay and close after a minute`,
    );
  };
  const from = (queue: StoryName[]) => () => (stopped.aborted ? undefined : queue.shift());
  const crowd = { run, seed, atOnce, onEnd };
  await withShortClose(stage, run, () => playCrowd(stage, { ...crowd, next: from(late.slice()) }));
  await playCrowd(stage, { ...crowd, next: from(others) });
}
