/** Notices of WeChat Pay: encrypted under the merchant's APIv3 key, signed by the platform. */
import { randomUUID } from "node:crypto";
import { createKeyPair } from "../certificates.ts";
import { signingKey } from "../merchants.ts";
import type { NoticeWriter } from "../notices.ts";
import { randomDigits } from "../random.ts";
import { beijingRfc3339 } from "../times.ts";
import type { Forgery, Merchant, Notice, PlatformKey, World } from "../world.ts";
import { encryptResource, signatureHeaders } from "./signature.ts";
import { refundNoticeView, tradeView } from "./trades.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** 15 retries over 24 h 4 m, as published. */
const retryAfterMs = [
  15 * second,
  15 * second,
  30 * second,
  3 * minute,
  10 * minute,
  20 * minute,
  30 * minute,
  30 * minute,
  30 * minute,
  60 * minute,
  3 * hour,
  3 * hour,
  3 * hour,
  6 * hour,
  6 * hour,
];

export async function createWechatNoticeWriter(world: World): Promise<NoticeWriter> {
  // The key of somebody who is not WeChat Pay, for forgeries.
  const foreignPair = await createKeyPair();
  const foreignKey = { serial: `PUB_KEY_ID_${randomDigits(28)}`, ...foreignPair };

  function keyFor(
    notice: Notice,
    merchant: Merchant,
  ): Pick<PlatformKey, "serial" | "privateKeyPem"> {
    const kind = merchant.channel === "wechatpay" ? merchant.mode : "public_key";
    const own = signingKey(world, kind);
    if (notice.forgery === "unknown_serial") return foreignKey;
    // A known serial over a signature that the named key has not made.
    if (notice.forgery === "bad_signature") return { ...foreignKey, serial: own.serial };
    return own;
  }

  return {
    newId: () => randomUUID(),
    paymentContent: (trade) => JSON.stringify(tradeView({ ...trade, refundKeys: [] })),
    refundContent: (trade, refund) => JSON.stringify(refundNoticeView(trade, refund)),
    tamper,
    write(notice, merchant, now) {
      if (merchant.channel !== "wechatpay") throw new Error("not a merchant of WeChat Pay");
      const body = noticeBody(notice, merchant.apiV3Key);
      const signed = signatureHeaders(body, keyFor(notice, merchant), now);
      const headers = { ...signed, "Content-Type": "application/json" };
      if (notice.forgery !== "signature_probe") return { headers, body };
      // The provider itself sends such probes, to see whether merchants verify at all.
      const probe = `WECHATPAY/SIGNTEST/${signed["Wechatpay-Signature"]}`;
      return { headers: { ...headers, "Wechatpay-Signature": probe }, body };
    },
    isAcknowledged: (status) => status === 200 || status === 204,
    retryAfterMs,
    replyWithinMs: 5 * second,
  };
}

function noticeBody(notice: Notice, apiV3Key: string): string {
  const isPayment = notice.event === "payment";
  const kind = isPayment ? "transaction" : "refund";
  const resource = encryptResource(notice.content, apiV3Key, kind);
  const ciphertext =
    notice.forgery === "bad_ciphertext"
      ? withOneBitFlipped(resource.ciphertext)
      : resource.ciphertext;
  return JSON.stringify({
    id: notice.id,
    create_time: beijingRfc3339(notice.createdAt),
    resource_type: "encrypt-resource",
    event_type: isPayment ? "TRANSACTION.SUCCESS" : `REFUND.${refundStatus(notice.content)}`,
    summary: isPayment ? "支付成功" : "退款结果",
    resource: { original_type: kind, ...resource, ciphertext },
  });
}

function refundStatus(content: string): string {
  return (JSON.parse(content) as { refund_status: string }).refund_status;
}

/** Whoever skips the authentication tag would read this as good text with one letter changed. */
function withOneBitFlipped(base64: string): string {
  const bytes = Buffer.from(base64, "base64");
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  return bytes.toString("base64");
}

function tamper(content: string, forgery: Forgery): string {
  const plain = JSON.parse(content) as { amount: { total: number; refund?: number } };
  switch (forgery) {
    case "wrong_amount": {
      // A fen where more was asked, the classic attack; and a fen more on a refund.
      const total = plain.amount.total === 1 ? 2 : 1;
      const refund = plain.amount.refund;
      const amount =
        refund === undefined
          ? { ...plain.amount, total, payer_total: total }
          : { ...plain.amount, refund: refund + 1, payer_refund: refund + 1 };
      return JSON.stringify({ ...plain, amount });
    }
    case "wrong_currency": {
      const amount = { ...plain.amount, currency: "USD", payer_currency: "USD" };
      return JSON.stringify({ ...plain, amount });
    }
    case "wrong_merchant":
      return JSON.stringify({ ...plain, mchid: "1999999999" });
    case "wrong_app":
      return JSON.stringify({ ...plain, appid: "wx9999999999999999" });
    default:
      return content; // The other forgeries touch the envelope, not the content.
  }
}
