/**
 * One member for each turn that an order can take, on the real API, with the simulated channels;
 * who reacts to events and deadlines is called when the play says so.
 */
import type { Chapter } from "../../../e2e/play/diary.ts";
import { openChapter } from "../../../e2e/play/diary.ts";
import { required } from "../../../server/kernel/assert.ts";
import { minuteMs } from "../../../server/kernel/time.ts";
import type { Channel } from "../../../server/testing/outside.ts";
import {
  createAheadClock,
  newMerchant,
  openAccount,
  openOutside,
} from "../../../server/testing/outside.ts";
import { startHearing } from "../../../server/testing/hearing.ts";
import type { TestTenant } from "../../../server/testing/platform.ts";
import { startTestPlatform } from "../../../server/testing/platform.ts";
import type { AttemptId } from "../../../server/modules/payments/index.ts";
import { reactionsOf } from "../../../server/wiring.ts";

export interface ShortPlay {
  readonly tenantId: string;
  /** What members were told, one chapter each. */
  readonly chapters: readonly Chapter[];
  /** The clock of the platform at the end. */
  readonly now: number;
}

/** Longer than the world takes for a refund. */
const refundMs = 2_000;
const priceMinor = 1_999;
const stock = 100;

export async function playShortly(url: string): Promise<ShortPlay> {
  const shop = await openShop(url);
  const { place, open, pay, refund, finishRefunds, cancel } = shop;

  await pay(await open(await place("pays"), "wechatpay"));

  const givesBack = await place("gives-back", 2);
  await pay(await open(givesBack, "wechatpay"));
  await refund(givesBack, { lines: [{ line: 1, quantity: 1 }], reason: "one broke" });
  await finishRefunds(givesBack);

  const givesAllBack = await place("gives-all-back");
  await pay(await open(givesAllBack, "alipay"));
  await refund(givesAllBack, { reason: "changed my mind" });
  await finishRefunds(givesAllBack);

  const waitsForMoney = await place("waits-for-money");
  await pay(await open(waitsForMoney, "alipay"));
  await refund(waitsForMoney, { amount: { amount: 500, currency: "CNY" }, reason: "a stain" });

  await cancel(await place("cancels"));

  const paysLate = await place("pays-late");
  const late = await open(paysLate, "alipay");
  await cancel(paysLate);
  await shop.ask(late);
  await pay(late);
  await finishRefunds(paysLate);

  const paysTwice = await place("pays-twice");
  const first = await open(paysTwice, "alipay");
  await pay(await open(paysTwice, "wechatpay"));
  await pay(first);
  await finishRefunds(paysTwice);

  const completes = await place("completes");
  await pay(await open(completes, "wechatpay"));
  await shop.post(`orders/${shop.idOf(completes)}/complete`, "complete");

  await open(await place("thinks"), "wechatpay");
  await place("waits");

  await shop.startSale(priceMinor - 1_000);
  await pay(await open(await place("buys-in-sale"), "wechatpay"));
  await place("buys-too");
  await cancel(await place("changes-mind"));
  return shop.close();
}

interface Answered {
  readonly id: string;
  readonly attemptId: string;
  readonly attemptNumber: string;
  readonly instruction: { readonly content: string };
  readonly amount: { readonly amount: number };
  readonly skus: readonly { readonly id: string }[];
}

/** A shop with one product, and what its members can do. */
async function openShop(url: string) {
  const { clock } = createAheadClock();
  const platform = await startTestPlatform({ url, clock });
  const outside = await openOutside();
  const { control } = outside;
  const { tenantId, tokens } = await platform.createTenant("Harbour Mall");
  for (const channel of ["wechatpay", "alipay"] as const) {
    await openAccount({ ...platform, tenantId }, await newMerchant(outside, channel));
  }
  const hearing = startHearing(platform.database, reactionsOf(platform).subscriptions);
  const post = createPost(platform.baseUrl, tokens);
  const skuId = await fillShelf(post);
  const chapters: Chapter[] = [];
  let saleId: string | undefined;
  const idOf = ({ order }: Chapter) => required(order, "the order of the chapter").id;

  async function hear(): Promise<void> {
    hearing.hint();
    await hearing.heard(tenantId);
  }

  return {
    post,
    idOf,

    async place(memberId: string, quantity = 1): Promise<Chapter> {
      const chapter = openChapter(memberId, memberId);
      const key = `${memberId}-place`;
      const lines = [{ skuId, quantity }];
      const ofSale = saleId === undefined ? {} : { saleId };
      const { id } = await post("orders", key, { memberId, lines, ...ofSale });
      chapter.order = { id, key, lines };
      chapters.push(chapter);
      return chapter;
    },

    /** Ten units, one for each member; whoever places an order from here on places it there. */
    async startSale(amount: number): Promise<void> {
      const hours = [-1, 60].map((minutes) => new Date(clock.now() + minutes * minuteMs));
      const [opensAt, closesAt] = hours.map((instant) => instant.toISOString());
      const item = { skuId, price: { amount, currency: "CNY" }, allotment: 10 };
      const terms = { title: "Anniversary", opensAt, closesAt, limitPerMember: 1, items: [item] };
      const sale = await post("sales", "sale", terms);
      await post(`sales/${sale.id}/schedule`, "schedule");
      const { deadlines } = reactionsOf(platform);
      const sweep = required(
        deadlines.find(({ name }) => name === "sales.open_due"),
        "the sweep",
      );
      await platform.database.transaction(tenantId, (tx) => sweep.sweep(tx, 1));
      saleId = sale.id;
    },

    async open(chapter: Chapter, channel: Channel): Promise<Answered> {
      const path = `orders/${idOf(chapter)}/payments`;
      const body = { channel, method: "native" };
      const paying = await post(path, `${chapter.memberId}-${channel}`, body);
      chapter.attempts.push({ number: paying.attemptNumber, channel });
      return paying;
    },

    /** The payer pays, the channel tells, orders hear of it. */
    async pay({ attemptNumber, instruction }: Answered): Promise<void> {
      // Alipay first hears of a trade when its code is scanned.
      await fetch(instruction.content, { redirect: "manual" });
      const paid = control.pay(attemptNumber);
      if (!("result" in paid) || paid.result !== "paid") throw new Error(JSON.stringify(paid));
      await control.idle();
      await hear();
    },

    /** Asks the channel, as the job of the attempt does. */
    async ask({ attemptId }: Answered): Promise<void> {
      await platform.payments.askAttempt(tenantId, attemptId as AttemptId);
      await hear();
    },

    async refund(chapter: Chapter, body: object): Promise<void> {
      const path = `orders/${idOf(chapter)}/refunds`;
      const { id, amount } = await post(path, `${chapter.memberId}-refund`, body);
      chapter.refunds.push({ id, amountMinor: amount.amount });
    },

    /** Sends what is to go back, and asks for its end. */
    async finishRefunds(chapter: Chapter): Promise<void> {
      const wanted = { reference: idOf(chapter), attemptId: undefined, state: undefined };
      const page = { ...wanted, before: undefined, limit: 10 };
      for (const { id } of await platform.payments.listRefunds(tenantId, page)) {
        await platform.payments.askRefund(tenantId, id);
        await control.advance(refundMs);
        await control.idle();
        await platform.payments.askRefund(tenantId, id);
      }
      await hear();
    },

    async cancel(chapter: Chapter): Promise<void> {
      await post(`orders/${idOf(chapter)}/cancel`, `${chapter.memberId}-cancel`);
      chapter.hasCancelled = true;
    },

    async close(): Promise<ShortPlay> {
      await hear();
      await hearing.stop();
      await platform.stop();
      await outside.stop();
      return { tenantId, chapters, now: clock.now() };
    },
  };
}

type Post = ReturnType<typeof createPost>;

function createPost(baseUrl: string, tokens: TestTenant["tokens"]) {
  return async (path: string, key: string, body?: object): Promise<Answered> => {
    const response = await fetch(`${baseUrl}/v1/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${path.startsWith("orders") ? tokens.service : tokens.admin}`,
        "idempotency-key": key,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answered;
  };
}

/** Gives the SKU of the one product. */
async function fillShelf(post: Post): Promise<string> {
  const sku = { title: "white", price: { amount: priceMinor, currency: "CNY" } };
  const product = await post("products", "mug", { title: "Mug", skus: [sku] });
  const { id } = required(product.skus[0], "its SKU");
  const delivery = { kind: "put_in", quantity: stock, reason: "delivery" };
  await post(`skus/${id}/stock/movements`, "delivery", delivery);
  return id;
}
