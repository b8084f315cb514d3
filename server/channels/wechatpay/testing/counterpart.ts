/**
 * WeChat Pay's side of the wire, played by the vendor-near library wechatpay-axios-plugin: what it
 * signs and encrypts, our channel must read; what our channel signs, it must accept.
 */
import { Aes, Formatter, Rsa } from "wechatpay-axios-plugin";
import type { ChannelAccount } from "../../../modules/payments/plug.ts";
import { parseConfig } from "../config.ts";
import type { WechatpayConfig } from "../config.ts";
import { keys } from "../../wire/testing/fixtures.ts";

export const apiV3Key = "TestApiV3KeyTestApiV3KeyTestApiV";
export const publicKeyId = "PUB_KEY_ID_0119000000012025010100000000000001";

interface Signer {
  readonly serial: string;
  readonly privateKey: string;
}

/** An account in certificate mode that knows one certificate, unless told otherwise. */
export function wechatpayAccount(
  changes: Readonly<Record<string, unknown>> = {},
): ChannelAccount<WechatpayConfig> {
  const parsed = parseConfig({
    baseUrl: "https://wechatpay.test",
    merchantSerial: keys.merchant.serial,
    merchantPrivateKeyPem: keys.merchant.privateKey,
    apiV3Key,
    platformKeys: { [keys.platformOld.serial]: keys.platformOld.certificate },
    mode: "certificate",
    ...changes,
  });
  if (parsed.kind !== "config") throw new Error(`${parsed.field}: ${parsed.allowed}`);
  const { config } = parsed;
  return { id: "account-1", merchantId: "1900000001", appId: "wx0000000000000001", config };
}

/** The headers under which WeChat Pay sends these bytes at this second. */
export function signedHeaders(
  body: string,
  options: { nowMs: number; signer?: Signer },
): Record<string, string> {
  const { serial, privateKey } = options.signer ?? keys.platformOld;
  const timestamp = String(Math.floor(options.nowMs / 1_000));
  const nonce = Formatter.nonce();
  return {
    "wechatpay-timestamp": timestamp,
    "wechatpay-nonce": nonce,
    "wechatpay-serial": serial,
    "wechatpay-signature": Rsa.sign(Formatter.response(timestamp, nonce, body), privateKey),
    "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
  };
}

export function encrypted(plain: string, associatedData: string) {
  const nonce = Formatter.nonce(12);
  return {
    algorithm: "AEAD_AES_256_GCM",
    ciphertext: Aes.AesGcm.encrypt(plain, apiV3Key, nonce, associatedData),
    associated_data: associatedData,
    nonce,
  };
}

/** The body of GET /v3/certificates. */
export function certificateList(
  ...certificates: readonly { readonly serial: string; readonly certificate: string }[]
): string {
  const data = certificates.map(({ serial, certificate }) => ({
    serial_no: serial,
    effective_time: "2023-01-01T00:00:00+08:00",
    expire_time: "2099-01-01T00:00:00+08:00",
    encrypt_certificate: encrypted(certificate, "certificate"),
  }));
  return JSON.stringify({ data });
}
