import { createPrivateKey, createPublicKey, createSecretKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { ChannelAccount } from "../../modules/payments/plug.ts";
import { firstFault, readAs } from "../wire/json.ts";

/**
 * A key that WeChat Pay signs with: a platform certificate's, or the newer WeChat Pay public key.
 */
export interface PlatformKey {
  readonly key: KeyObject;
  /** Epoch ms; public keys without a certificate do not expire. */
  readonly validFrom: number;
  readonly validUntil: number;
}

/** The mchid and appid are the account's `merchantId` and `appId`. */
export interface WechatpayConfig {
  readonly baseUrl: string;
  /** A second address of the same service, tried when the first cannot be reached. */
  readonly fallbackUrl?: string;
  /** The serial of the certificate that belongs to `merchantPrivateKey`. */
  readonly merchantSerial: string;
  readonly merchantPrivateKey: KeyObject;
  /** Held as a key object, like the private key, so that no log can print it. */
  readonly apiV3Key: KeyObject;
  /** By certificate serial or PUB_KEY_ID_...; during a migration both kinds stand here. */
  readonly platformKeys: ReadonlyMap<string, PlatformKey>;
  /** Asks WeChat Pay to sign its replies with this public key: the public-key mode. */
  readonly publicKeyId?: string;
  /** In certificate mode certificates that we do not know yet are fetched. */
  readonly mode: "certificate" | "public_key";
}

export type WechatpayAccount = ChannelAccount<WechatpayConfig>;

const urlPattern = "^https?://[^?#\\s]+$";

const RawConfig = Compile(
  Type.Object({
    baseUrl: Type.String({ pattern: urlPattern }),
    fallbackUrl: Type.Optional(Type.String({ pattern: urlPattern })),
    merchantSerial: Type.String({ pattern: "^[0-9A-Fa-f]{8,40}$" }),
    merchantPrivateKeyPem: Type.String(),
    apiV3Key: Type.String({ pattern: "^[\\x21-\\x7e]{32}$" }),
    platformKeys: Type.Record(Type.String(), Type.String(), { maxProperties: 20 }),
    publicKeyId: Type.Optional(Type.String({ pattern: "^PUB_KEY_ID_[0-9A-Za-z]+$" })),
    mode: Type.Union([Type.Literal("certificate"), Type.Literal("public_key")]),
  }),
);

export type ParsedConfig =
  | { kind: "config"; config: WechatpayConfig }
  | { kind: "refused"; field: string; allowed: string };

/** The configuration as the merchant writes it -> keys ready for use. */
export function parseConfig(raw: unknown): ParsedConfig {
  const value = readAs(RawConfig, raw);
  if (value === undefined) return { kind: "refused", ...firstFault(RawConfig, raw) };

  const merchantPrivateKey = parsePrivateKey(value.merchantPrivateKeyPem);
  if (merchantPrivateKey === undefined) {
    return refuse("merchantPrivateKeyPem", "an RSA private key in PEM");
  }
  const platformKeys = new Map<string, PlatformKey>();
  for (const [serial, pem] of Object.entries(value.platformKeys)) {
    const key = parsePlatformKey(serial, pem);
    if (key === undefined) {
      return refuse(`platformKeys.${serial}`, "an RSA certificate of this serial, or a public key");
    }
    platformKeys.set(normalSerial(serial), key);
  }
  const publicKeyId = value.publicKeyId ?? onlyPublicKeyId(platformKeys);
  if (value.mode === "public_key" && publicKeyId === undefined) {
    return refuse("publicKeyId", "needed unless exactly one PUB_KEY_ID_ is among platformKeys");
  }
  if (value.publicKeyId !== undefined && !platformKeys.has(value.publicKeyId)) {
    return refuse("publicKeyId", "one of platformKeys");
  }
  const config: WechatpayConfig = {
    baseUrl: value.baseUrl.replace(/\/+$/, ""),
    merchantSerial: normalSerial(value.merchantSerial),
    merchantPrivateKey,
    apiV3Key: createSecretKey(value.apiV3Key, "latin1"),
    platformKeys,
    mode: value.mode,
    ...(value.fallbackUrl === undefined
      ? {}
      : { fallbackUrl: value.fallbackUrl.replace(/\/+$/, "") }),
    ...(value.mode === "public_key" && publicKeyId !== undefined ? { publicKeyId } : {}),
  };
  return { kind: "config", config };
}

/** Certificate serials are compared in upper case; the ids of public keys stay as they are. */
export function normalSerial(serial: string): string {
  return serial.startsWith("PUB_KEY_ID_") ? serial : serial.toUpperCase();
}

/** Undefined unless the text is an RSA certificate with this serial, or an RSA public key. */
export function parsePlatformKey(serial: string, pem: string): PlatformKey | undefined {
  try {
    if (pem.includes("BEGIN CERTIFICATE")) return parseCertificate(serial, pem);
    // createPublicKey would also derive a public key from a private one, which nobody should send.
    if (!pem.includes("PUBLIC KEY-----")) return undefined;
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== "rsa") return undefined;
    return { key, validFrom: 0, validUntil: Number.POSITIVE_INFINITY };
  } catch {
    return undefined;
  }
}

function parseCertificate(serial: string, pem: string): PlatformKey | undefined {
  const certificate = new X509Certificate(pem);
  if (withoutZeros(certificate.serialNumber) !== withoutZeros(serial)) return undefined;
  if (certificate.publicKey.asymmetricKeyType !== "rsa") return undefined;
  return {
    key: certificate.publicKey,
    validFrom: certificate.validFromDate.getTime(),
    validUntil: certificate.validToDate.getTime(),
  };
}

/** OpenSSL drops leading zeros of a serial, WeChat Pay writes all 40 digits. */
function withoutZeros(serial: string): string {
  return serial.toUpperCase().replace(/^0+/, "");
}

function parsePrivateKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "rsa" ? key : undefined;
  } catch {
    return undefined;
  }
}

function onlyPublicKeyId(keys: ReadonlyMap<string, PlatformKey>): string | undefined {
  const ids = [...keys.keys()].filter((serial) => serial.startsWith("PUB_KEY_ID_"));
  return ids.length === 1 ? ids[0] : undefined;
}

function refuse(field: string, allowed: string): ParsedConfig {
  return { kind: "refused", field, allowed };
}
