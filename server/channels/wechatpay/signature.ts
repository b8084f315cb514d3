/**
 * The cryptography of APIv3, pure: what is signed, how a signature is checked, how a notice is
 * decrypted. Signatures are RSASSA-PKCS1-v1_5 with SHA-256 over lines that each end with a line
 * feed.
 */
import { createDecipheriv, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { minuteMs, secondMs } from "../../kernel/time.ts";
import { isSignedWith, readSignature } from "../wire/rsa.ts";
import type { WechatpayAccount } from "./config.ts";

const scheme = "WECHATPAY2-SHA256-RSA2048";
/** WeChat Pay's own libraries refuse what is five minutes old, or five minutes ahead. */
const ageMaxMs = 5 * minuteMs;
/** WeChat Pay sends notices with such signatures to see whether a merchant checks them at all. */
const probePrefix = "WECHATPAY/SIGNTEST/";
const tagBytes = 16;

export interface RequestToSign {
  readonly method: "GET" | "POST";
  /** Path and query exactly as they are sent. */
  readonly target: string;
  readonly body: string;
  readonly timestamp: string;
  readonly nonce: string;
}

/** The Authorization header of a request. */
export function authorizationOf(account: WechatpayAccount, request: RequestToSign): string {
  const { method, target, timestamp, nonce, body } = request;
  const signature = signLines(account, [method, target, timestamp, nonce, body]);
  const serial = account.config.merchantSerial;
  return (
    `${scheme} mchid="${account.merchantId}",serial_no="${serial}",` +
    `timestamp="${timestamp}",nonce_str="${nonce}",signature="${signature}"`
  );
}

/** Base64 of the merchant's signature over the lines; also the paySign of JSAPI and App. */
export function signLines(account: WechatpayAccount, lines: readonly string[]): string {
  const message = Buffer.from(`${lines.join("\n")}\n`);
  return sign("sha256", message, account.config.merchantPrivateKey).toString("base64");
}

/** The four headers under which WeChat Pay signs replies and notices. */
export interface SignatureHeaders {
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
  readonly serial: string;
}

export function readSignatureHeaders(
  header: (name: string) => string | null | undefined,
): SignatureHeaders | undefined {
  const timestamp = header("wechatpay-timestamp");
  const nonce = header("wechatpay-nonce");
  const signature = header("wechatpay-signature");
  const serial = header("wechatpay-serial");
  if (!timestamp || !nonce || !signature || !serial) return undefined;
  return { timestamp, nonce, signature, serial };
}

/**
 * Refuses everything that can be refused without a key, so that neither probes nor replays nor
 * noise make us ask for certificates. Answers the reason, or undefined when the key may decide.
 */
export function faultBeforeKey(headers: SignatureHeaders, receivedAt: number): string | undefined {
  if (headers.signature.startsWith(probePrefix)) return "the signature is a probe of WeChat Pay";
  if (!/^\d{1,12}$/.test(headers.timestamp)) return "the timestamp is not a number of seconds";
  if (Math.abs(receivedAt - Number(headers.timestamp) * secondMs) >= ageMaxMs) {
    return "the timestamp is five minutes or more away";
  }
  // The nonce may not hold a line feed, else nonce and body could be cut elsewhere than signed.
  if (!/^[\x21-\x7e]{1,128}$/.test(headers.nonce)) return "the nonce holds foreign characters";
  if (!/^(PUB_KEY_ID_[0-9A-Za-z]{1,64}|[0-9A-Fa-f]{8,40})$/.test(headers.serial)) {
    return "the serial has an impossible form";
  }
  return undefined;
}

/** Whether the key has signed these bytes under these headers. */
export function isSignedBy(key: KeyObject, headers: SignatureHeaders, body: Buffer): boolean {
  const signature = readSignature(headers.signature);
  if (signature === undefined) return false;
  const message = Buffer.concat([
    Buffer.from(`${headers.timestamp}\n${headers.nonce}\n`),
    body,
    Buffer.from("\n"),
  ]);
  return isSignedWith(key, message, signature);
}

export interface EncryptedResource {
  readonly algorithm: string;
  readonly ciphertext: string;
  readonly associated_data?: string | undefined;
  readonly nonce: string;
}

/**
 * AEAD_AES_256_GCM; undefined when the tag does not fit, that is with another key or forged text.
 */
export function decryptResource(key: KeyObject, resource: EncryptedResource): Buffer | undefined {
  if (resource.algorithm !== "AEAD_AES_256_GCM") return undefined;
  const sealed = Buffer.from(resource.ciphertext, "base64");
  if (sealed.length < tagBytes || resource.nonce.length === 0) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(resource.nonce), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.from(resource.associated_data ?? ""));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    // Only final() compares the tag: without it forged text would be taken.
    return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}
