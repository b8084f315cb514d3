import { createPublicKey } from "node:crypto";
import { Formatter, Rsa } from "wechatpay-axios-plugin";
import { describe, expect, test } from "vitest";
import { createManualClock, minuteMs } from "../../kernel/time.ts";
import type { RawNotice } from "../../modules/payments/plug.ts";
import { keys, vector, vectorKeys, vectorSerials } from "../wire/testing/fixtures.ts";
import { recordingFetch } from "../wire/testing/recording.ts";
import {
  certificateList,
  encrypted,
  publicKeyId,
  signedHeaders,
  wechatpayAccount,
} from "./testing/counterpart.ts";
import { createWechatpay } from "./index.ts";

const nowMs = Date.parse("2026-11-21T03:42:00Z");
const signal = new AbortController().signal;
const other = { apiV3Key: "OtherApiV3KeyOtherApiV3KeyOther1" };

const transaction = {
  appid: "wx0000000000000001",
  mchid: "1900000001",
  out_trade_no: "A20261121000001",
  transaction_id: "4200000000202611210000000001",
  trade_state: "SUCCESS",
  success_time: "2026-11-21T11:41:00+08:00",
  payer: { openid: "oTest" },
  amount: { total: 1999, payer_total: 1999, currency: "CNY", payer_currency: "CNY" },
};

function noticeBody(event: string, content: unknown): string {
  const isRefund = event.startsWith("REFUND");
  return JSON.stringify({
    id: "EV-1",
    create_time: "2026-11-21T11:42:00+08:00",
    resource_type: "encrypt-resource",
    event_type: event,
    summary: "支付成功",
    resource: encrypted(JSON.stringify(content), isRefund ? "refund" : "transaction"),
  });
}

function noticeOf(body: string, options: Partial<Parameters<typeof signedHeaders>[1]> = {}) {
  const headers = signedHeaders(body, { nowMs, ...options });
  return { headers, body: Buffer.from(body), receivedAt: nowMs };
}

function withHeader(notice: RawNotice, name: string, value: string): RawNotice {
  return { ...notice, headers: { ...notice.headers, [name]: value } };
}

/** A channel whose network would be noticed. */
function offline() {
  const { fetch, seen } = recordingFetch(() => new Response(null, { status: 503 }));
  return { plug: createWechatpay({ clock: createManualClock(nowMs), fetch }), seen };
}

const payment = () => noticeOf(noticeBody("TRANSACTION.SUCCESS", transaction));

describe("a true notice", () => {
  test("of a payment, encrypted and signed by the vendor's library, is read", async () => {
    const verdict = await offline().plug.verifyNotice(wechatpayAccount(), payment(), signal);
    expect(verdict).toEqual({
      kind: "verified",
      notice: {
        kind: "payment",
        noticeId: "EV-1",
        trade: {
          attemptNumber: "A20261121000001",
          state: "paid",
          channelTradeNumber: "4200000000202611210000000001",
          amountMinor: 1999n,
          currency: "CNY",
          merchantId: "1900000001",
          appId: "wx0000000000000001",
          paidAt: Date.parse("2026-11-21T03:41:00Z"),
          payerId: "oTest",
        },
      },
    });
  });

  test.each([
    ["REFUND.SUCCESS", "SUCCESS", "refunded"],
    ["REFUND.ABNORMAL", "ABNORMAL", "abnormal"],
    ["REFUND.CLOSED", "CLOSED", "closed"],
  ])("%s tells its refund", async (event, refund_status, state) => {
    const content = {
      mchid: "1900000001",
      transaction_id: "4200000000202611210000000001",
      out_trade_no: "A20261121000001",
      refund_id: "50300000012026112100001",
      out_refund_no: "R1",
      refund_status,
      success_time: "2026-11-21T11:41:00+08:00",
      amount: { total: 1999, refund: 999, payer_total: 1999, payer_refund: 999 },
    };
    const notice = noticeOf(noticeBody(event, content));
    const verdict = await offline().plug.verifyNotice(wechatpayAccount(), notice, signal);
    expect(verdict).toEqual({
      kind: "verified",
      notice: {
        kind: "refund",
        noticeId: "EV-1",
        refund: {
          refundNumber: "R1",
          attemptNumber: "A20261121000001",
          state,
          channelRefundNumber: "50300000012026112100001",
          refundMinor: 999n,
          merchantId: "1900000001",
          refundedAt: Date.parse("2026-11-21T03:41:00Z"),
        },
      },
    });
  });

  test("of the published vectors is read", async () => {
    const { headers = {}, body = "", api_v3_key, plaintext = "" } = vector("wx.notify.pay");
    const platform = vectorSerials["platform"];
    const publicKey = vectorKeys["platform"]?.["publicKey"];
    const account = wechatpayAccount({
      apiV3Key: api_v3_key,
      platformKeys: { [String(platform)]: publicKey },
    });
    const lowered = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    const receivedAt = Number(headers["Wechatpay-Timestamp"]) * 1_000;
    const notice = { headers: Object.fromEntries(lowered), body: Buffer.from(body), receivedAt };
    const verdict = await offline().plug.verifyNotice(account, notice, signal);
    expect(verdict).toMatchObject({
      kind: "verified",
      notice: { trade: { attemptNumber: JSON.parse(plaintext).out_trade_no } },
    });
  });

  test("of an event that payments does not use is acknowledged and kept", async () => {
    const notice = noticeOf(noticeBody("PROFITSHARING", {}));
    const verdict = await offline().plug.verifyNotice(wechatpayAccount(), notice, signal);
    expect(verdict).toMatchObject({ kind: "ignored", noticeId: "EV-1" });
  });

  test("says what it says, also when it is wrong: payments compares, not the channel", async () => {
    const wrong = { ...transaction, appid: "wxother", amount: { total: 1, currency: "USD" } };
    const notice = noticeOf(noticeBody("TRANSACTION.SUCCESS", wrong));
    const verdict = await offline().plug.verifyNotice(wechatpayAccount(), notice, signal);
    expect(verdict).toMatchObject({
      notice: { trade: { amountMinor: 1n, currency: "USD", appId: "wxother" } },
    });
  });
});

describe("a forged notice [PAY-13]", () => {
  const flipped = (notice: RawNotice, index: number): RawNotice => {
    const body = Buffer.from(notice.body);
    body[index] = (body[index] ?? 0) ^ 1;
    return { ...notice, body };
  };
  const cases: readonly (readonly [string, () => RawNotice])[] = [
    ["without a signature", () => ({ ...payment(), headers: {} })],
    ["with its first bit flipped", () => flipped(payment(), 0)],
    ["with a bit flipped in the middle", () => flipped(payment(), 300)],
    [
      "with one byte more",
      () => ({ ...payment(), body: Buffer.concat([payment().body, Buffer.from("\n")]) }),
    ],
    ["with another nonce", () => withHeader(payment(), "wechatpay-nonce", "other")],
    ["with a nonce that moves the cut", () => withHeader(payment(), "wechatpay-nonce", "a\nb")],
    [
      "that probes us",
      () => withHeader(payment(), "wechatpay-signature", "WECHATPAY/SIGNTEST/abc"),
    ],
    [
      "of five minutes ago",
      () =>
        noticeOf(noticeBody("TRANSACTION.SUCCESS", transaction), { nowMs: nowMs - 5 * minuteMs }),
    ],
    [
      "from five minutes ahead",
      () =>
        noticeOf(noticeBody("TRANSACTION.SUCCESS", transaction), { nowMs: nowMs + 5 * minuteMs }),
    ],
    [
      "with a timestamp that is no number",
      () => withHeader(payment(), "wechatpay-timestamp", "1e9"),
    ],
    [
      "signed by a stranger under a known serial",
      () =>
        noticeOf(payment().body.toString(), {
          signer: { ...keys.stranger, serial: keys.platformOld.serial },
        }),
    ],
    [
      "signed with a public key we do not have",
      () =>
        noticeOf(payment().body.toString(), { signer: { ...keys.stranger, serial: publicKeyId } }),
    ],
    [
      "with a serial that cannot be one",
      () => withHeader(payment(), "wechatpay-serial", "../../x"),
    ],
  ];

  test.each(cases)("%s is refused without asking anybody", async (_name, notice) => {
    const { plug, seen } = offline();
    const verdict = await plug.verifyNotice(wechatpayAccount(), notice(), signal);
    expect(verdict.kind).toBe("forged");
    expect(seen).toEqual([]);
  });

  test("with an unusual spelling of the signature is refused", async () => {
    const notice = payment();
    const signature = notice.headers["wechatpay-signature"] ?? "";
    const verdict = await offline().plug.verifyNotice(
      wechatpayAccount(),
      withHeader(notice, "wechatpay-signature", `${signature.slice(0, 10)} ${signature.slice(10)}`),
      signal,
    );
    expect(verdict.kind).toBe("forged");
  });

  test("is answered so that the true one comes again", () => {
    const { plug } = offline();
    expect(plug.noticeReply("taken")).toMatchObject({ status: 200 });
    expect(plug.noticeReply("refused").status).toBeGreaterThanOrEqual(400);
  });
});

describe("a notice that cannot be judged", () => {
  test("is one that another APIv3 key has sealed", async () => {
    const account = wechatpayAccount(other);
    const verdict = await offline().plug.verifyNotice(account, payment(), signal);
    expect(verdict.kind).toBe("unreadable");
  });

  test("is one with a NUL, which could not be kept", async () => {
    const wrong = { ...transaction, transaction_id: "4200\0" };
    const notice = noticeOf(noticeBody("TRANSACTION.SUCCESS", wrong));
    const verdict = await offline().plug.verifyNotice(wechatpayAccount(), notice, signal);
    expect(verdict.kind).toBe("unreadable");
  });

  test("is one whose sealed text was changed before it was signed", async () => {
    const body = JSON.parse(payment().body.toString());
    const sealed = Buffer.from(body.resource.ciphertext, "base64");
    sealed[5] = (sealed[5] ?? 0) ^ 1;
    body.resource.ciphertext = sealed.toString("base64");
    const notice = noticeOf(JSON.stringify(body));
    const verdict = await offline().plug.verifyNotice(wechatpayAccount(), notice, signal);
    expect(verdict.kind).toBe("unreadable");
  });

  test("is one of a new certificate while the certificates cannot be fetched", async () => {
    const { plug } = offline();
    const notice = noticeOf(payment().body.toString(), { signer: keys.platformNew });
    const verdict = await plug.verifyNotice(wechatpayAccount(), notice, signal);
    expect(verdict).toMatchObject({ kind: "unreadable" });
  });
});

describe("the keys change", () => {
  function rotating(
    list = certificateList(keys.platformOld, keys.platformNew),
    signer: { serial: string; privateKey: string } = keys.platformNew,
  ) {
    const clock = createManualClock(nowMs);
    const { fetch, seen } = recordingFetch(
      () => new Response(list, { headers: signedHeaders(list, { nowMs: clock.now(), signer }) }),
    );
    return { plug: createWechatpay({ clock, fetch }), seen, clock };
  }
  const newNotice = () => noticeOf(payment().body.toString(), { signer: keys.platformNew });

  test("and a notice under the new certificate is verified after one look at the list", async () => {
    const { plug, seen } = rotating();
    const notices = Array.from({ length: 5 }, newNotice);
    const verdicts = await Promise.all(
      notices.map((notice) => plug.verifyNotice(wechatpayAccount(), notice, signal)),
    );
    expect(verdicts.map(({ kind }) => kind)).toEqual(Array(5).fill("verified"));
    expect(seen.map(({ url }) => url.pathname)).toEqual(["/v3/certificates"]);
    const [request] = seen;
    const [, timestamp = "", nonce = "", signature = ""] =
      /timestamp="(.*?)",nonce_str="(.*?)",signature="(.*?)"/.exec(
        request?.headers.get("authorization") ?? "",
      ) ?? [];
    const message = Formatter.request("GET", "/v3/certificates", timestamp, nonce);
    expect(Rsa.verify(message, signature, createPublicKey(keys.merchant.privateKey))).toBe(true);
  });

  test("works from nothing: the first certificate may come over the wire", async () => {
    const { plug } = rotating();
    const account = wechatpayAccount({ platformKeys: {} });
    expect((await plug.verifyNotice(account, newNotice(), signal)).kind).toBe("verified");
    expect((await plug.verifyNotice(account, payment(), signal)).kind).toBe("verified");
  });

  test("and invented serials make us ask once a minute at most", async () => {
    const { plug, seen, clock } = rotating();
    const invented = (index: number) =>
      withHeader(payment(), "wechatpay-serial", `${index}`.padStart(40, "A"));
    for (let index = 0; index < 20; index += 1) {
      const verdict = await plug.verifyNotice(wechatpayAccount(), invented(index), signal);
      expect(verdict.kind).toBe("forged");
    }
    expect(seen).toHaveLength(1);
    clock.advance(minuteMs);
    await plug.verifyNotice(wechatpayAccount(), invented(20), signal);
    expect(seen).toHaveLength(2);
  });

  const underNewSerial = { ...keys.stranger, serial: keys.platformNew.serial };
  test.each([
    ["sealed with another APIv3 key", certificateList(keys.platformNew), keys.platformNew, other],
    ["signed by one that is not in it", certificateList(keys.platformOld), keys.platformNew, {}],
    ["signed by a stranger", certificateList(keys.platformNew), underNewSerial, {}],
    [
      "with another serial than its certificate",
      certificateList(underNewSerial),
      underNewSerial,
      {},
    ],
    ["that is no list", "{}", keys.platformNew, {}],
  ])("but a list %s is not trusted", async (_name, list, signer, changes) => {
    const { plug } = rotating(list, signer);
    const account = wechatpayAccount({ platformKeys: {}, ...changes });
    const notice = noticeOf(payment().body.toString(), { signer });
    const verdict = await plug.verifyNotice(account, notice, signal);
    expect(verdict.kind).toBe("unreadable");
  });

  test("and a certificate is not believed beyond its time", async () => {
    const tooLateMs = Date.parse("2100-01-01T00:00:00Z");
    const notice = noticeOf(payment().body.toString(), { nowMs: tooLateMs });
    const { fetch } = recordingFetch(() => new Response(null, { status: 503 }));
    const plug = createWechatpay({ clock: createManualClock(tooLateMs), fetch });
    const late = { ...notice, receivedAt: tooLateMs };
    expect((await plug.verifyNotice(wechatpayAccount(), late, signal)).kind).toBe("forged");
  });

  test("but a probe under an unknown serial does not make us ask", async () => {
    const { plug, seen } = rotating();
    const probe = withHeader(newNotice(), "wechatpay-signature", "WECHATPAY/SIGNTEST/abc");
    expect((await plug.verifyNotice(wechatpayAccount(), probe, signal)).kind).toBe("forged");
    expect(seen).toEqual([]);
  });

  test("during a migration both kinds of key are accepted", async () => {
    const publicKey = createPublicKey(keys.platformNew.privateKey);
    const account = wechatpayAccount({
      mode: "public_key",
      platformKeys: {
        [keys.platformOld.serial]: keys.platformOld.certificate,
        [publicKeyId]: publicKey.export({ type: "spki", format: "pem" }),
      },
    });
    const { plug, seen } = offline();
    const byPublicKey = noticeOf(payment().body.toString(), {
      signer: { ...keys.platformNew, serial: publicKeyId },
    });
    expect((await plug.verifyNotice(account, byPublicKey, signal)).kind).toBe("verified");
    expect((await plug.verifyNotice(account, payment(), signal)).kind).toBe("verified");
    expect((await plug.verifyNotice(account, newNotice(), signal)).kind).toBe("forged");
    expect(seen).toEqual([]);
  });
});
