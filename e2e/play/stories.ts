/**
 * Stories of members. Each writes down how its order must stand in the end; what it was told and
 * what it did stands in its chapter. In the simulator's hostile weather an order may be paid by
 * nobody's hand, so a story that finds its order paid already goes on from there.
 */
import type { Schema } from "../../sdk/index.ts";
import { TongbaoProblem } from "../../sdk/index.ts";
import type { Chapter, Ending, WantedLine } from "./diary.ts";
import type { Member, SaleScene, Scene } from "./member.ts";
import { createMember, pause } from "./member.ts";
import type { ChannelName } from "./outside.ts";

type Order = Schema<"Order">;

interface Story {
  /** In plain words, as the report says it: "12 <words>". */
  readonly words: string;
  /** Of a hundred members so many live it. */
  readonly share: number;
  play(given: Given): Promise<void>;
}

interface Given {
  readonly member: Member;
  readonly scene: Scene;
  readonly chapter: Chapter;
}

export const stories = {
  wechat: { words: "paid over WeChat Pay", share: 22, play: paysOver("wechatpay") },
  alipay: { words: "paid over Alipay", share: 18, play: paysOver("alipay") },
  changes: { words: "changed the channel before paying", share: 10, play: changesChannel },
  cancels: { words: "cancelled before or while paying", share: 8, play: cancels },
  refundWhole: { words: "paid and got all of it back", share: 8, play: refundsWhole },
  refundLines: { words: "paid and gave one unit back", share: 8, play: refundsLines },
  refundParts: { words: "paid and got it back in three parts", share: 6, play: refundsParts },
  tooMuch: { words: "wanted more than there is", share: 6, play: wantsTooMuch },
  late: { words: "paid after the order was closed", share: 4, play: paysLate },
  twice: { words: "paid twice", share: 4, play: paysTwice },
  never: { words: "never paid", share: 6, play: neverPays },
  races: { words: "raced for a unit of a sale", share: 0, play: races },
} as const satisfies Record<string, Story>;

export type StoryName = keyof typeof stories;

/** Those that are lived on any day, without a sale. */
export const everyday = (Object.keys(stories) as StoryName[]).filter(
  (name) => stories[name].share > 0,
);

/** As many stories as there are members, each kind at least once where there is room. */
export function castOf(members: number, names: readonly StoryName[]): StoryName[] {
  const total = names.reduce((sum, name) => sum + stories[name].share, 0);
  const cast = names.flatMap((name) => {
    const wanted = Math.max(1, Math.floor((members * stories[name].share) / total));
    return Array.from({ length: wanted }, () => name);
  });
  while (cast.length < members) cast.push(names[0] ?? "wechat");
  return cast.slice(0, members);
}

/** Lives one story; a failure is written down, not thrown: the others go on. */
export async function live(scene: Scene, name: StoryName, chapter: Chapter): Promise<void> {
  try {
    await stories[name].play({ member: createMember(scene, chapter), scene, chapter });
  } catch (error) {
    chapter.failure = error instanceof Error ? error.message : String(error);
  }
}

const paid: Ending = { state: "paid", refundedMinor: 0 };
const closed: Ending = { state: "closed", refundedMinor: 0 };
const refunded = (order: Order): Ending => ({
  state: "refunded",
  refundedMinor: order.total.amount,
});

/** One or two SKUs, a few units. */
function basket({ skuIds, chance }: Scene): WantedLine[] {
  const chosen = chance.shuffle(skuIds).slice(0, 1 + chance.below(2));
  return chosen.map((skuId) => ({ skuId, quantity: 1 + chance.below(3) }));
}

function anyChannel({ chance }: Scene): ChannelName {
  return chance.pick(["wechatpay", "alipay"]);
}

function paysOver(channel: ChannelName): Story["play"] {
  return async (given) => void (await payOver(channel, given));
}

/** Gives the paid order. */
async function payOver(channel: ChannelName, given: Given): Promise<Order> {
  return payOrder(channel, given, await given.member.place(basket(given.scene)));
}

async function payOrder(
  channel: ChannelName,
  { member, scene, chapter }: Given,
  order: Order,
): Promise<Order> {
  chapter.ending = paid;
  const code = await member.open(order, channel);
  if (code !== "gone" && channel === "alipay") await scene.outside.scan(code.content);
  await member.pay(code);
  return untilPaid(member, order);
}

function untilPaid(member: Member, order: Order): Promise<Order> {
  return member.until(order, ({ state }) => state === "paid", "paid");
}

async function changesChannel(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await member.place(basket(scene));
  chapter.ending = paid;
  const [first, second] = scene.chance.shuffle(["wechatpay", "alipay"] as const);
  if (first === undefined || second === undefined) throw new Error("there are two channels");
  const left = await member.open(order, first);
  if (left !== "gone" && first === "alipay") await scene.outside.scan(left.content);
  await member.pay(await member.open(order, second));
  await untilPaid(member, order);
}

async function cancels(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await member.place(basket(scene));
  chapter.ending = closed;
  const when = scene.chance.pick(["at once", "with a code", "with a scanned code"]);
  if (when !== "at once") {
    const code = await member.open(order, anyChannel(scene));
    if (when === "with a scanned code" && code !== "gone") await scene.outside.scan(code.content);
  }
  await member.cancel(order);
}

async function refundsWhole(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await payOver(anyChannel(scene), given);
  await member.refund(order, { reason: "changed my mind" });
  chapter.ending = refunded(order);
}

async function refundsLines(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await payOver(anyChannel(scene), given);
  const [line] = order.lines;
  if (line === undefined) throw new Error("an order has a line");
  const restock = scene.chance.next() < 0.8;
  await member.refund(order, { lines: [{ line: 1, quantity: 1 }], reason: "one broke", restock });
  const backMinor = line.unitPrice.amount;
  const isAll = backMinor === order.total.amount;
  chapter.ending = isAll ? refunded(order) : { state: "paid", refundedMinor: backMinor };
}

async function refundsParts(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await payOver(anyChannel(scene), given);
  const { amount: total, currency } = order.total;
  const part = { amount: Math.floor(total / 3), currency };
  await member.refund(order, { amount: part, reason: "first part" });
  await member.refund(order, { amount: part, reason: "second part" });
  await member.refund(order, { reason: "the rest" });
  chapter.ending = refunded(order);
}

/** More than any shelf of the demo holds. */
const farTooMany = 10_000;

async function wantsTooMuch(given: Given): Promise<void> {
  const { member, scene } = given;
  try {
    await member.place([{ skuId: scene.chance.pick(scene.skuIds), quantity: farTooMany }]);
  } catch (error) {
    if (error instanceof TongbaoProblem && isClear(error)) return;
    throw error;
  }
  throw new Error(`${farTooMany} units were sold of a shelf that has fewer`);
}

/** It says what is there and what was wanted. */
function isClear({ code, facts }: TongbaoProblem): boolean {
  return code === "sold_out" && facts["wanted"] === farTooMany && Number(facts["left"]) >= 0;
}

/** A code of Alipay that nobody has scanned is unknown to it, so closing it does nothing there. */
async function paysLate(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await member.place(basket(scene));
  const code = await member.open(order, "alipay");
  await member.cancel(order);
  const seen = await member.until(order, ({ state }) => state !== "closing", "closed");
  chapter.ending = { state: "closed", refundedMinor: order.total.amount };
  if (seen.state === "closed") await member.pay(code);
}

async function paysTwice(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await member.place(basket(scene));
  chapter.ending = paid;
  const first = await member.open(order, "alipay");
  const second = await member.open(order, "wechatpay");
  await member.pay(second);
  await untilPaid(member, order);
  await member.pay(first);
}

async function neverPays(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const order = await member.place(basket(scene));
  chapter.ending = closed;
  if (scene.chance.next() < 0.5) return;
  const code = await member.open(order, anyChannel(scene));
  if (code !== "gone" && scene.chance.next() < 0.5) await scene.outside.scan(code.content);
}

/** By the answers of several processes; nobody is let in by the clock of one of them. */
const raceMsMax = 60_000;
const racePauseMs = 100;

/** Comes before the opening, some with two hands; then keeps the unit, or gives it back. */
async function races(given: Given): Promise<void> {
  const { member, scene, chapter } = given;
  const { sale, chance } = scene;
  if (sale === undefined) throw new Error("there is no sale to race for");
  const hands = chance.next() < 0.3 ? (["once", "again"] as const) : (["once"] as const);
  const got = await Promise.all(hands.map((hand) => grab(member, sale, hand)));
  const [order, second] = got.filter((one) => one !== undefined);
  sale.result[order === undefined ? "lost" : "won"] += 1;
  if (order === undefined) return;
  if (second !== undefined) throw new Error("a member has two units where one is allowed");
  chapter.ending = closed;
  const turn = chance.next();
  if (turn < 0.2) return member.cancel(order);
  await payOrder(anyChannel(scene), given, order);
  if (turn > 0.4) return;
  await member.refund(order, { reason: "changed my mind" });
  chapter.ending = refunded(order);
}

/** Asks again until the sale is open; undefined when there is no unit for this hand. */
async function grab(
  member: Member,
  { id, skuId, opensAt }: SaleScene,
  hand: "once" | "again",
): Promise<Order | undefined> {
  for (;;) {
    try {
      const order = await member.placeIn(id, [{ skuId, quantity: 1 }], hand);
      if (Date.parse(order.placedAt) >= opensAt) return order;
      throw new Error(`the order ${order.number} was placed before the sale was open`);
    } catch (error) {
      const code = error instanceof TongbaoProblem ? error.code : "";
      if (code === "sold_out" || code === "sale_limit_reached") return undefined;
      if (code !== "sale_not_open" || Date.now() > opensAt + raceMsMax) throw error;
      await pause(racePauseMs);
    }
  }
}
