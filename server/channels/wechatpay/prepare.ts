import Type from "typebox";
import { Compile } from "typebox/compile";
import { minorToNumber } from "../../kernel/money.ts";
import { hourMs, minuteMs, secondMs } from "../../kernel/time.ts";
import type {
  ChannelAnswer,
  ClientInstruction,
  Prepared,
  PrepareRequest,
} from "../../modules/payments/plug.ts";
import { refused } from "../wire/answers.ts";
import { formatBeijingInstant } from "../wire/beijing.ts";
import { parseJson, readAs } from "../wire/json.ts";
import type { WechatpayAccount } from "./config.ts";
import { signLines } from "./signature.ts";
import type { WechatpayRequest, Wire } from "./transport.ts";

/** How long a prepay id or a code works, whatever time the order itself has. */
const usableMs = 2 * hourMs;
/** The address for a mobile browser is meant to be opened at once. */
const h5UsableMs = 5 * minuteMs;

/**
 * What the method lacks, as our own refusal before WeChat Pay is asked; undefined when complete.
 */
export function refuseIncomplete(
  request: PrepareRequest,
): Extract<ChannelAnswer<never>, { kind: "refused" }> | undefined {
  switch (request.method) {
    case "page":
      return refused("bad_request", "method_not_served", "WeChat Pay serves no desktop cashier");
    case "jsapi":
      if (request.payerId !== undefined) return undefined;
      return refused("bad_request", "payer_id_missing", "jsapi needs the payer's openid");
    case "h5":
      if (request.payerIp !== undefined) return undefined;
      return refused("bad_request", "payer_ip_missing", "h5 needs the payer's IP address");
    case "native":
    case "app":
      return undefined;
  }
}

/** POST /v3/pay/transactions/{jsapi|native|h5|app} */
export function prepayRequest(
  account: WechatpayAccount,
  request: PrepareRequest,
): WechatpayRequest {
  const { method, payerId, payerIp } = request;
  const body = {
    appid: account.appId,
    mchid: account.merchantId,
    description: request.description,
    out_trade_no: request.attemptNumber,
    time_expire: formatBeijingInstant(request.expiresAt),
    notify_url: request.noticeUrl,
    amount: { total: minorToNumber(request.amountMinor), currency: request.currency },
    ...(method === "jsapi" ? { payer: { openid: payerId } } : {}),
    ...(payerIp === undefined
      ? {}
      : {
          scene_info: {
            payer_client_ip: payerIp,
            ...(method === "h5" ? { h5_info: { type: "Wap" } } : {}),
          },
        }),
  };
  return { method: "POST", path: `/v3/pay/transactions/${method}`, body };
}

const PrepayReply = Compile(
  Type.Object({
    prepay_id: Type.Optional(Type.String({ minLength: 1 })),
    code_url: Type.Optional(Type.String({ minLength: 1 })),
    h5_url: Type.Optional(Type.String({ minLength: 1 })),
  }),
);

/** What the client needs, out of WeChat Pay's reply; undefined when the reply lacks it. */
export function readPrepared(
  wire: Wire,
  account: WechatpayAccount,
  request: PrepareRequest,
  body: Buffer,
): Prepared | undefined {
  const reply = readAs(PrepayReply, parseJson(body));
  if (reply === undefined) return undefined;
  const instruction = instructionOf(wire, account, request, reply);
  if (instruction === undefined) return undefined;
  const livesMs = request.method === "h5" ? h5UsableMs : usableMs;
  const usableUntil = Math.min(request.expiresAt, wire.clock.now() + livesMs);
  return { instruction, usableUntil };
}

function instructionOf(
  wire: Wire,
  account: WechatpayAccount,
  request: PrepareRequest,
  reply: { prepay_id?: string; code_url?: string; h5_url?: string },
): ClientInstruction | undefined {
  const { prepay_id, code_url, h5_url } = reply;
  switch (request.method) {
    case "native":
      return code_url === undefined ? undefined : { kind: "qr_code", content: code_url };
    case "h5":
      return h5_url === undefined
        ? undefined
        : { kind: "redirect", url: withReturnUrl(h5_url, request.returnUrl) };
    case "jsapi":
      return prepay_id === undefined
        ? undefined
        : { kind: "sdk_call", params: jsapiParams(wire, account, prepay_id) };
    case "app":
      return prepay_id === undefined
        ? undefined
        : { kind: "sdk_call", params: appParams(wire, account, prepay_id) };
    case "page":
      return undefined;
  }
}

/** WeixinJSBridge and wx.requestPayment take these as they are; the latter ignores appId. */
function jsapiParams(wire: Wire, account: WechatpayAccount, prepayId: string) {
  const appId = account.appId;
  const timeStamp = String(Math.floor(wire.clock.now() / secondMs));
  const nonceStr = wire.nonce();
  const packageText = `prepay_id=${prepayId}`;
  const paySign = signLines(account, [appId, timeStamp, nonceStr, packageText]);
  return { appId, timeStamp, nonceStr, package: packageText, signType: "RSA", paySign };
}

/** The app's SDK signs the bare prepay id, and writes all its names in lower case. */
function appParams(wire: Wire, account: WechatpayAccount, prepayid: string) {
  const appid = account.appId;
  const timestamp = String(Math.floor(wire.clock.now() / secondMs));
  const noncestr = wire.nonce();
  const sign = signLines(account, [appid, timestamp, noncestr, prepayid]);
  const partnerid = account.merchantId;
  return { appid, partnerid, prepayid, package: "Sign=WXPay", noncestr, timestamp, sign };
}

function withReturnUrl(h5Url: string, returnUrl: string | undefined): string {
  if (returnUrl === undefined) return h5Url;
  const separator = h5Url.includes("?") ? "&" : "?";
  return `${h5Url}${separator}redirect_url=${encodeURIComponent(returnUrl)}`;
}
