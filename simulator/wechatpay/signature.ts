/**
 * Signatures of WeChat Pay APIv3, seen from the provider: requests are verified, replies and
 * notices are signed, notices are encrypted. Everything works on the exact bytes of the wire.
 */
import { createCipheriv, sign, verify } from "node:crypto";
import { privateKeyOf, publicKeyOf } from "../certificates.ts";
import { randomLetters } from "../random.ts";
import type { PlatformKey, WechatMerchant } from "../world.ts";

export const scheme = "WECHATPAY2-SHA256-RSA2048";

/** The provider refuses a request whose clock is off by more. */
const clockOffMaxSeconds = 300;

export interface SignedRequest {
  readonly method: string;
  /** Path and query exactly as sent. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

export type Verification =
  | { readonly kind: "verified"; readonly merchant: WechatMerchant }
  | { readonly kind: "wrong"; readonly detail: SignErrorDetail };

/** The live provider's own shape; `issue` is where it says what is wrong. */
export interface SignErrorDetail {
  readonly detail: { readonly issue: string };
  readonly field: string;
  readonly location: "authorization";
  readonly sign_information: {
    readonly method: string;
    readonly url: string;
    readonly sign_message_length: number;
    readonly truncated_sign_message: string;
  };
}

interface AuthorizationParts {
  readonly mchid: string;
  readonly serial_no: string;
  readonly nonce_str: string;
  readonly timestamp: string;
  readonly signature: string;
}

const partNames = ["mchid", "serial_no", "nonce_str", "timestamp", "signature"] as const;

export function verifyRequest(
  request: SignedRequest,
  parts: {
    readonly now: number;
    readonly merchant: (mchid: string) => WechatMerchant | undefined;
    readonly nonces: NonceMemory;
  },
): Verification {
  const read = readAuthorization(request.authorization);
  if ("issue" in read) return wrong(request, read.field, read.issue, undefined);
  const { mchid, serial_no, nonce_str, timestamp, signature } = read;

  const merchant = parts.merchant(mchid);
  if (merchant === undefined) return wrong(request, "mchid", `mchid ${mchid} is unknown`, read);
  if (serial_no.toUpperCase() !== merchant.serial)
    return wrong(
      request,
      "serial_no",
      `serial_no ${serial_no} is no certificate of ${mchid}`,
      read,
    );
  const offSeconds = Number(timestamp) - Math.floor(parts.now / 1000);
  if (!/^\d{10}$/.test(timestamp))
    return wrong(request, "timestamp", "timestamp is not ten digits of Unix seconds", read);
  if (Math.abs(offSeconds) > clockOffMaxSeconds)
    return wrong(request, "timestamp", `timestamp is off by ${offSeconds} seconds`, read);
  if (!/^[0-9A-Za-z]{1,32}$/.test(nonce_str))
    return wrong(request, "nonce_str", "nonce_str is not 1 to 32 letters and digits", read);

  const message = Buffer.from(messageOf(request, read));
  const publicKey = publicKeyOf(merchant.publicKeyPem);
  if (!verify("sha256", message, publicKey, Buffer.from(signature, "base64")))
    return wrong(request, "signature", "sign not match", read);
  // Only a nonce under a right signature is remembered: a forger cannot use up the merchant's.
  if (!parts.nonces.use(`${mchid}/${nonce_str}`, parts.now))
    return wrong(request, "nonce_str", "nonce_str was used before", read);
  return { kind: "verified", merchant };
}

function readAuthorization(
  header: string | undefined,
): AuthorizationParts | { readonly field: string; readonly issue: string } {
  if (header === undefined || header === "")
    return { field: "authorization", issue: "the Authorization header is missing" };
  if (!header.startsWith(`${scheme} `))
    return { field: "authorization", issue: `the scheme is not ${scheme}` };
  const found = new Map<string, string>();
  for (const piece of header.slice(scheme.length + 1).split(",")) {
    const match = /^\s*(\w+)="([^"]*)"\s*$/.exec(piece);
    if (match === null) return { field: "authorization", issue: `"${piece}" is not name="value"` };
    const [, name = "", value = ""] = match;
    if (found.has(name)) return { field: name, issue: `${name} stands twice` };
    found.set(name, value);
  }
  for (const name of partNames)
    if ((found.get(name) ?? "") === "") return { field: name, issue: `${name} is missing` };
  for (const name of found.keys())
    if (!partNames.some((known) => known === name))
      return { field: name, issue: `${name} is not a part of the Authorization` };
  return {
    mchid: found.get("mchid") ?? "",
    serial_no: found.get("serial_no") ?? "",
    nonce_str: found.get("nonce_str") ?? "",
    timestamp: found.get("timestamp") ?? "",
    signature: found.get("signature") ?? "",
  };
}

/** Five lines, each ended by a line feed, the last (the body, maybe empty) too. */
function messageOf(
  request: SignedRequest,
  parts: Pick<AuthorizationParts, "timestamp" | "nonce_str">,
): string {
  const body = request.body.toString("utf8");
  return `${request.method}\n${request.url}\n${parts.timestamp}\n${parts.nonce_str}\n${body}\n`;
}

/** Enough to see where two sides differ, without repeating a whole order. */
const shownMessageMax = 300;

function wrong(
  request: SignedRequest,
  field: string,
  issue: string,
  parts: AuthorizationParts | undefined,
): Verification {
  const message = messageOf(request, parts ?? { timestamp: "", nonce_str: "" });
  return {
    kind: "wrong",
    detail: {
      detail: { issue },
      field,
      location: "authorization",
      sign_information: {
        method: request.method,
        url: request.url,
        sign_message_length: Buffer.byteLength(message),
        truncated_sign_message: message.slice(0, shownMessageMax),
      },
    },
  };
}

/** Remembers nonces as long as their timestamps would still be taken. */
export interface NonceMemory {
  /** False when it was used before. */
  use(nonce: string, now: number): boolean;
}

/** At 600 s of memory this covers over 300 calls a second; beyond it the oldest are forgotten. */
const noncesMax = 200_000;

export function createNonceMemory(): NonceMemory {
  const usedAt = new Map<string, number>();
  return {
    use(nonce, now) {
      for (const [oldest, at] of usedAt) {
        if (now - at <= 2 * clockOffMaxSeconds * 1000 && usedAt.size < noncesMax) break;
        usedAt.delete(oldest);
      }
      if (usedAt.has(nonce)) return false;
      usedAt.set(nonce, now);
      return true;
    },
  };
}

/** The headers that prove a reply or a notice: three lines, each ended by a line feed. */
export function signatureHeaders(
  body: string,
  key: Pick<PlatformKey, "serial" | "privateKeyPem">,
  now: number,
): Record<string, string> {
  const timestamp = Math.floor(now / 1000).toString();
  const nonce = randomLetters(32);
  const message = Buffer.from(`${timestamp}\n${nonce}\n${body}\n`);
  return {
    "Wechatpay-Timestamp": timestamp,
    "Wechatpay-Nonce": nonce,
    "Wechatpay-Serial": key.serial,
    "Wechatpay-Signature-Type": scheme,
    "Wechatpay-Signature": sign("sha256", message, privateKeyOf(key.privateKeyPem)).toString(
      "base64",
    ),
  };
}

export interface EncryptedResource {
  readonly algorithm: "AEAD_AES_256_GCM";
  readonly nonce: string;
  readonly associated_data: string;
  readonly ciphertext: string;
}

/** AES-256-GCM under the merchant's APIv3 key; the 16-byte tag stands behind the ciphertext. */
export function encryptResource(
  plaintext: string,
  apiV3Key: string,
  associatedData: string,
): EncryptedResource {
  const nonce = randomLetters(12);
  const cipher = createCipheriv("aes-256-gcm", apiV3Key, nonce);
  cipher.setAAD(Buffer.from(associatedData));
  const parts = [cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()];
  return {
    algorithm: "AEAD_AES_256_GCM",
    nonce,
    associated_data: associatedData,
    ciphertext: Buffer.concat(parts).toString("base64"),
  };
}
