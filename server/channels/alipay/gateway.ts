import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "../../kernel/time.ts";
import { formatBeijing } from "../wire/beijing.ts";
import { apiReplyBytesMax, callHttp } from "../wire/http.ts";
import type { Fetch } from "../wire/http.ts";
import { decodeUtf8, parseJsonText, readAs } from "../wire/json.ts";
import { mayBeUnsigned } from "./codes.ts";
import type { ErrorReply } from "./codes.ts";
import type { AlipayAccount } from "./config.ts";
import { isSignedByOneOf, rawMembers, signText, textToSign } from "./signature.ts";
import type { Params } from "./signature.ts";

/** What the channel takes from the world. */
export interface Wire {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

export interface AlipayRequest {
  /** alipay.trade.query and so on. */
  readonly method: string;
  readonly bizContent: unknown;
  readonly noticeUrl?: string;
  readonly returnUrl?: string;
}

export type AlipayReply =
  /** Code 10000 under a signature that holds; the node is untrusted only in its shape. */
  | { readonly kind: "success"; readonly node: unknown }
  | { readonly kind: "error"; readonly error: ErrorReply }
  | { readonly kind: "unknown"; readonly why: string };

/** All parameters of a request with the app's signature among them, not yet url-encoded. */
export function signedParams(wire: Wire, account: AlipayAccount, request: AlipayRequest): Params {
  const { method, bizContent, noticeUrl = "", returnUrl = "" } = request;
  const params: Params = {
    app_id: account.appId,
    method,
    format: "JSON",
    charset: "utf-8",
    sign_type: "RSA2",
    timestamp: formatBeijing(wire.clock.now()),
    version: "1.0",
    biz_content: JSON.stringify(bizContent),
    ...(noticeUrl === "" ? {} : { notify_url: noticeUrl }),
    ...(returnUrl === "" ? {} : { return_url: returnUrl }),
  };
  return { ...params, sign: signText(account.config.appPrivateKey, textToSign(params)) };
}

/** `name=value&...` with every value url-encoded: the order string of an app, a query, a form. */
export function encodeParams(params: Params): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
}

/** Sends a request and trusts only what Alipay has signed. */
export async function callAlipay(
  wire: Wire,
  account: AlipayAccount,
  request: AlipayRequest,
  signal: AbortSignal,
): Promise<AlipayReply> {
  // As Alipay's own libraries lay it out: who asks in the query, what is asked in the body.
  const { biz_content = "", ...publicParams } = signedParams(wire, account, request);
  const url = new URL(`${account.config.gatewayUrl}?${encodeParams(publicParams)}`);
  const headers = {
    accept: "application/json",
    "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
    "user-agent": "tongbao/1",
  };
  const body = encodeParams({ biz_content });
  const toSend = { method: "POST", url, headers, body, replyBytesMax: apiReplyBytesMax } as const;
  const reply = await callHttp(wire.fetch, toSend, signal);
  if (reply.kind === "no_reply") return { kind: "unknown", why: reply.why };
  if (reply.status !== 200) return { kind: "unknown", why: `HTTP status ${reply.status}` };
  return readReply(account, request.method, reply.body);
}

const Node = Compile(
  Type.Object({
    code: Type.String(),
    msg: Type.Optional(Type.String()),
    sub_code: Type.Optional(Type.String()),
    sub_msg: Type.Optional(Type.String()),
  }),
);

/** The node that answers the method, or the gateway's error, verified over its very text. */
function readReply(account: AlipayAccount, method: string, bytes: Buffer): AlipayReply {
  const members = rawMembers(decodeUtf8(bytes) ?? "");
  const raw =
    members?.get(`${method.replaceAll(".", "_")}_response`) ?? members?.get("error_response");
  const value = parseJsonText(raw ?? "");
  const node = readAs(Node, value);
  if (raw === undefined || node === undefined) {
    return { kind: "unknown", why: "the reply cannot be read" };
  }
  const signature = parseJsonText(members?.get("sign") ?? "null");
  if (typeof signature === "string") {
    if (!isSignedByOneOf(account.config.alipayPublicKeys, raw, signature)) {
      return { kind: "unknown", why: "an unverifiable reply: the signature does not fit" };
    }
  } else if (!mayBeUnsigned(node.code)) {
    return { kind: "unknown", why: "an unsigned reply" };
  }
  if (node.code === "10000") return { kind: "success", node: value };
  const message = node.sub_msg ?? node.msg ?? "";
  return { kind: "error", error: { code: node.code, subCode: node.sub_code ?? "", message } };
}
