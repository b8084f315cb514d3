/** Makes the demo tenant ready for a play, plays it, and leaves the tenant as it was. */
import type { Tongbao } from "../../sdk/index.ts";
import { createTongbao } from "../../sdk/index.ts";
import type { Demo } from "../platform.ts";
import type { Chapter } from "./diary.ts";
import { openChapter } from "./diary.ts";
import type { Witness } from "./facts.ts";
import { sideBySide } from "./facts.ts";
import type { SaleScene } from "./member.ts";
import { pause } from "./member.ts";
import { createOutside } from "./outside.ts";
import type { Outside } from "./outside.ts";
import type { Waits } from "./patience.ts";
import { createPatience } from "./patience.ts";
import { createChance } from "./random.ts";
import type { StoryName } from "./stories.ts";
import { live } from "./stories.ts";
import type { Wire } from "./wire.ts";

export interface Stage {
  /** Acts for members. */
  readonly service: Tongbao;
  /** Reads everything, and sets what a tenant may choose. */
  readonly witness: Witness;
  readonly outside: Outside;
  readonly skuIds: readonly string[];
  /** How long those have waited who speak here, and who was left without an answer. */
  readonly waits: Waits;
  /** Counts the members of this stage. */
  readonly nextMember: () => number;
}

/**
 * The platform and the world may be down for a while: every request is repeated, under its key,
 * often and after short pauses, until somebody answers. That is longer than a start may take on a
 * busy machine, so whoever is given up tells of something else.
 */
const patientFor = {
  patienceMs: 180_000,
  timeoutMs: 20_000,
  pauseMsMax: 500,
  now: () => performance.now(),
  pause,
};

/** Over a wire when several processes answer; without one, with the one that demo.json names. */
export function createStage(demo: Demo, wire?: Wire): Stage {
  const { baseUrl, simulatorUrl, tokens, products } = demo;
  const patience = createPatience(patientFor);
  const alone = (request: Request) => fetch(request);
  const shared = { baseUrl, retries: false, fetch: patience.over(wire?.fetch ?? alone) } as const;
  const speak = (token: string) => createTongbao({ ...shared, token });
  const outside = createOutside(simulatorUrl, patience.over(alone));
  let members = 0;
  const service = speak(tokens.service);
  return {
    service,
    witness: { tongbao: speak(tokens.admin), outside, baseUrl, service },
    outside,
    skuIds: products.flatMap(({ skuIds }) => skuIds),
    waits: patience.waits,
    nextMember: () => (members += 1),
  };
}

/** An order takes at most six units, of one or two SKUs; few take so many. */
const unitsOfMember = 2;

/** Puts in what the members may want and is not there. */
export async function fillShelves({ witness, skuIds }: Stage, members: number): Promise<void> {
  const { tongbao } = witness;
  for (const skuId of skuIds) {
    const path = { skuId };
    const { data: stock } = await tongbao.GET("/v1/skus/{skuId}/stock", { params: { path } });
    const quantity = members * unitsOfMember - stock.available;
    if (quantity <= 0) continue;
    const header = { "Idempotency-Key": `fill-${skuId.slice(-12)}-${stock.putIn}-${quantity}` };
    await tongbao.POST("/v1/skus/{skuId}/stock/movements", {
      params: { path, header },
      body: { kind: "put_in", quantity, reason: `for a play of ${members} members` },
    });
  }
}

const closeSetting = "orders.close_after_minutes";

/** Orders placed by `work` close after a minute; then holds what held before. */
export async function withShortClose<Result>(
  { witness: { tongbao } }: Stage,
  run: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const { data } = await tongbao.GET("/v1/tenant/settings");
  const before = data.items.find(({ name }) => name === closeSetting);
  if (before === undefined) throw new Error(`there is no setting ${closeSetting}`);
  const put = async (minutes: number | null, step: string) => {
    const header = { "Idempotency-Key": `${run}-close-${step}` };
    await tongbao.PUT("/v1/tenant/settings", {
      params: { header },
      body: { values: { [closeSetting]: minutes } },
    });
  };
  await put(1, "short");
  try {
    return await work();
  } finally {
    await put(before.isDefault ? null : Number(before.value), "back");
  }
}

export interface Crowd {
  /** The next story, or undefined when there is none any more. */
  readonly next: () => StoryName | undefined | Promise<StoryName | undefined>;
  readonly run: string;
  readonly seed: string;
  readonly atOnce: number;
  readonly sale?: SaleScene;
  /** Its chapter is written from now on. */
  readonly onBegin?: (chapter: Chapter) => void;
  readonly onEnd: (chapter: Chapter) => void;
}

/** Members live their stories side by side; each has a chance of its own, by seed and number. */
export async function playCrowd(stage: Stage, crowd: Crowd): Promise<Chapter[]> {
  const { service: tongbao, outside, skuIds } = stage;
  const { next, run, seed, atOnce, sale, onBegin, onEnd } = crowd;
  const shared = { tongbao, outside, skuIds, ...(sale === undefined ? {} : { sale }) };
  const chapters: Chapter[] = [];
  const seats = Array.from({ length: atOnce }, (_, seat) => seat);
  await sideBySide(
    seats,
    async () => {
      for (let name = await next(); name !== undefined; name = await next()) {
        const number = stage.nextMember();
        const chance = createChance(`${seed}/${number}`);
        const chapter = openChapter(name, `${run}-${String(number).padStart(4, "0")}`);
        onBegin?.(chapter);
        await live({ ...shared, chance }, name, chapter);
        chapters.push(chapter);
        onEnd(chapter);
      }
    },
    atOnce,
  );
  return chapters;
}
