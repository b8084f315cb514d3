import { expect, describe, test } from "vitest";
import { createManualClock } from "../../kernel/time.ts";
import type { PrepareRequest } from "../../modules/payments/plug.ts";
import { keys, vector, vectorKeys } from "../wire/testing/fixtures.ts";
import { recordingFetch } from "../wire/testing/recording.ts";
import { createAlipay } from "./index.ts";
import { isSignedByOneOf, rawMembers, signText, textToSign } from "./signature.ts";
import { alipayAccount, publicPem, rsa2, signedReply, vendorSdk } from "./testing/counterpart.ts";

// 11:42 in Beijing, whatever zone the test runs in.
const nowMs = Date.parse("2026-11-21T03:42:00Z");
const signal = new AbortController().signal;

const native: PrepareRequest = {
  attemptNumber: "A20261121000001",
  method: "native",
  amountMinor: 1999n,
  currency: "CNY",
  description: "场地 3/4 & more=1",
  expiresAt: nowMs + 30 * 60_000 + 999,
  noticeUrl: "https://pay.example.test/notices/2",
  returnUrl: "https://shop.test/back?a=b",
};

/** A gateway that answers every call with this node, under Alipay's signature. */
function gatewayOf(method: string, node: unknown, signer?: string) {
  const text = typeof node === "string" ? node : JSON.stringify(node);
  return gatewayThatSays(signedReply(method, text, signer));
}

function gatewayThatSays(reply: string, status = 200) {
  const { fetch, seen } = recordingFetch(() => new Response(reply, { status }));
  return { plug: createAlipay({ clock: createManualClock(nowMs), fetch }), seen };
}

const paramsOf = (query: string) => Object.fromEntries(new URLSearchParams(query));
const queryMethod = "alipay.trade.query";
const success = { code: "10000", msg: "Success" };
const paid = {
  ...success,
  trade_no: "2026112122001400000000000001",
  out_trade_no: native.attemptNumber,
  trade_status: "TRADE_SUCCESS",
  total_amount: "19.99",
  receipt_amount: "18.99",
  send_pay_date: "2026-11-21 11:41:00",
  buyer_user_id: "2088000000000009",
};

describe("a request", () => {
  test("is laid out and signed so that the vendor's library accepts it", async () => {
    const node = { ...success, out_trade_no: native.attemptNumber, qr_code: "https://qr.test/1" };
    const { plug, seen } = gatewayOf("alipay.trade.precreate", node);
    const answer = await plug.prepare(alipayAccount(), native, signal);
    expect(answer).toEqual({
      kind: "ok",
      value: {
        instruction: { kind: "qr_code", content: "https://qr.test/1" },
        usableUntil: native.expiresAt,
      },
    });
    const [request] = seen;
    const params = { ...paramsOf(request?.url.search ?? ""), ...paramsOf(request?.body ?? "") };
    expect(JSON.parse(params["biz_content"] ?? "")).toEqual({
      out_trade_no: native.attemptNumber,
      total_amount: "19.99",
      subject: "场地 3 4   more 1",
      product_code: "FACE_TO_FACE_PAYMENT",
      time_expire: "2026-11-21 12:12:00",
    });
    expect(params).toMatchObject({
      app_id: "2021000000000001",
      timestamp: "2026-11-21 11:42:00",
      notify_url: native.noticeUrl,
    });
    expect(vendorSdk(keys.merchant.privateKey).checkNotifySignV2(params)).toBe(true);
  });

  test.each([
    ["page", "alipay.trade.page.pay"],
    ["h5", "alipay.trade.wap.pay"],
  ] as const)("for %s is an address that the payer's browser opens", async (method, name) => {
    const { plug, seen } = gatewayThatSays("");
    const answer = await plug.prepare(alipayAccount(), { ...native, method }, signal);
    expect(seen).toEqual([]);
    if (answer.kind !== "ok" || answer.value.instruction.kind !== "redirect") throw new Error();
    const url = new URL(answer.value.instruction.url);
    const params = paramsOf(url.search);
    expect(params).toMatchObject({ method: name, return_url: native.returnUrl });
    expect(vendorSdk(keys.merchant.privateKey).checkNotifySignV2(params)).toBe(true);
  });

  test("for the app is the order string of the vendor's library, byte for byte", async () => {
    const { plug } = gatewayThatSays("");
    const answer = await plug.prepare(alipayAccount(), { ...native, method: "app" }, signal);
    if (answer.kind !== "ok" || answer.value.instruction.kind !== "sdk_call") throw new Error();
    const ours = answer.value.instruction.params["orderString"] ?? "";
    expect(vendorSdk(keys.merchant.privateKey).checkNotifySignV2(paramsOf(ours))).toBe(true);

    // Theirs carries the time of this machine, so its own parameters are signed again by us.
    const theirs = paramsOf(
      vendorSdk().sdkExecute("alipay.trade.app.pay", {
        notifyUrl: native.noticeUrl,
        bizContent: { out_trade_no: "A1", total_amount: "0.01", subject: "测试 & 商品=1" },
      }),
    );
    const key = alipayAccount().config.appPrivateKey;
    expect(signText(key, textToSign(theirs))).toBe(theirs["sign"]);
  });

  test("of the published vectors has the signature that is written there", async () => {
    const { params = {}, message, signature = "" } = vector("ali.req");
    expect(textToSign(params)).toBe(message);
    const publicKeyPem = vectorKeys["alipay_app"]?.["publicKey"];
    const { alipayPublicKeys } = alipayAccount({ alipayPublicKeyPem: publicKeyPem }).config;
    expect(isSignedByOneOf(alipayPublicKeys, textToSign(params), signature)).toBe(true);
  });
});

describe("a reply", () => {
  test("of a query is told as it stands, in fen and in real time", async () => {
    const { plug } = gatewayOf(queryMethod, paid);
    expect(await plug.query(alipayAccount(), native.attemptNumber, signal)).toEqual({
      kind: "ok",
      value: {
        attemptNumber: native.attemptNumber,
        state: "paid",
        channelTradeNumber: "2026112122001400000000000001",
        amountMinor: 1999n,
        paidAt: Date.parse("2026-11-21T03:41:00Z"),
        payerId: "2088000000000009",
      },
    });
  });

  test("is verified over its text, with escapes and spaces and a brace in a string", async () => {
    const node = JSON.stringify(paid).replace("{", '{ "subject" : "a\\/b \\" } { 测试" ,\n');
    const reply = signedReply(queryMethod, node);
    const sdk = vendorSdk();
    const members = rawMembers(reply);
    expect(members?.get("alipay_trade_query_response")).toBe(node);
    const signature = JSON.parse(members?.get("sign") ?? "");
    sdk.checkResponseSign(reply, "alipay_trade_query_response", signature, "");
    const { plug } = gatewayThatSays(reply);
    const answer = await plug.query(alipayAccount(), native.attemptNumber, signal);
    expect(answer).toMatchObject({ kind: "ok", value: { state: "paid" } });
  });

  test.each([
    ["WAIT_BUYER_PAY", {}, "unpaid"],
    ["TRADE_SUCCESS", {}, "paid"],
    ["TRADE_FINISHED", {}, "paid"],
    ["TRADE_CLOSED after a whole refund", {}, "paid"],
    ["TRADE_CLOSED", { send_pay_date: undefined, receipt_amount: "0.00" }, "closed"],
    ["TRADE_CLOSED without a date but with money", { send_pay_date: undefined }, "paid"],
  ])("with %s %j reads as %s", async (status, changes, state) => {
    const [trade_status] = status.split(" ");
    const { plug } = gatewayOf(queryMethod, { ...paid, trade_status, ...changes });
    const answer = await plug.query(alipayAccount(), native.attemptNumber, signal);
    expect(answer).toMatchObject({ kind: "ok", value: { state } });
  });

  const text = JSON.stringify(paid);
  test.each([
    ["is unsigned", `{"alipay_trade_query_response":${text}}`],
    ["is signed by a stranger", signedReply(queryMethod, text, keys.stranger.privateKey)],
    ["was changed", signedReply(queryMethod, text).replace("19.99", "19.98")],
    ["answers another call", signedReply("alipay.trade.close", text)],
    ["is about another trade", signedReply(queryMethod, text.replace("A2026", "A2027"))],
    [
      "says a state that nobody knows",
      signedReply(queryMethod, text.replace("_SUCCESS", "_MAYBE")),
    ],
    [
      "tells an amount of a tenth of a fen",
      signedReply(queryMethod, text.replace("19.99", "19.999")),
    ],
    ["is not JSON", "<html>"],
    ["is cut off", signedReply(queryMethod, text).slice(0, -30)],
    [
      "hides what was signed behind a second node",
      `{"x":1,${signedReply(queryMethod, text.replace("19.99", "0.01"))
        .slice(1, -1)
        .replace(/"sign".*/, `"alipay_trade_query_response":${text},"sign":"${rsa2(text)}"`)}}`,
    ],
    [
      "refuses the business without a signature",
      '{"alipay_trade_query_response":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}',
    ],
  ])("that %s proves nothing", async (_name, reply) => {
    const { plug } = gatewayThatSays(reply);
    const answer = await plug.query(alipayAccount(), native.attemptNumber, signal);
    expect(answer.kind).toBe("unknown");
  });

  test("of the gateway's door may be unsigned", async () => {
    const node = '{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id"}';
    const { plug } = gatewayThatSays(`{"error_response":${node}}`);
    const answer = await plug.query(alipayAccount(), native.attemptNumber, signal);
    expect(answer).toMatchObject({ kind: "refused", reason: "not_authorized" });
  });

  test("under Alipay's former key holds while the key changes", async () => {
    const account = alipayAccount({
      alipayPublicKeyPem: publicPem(keys.platformNew.privateKey),
      previousAlipayPublicKeyPem: publicPem(keys.platformOld.privateKey),
    });
    for (const { privateKey } of [keys.platformOld, keys.platformNew]) {
      const { plug } = gatewayOf(queryMethod, paid, privateKey);
      expect((await plug.query(account, native.attemptNumber, signal)).kind).toBe("ok");
    }
    const { plug } = gatewayOf(queryMethod, paid, keys.stranger.privateKey);
    expect((await plug.query(account, native.attemptNumber, signal)).kind).toBe("unknown");
  });
});

describe("close", () => {
  const closeMethod = "alipay.trade.close";
  const no = (sub_code: string) => ({ code: "40004", msg: "Business Failed", sub_code });

  test.each([
    ["an unpaid trade", success, { kind: "ok" }],
    ["a code that nobody has scanned", no("ACQ.TRADE_NOT_EXIST"), { kind: "ok" }],
    ["a closed trade", no("ACQ.TRADE_HAS_CLOSE"), { kind: "ok" }],
    ["a paid trade", no("ACQ.TRADE_HAS_SUCCESS"), { kind: "refused", reason: "already_paid" }],
    ["a trade while the system is down", no("ACQ.SYSTEM_ERROR"), { kind: "unknown" }],
  ])("answers for %s", async (_name, node, expected) => {
    const { plug } = gatewayOf(closeMethod, node);
    expect(await plug.close(alipayAccount(), "A1B2C3", signal)).toMatchObject(expected);
  });

  test.each([
    ["TRADE_SUCCESS", { kind: "refused", reason: "already_paid" }],
    ["TRADE_CLOSED", { kind: "ok" }],
    ["WAIT_BUYER_PAY", { kind: "unknown" }],
  ])(
    "asks what a trade is that does not wait for its payer: %s",
    async (trade_status, expected) => {
      const trade = { ...paid, out_trade_no: "A1B2C3", trade_status };
      const told =
        trade_status === "TRADE_SUCCESS"
          ? trade
          : { ...trade, send_pay_date: "", receipt_amount: "0.00" };
      const { fetch } = recordingFetch(({ url }) => {
        const method = url.searchParams.get("method") ?? "";
        const node = method === closeMethod ? no("ACQ.TRADE_STATUS_ERROR") : told;
        return new Response(signedReply(method, JSON.stringify(node)));
      });
      const plug = createAlipay({ clock: createManualClock(nowMs), fetch });
      expect(await plug.close(alipayAccount(), "A1B2C3", signal)).toMatchObject(expected);
    },
  );
});

describe("refund", () => {
  const refundMethod = "alipay.trade.refund";
  const request = {
    refundNumber: "R1",
    attemptNumber: native.attemptNumber,
    channelTradeNumber: "2026112122001400000000000001",
    refundMinor: 999n,
    paidMinor: 1999n,
    currency: "CNY",
    reason: "rain",
    noticeUrl: "https://pay.example.test/notices/2",
  } as const;
  const reply = { ...success, out_trade_no: native.attemptNumber, refund_fee: "15.00" };

  test.each([
    ["Y", "refunded"],
    ["N", "processing"],
    [undefined, "processing"],
  ])(
    "with fund_change %s is %s, and never of the amount of all refunds",
    async (fund_change, state) => {
      const { plug, seen } = gatewayOf(refundMethod, { ...reply, fund_change });
      const answer = await plug.refund(alipayAccount(), request, signal);
      expect(answer).toEqual({
        kind: "ok",
        value: { refundNumber: "R1", attemptNumber: native.attemptNumber, state },
      });
      expect(JSON.parse(paramsOf(seen[0]?.body ?? "")["biz_content"] ?? "")).toEqual({
        out_trade_no: native.attemptNumber,
        trade_no: "2026112122001400000000000001",
        out_request_no: "R1",
        refund_amount: "9.99",
        refund_reason: "rain",
      });
    },
  );

  test.each([
    [{ refund_amount: "9.99", refund_status: "REFUND_SUCCESS", out_request_no: "R1" }, "refunded"],
    [{ refund_amount: "9.99", out_request_no: "R1" }, "processing"],
  ])("asked for %j is %s", async (fields, state) => {
    const node = { ...success, out_trade_no: native.attemptNumber, ...fields };
    const { plug } = gatewayOf("alipay.trade.fastpay.refund.query", node);
    const answer = await plug.queryRefund(alipayAccount(), request, signal);
    expect(answer).toMatchObject({ kind: "ok", value: { state, refundMinor: 999n } });
  });

  test("that Alipay does not name is not found, so that it may be sent again", async () => {
    const { plug } = gatewayOf("alipay.trade.fastpay.refund.query", success);
    const answer = await plug.queryRefund(alipayAccount(), request, signal);
    expect(answer).toMatchObject({ kind: "refused", reason: "not_found" });
  });
});
