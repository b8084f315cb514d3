/**
 * The world outside of a test: the simulator in this process, merchants in it as staff writes their
 * accounts down, and a clock of ours that is ahead of the machine's by what a test lets pass.
 */
import type { Simulator } from "../../simulator/index.ts";
import { createSimulator } from "../../simulator/index.ts";
import type { Ids } from "../kernel/ids.ts";
import type { Answer } from "../kernel/operation.ts";
import type { Refusal } from "../kernel/refusal.ts";
import { isRefusal } from "../kernel/refusal.ts";
import type { Clock } from "../kernel/time.ts";
import type { Payments } from "../modules/payments/index.ts";

/** How long the world works on a refund. */
export const refundMs = 1_000;

/** What a platform must be allowed to call: the world listens on a port that is free then. */
export const outsideHost = "127.0.0.1";

export interface Outside extends Pick<Simulator, "control"> {
  /** Where both channels listen. */
  readonly url: string;
  stop(): Promise<void>;
}

export async function openOutside(): Promise<Outside> {
  const simulator = await createSimulator({ refundMs });
  const url = await simulator.listen();
  return { control: simulator.control, url, stop: () => simulator.close() };
}

/**
 * The world's calendar is the machine's and only waiting passes at once (simulator/README.md). Ours
 * is never set back: limits would wait for the time that they have seen.
 */
export function createAheadClock() {
  let aheadMs = 0;
  const clock: Clock = { now: () => Date.now() + aheadMs };
  return { clock, advance: (ms: number) => void (aheadMs += ms) };
}

export const channels = ["wechatpay", "alipay"] as const;
export type Channel = (typeof channels)[number];

/** A new merchant of the world, with all that its account at the channel is made of. */
export async function newMerchant({ control, url }: Outside, channel: Channel) {
  if (channel === "alipay") {
    const made = await control.createAlipayMerchant();
    const config = {
      gatewayUrl: `${url}/gateway.do`,
      appPrivateKeyPem: made.appPrivateKeyPem,
      alipayPublicKeyPem: made.alipayPublicKeyPem,
    };
    return { channel, merchantId: made.sellerId, appId: made.appId, label: "till", config };
  }
  const made = await control.createWechatMerchant({ mode: "public_key" });
  const config = {
    baseUrl: url,
    merchantSerial: made.merchantSerial,
    merchantPrivateKeyPem: made.merchantPrivateKeyPem,
    apiV3Key: made.apiV3Key,
    platformKeys: { [made.platformPublicKeyId]: made.platformPublicKeyPem },
    mode: "public_key",
  };
  return { channel, merchantId: made.mchid, appId: made.appId, label: "till", config };
}

export interface NewAccount {
  readonly channel: string;
  readonly merchantId: string;
  readonly appId: string;
  readonly label: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** An account of the tenant in use, as staff opens it. */
export async function openAccount(
  { payments, ids, tenantId }: { payments: Payments; ids: Ids; tenantId: string },
  account: NewAccount,
): Promise<{ readonly id: string; readonly merchantId: string }> {
  const key = { key: ids.next<"Key">(), bodyHash: Buffer.alloc(32) };
  const input = { ...account, active: true, by: "test" };
  return answered(await payments.channelAccounts.create(tenantId, key, input));
}

/** What the API would have sent. */
export function answered<Body>(answer: Answer | Refusal): Body {
  if (isRefusal(answer)) throw new Error(`${answer.code} ${JSON.stringify(answer.facts)}`);
  return JSON.parse(answer.body);
}
