import { describe, expect, test } from "vitest";
import { keys, vector, vectorKeys } from "../wire/testing/fixtures.ts";
import { verifyNotice, noticeReply } from "./notices.ts";
import { textToSign } from "./signature.ts";
import { alipayAccount, rsa2, vendorSdk } from "./testing/counterpart.ts";

const receivedAt = Date.parse("2026-11-21T03:42:00Z");

const payment = {
  notify_time: "2026-11-21 11:42:00",
  notify_type: "trade_status_sync",
  notify_id: "2026112100222114200000000000000001",
  app_id: "2021000000000001",
  charset: "utf-8",
  version: "1.0",
  sign_type: "RSA2",
  trade_no: "2026112122001400000000000001",
  out_trade_no: "A20261121000001",
  seller_id: "2088000000000001",
  buyer_id: "2088000000000009",
  trade_status: "TRADE_SUCCESS",
  total_amount: "19.99",
  subject: "100% 测试+商品",
  gmt_payment: "2026-11-21 11:41:00",
};
const refund = {
  ...payment,
  out_biz_no: "R1",
  refund_fee: "9.99",
  gmt_refund: "2026-11-21 11:50:00.123",
};

function form(
  params: Readonly<Record<string, string>>,
  options: { kept?: boolean; key?: string } = {},
) {
  const leftOut = options.kept === true ? ["sign"] : ["sign", "sign_type"];
  const sign = rsa2(textToSign(params, leftOut), options.key);
  return new URLSearchParams({ ...params, sign }).toString();
}

const verdictOf = (body: string) =>
  verifyNotice(alipayAccount(), { headers: {}, body: Buffer.from(body), receivedAt });

describe("a true notice", () => {
  test("of a payment is read, and the vendor's library agrees", () => {
    const body = form(payment);
    expect(vendorSdk().checkNotifySignV2(Object.fromEntries(new URLSearchParams(body)))).toBe(true);
    expect(verdictOf(body)).toEqual({
      kind: "verified",
      notice: {
        kind: "payment",
        noticeId: payment.notify_id,
        trade: {
          attemptNumber: "A20261121000001",
          state: "paid",
          channelTradeNumber: "2026112122001400000000000001",
          amountMinor: 1999n,
          merchantId: "2088000000000001",
          appId: "2021000000000001",
          paidAt: Date.parse("2026-11-21T03:41:00Z"),
          payerId: "2088000000000009",
        },
      },
    });
  });

  test.each([
    ["a part", refund],
    ["the whole", { ...refund, trade_status: "TRADE_CLOSED" }],
  ])("that %s went back tells the refund, not the sum of all refunds", (_name, params) => {
    expect(verdictOf(form(params))).toEqual({
      kind: "verified",
      notice: {
        kind: "refund",
        noticeId: payment.notify_id,
        refund: {
          refundNumber: "R1",
          attemptNumber: "A20261121000001",
          state: "refunded",
          merchantId: "2088000000000001",
          appId: "2021000000000001",
          refundedAt: Date.parse("2026-11-21T03:50:00Z"),
        },
      },
    });
  });

  test.each([
    ["TRADE_FINISHED", {}, "paid"],
    ["TRADE_CLOSED", {}, "paid"],
    ["TRADE_CLOSED", { gmt_payment: "" }, "closed"],
    ["TRADE_CLOSED", { gmt_payment: "", refund_fee: "19.99" }, "paid"],
    ["WAIT_BUYER_PAY", { gmt_payment: "" }, "unpaid"],
  ])("with %s %j reads as %s", (trade_status, changes, state) => {
    const verdict = verdictOf(form({ ...payment, trade_status, ...changes }));
    expect(verdict).toMatchObject({ notice: { kind: "payment", trade: { state } } });
  });

  test("may hold empty values, whether they are signed along or not", () => {
    const params = { ...payment, passback_params: "" };
    const leftOut = ["sign", "sign_type"];
    for (const withEmpty of [true, false]) {
      const sign = rsa2(textToSign(params, leftOut, { withEmpty }));
      const body = new URLSearchParams({ ...params, sign });
      expect(verdictOf(body.toString()).kind).toBe("verified");
      expect(vendorSdk().checkNotifySignV2(Object.fromEntries(body))).toBe(withEmpty);
    }
  });

  test("of the published vectors is read", () => {
    const { form: body = "", params } = vector("ali.notify");
    const account = alipayAccount({
      alipayPublicKeyPem: vectorKeys["alipay_gateway"]?.["publicKey"],
    });
    const verdict = verifyNotice(account, {
      headers: {},
      body: Buffer.from(body),
      receivedAt,
    });
    expect(verdict).toMatchObject({
      kind: "verified",
      notice: { trade: { attemptNumber: params?.["out_trade_no"], amountMinor: 1n } },
    });
  });

  test("says what it says, also when it is wrong: payments compares, not the channel", () => {
    const wrong = {
      ...payment,
      app_id: "other",
      seller_id: "other",
      total_amount: "0.01",
      trans_currency: "USD",
    };
    expect(verdictOf(form(wrong))).toMatchObject({
      notice: { trade: { amountMinor: 1n, currency: "USD", appId: "other", merchantId: "other" } },
    });
  });

  test("of the platform may keep sign_type in its signature, and is not about a trade", () => {
    const { trade_status: _, ...message } = { ...payment, msg_method: "alipay.open.app.changed" };
    expect(verdictOf(form(message, { kept: true })).kind).toBe("ignored");
    expect(verdictOf(form(message)).kind).toBe("ignored");
  });

  test("is acknowledged by exactly seven bytes", () => {
    expect(noticeReply("taken")).toMatchObject({ status: 200, body: "success" });
    expect(noticeReply("refused").body).not.toBe("success");
  });
});

describe("a forged notice [PAY-13]", () => {
  const body = form(payment);
  test.each([
    ["without a signature", new URLSearchParams(payment).toString()],
    ["signed by a stranger", form(payment, { key: keys.stranger.privateKey })],
    ["with another amount", body.replace("19.99", "19.98")],
    ["with a parameter more", `${body}&buyer_logon_id=x`],
    ["with a parameter twice", `${body}&out_trade_no=A20261121000001`],
    ["of an old kind of signature", form({ ...payment, sign_type: "RSA" })],
    ["whose signature is spelled with a space", body.replace("sign=", "sign=+")],
    ["of a trade that keeps sign_type in its signature", form(payment, { kept: true })],
    ["that is url-encoded twice", encodeURIComponent(body)],
    ["that is no form of ours", "{}"],
  ])("%s is refused", (_name, forged) => {
    expect(verdictOf(forged).kind).toBe("forged");
  });

  test("of bytes that are no text is refused", () => {
    const raw = { headers: {}, body: Buffer.from([0xff, 0xfe, 0x00]), receivedAt };
    expect(verifyNotice(alipayAccount(), raw).kind).toBe("forged");
  });

  test("that is rightly signed but unreadable is neither taken nor called forged", () => {
    expect(verdictOf(form({ ...payment, trade_status: "TRADE_MAYBE" })).kind).toBe("unreadable");
    expect(verdictOf(form({ ...payment, total_amount: "many" })).kind).toBe("unreadable");
    expect(verdictOf(form({ ...payment, trade_no: "2026\0" })).kind).toBe("unreadable");
  });
});
