import Type from "typebox";
import { Compile } from "typebox/compile";
import { retryAfterMs } from "../wire/http.ts";
import type { HttpReply } from "../wire/http.ts";
import { parseJson, readAs } from "../wire/json.ts";
import type { ErrorReply } from "./codes.ts";
import type { WechatpayAccount } from "./config.ts";
import type { Keyring } from "./keys.ts";
import { faultBeforeKey, isSignedBy, readSignatureHeaders } from "./signature.ts";
import type { SignatureHeaders } from "./signature.ts";
import { sendSigned } from "./transport.ts";
import type { WechatpayRequest, Wire } from "./transport.ts";

export type WechatpayReply =
  /** A 2xx whose signature holds. */
  | { readonly kind: "verified"; readonly body: Buffer }
  | { readonly kind: "error"; readonly error: ErrorReply }
  | { readonly kind: "unknown"; readonly why: string };

const ErrorBody = Compile(
  Type.Object({ code: Type.String({ minLength: 1 }), message: Type.Optional(Type.String()) }),
);

/** Sends a request and trusts only what WeChat Pay has signed. */
export async function callWechatpay(
  wire: Wire,
  keyring: Keyring,
  account: WechatpayAccount,
  request: WechatpayRequest,
  signal: AbortSignal,
): Promise<WechatpayReply> {
  const reply = await sendSigned(wire, account, request, signal);
  if (reply.kind === "no_reply") return { kind: "unknown", why: reply.why };

  const headers = readSignatureHeaders((name) => reply.headers.get(name));
  const isSuccess = reply.status >= 200 && reply.status < 300;
  if (headers === undefined && isSuccess) return { kind: "unknown", why: "an unsigned reply" };
  // Errors may come unsigned, from the gateway; then TLS alone vouches for them. A signature that
  // is there must hold, but for 401: WeChat Pay does not know us there, nor which key we expect.
  if (headers !== undefined && reply.status !== 401) {
    const fault = await faultOfReply(wire, keyring, account, { headers, reply, signal });
    if (fault !== undefined) return { kind: "unknown", why: `an unverifiable reply: ${fault}` };
  }
  // 202: taken, not finished. WeChat Pay asks for the same request again.
  if (reply.status === 202) return { kind: "unknown", why: "taken, not finished yet" };
  if (isSuccess) return { kind: "verified", body: reply.body };
  return { kind: "error", error: readError(reply, wire.clock.now()) };
}

async function faultOfReply(
  wire: Wire,
  keyring: Keyring,
  account: WechatpayAccount,
  signed: { headers: SignatureHeaders; reply: HttpReply; signal: AbortSignal },
): Promise<string | undefined> {
  const { headers, reply, signal } = signed;
  const fault = faultBeforeKey(headers, wire.clock.now());
  if (fault !== undefined) return fault;
  const found = await keyring.find(account, headers.serial, signal);
  if (found.kind !== "key") return found.why;
  const isSigned = isSignedBy(found.key, headers, reply.body);
  return isSigned ? undefined : "the signature does not fit";
}

function readError(reply: HttpReply, nowMs: number): ErrorReply {
  const body = readAs(ErrorBody, parseJson(reply.body));
  const waitMs = retryAfterMs(reply.headers, nowMs);
  return {
    status: reply.status,
    message: body?.message ?? "",
    ...(body === undefined ? {} : { code: body.code }),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  };
}
