/**
 * Several processes of the platform on one database: members play as ever, each request going to
 * another process, and the same audit holds. Processes restarted in turn under load lose nothing.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Platform } from "../../e2e/platform.ts";
import { addressesOf, ownPlace, startPlatform } from "../../e2e/platform.ts";
import { audit, wordFindings } from "../../e2e/play/audit.ts";
import type { Chapter } from "../../e2e/play/diary.ts";
import { readFacts } from "../../e2e/play/facts.ts";
import { createChance } from "../../e2e/play/random.ts";
import type { Stage } from "../../e2e/play/stage.ts";
import { createStage, fillShelves, playCrowd } from "../../e2e/play/stage.ts";
import { castOf, everyday } from "../../e2e/play/stories.ts";
import { settle } from "../../e2e/play/unfinished.ts";
import { createWire, judgeWire } from "../../e2e/play/wire.ts";
import { endAndWait, findPart, partsOf } from "./processes.ts";

const homes: string[] = [];
const running: Platform[] = [];
afterEach(async () => {
  for (const platform of running.splice(0)) {
    const code = await platform.stop();
    if (code !== 0) throw new Error(`the platform ended with ${code}:\n${platform.said()}`);
  }
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

/** So many processes, each of which answers and works, and a stage over all of them. */
async function open(apis: number) {
  const home = mkdtempSync(join(tmpdir(), "tongbao-processes-"));
  // Only its owner may enter what mkdtemp makes, and as root PostgreSQL runs as somebody else.
  chmodSync(home, 0o755);
  homes.push(home);
  const place = await ownPlace({ apis, workers: 0 });
  const platform = await startPlatform({ home, environment: place });
  running.push(platform);
  const addresses = addressesOf(place);
  const wire = createWire(addresses);
  const stage = createStage(platform.demo, wire);
  // The channels' waiting times pass in no time; an unpaid order's own minute does not.
  await stage.outside.setSpeed(60);
  return { platform, stage, wire, parts: partsOf(addresses, apis) };
}

// A minute until unpaid orders close is too long here; the demo and chaos have them.
const names = everyday.filter((name) => name !== "never");

async function auditAfter(stage: Stage, chapters: readonly Chapter[]): Promise<string> {
  const given = {
    waitMs: 60_000,
    stopped: new AbortController().signal,
    tell: () => undefined,
  };
  const left = await settle(stage.witness, new Map(), given);
  const facts = await readFacts(stage.witness, chapters, left);
  return wordFindings(audit(facts, { storm: false })).join("\n");
}

test.each([1, 2, 3])(
  "the audit holds with %d processes on one database",
  async (count) => {
    const { stage, wire } = await open(count);
    const cast = createChance(`${count} processes`).shuffle(castOf(30, names));
    await fillShelves(stage, cast.length);
    const crowd = { run: "p", seed: "p", atOnce: 12, onEnd: () => undefined };
    const chapters = await playCrowd(stage, { ...crowd, next: () => cast.shift() });
    const words = await auditAfter(stage, chapters);
    expect(words).toMatch(/The audit holds: (\d+) of \1 sentences are true\.$/);
    expect(words).toContain("30 members, each story ended as it must");
    expect(judgeWire(wire.heard).flatMap(({ contradictions }) => contradictions)).toEqual([]);
    expect(wire.heard).toMatchObject({ later: 0, silent: [], movedOn: 0 });
  },
  120_000,
);

test("processes restarted in turn under load leave no request without an answer", async () => {
  const { platform, stage, wire, parts } = await open(2);
  await fillShelves(stage, 2_000);
  const chance = createChance("in turn");
  let isOver = false;
  const next = () => (isOver ? undefined : chance.pick(names));
  const crowd = { run: "t", seed: "t", atOnce: 24, onEnd: () => undefined };
  const load = playCrowd(stage, { ...crowd, next });
  for (const { name, address } of parts) {
    const before = wire.heard.orders.size;
    await expect
      .poll(() => wire.heard.orders.size, { timeout: 30_000 })
      .toBeGreaterThan(before + 20);
    const find = () => findPart(platform, name);
    await endAndWait({ what: name, find, signal: "SIGTERM", addresses: [address] });
  }
  isOver = true;
  const words = await auditAfter(stage, await load);
  expect(words).toMatch(/The audit holds: (\d+) of \1 sentences are true\.$/);
  expect(judgeWire(wire.heard).flatMap(({ contradictions }) => contradictions)).toEqual([]);
  // HTTP has no word for the end of an idle connection: a request may just be on its way there, or
  // to a port that is being closed. Its caller repeats it, and it must be rare.
  expect(wire.heard.silent.length).toBeLessThan(wire.heard.successes / 200);
  // Callers whose connection was ended found the other process by themselves.
  expect(wire.heard.movedOn).toBeGreaterThan(0);
}, 180_000);
