import { certify } from "../wire/testing/certification/suite.ts";
import { valueOfConfig } from "../wire/testing/certification/stand.ts";
import type { AlipayAccountView } from "../../../simulator/index.ts";
import { createAlipay } from "./index.ts";

certify(
  "alipay",
  {
    channel: "alipay",
    methodsNotPlayed: ["app"],
    // A notice that was not acknowledged comes again for 25 hours.
    staleNotices: "taken",
    keysRoll: "by_configuration",
    refundNoticeTellsAmount: false,
    refundEndings: [],
  },
  async ({ control, baseUrl, clock }) => {
    const plug = createAlipay({ clock });
    const accountOf = (id: string, merchant: AlipayAccountView) => {
      const { previousAlipayPublicKeyPem } = merchant;
      const config = valueOfConfig(
        plug.parseConfig({
          gatewayUrl: `${baseUrl}/gateway.do`,
          appPrivateKeyPem: merchant.appPrivateKeyPem,
          alipayPublicKeyPem: merchant.alipayPublicKeyPem,
          ...(previousAlipayPublicKeyPem === undefined ? {} : { previousAlipayPublicKeyPem }),
        }),
      );
      return { id, merchantId: merchant.sellerId, appId: merchant.appId, config };
    };
    const merchant = await control.createAlipayMerchant();
    const steps = {
      announce: control.announceAlipayKey,
      use: control.useAlipayKey,
      retire: control.retireAlipayKey,
    };
    return {
      plug,
      account: accountOf("one", merchant),
      otherAccount: accountOf("another", await control.createAlipayMerchant()),
      async rollKey(step) {
        const rolled = await steps[step](merchant.sellerId);
        if ("why" in rolled) throw new Error(rolled.why);
        return accountOf("one", rolled);
      },
    };
  },
);
