/** What chaos does to a platform that is at work. Each deed tells in words what it has done. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Platform } from "../../e2e/platform.ts";
import { isReady, startPlatform } from "../../e2e/platform.ts";
import type { Chapter } from "../../e2e/play/diary.ts";
import type { SaleScene } from "../../e2e/play/member.ts";
import { pause } from "../../e2e/play/member.ts";
import type { Chance } from "../../e2e/play/random.ts";
import type { Stage } from "../../e2e/play/stage.ts";
import { playCrowd } from "../../e2e/play/stage.ts";
import type { StoryName } from "../../e2e/play/stories.ts";
import type { Wire } from "../../e2e/play/wire.ts";
import type { Part } from "./processes.ts";
import { endAndWait, findBackends, findPart, findPostgres, untilFound } from "./processes.ts";
import { signal } from "../../server/kernel/process.ts";
import { letAllStorm } from "./weather.ts";

/** The platform under chaos, and who looks at it. */
export interface Site {
  platform: Platform;
  readonly place: Readonly<Record<string, string>>;
  readonly servers: readonly Part[];
  readonly workers: readonly Part[];
  readonly stage: Stage;
  readonly wire: Wire;
  readonly chance: Chance;
  /** Of this round. */
  readonly seed: string;
  readonly run: string;
  readonly onBegin: (chapter: Chapter) => void;
  readonly onEnd: (chapter: Chapter) => void;
  /** That are still at it when their round is over. */
  readonly crowds: Promise<unknown>[];
}

const hourMs = 3_600_000;
/** Longer than the platform waits for anything of its own; shorter than PostgreSQL waits for it. */
const pausedMs = 10_000;
/** Long enough to place, pay and close by the wrong time. */
const wrongTimeMs = 3_000;
const clockMsMax = 5_000;
/** Half of them to each process, which works on 64 and lets 32 commands of those wait. */
const crowdSize = 160;
const crowdMsMax = 10_000;
const patienceMs = 60_000;
const pollMs = 20;

/** Beside the settings of its place: a queue that a crowd can fill, and clocks that can jump. */
export function chaosSettings(home: string): Readonly<Record<string, string>> {
  const clocks = join(home, "clocks");
  mkdirSync(clocks, { recursive: true });
  const preload = pathToFileURL(join(import.meta.dirname, "shifted-clock.ts")).href;
  return {
    BATCH_QUEUE_MAX: "32",
    HTTP_IN_FLIGHT_MAX: "64",
    CHAOS_CLOCKS: clocks,
    NODE_OPTIONS: `--import=${preload}`,
  };
}

export const deeds = {
  "kill a server": (site) => kill(site, site.chance.pick(site.servers)),
  "kill a worker": (site) => kill(site, site.chance.pick(site.workers)),
  "kill PostgreSQL": killPostgres,
  "kill everything": killEverything,
  "hold a process": hold,
  "move a clock": moveClock,
  "fill the queues": fillQueues,
  "open a sale": openSale,
} as const satisfies Record<string, (site: Site) => Promise<string>>;

export type Deed = keyof typeof deeds;

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function addressesOf({ servers, workers }: Site): string[] {
  return [...servers, ...workers].map(({ address }) => address);
}

/** SIGKILL: nobody is told, nothing is written out. */
async function kill({ platform }: Site, { name, address }: Part): Promise<string> {
  const find = () => findPart(platform, name);
  const given = { what: name, find, signal: "SIGKILL", addresses: [address] } as const;
  return `killed the ${name}, back after ${seconds(await endAndWait(given))}`;
}

async function killPostgres(site: Site): Promise<string> {
  const find = () => findPostgres(site.platform);
  const addresses = addressesOf(site);
  const given = { what: "PostgreSQL", find, signal: "SIGKILL", addresses } as const;
  return `killed PostgreSQL, back after ${seconds(await endAndWait(given))}`;
}

async function killEverything(site: Site): Promise<string> {
  const { platform, place, servers, workers } = site;
  const startedAt = performance.now();
  const names = [...servers, ...workers].map(({ name }) => name);
  const found = [...names, "simulator"].map((name) => findPart(platform, name));
  const all = [...found, findPostgres(platform)].flatMap((one) => (one === undefined ? [] : [one]));
  // The supervisor first, or it would start the others again.
  await platform.kill();
  for (const { pid } of all) signal(pid, "SIGKILL");
  // At the same addresses: clients and channels know them.
  site.platform = await startPlatform({ home: platform.home, environment: place });
  // The simulator keeps what it has answered, but not the weather.
  await letAllStorm(site.stage.outside, site.seed);
  return `killed everything, back after ${seconds(performance.now() - startedAt)}`;
}

/** SIGSTOP: it holds its locks and connections and is deaf; then it goes on as if nothing was. */
async function hold({ platform, servers, workers, chance }: Site): Promise<string> {
  const { name, address } = chance.pick([...servers, ...workers]);
  const { pid } = await untilFound(() => findPart(platform, name), name);
  signal(pid, "SIGSTOP");
  try {
    await pause(pausedMs);
  } finally {
    signal(pid, "SIGCONT");
  }
  await untilReady(address);
  return `held the ${name} for ${seconds(pausedMs)}`;
}

async function untilReady(address: string): Promise<void> {
  const endsAt = performance.now() + patienceMs;
  while (!(await isReady(address))) {
    if (performance.now() > endsAt) throw new Error(`${address} does not answer any more`);
    await pause(pollMs);
  }
}

/** An hour forwards or back, and after a while back again: two jumps of one process. */
async function moveClock({ platform, place, servers, workers, chance }: Site): Promise<string> {
  const { name } = chance.pick([...servers, ...workers]);
  const byMs = chance.pick([hourMs, -hourMs]);
  const { pid } = await untilFound(() => findPart(platform, name), name);
  await setClock(place, pid, byMs);
  await pause(wrongTimeMs);
  await setClock(place, pid, 0);
  const way = byMs > 0 ? "forwards" : "back";
  return `moved the clock of the ${name} ${way} by an hour, and again after ${seconds(wrongTimeMs)}`;
}

async function setClock(
  place: Readonly<Record<string, string>>,
  pid: number,
  shiftMs: number,
): Promise<void> {
  const path = join(place["CHAOS_CLOCKS"] ?? "", String(pid));
  const done = `${path}.${shiftMs}.done`;
  rmSync(done, { force: true });
  writeFileSync(path, String(shiftMs));
  signal(pid, "SIGUSR2");
  const endsAt = performance.now() + clockMsMax;
  while (!existsSync(done)) {
    if (performance.now() > endsAt) throw new Error(`the clock of process ${pid} did not move`);
    await pause(pollMs);
  }
}

/**
 * A crowd comes while PostgreSQL stands still: queues fill up, and whoever finds no room is told
 * when to come again. Then it goes on, and everybody has been served.
 */
async function fillQueues(site: Site): Promise<string> {
  const { platform, stage, wire, run, seed, onBegin, onEnd } = site;
  const postgres = await untilFound(() => findPostgres(platform), "PostgreSQL");
  const laterBefore = wire.heard.later;
  const stopped = findBackends(postgres);
  for (const pid of stopped) signal(pid, "SIGSTOP");
  const guests = Array.from({ length: crowdSize }, (): StoryName => "cancels");
  const crowd = { run, seed, atOnce: crowdSize, onBegin, onEnd, next: () => guests.pop() };
  const served = playCrowd(stage, crowd);
  try {
    const endsAt = performance.now() + crowdMsMax;
    while (wire.heard.later === laterBefore && performance.now() < endsAt) await pause(pollMs);
    // The rest of the crowd is on its way.
    await pause(pollMs * 10);
  } finally {
    for (const pid of stopped) signal(pid, "SIGCONT");
  }
  const turnedAway = wire.heard.later - laterBefore;
  await served;
  if (turnedAway === 0) throw new Error(`${crowdSize} guests at once have filled no queue`);
  return `let ${crowdSize} come at once, ${turnedAway} of whom were told to come later`;
}

/** Fewer units than members; the doors open when most of them are there. */
const unitsOfSale = 40;
const membersOfSale = 100;
const untilOpenMs = 3_000;
const saleMs = 30_000;

/**
 * Members wait for a sale to open, each for one unit. Just before that the clock of one server
 * jumps by an hour: there the sale opens neither early nor late.
 */
async function openSale(site: Site): Promise<string> {
  const { platform, place, servers, stage, chance, seed, run, onBegin, onEnd } = site;
  const { name } = chance.pick(servers);
  const { pid } = await untilFound(() => findPart(platform, name), name);
  const byMs = chance.pick([hourMs, -hourMs]);
  const skuId = chance.pick(stage.skuIds);
  const sale = await scheduleSale(stage, skuId);
  const guests = Array.from({ length: membersOfSale }, (): StoryName => "races");
  const crowd = { run, seed, atOnce: membersOfSale, sale, onBegin, onEnd };
  site.crowds.push(playCrowd(stage, { ...crowd, next: () => guests.pop() }));
  await setClock(place, pid, byMs);
  const endsAt = performance.now() + patienceMs;
  while (sale.result.won + sale.result.lost < membersOfSale) {
    if (performance.now() > endsAt) throw new Error(`not all know how the sale ${sale.id} ended`);
    await pause(pollMs);
  }
  await setClock(place, pid, 0);
  const { won } = sale.result;
  if (won < unitsOfSale) throw new Error(`${won} of ${unitsOfSale} units were sold to many`);
  const way = byMs > 0 ? "forwards" : "back";
  const moved = `while the clock of the ${name} was moved ${way} by an hour`;
  return `opened a sale of ${unitsOfSale} units to ${membersOfSale} members ${moved}, ${won} got one`;
}

async function scheduleSale({ witness }: Stage, skuId: string): Promise<SaleScene> {
  const { tongbao } = witness;
  const opensAt = Date.now() + untilOpenMs;
  const { data } = await tongbao.POST("/v1/sales", {
    body: {
      title: "An hour that all clocks agree on",
      opensAt: new Date(opensAt).toISOString(),
      closesAt: new Date(opensAt + saleMs).toISOString(),
      limitPerMember: 1,
      items: [{ skuId, price: { amount: 1_900, currency: "CNY" }, allotment: unitsOfSale }],
    },
  });
  const path = { saleId: data.id };
  await tongbao.POST("/v1/sales/{saleId}/schedule", { params: { path } });
  return { id: data.id, skuId, opensAt, result: { won: 0, lost: 0 } };
}
