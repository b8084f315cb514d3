/** A tenant's accounts at both channels of the simulated world. */
import type { Ids } from "../../../../kernel/ids.ts";
import { isRefusal } from "../../../../kernel/refusal.ts";
import type { Control } from "../../../../../simulator/index.ts";
import type { Payments } from "../payments.ts";

export async function createAccounts(given: {
  readonly payments: Payments;
  readonly tenantId: string;
  readonly ids: Ids;
  readonly control: Control;
  readonly simulatorUrl: string;
}): Promise<void> {
  const { payments, tenantId, ids } = given;
  for (const account of [await wechatpayAccount(given), await alipayAccount(given)]) {
    const key = { key: `test/${ids.next<"Key">()}`, bodyHash: Buffer.alloc(32) };
    const input = { ...account, label: account.channel, active: true, by: "test" };
    const made = await payments.channelAccounts.create(tenantId, key, input);
    if (isRefusal(made)) throw new Error(`${made.code} ${JSON.stringify(made.facts)}`);
  }
}

interface Outside {
  readonly control: Control;
  readonly simulatorUrl: string;
}

async function wechatpayAccount({ control, simulatorUrl }: Outside) {
  const merchant = await control.createWechatMerchant({ mode: "public_key" });
  const config = {
    baseUrl: simulatorUrl,
    merchantSerial: merchant.merchantSerial,
    merchantPrivateKeyPem: merchant.merchantPrivateKeyPem,
    apiV3Key: merchant.apiV3Key,
    platformKeys: { [merchant.platformPublicKeyId]: merchant.platformPublicKeyPem },
    mode: "public_key",
  };
  const { mchid: merchantId, appId } = merchant;
  return { channel: "wechatpay", merchantId, appId, config };
}

async function alipayAccount({ control, simulatorUrl }: Outside) {
  const merchant = await control.createAlipayMerchant();
  const config = {
    gatewayUrl: `${simulatorUrl}/gateway.do`,
    appPrivateKeyPem: merchant.appPrivateKeyPem,
    alipayPublicKeyPem: merchant.alipayPublicKeyPem,
  };
  const { sellerId: merchantId, appId } = merchant;
  return { channel: "alipay", merchantId, appId, config };
}
