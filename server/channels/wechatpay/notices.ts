import Type from "typebox";
import { Compile } from "typebox/compile";
import type { NoticeReply, NoticeVerdict, RawNotice } from "../../modules/payments/plug.ts";
import { parseJson, readAs } from "../wire/json.ts";
import type { WechatpayAccount } from "./config.ts";
import type { Keyring } from "./keys.ts";
import { decryptResource, faultBeforeKey, isSignedBy, readSignatureHeaders } from "./signature.ts";
import { readRefund, readTrade } from "./trades.ts";

const Envelope = Compile(
  Type.Object({
    id: Type.String({ minLength: 1, maxLength: 128 }),
    event_type: Type.String(),
    resource: Type.Object({
      algorithm: Type.String(),
      ciphertext: Type.String(),
      associated_data: Type.Optional(Type.String()),
      nonce: Type.String(),
    }),
  }),
);

/**
 * Signature first, over the raw bytes; then the envelope; then the resource in it. The time window
 * is held against the time of arrival, so that a stored notice can be verified later.
 */
export async function verifyNotice(
  keyring: Keyring,
  account: WechatpayAccount,
  raw: RawNotice,
  signal: AbortSignal,
): Promise<NoticeVerdict> {
  const headers = readSignatureHeaders((name) => raw.headers[name]);
  if (headers === undefined) return { kind: "forged", why: "the notice is unsigned" };
  const fault = faultBeforeKey(headers, raw.receivedAt);
  if (fault !== undefined) return { kind: "forged", why: fault };
  const found = await keyring.find(account, headers.serial, signal);
  if (found.kind === "unavailable") return { kind: "unreadable", why: found.why };
  if (found.kind === "unknown_serial") return { kind: "forged", why: found.why };
  if (!isSignedBy(found.key, headers, raw.body)) {
    return { kind: "forged", why: "the signature does not fit" };
  }
  return readNotice(account, raw.body);
}

/** Takes a body that WeChat Pay has signed. */
function readNotice(account: WechatpayAccount, body: Buffer): NoticeVerdict {
  const envelope = readAs(Envelope, parseJson(body));
  if (envelope === undefined) return { kind: "unreadable", why: "the envelope cannot be read" };
  const { id: noticeId, event_type: event, resource } = envelope;
  const isPayment = event === "TRANSACTION.SUCCESS";
  const isRefund = event.startsWith("REFUND.");
  if (!isPayment && !isRefund) return { kind: "ignored", noticeId, why: `an event ${event}` };

  const plain = decryptResource(account.config.apiV3Key, resource);
  if (plain === undefined) {
    // WeChat Pay has signed it, so it is no forgery: the APIv3 key was changed on one side only.
    return { kind: "unreadable", why: "the APIv3 key does not decrypt the notice" };
  }
  if (isPayment) {
    const trade = readTrade(plain);
    if (trade !== undefined) {
      return { kind: "verified", notice: { kind: "payment", noticeId, trade } };
    }
  } else {
    const refund = readRefund(plain);
    if (refund !== undefined) {
      return { kind: "verified", notice: { kind: "refund", noticeId, refund } };
    }
  }
  return { kind: "unreadable", why: `the content of ${event} cannot be read` };
}

/** Every status but 200 and 204 makes WeChat Pay send the notice again, 15 times within a day. */
export function noticeReply(result: "taken" | "refused"): NoticeReply {
  const contentType = "application/json";
  if (result === "taken") return { status: 200, contentType, body: '{"code":"SUCCESS"}' };
  return { status: 400, contentType, body: '{"code":"FAIL","message":"not accepted"}' };
}
