import { certify } from "../wire/testing/certification/suite.ts";
import type { CreateCandidate, Traits } from "../wire/testing/certification/stand.ts";
import { valueOfConfig } from "../wire/testing/certification/stand.ts";
import { createWechatpay } from "./index.ts";
import type { WechatpayConfig } from "./index.ts";

const traits: Traits = {
  channel: "wechatpay",
  methodsNotPlayed: [],
  staleNotices: "refused",
  keysRoll: "never",
  refundNoticeTellsAmount: true,
  refundEndings: ["abnormal", "closed"],
};

type Mode = WechatpayConfig["mode"];

/** Merchants know WeChat Pay's public key from the start; certificates come over the wire. */
function candidateIn(mode: Mode): CreateCandidate<WechatpayConfig> {
  return async ({ control, baseUrl, clock }) => {
    const plug = createWechatpay({ clock });
    const account = async (id: string) => {
      const merchant = await control.createWechatMerchant({ mode });
      const { platformPublicKeyId: keyId, platformPublicKeyPem: pem } = merchant;
      const config = valueOfConfig(
        plug.parseConfig({
          baseUrl,
          merchantSerial: merchant.merchantSerial,
          merchantPrivateKeyPem: merchant.merchantPrivateKeyPem,
          apiV3Key: merchant.apiV3Key,
          platformKeys: mode === "public_key" ? { [keyId]: pem } : {},
          mode,
        }),
      );
      return { id, merchantId: merchant.mchid, appId: merchant.appId, config };
    };
    return { plug, account: await account("one"), otherAccount: await account("another") };
  };
}

certify("wechatpay, public-key mode", traits, candidateIn("public_key"));
certify(
  "wechatpay, certificate mode",
  { ...traits, keysRoll: "over_the_wire" },
  candidateIn("certificate"),
);
