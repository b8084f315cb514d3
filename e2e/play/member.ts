/** What a member does in a shop, through a service token of the tenant that acts for it. */
import type { Schema, Tongbao } from "../../sdk/index.ts";
import { TongbaoProblem } from "../../sdk/index.ts";
import type { Chance } from "./random.ts";
import type { Chapter, WantedLine } from "./diary.ts";
import type { ChannelName, Outside } from "./outside.ts";

type Order = Schema<"Order">;
type NewRefund = Schema<"NewOrderRefund">;

/** Where a story plays. */
export interface Scene {
  readonly tongbao: Tongbao;
  readonly outside: Outside;
  /** What is for sale. */
  readonly skuIds: readonly string[];
  readonly chance: Chance;
  /** The sale that all of the crowd have come for. */
  readonly sale?: SaleScene;
}

/** One unit of one SKU to each member, while they last. */
export interface SaleScene {
  readonly id: string;
  readonly skuId: string;
  /** Epoch milliseconds. */
  readonly opensAt: number;
  /** Those who have their unit, and those who know that they get none. */
  readonly result: { won: number; lost: number };
}

/** How a payer pays; `gone` when the order was paid or closed before a code was there. */
export type Code = { readonly number: string; readonly content: string } | "gone";

export type Member = ReturnType<typeof createMember>;

const pollMs = 300;
/** A lost notice is made up for by queries, the tenth of which comes after some minutes. */
const patienceMs = 240_000;
/** An attempt that is being closed is closed within seconds; a channel in trouble takes longer. */
const openTriesMax = 120;
const openPauseMs = 500;

/** Codes of refusals that pass by themselves, or with a new key. */
const passing: ReadonlySet<string> = new Set([
  "attempt_over",
  "payment_being_closed",
  "channel_refused",
]);
const ended: ReadonlySet<string> = new Set([
  "order_already_paid",
  "payment_not_open",
  "payment_time_over",
]);

export function createMember(scene: Scene, chapter: Chapter) {
  const { tongbao, outside } = scene;
  const { memberId } = chapter;
  let counted = 0;
  /** Every step has a key of its own that all its tries share. */
  const keyed = (step: string) => ({ "Idempotency-Key": `${memberId}-${step}` });

  async function read(orderId: string): Promise<Order> {
    const path = { orderId };
    return (await tongbao.GET("/v1/orders/{orderId}", { params: { path } })).data;
  }

  return {
    read,

    async place(lines: readonly WantedLine[]): Promise<Order> {
      const header = keyed("place");
      const body = { memberId, lines: [...lines] };
      const { data } = await tongbao.POST("/v1/orders", { params: { header }, body });
      chapter.order = { id: data.id, key: header["Idempotency-Key"], lines };
      return data;
    },

    /** Orders in a sale, again under another key when `again` says so. */
    async placeIn(
      saleId: string,
      lines: readonly WantedLine[],
      again: "once" | "again",
    ): Promise<Order> {
      const header = keyed(`place-${again}`);
      const body = { memberId, saleId, lines: [...lines] };
      const { data } = await tongbao.POST("/v1/orders", { params: { header }, body });
      chapter.order = { id: data.id, key: header["Idempotency-Key"], lines, saleId };
      return data;
    },

    /** Asks for a code until there is one: what stands in its way passes. */
    async open(order: Order, channel: ChannelName): Promise<Code> {
      const path = { orderId: order.id };
      let header = keyed(`pay-${(counted += 1)}`);
      for (let tries = 1; ; tries += 1) {
        try {
          const { data } = await tongbao.POST("/v1/orders/{orderId}/payments", {
            params: { path, header },
            body: { channel, method: "native" },
          });
          const number = data.attemptNumber;
          if (!chapter.attempts.some((known) => known.number === number)) {
            chapter.attempts.push({ number, channel });
          }
          if (data.instruction.kind !== "qr_code") throw new Error("native gives no code");
          return { number, content: data.instruction.content };
        } catch (error) {
          const code = error instanceof TongbaoProblem ? error.code : "";
          if (ended.has(code)) return "gone";
          if (!passing.has(code) || tries === openTriesMax) throw error;
          if (code === "attempt_over") header = keyed(`pay-${(counted += 1)}`);
          await pause(openPauseMs);
        }
      }
    },

    /** The payer pays; false when the channel says that it is too late. */
    async pay(code: Code): Promise<boolean> {
      if (code === "gone") return false;
      const result = await outside.pay(code.content);
      if (result === "closed" || result === "stale") return false;
      chapter.paid.add(code.number);
      return true;
    },

    async cancel(order: Order): Promise<void> {
      const params = { path: { orderId: order.id }, header: keyed("cancel") };
      try {
        await tongbao.POST("/v1/orders/{orderId}/cancel", { params });
        chapter.hasCancelled = true;
      } catch (error) {
        // Closed by its time, or paid while the member was thinking.
        if (!(error instanceof TongbaoProblem) || error.code !== "order_not_cancellable") {
          throw error;
        }
      }
    },

    async refund(order: Order, body: NewRefund): Promise<void> {
      const params = {
        path: { orderId: order.id },
        header: keyed(`refund-${(counted += 1)}`),
      };
      const { data } = await tongbao.POST("/v1/orders/{orderId}/refunds", { params, body });
      chapter.refunds.push({ id: data.id, amountMinor: data.amount.amount });
    },

    /** Looks again and again until it is so. */
    async until(order: Order, isSo: (seen: Order) => boolean, what: string): Promise<Order> {
      const endsAt = performance.now() + patienceMs;
      for (;;) {
        const seen = await read(order.id);
        if (isSo(seen)) return seen;
        if (performance.now() > endsAt) {
          throw new Error(`the order ${seen.number} is ${seen.state}, not ${what}`);
        }
        await pause(pollMs);
      }
    },
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
