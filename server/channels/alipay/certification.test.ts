import { certify } from "../wire/testing/certification/suite.ts";
import { valueOfConfig } from "../wire/testing/certification/stand.ts";
import { createAlipay } from "./index.ts";

certify(
  "alipay",
  {
    channel: "alipay",
    methodsNotPlayed: ["app"],
    // A notice that was not acknowledged comes again for 25 hours.
    staleNotices: "taken",
    keysRoll: false,
    refundNoticeTellsAmount: false,
    refundEndings: [],
  },
  async ({ control, baseUrl, clock }) => {
    const plug = createAlipay({ clock });
    const account = async (id: string) => {
      const merchant = await control.createAlipayMerchant();
      const config = valueOfConfig(
        plug.parseConfig({
          gatewayUrl: `${baseUrl}/gateway.do`,
          appPrivateKeyPem: merchant.appPrivateKeyPem,
          alipayPublicKeyPem: merchant.alipayPublicKeyPem,
        }),
      );
      return { id, merchantId: merchant.sellerId, appId: merchant.appId, config };
    };
    return { plug, account: await account("one"), otherAccount: await account("another") };
  },
);
