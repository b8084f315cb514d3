import { createPublicKey } from "node:crypto";
import { Formatter, Rsa } from "wechatpay-axios-plugin";
import { describe, expect, test } from "vitest";
import { createManualClock } from "../../kernel/time.ts";
import type { PrepareRequest } from "../../modules/payments/plug.ts";
import { keys } from "../wire/testing/fixtures.ts";
import { recordingFetch } from "../wire/testing/recording.ts";
import { publicKeyId, signedHeaders, wechatpayAccount } from "./testing/counterpart.ts";
import type { SeenRequest } from "../wire/testing/recording.ts";
import { createWechatpay } from "./index.ts";

const nowMs = Date.parse("2026-11-21T03:42:00Z");
const nonce = "0123456789ABCDEF0123456789ABCDEF";
const signal = new AbortController().signal;
const merchantPublicKey = createPublicKey(keys.merchant.privateKey);

const native: PrepareRequest = {
  attemptNumber: "A20261121000001",
  method: "native",
  amountMinor: 1999n,
  currency: "CNY",
  description: "Court 3, one hour — 场地",
  expiresAt: nowMs + 30 * 60_000 + 999,
  noticeUrl: "https://pay.example.test/notices/1",
};

function signedReply(value: unknown, status = 200, signer = keys.platformOld): Response {
  const body = value === undefined ? "" : JSON.stringify(value);
  const headers = signedHeaders(body, { nowMs, signer });
  return new Response(status === 204 ? null : body, { status, headers });
}

function channelThatAnswers(answer: (request: SeenRequest) => Response | Promise<Response>) {
  const { fetch, seen } = recordingFetch(answer);
  const plug = createWechatpay({ clock: createManualClock(nowMs), nonce: () => nonce, fetch });
  return { plug, seen };
}

function refundReply(changes = {}) {
  return {
    refund_id: "50300000012026112100001",
    out_refund_no: "R1",
    transaction_id: "4200000000202611210000000001",
    out_trade_no: native.attemptNumber,
    status: "PROCESSING",
    create_time: "2026-11-21T11:42:00+08:00",
    amount: { total: 1999, refund: 999, payer_total: 1999, payer_refund: 999, currency: "CNY" },
    ...changes,
  };
}

describe("a request", () => {
  test("carries the signature that the vendor's library makes of it, byte for byte", async () => {
    const { plug, seen } = channelThatAnswers(() => signedReply({ code_url: "weixin://x" }));
    await plug.prepare(wechatpayAccount(), native, signal);
    await plug.query(wechatpayAccount(), native.attemptNumber, signal);

    expect(seen).toHaveLength(2);
    for (const request of seen) {
      expect(request.redirect).toBe("manual");
      const timestamp = String(nowMs / 1_000);
      const target = `${request.url.pathname}${request.url.search}`;
      const message = Formatter.request(request.method, target, timestamp, nonce, request.body);
      const signature = Rsa.sign(message, keys.merchant.privateKey);
      const { serial } = keys.merchant;
      const header = Formatter.authorization("1900000001", nonce, signature, timestamp, serial);
      expect(request.headers.get("authorization")).toBe(header);
      expect(Rsa.verify(message, signature, merchantPublicKey)).toBe(true);
    }
  });

  test("asks for the public key's signature in public-key mode", async () => {
    const { plug, seen } = channelThatAnswers(() =>
      signedReply({ code_url: "weixin://x" }, 200, { ...keys.platformOld, serial: publicKeyId }),
    );
    const publicKey = createPublicKey(keys.platformOld.privateKey);
    const pem = publicKey.export({ type: "spki", format: "pem" });
    const platformKeys = { [publicKeyId]: pem };
    const account = wechatpayAccount({ mode: "public_key", platformKeys });
    expect(await plug.prepare(account, native, signal)).toMatchObject({ kind: "ok" });
    expect(seen[0]?.headers.get("wechatpay-serial")).toBe(publicKeyId);
  });
});

describe("prepare", () => {
  test("asks in fen, in Beijing time, with the payer's data that the method needs [PAY-21]", async () => {
    const { plug, seen } = channelThatAnswers(() =>
      signedReply({ h5_url: "https://wx.test/h5?a=1" }),
    );
    const answer = await plug.prepare(
      wechatpayAccount(),
      { ...native, method: "h5", payerIp: "203.0.113.7", returnUrl: "https://shop.test/?a=b" },
      signal,
    );
    expect(seen[0]?.url.pathname).toBe("/v3/pay/transactions/h5");
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({
      appid: "wx0000000000000001",
      mchid: "1900000001",
      description: native.description,
      out_trade_no: native.attemptNumber,
      time_expire: "2026-11-21T12:12:00+08:00",
      notify_url: native.noticeUrl,
      amount: { total: 1999, currency: "CNY" },
      scene_info: { payer_client_ip: "203.0.113.7", h5_info: { type: "Wap" } },
    });
    expect(answer).toEqual({
      kind: "ok",
      value: {
        instruction: {
          kind: "redirect",
          url: "https://wx.test/h5?a=1&redirect_url=https%3A%2F%2Fshop.test%2F%3Fa%3Db",
        },
        usableUntil: nowMs + 5 * 60_000,
      },
    });
  });

  test("signs for the mini-program and for the app what each verifies [PAY-21]", async () => {
    const { plug } = channelThatAnswers(() => signedReply({ prepay_id: "wx201" }));
    const jsapi = { ...native, method: "jsapi", payerId: "oTest" } as const;
    const inWechat = await plug.prepare(wechatpayAccount(), jsapi, signal);
    const inApp = await plug.prepare(wechatpayAccount(), { ...native, method: "app" }, signal);

    const timestamp = String(nowMs / 1_000);
    const ofJsapi = ["wx0000000000000001", timestamp, nonce, "prepay_id=wx201"];
    const ofApp = ["wx0000000000000001", timestamp, nonce, "wx201"];
    expect(inWechat).toMatchObject({
      value: {
        instruction: {
          kind: "sdk_call",
          params: {
            appId: "wx0000000000000001",
            timeStamp: timestamp,
            nonceStr: nonce,
            package: "prepay_id=wx201",
            signType: "RSA",
            paySign: Rsa.sign(Formatter.joinedByLineFeed(...ofJsapi), keys.merchant.privateKey),
          },
        },
        // The order's own time ends before the prepay id's two hours.
        usableUntil: native.expiresAt,
      },
    });
    expect(inApp).toMatchObject({
      value: {
        instruction: {
          params: {
            partnerid: "1900000001",
            prepayid: "wx201",
            package: "Sign=WXPay",
            sign: Rsa.sign(Formatter.joinedByLineFeed(...ofApp), keys.merchant.privateKey),
          },
        },
      },
    });
  });

  test.each([
    [{ method: "jsapi" }, "payer_id_missing"],
    [{ method: "h5" }, "payer_ip_missing"],
    [{ method: "page" }, "method_not_served"],
  ] as const)("refuses %j before it asks: %s", async (changes, channelCode) => {
    const { plug, seen } = channelThatAnswers(() => signedReply({}));
    const answer = await plug.prepare(wechatpayAccount(), { ...native, ...changes }, signal);
    expect(answer).toMatchObject({ kind: "refused", reason: "bad_request", channelCode });
    expect(seen).toEqual([]);
  });
});

describe("a reply", () => {
  const paid = {
    appid: "wx0000000000000001",
    mchid: "1900000001",
    out_trade_no: native.attemptNumber,
    transaction_id: "4200000000202611210000000001",
    trade_state: "SUCCESS",
    success_time: "2026-11-21T11:41:00+08:00",
    payer: { openid: "oTest" },
    amount: { total: 1999, payer_total: 1899, currency: "CNY", payer_currency: "CNY" },
  };

  test("of a query is told as it stands, whatever payments will think of it", async () => {
    const { plug } = channelThatAnswers(() => signedReply(paid));
    expect(await plug.query(wechatpayAccount(), native.attemptNumber, signal)).toEqual({
      kind: "ok",
      value: {
        attemptNumber: native.attemptNumber,
        state: "paid",
        channelTradeNumber: "4200000000202611210000000001",
        amountMinor: 1999n,
        currency: "CNY",
        merchantId: "1900000001",
        appId: "wx0000000000000001",
        paidAt: Date.parse("2026-11-21T03:41:00Z"),
        payerId: "oTest",
      },
    });
  });

  test.each([
    ["SUCCESS", "paid"],
    ["REFUND", "paid"],
    ["NOTPAY", "unpaid"],
    ["USERPAYING", "paying"],
    ["CLOSED", "closed"],
    ["REVOKED", "closed"],
    ["PAYERROR", "failed"],
  ])("with trade state %s reads as %s", async (trade_state, state) => {
    const { plug } = channelThatAnswers(() => signedReply({ ...paid, trade_state }));
    const answer = await plug.query(wechatpayAccount(), native.attemptNumber, signal);
    expect(answer).toMatchObject({ kind: "ok", value: { state } });
  });

  test.each([
    ["a state that nobody knows", { ...paid, trade_state: "MAYBE" }],
    ["an amount that is no number of fen", { ...paid, amount: { total: 19.99 } }],
    ["money without an amount", { ...paid, amount: undefined }],
    ["another trade's number", { ...paid, out_trade_no: "A2" }],
    ["nothing at all", undefined],
  ])("with %s answers nothing", async (_name, body) => {
    const { plug } = channelThatAnswers(() => signedReply(body));
    const answer = await plug.query(wechatpayAccount(), native.attemptNumber, signal);
    expect(answer.kind).toBe("unknown");
  });

  test.each([
    ["is unsigned", () => new Response(JSON.stringify(paid))],
    [
      "is signed by a stranger",
      () => signedReply(paid, 200, { ...keys.stranger, serial: keys.platformOld.serial }),
    ],
    [
      "was changed on the way",
      () => new Response(`${JSON.stringify(paid)} `, { headers: signedReply(paid).headers }),
    ],
    [
      "is five minutes old",
      () => {
        const body = JSON.stringify(paid);
        return new Response(body, { headers: signedHeaders(body, { nowMs: nowMs - 300_000 }) });
      },
    ],
    [
      "is a redirect",
      () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } }),
    ],
    ["is larger than any reply", () => signedReply({ ...paid, attach: "x".repeat(1024 * 1024) })],
    ["says that work goes on", () => signedReply(paid, 202)],
  ])("that %s proves nothing", async (_name, answer) => {
    const { plug } = channelThatAnswers(answer);
    const told = await plug.query(wechatpayAccount(), native.attemptNumber, signal);
    expect(told.kind).toBe("unknown");
  });

  test("that never comes is unknown, and the second address is tried", async () => {
    const { plug, seen } = channelThatAnswers(({ url }) => {
      if (url.host === "wechatpay.test") throw new TypeError("fetch failed");
      return signedReply(paid);
    });
    const alone = await plug.query(wechatpayAccount(), native.attemptNumber, signal);
    expect(alone).toEqual({ kind: "unknown", why: "the call failed: fetch failed" });
    const account = wechatpayAccount({ fallbackUrl: "https://second.wechatpay.test" });
    const withSecond = await plug.query(account, native.attemptNumber, signal);
    expect(withSecond.kind).toBe("ok");
    expect(seen.map(({ url }) => url.host)).toEqual([
      "wechatpay.test",
      "wechatpay.test",
      "second.wechatpay.test",
    ]);
  });

  test("is not waited for beyond the caller's time", async () => {
    const { plug } = channelThatAnswers(() => {
      throw new DOMException("aborted", "AbortError");
    });
    const answer = await plug.query(wechatpayAccount(), "A20261121000001", AbortSignal.abort());
    expect(answer).toEqual({ kind: "unknown", why: "the time for the call ran out" });
  });
});

describe("close", () => {
  const error = (status: number, code: string) => () => signedReply({ code, message: "" }, status);

  test.each([
    ["an order that nobody has paid", () => signedReply(undefined, 204), { kind: "ok" }],
    ["an order closed before", error(400, "ORDER_CLOSED"), { kind: "ok" }],
    ["a number that was never heard of", error(404, "ORDERNOTEXIST"), { kind: "ok" }],
    ["a paid order", error(400, "ORDERPAID"), { kind: "refused", reason: "already_paid" }],
    ["an order while the service is down", error(500, "SYSTEMERROR"), { kind: "unknown" }],
  ])("answers for %s", async (_name, answer, expected) => {
    const { plug, seen } = channelThatAnswers(answer);
    expect(await plug.close(wechatpayAccount(), "A1B2C3", signal)).toMatchObject(expected);
    expect(seen[0]?.url.pathname).toBe("/v3/pay/transactions/out-trade-no/A1B2C3/close");
    expect(seen[0]?.body).toBe('{"mchid":"1900000001"}');
  });
});

describe("refund", () => {
  const request = {
    refundNumber: "R1",
    attemptNumber: native.attemptNumber,
    channelTradeNumber: "4200000000202611210000000001",
    refundMinor: 999n,
    paidMinor: 1999n,
    currency: "CNY",
    reason: "rain",
    noticeUrl: "https://pay.example.test/notices/1",
  } as const;

  test("asks for its part of what was paid, and tells what WeChat Pay says", async () => {
    const { plug, seen } = channelThatAnswers(() => signedReply(refundReply()));
    expect(await plug.refund(wechatpayAccount(), request, signal)).toEqual({
      kind: "ok",
      value: {
        refundNumber: "R1",
        attemptNumber: native.attemptNumber,
        state: "processing",
        channelRefundNumber: "50300000012026112100001",
        refundMinor: 999n,
        currency: "CNY",
      },
    });
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({
      transaction_id: "4200000000202611210000000001",
      out_refund_no: "R1",
      reason: "rain",
      notify_url: "https://pay.example.test/notices/1",
      amount: { refund: 999, total: 1999, currency: "CNY" },
    });
  });

  test.each([
    ["SUCCESS", "refunded"],
    ["CLOSED", "closed"],
    ["ABNORMAL", "abnormal"],
    ["PROCESSING", "processing"],
  ])("with status %s reads as %s when asked again", async (status, state) => {
    const { plug } = channelThatAnswers(() => signedReply(refundReply({ status })));
    const refund = { refundNumber: "R1", attemptNumber: native.attemptNumber };
    const answer = await plug.queryRefund(wechatpayAccount(), refund, signal);
    expect(answer).toMatchObject({ kind: "ok", value: { state } });
  });

  test("is not settled by a code that we do not know, nor by another refund's reply", async () => {
    const strange = channelThatAnswers(() => signedReply({ code: "NEW_CODE" }, 403));
    expect((await strange.plug.refund(wechatpayAccount(), request, signal)).kind).toBe("unknown");
    const other = channelThatAnswers(() => signedReply(refundReply({ out_refund_no: "R2" })));
    expect((await other.plug.refund(wechatpayAccount(), request, signal)).kind).toBe("unknown");
  });
});
