import { beijingRfc3339 } from "../times.ts";
import type { WechatMerchant, World } from "../world.ts";
import { ok, refuse } from "./answers.ts";
import type { WechatAnswer } from "./answers.ts";
import { encryptResource } from "./signature.ts";

/** All platform certificates that are valid; merchants in public-key mode have none to fetch. */
export function listCertificates(world: World, merchant: WechatMerchant): WechatAnswer {
  if (merchant.mode === "public_key")
    return refuse(
      404,
      "RESOURCE_NOT_EXISTS",
      "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥",
    );
  const certificates = [...world.platformKeys.values()].filter((key) => key.kind === "certificate");
  return ok({
    data: certificates.map((key) => ({
      serial_no: key.serial,
      effective_time: beijingRfc3339(key.validFrom),
      expire_time: beijingRfc3339(key.validUntil),
      encrypt_certificate: encryptResource(key.certificatePem, merchant.apiV3Key, "certificate"),
    })),
  });
}
