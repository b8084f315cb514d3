/**
 * Alipay's side of the wire for tests: it signs as Alipay does, and the vendor's alipay-sdk is
 * asked whether what was signed, on either side, is right.
 */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { AlipaySdk } from "alipay-sdk";
import type { ChannelAccount } from "../../../modules/payments/plug.ts";
import { keys } from "../../wire/testing/fixtures.ts";
import { parseConfig } from "../config.ts";
import type { AlipayConfig } from "../config.ts";

/** The app signs with `merchant`, Alipay with `platformOld`, and later with `platformNew`. */
export function alipayAccount(
  changes: Readonly<Record<string, unknown>> = {},
): ChannelAccount<AlipayConfig> {
  const parsed = parseConfig({
    gatewayUrl: "https://alipay.test/gateway.do",
    appPrivateKeyPem: keys.merchant.privateKey,
    alipayPublicKeyPem: publicPem(keys.platformOld.privateKey),
    ...changes,
  });
  if (parsed.kind !== "config") throw new Error(`${parsed.field}: ${parsed.allowed}`);
  const { config } = parsed;
  return { id: "account-2", merchantId: "2088000000000001", appId: "2021000000000001", config };
}

export function publicPem(privateKey: string): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}

/** The vendor's library, as the merchant's server would set it up. */
export function vendorSdk(alipayPrivateKey = keys.platformOld.privateKey): AlipaySdk {
  return new AlipaySdk({
    appId: "2021000000000001",
    // It adds the armour itself and must be told which.
    privateKey: bare(keys.merchant.privateKey),
    keyType: "PKCS8",
    alipayPublicKey: bare(publicPem(alipayPrivateKey)),
    gateway: "https://alipay.test/gateway.do",
  });
}

export function rsa2(text: string, privateKey = keys.platformOld.privateKey): string {
  return sign("sha256", Buffer.from(text), createPrivateKey(privateKey)).toString("base64");
}

/** A reply of the gateway around the text of its node. */
export function signedReply(method: string, node: string, privateKey?: string): string {
  const name = `${method.replaceAll(".", "_")}_response`;
  return `{"${name}":${node},"sign":"${rsa2(node, privateKey)}"}`;
}

function bare(pem: string): string {
  return pem.replaceAll(/-----[^-]+-----|\s/g, "");
}
