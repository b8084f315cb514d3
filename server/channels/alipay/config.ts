import { createPrivateKey, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { ChannelAccount } from "../../modules/payments/plug.ts";
import { firstFault, readAs } from "../wire/json.ts";

/** The app_id and the seller's id are the account's `appId` and `merchantId`. */
export interface AlipayConfig {
  /** https://openapi.alipay.com/gateway.do */
  readonly gatewayUrl: string;
  readonly appPrivateKey: KeyObject;
  /** Alipay's keys for this app: the present one and, while it changes, the one before. */
  readonly alipayPublicKeys: readonly KeyObject[];
}

export type AlipayAccount = ChannelAccount<AlipayConfig>;

const RawConfig = Compile(
  Type.Object({
    gatewayUrl: Type.String({ pattern: "^https?://[^?#\\s]+$" }),
    appPrivateKeyPem: Type.String(),
    alipayPublicKeyPem: Type.String(),
    previousAlipayPublicKeyPem: Type.Optional(Type.String()),
  }),
);

type ParsedConfig =
  | { kind: "config"; config: AlipayConfig }
  | { kind: "refused"; field: string; allowed: string };

/** The configuration as the merchant writes it -> keys ready for use. */
export function parseConfig(raw: unknown): ParsedConfig {
  const value = readAs(RawConfig, raw);
  if (value === undefined) return { kind: "refused", ...firstFault(RawConfig, raw) };

  const appPrivateKey = parsePrivateKey(value.appPrivateKeyPem);
  if (appPrivateKey === undefined) {
    return { kind: "refused", field: "appPrivateKeyPem", allowed: "an RSA private key" };
  }
  const alipayPublicKeys: KeyObject[] = [];
  for (const field of ["alipayPublicKeyPem", "previousAlipayPublicKeyPem"] as const) {
    const text = value[field];
    if (text === undefined) continue;
    const key = parsePublicKey(text);
    if (key === undefined) return { kind: "refused", field, allowed: "an RSA public key" };
    alipayPublicKeys.push(key);
  }
  const { gatewayUrl } = value;
  return { kind: "config", config: { gatewayUrl, appPrivateKey, alipayPublicKeys } };
}

/** Alipay's console shows keys as bare base64, its tools write PEM: both are taken. */
function parsePrivateKey(text: string): KeyObject | undefined {
  const der = bareBase64(text);
  if (der === undefined) return rsaOrNothing(() => createPrivateKey(text));
  return (
    rsaOrNothing(() => createPrivateKey({ key: der, format: "der", type: "pkcs8" })) ??
    rsaOrNothing(() => createPrivateKey({ key: der, format: "der", type: "pkcs1" }))
  );
}

function parsePublicKey(text: string): KeyObject | undefined {
  const der = bareBase64(text);
  if (der !== undefined) {
    return rsaOrNothing(() => createPublicKey({ key: der, format: "der", type: "spki" }));
  }
  // createPublicKey would also derive a public key from a private one, which nobody should send.
  if (!text.includes("PUBLIC KEY-----")) return undefined;
  return rsaOrNothing(() => createPublicKey(text));
}

function bareBase64(text: string): Buffer | undefined {
  return text.includes("-----BEGIN") ? undefined : Buffer.from(text, "base64");
}

function rsaOrNothing(parse: () => KeyObject): KeyObject | undefined {
  try {
    const key = parse();
    return key.asymmetricKeyType === "rsa" ? key : undefined;
  } catch {
    return undefined;
  }
}
