import { secondMs } from "../../kernel/time.ts";
import type { Clock } from "../../kernel/time.ts";
import { apiReplyBytesMax, callHttp } from "../wire/http.ts";
import type { Fetch, HttpReply, NoReply } from "../wire/http.ts";
import type { WechatpayAccount } from "./config.ts";
import { authorizationOf } from "./signature.ts";

/** What the channel takes from the world. */
export interface Wire {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** At most 32 letters and digits, never the same twice. */
  readonly nonce: () => string;
}

export interface WechatpayRequest {
  readonly method: "GET" | "POST";
  /** Path and query, already percent-encoded. */
  readonly path: string;
  readonly body?: unknown;
  readonly replyBytesMax?: number;
}

/** Sends a request with the merchant's signature; the reply is not verified. */
export async function sendSigned(
  wire: Wire,
  account: WechatpayAccount,
  request: WechatpayRequest,
  signal: AbortSignal,
): Promise<HttpReply | NoReply> {
  const { baseUrl, fallbackUrl } = account.config;
  const reply = await sendTo(wire, account, { ...request, baseUrl }, signal);
  if (reply.kind === "reply" || fallbackUrl === undefined || signal.aborted) return reply;
  // The other address is safe to try even if the first request arrived: numbers make every call
  // idempotent.
  return await sendTo(wire, account, { ...request, baseUrl: fallbackUrl }, signal);
}

async function sendTo(
  wire: Wire,
  account: WechatpayAccount,
  request: WechatpayRequest & { readonly baseUrl: string },
  signal: AbortSignal,
): Promise<HttpReply | NoReply> {
  const { method, baseUrl, path, replyBytesMax = apiReplyBytesMax } = request;
  const url = new URL(`${baseUrl}${path}`);
  const body = request.body === undefined ? "" : JSON.stringify(request.body);
  const authorization = authorizationOf(account, {
    method,
    target: `${url.pathname}${url.search}`,
    body,
    timestamp: String(Math.floor(wire.clock.now() / secondMs)),
    nonce: wire.nonce(),
  });
  const { publicKeyId } = account.config;
  const headers = {
    authorization,
    accept: "application/json",
    // WeChat Pay refuses requests without a user agent.
    "user-agent": "tongbao/1",
    ...(body === "" ? {} : { "content-type": "application/json" }),
    ...(publicKeyId === undefined ? {} : { "wechatpay-serial": publicKeyId }),
  };
  const toSend = { method, url, headers, replyBytesMax, ...(body === "" ? {} : { body }) };
  return await callHttp(wire.fetch, toSend, signal);
}
