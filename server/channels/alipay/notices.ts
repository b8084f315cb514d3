import type { KeyObject } from "node:crypto";
import type { NoticeReply, NoticeVerdict, RawNotice } from "../../modules/payments/plug.ts";
import { parseBeijing } from "../wire/beijing.ts";
import { decodeUtf8 } from "../wire/json.ts";
import type { AlipayAccount } from "./config.ts";
import { isSignedByOneOf, textToSign } from "./signature.ts";
import type { Params } from "./signature.ts";
import { readTrade } from "./trades.ts";

/** A notice has about 35 parameters. */
const paramsMax = 100;

/**
 * Decodes the form once and verifies it over the decoded values. Notices have no time window: a
 * notice that was not acknowledged comes again for 25 hours under the same id, and is a duplicate.
 */
export function verifyNotice(account: AlipayAccount, raw: RawNotice): NoticeVerdict {
  const params = readForm(raw.body);
  if (params === undefined) return { kind: "forged", why: "the notice is not a form" };
  const { sign: signature, sign_type: signType, notify_id: noticeId = "" } = params;
  if (signature === undefined) return { kind: "forged", why: "the notice is unsigned" };
  if (signType !== "RSA2") return { kind: "forged", why: "the notice is not signed with RSA2" };

  const keys = account.config.alipayPublicKeys;
  if (!isSigned(params, keys, signature))
    return { kind: "forged", why: "the signature does not fit" };
  if (params["trade_status"] === undefined) {
    return { kind: "ignored", noticeId, why: "a message that is not about a trade" };
  }
  return readTradeNotice(params, noticeId);
}

function isSigned(params: Params, keys: readonly KeyObject[], signature: string): boolean {
  return textsOf(params).some((text) => isSignedByOneOf(keys, text, signature));
}

/**
 * What Alipay may have signed. Notices of trades leave `sign_type` out; messages of the platform,
 * which name themselves in `msg_method`, may keep it. Alipay's own libraries disagree about empty
 * values: some leave them out, as for requests, and some do not. Each is put together when the one
 * before it has not fitted.
 */
function* textsOf(params: Params): Generator<string> {
  const leftOut = ["sign", "sign_type"];
  yield textToSign(params, leftOut);
  if (Object.values(params).includes("")) yield textToSign(params, leftOut, { withEmpty: true });
  if (params["msg_method"] !== undefined) yield textToSign(params);
}

/**
 * There is one kind of notice, about the trade. It is news of a refund when it names the refund's
 * number (`out_biz_no`) beside an amount or a time; `refund_fee` is the sum of all refunds so far,
 * so the notice does not tell this one's amount.
 */
function readTradeNotice(params: Params, noticeId: string): NoticeVerdict {
  const trade = readTrade(params);
  // A NUL cannot be kept, see parseJson.
  const isKeepable = !Object.values(params).some((value) => value.includes("\0"));
  if (trade === undefined || noticeId === "" || !isKeepable) {
    return { kind: "unreadable", why: "the content of the notice cannot be read" };
  }
  const { out_biz_no: refundNumber, refund_fee, gmt_refund } = params;
  if (!refundNumber || !(refund_fee || gmt_refund)) {
    return { kind: "verified", notice: { kind: "payment", noticeId, trade } };
  }
  const { attemptNumber, merchantId, appId, currency } = trade;
  const refundedAt = parseBeijing(gmt_refund ?? "");
  const refund = {
    refundNumber,
    attemptNumber,
    state: "refunded",
    ...(merchantId === undefined ? {} : { merchantId }),
    ...(appId === undefined ? {} : { appId }),
    ...(currency === undefined ? {} : { currency }),
    ...(refundedAt === undefined ? {} : { refundedAt }),
  } as const;
  return { kind: "verified", notice: { kind: "refund", noticeId, refund } };
}

/** Undefined for text that is no form, and for a name that comes twice: which one was signed? */
function readForm(body: Buffer): Params | undefined {
  const text = decodeUtf8(body);
  if (text === undefined) return undefined;
  const params: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count += 1;
    if (count > paramsMax || name in params) return undefined;
    params[name] = value;
  }
  return params;
}

/** Exactly these seven bytes count as taken; anything else makes Alipay send the notice again. */
export function noticeReply(result: "taken" | "refused"): NoticeReply {
  const contentType = "text/plain; charset=utf-8";
  if (result === "taken") return { status: 200, contentType, body: "success" };
  return { status: 400, contentType, body: "failure" };
}
