/**
 * The world outside as the players see it: payers with a code in their hands, and over the
 * simulator's control API its books, its weather and its time. simulator/README.md describes both.
 */

export type ChannelName = "wechatpay" | "alipay";

/** `paid_before`: the same payer has paid it already, though the answer may have got lost. */
export type PayResult = "paid" | "paid_before" | "closed" | "stale";

export interface TradeBook {
  readonly attemptNumber: string;
  readonly state: string;
  readonly totalMinor: number;
  readonly paidMinor: number;
  readonly refundedMinor: number;
  readonly refunds: readonly {
    readonly refundNumber: string;
    readonly amountMinor: number;
    readonly state: string;
  }[];
}

/** What the outside world says it has taken and given back for a merchant, in minor units. */
export interface MerchantBook {
  readonly channel: ChannelName;
  readonly merchantId: string;
  readonly totals: {
    readonly paidMinor: number;
    readonly refundedMinor: number;
    /** Of refunds under way, or that wait for a person. */
    readonly refundingMinor: number;
  };
  readonly trades: readonly TradeBook[];
}

export interface Outside {
  /** The payer opens the code, as scanning does. */
  scan(code: string): Promise<void>;
  /** The payer pays what the code leads to, scanned before or not. */
  pay(code: string): Promise<PayResult>;
  books(): Promise<readonly MerchantBook[]>;
  /**
   * The simulator's hostile weather, the same for the same seed; or that of other odds, by kind of
   * fault.
   */
  letStorm(seed: string, odds?: Readonly<Record<string, number>>): Promise<void>;
  /** One kind of fault at one channel, beside those that there are. */
  addFault(kind: string, channel: ChannelName, probability: number): Promise<void>;
  /** The channel's people let a refund succeed that it could not do, or had given up. */
  settleRefund(channel: ChannelName, refundNumber: string): Promise<void>;
  calmDown(): Promise<void>;
  /** How much faster than real its waiting times pass. */
  speed(): Promise<number>;
  setSpeed(speed: number): Promise<void>;
}

/**
 * A payer whose page does not load presses again, so `fetch` may repeat everything: a second
 * payment of a code is answered, not taken.
 */
export function createOutside(
  baseUrl: string,
  fetch: (request: Request) => Promise<Response>,
): Outside {
  const send = (url: string, init: RequestInit) => fetch(new Request(url, init));

  async function ask<Answer>(path: string, body?: object): Promise<Answer> {
    const response = await send(`${baseUrl}/control/${path}`, {
      method: body === undefined ? "GET" : "POST",
      ...(body === undefined ? {} : jsonOf(body)),
    });
    if (!response.ok) throw new Error(`the simulator refuses ${path}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  return {
    async scan(code) {
      const response = await send(code, { method: "GET" });
      if (!response.ok) throw new Error(`the code ${code} leads to nothing: ${response.status}`);
    },
    async pay(code) {
      const headers = { "content-type": "application/json", accept: "application/json" };
      const response = await send(code, { method: "POST", headers, body: '{"action":"pay"}' });
      const { result } = (await response.json()) as { result?: PayResult };
      if (result === undefined) throw new Error(`the code ${code} cannot be paid`);
      return result;
    },
    books: () => ask<readonly MerchantBook[]>("books"),
    async letStorm(seed, odds) {
      await ask("faults/seed", { seed, ...(odds === undefined ? {} : { probabilities: odds }) });
    },
    async addFault(kind, channel, probability) {
      await ask("faults", { kind, probability, match: { channel } });
    },
    async settleRefund(channel, refundNumber) {
      await ask(`refunds/${refundNumber}/state`, { channel, state: "success" });
    },
    async calmDown() {
      await send(`${baseUrl}/control/faults`, { method: "DELETE" });
    },
    speed: async () => (await ask<{ speed: number }>("clock")).speed,
    async setSpeed(speed) {
      await ask("clock", { speed });
    },
  };
}

function jsonOf(body: object) {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
