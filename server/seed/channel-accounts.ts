/**
 * The demo tenant's accounts at the channels that the simulator plays. The merchants have fixed
 * numbers, so that every start means the same ones, also after the simulator forgot them.
 */
import Type from "typebox";
import type { Static, TSchema } from "typebox";
import { Check } from "typebox/value";
import type { Log } from "../kernel/log.ts";
import { isRefusal } from "../kernel/refusal.ts";
import { secondMs } from "../kernel/time.ts";
import type { Payments } from "../modules/payments/index.ts";
import { seedKey } from "./step.ts";

export interface SeedAccountsDeps {
  readonly payments: Pick<Payments, "channelAccounts">;
  readonly log: Log;
  readonly simulatorUrl: string;
  readonly tenantId: string;
}

/** Making a merchant's keys takes the simulator less than a second. */
const askMsMax = 5 * secondMs;
/** The demo tenant has two; whoever adds more keeps them below a page. */
const accountsMax = 100;
const by = "seed";

interface WantedAccount {
  readonly channel: string;
  readonly merchantId: string;
  readonly appId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Opens the accounts, or gives those that are there the keys of today. A simulator that does not
 * answer holds up nothing: the next start makes it up.
 */
export async function seedChannelAccounts(deps: SeedAccountsDeps): Promise<void> {
  const { log, simulatorUrl } = deps;
  await Promise.all(
    [wechatpayAccount, alipayAccount].map(async (ask) => {
      try {
        await putAccount(deps, await ask(simulatorUrl));
      } catch (error) {
        log.warn(
          { error, simulatorUrl },
          "the simulator gave no merchant: a channel of the demo waits for the next start",
        );
      }
    }),
  );
}

async function putAccount(deps: SeedAccountsDeps, wanted: WantedAccount): Promise<void> {
  const { payments, tenantId, log } = deps;
  const { channelAccounts } = payments;
  const { channel, merchantId, appId, config } = wanted;
  const step = `account ${channel} ${JSON.stringify(config)}`;
  const key = seedKey({ tenantId, step });
  const page = { channel, before: undefined, limit: accountsMax };
  const known = (await channelAccounts.list(tenantId, page)).find(
    (account) => account.merchantId === merchantId && account.appId === appId,
  );
  const shared = { config, by };
  const answer =
    known === undefined
      ? await channelAccounts.create(tenantId, key, {
          ...shared,
          channel,
          merchantId,
          appId,
          label: `Demo ${channel}`,
          active: true,
        })
      : await channelAccounts.change(tenantId, key, {
          ...shared,
          accountId: known.id,
          label: undefined,
          active: undefined,
        });
  if (isRefusal(answer)) log.warn({ refusal: answer }, `the demo has no account at ${channel}`);
}

/** What payers read on the page where they pay. */
const name = "Demo Mall 演示商场";

const wechatpayMerchant = {
  name,
  mchid: "1900000001",
  appId: "wx0000000000000001",
  mode: "public_key",
};
const WechatpayReply = Type.Object({
  mchid: Type.String(),
  appId: Type.String(),
  merchantSerial: Type.String(),
  merchantPrivateKeyPem: Type.String(),
  apiV3Key: Type.String(),
  platformPublicKeyId: Type.String(),
  platformPublicKeyPem: Type.String(),
});

async function wechatpayAccount(simulatorUrl: string): Promise<WantedAccount> {
  const url = `${simulatorUrl}/control/wechatpay/merchants`;
  const reply = await ask(url, wechatpayMerchant, WechatpayReply);
  const { mchid, appId, merchantSerial, merchantPrivateKeyPem, apiV3Key } = reply;
  const config = {
    baseUrl: simulatorUrl,
    merchantSerial,
    merchantPrivateKeyPem,
    apiV3Key,
    platformKeys: { [reply.platformPublicKeyId]: reply.platformPublicKeyPem },
    mode: "public_key",
  };
  return { channel: "wechatpay", merchantId: mchid, appId, config };
}

const alipayMerchant = { name, sellerId: "2088000000000001", appId: "2021000000000001" };
const AlipayReply = Type.Object({
  sellerId: Type.String(),
  appId: Type.String(),
  appPrivateKeyPem: Type.String(),
  alipayPublicKeyPem: Type.String(),
});

async function alipayAccount(simulatorUrl: string): Promise<WantedAccount> {
  const url = `${simulatorUrl}/control/alipay/merchants`;
  const reply = await ask(url, alipayMerchant, AlipayReply);
  const { sellerId, appId, appPrivateKeyPem, alipayPublicKeyPem } = reply;
  const gatewayUrl = `${simulatorUrl}/gateway.do`;
  const config = { gatewayUrl, appPrivateKeyPem, alipayPublicKeyPem };
  return { channel: "alipay", merchantId: sellerId, appId, config };
}

async function ask<Schema extends TSchema>(
  url: string,
  body: object,
  shape: Schema,
): Promise<Static<Schema>> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(askMsMax),
  });
  const reply: unknown = await response.json();
  if (!response.ok || !Check(shape, reply)) {
    throw new Error(`${url} answered ${response.status}, not with a merchant`);
  }
  return reply;
}
