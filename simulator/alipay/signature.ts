/** RSA2: over sorted parameters for requests and notices, over printed bytes for replies. */
import { sign, verify } from "node:crypto";
import { privateKeyOf, publicKeyOf } from "../certificates.ts";

export type Params = Readonly<Record<string, string>>;

/** `k=v` joined by `&`, sorted by name, without empty values and the names left out. */
export function signText(params: Params, leftOut: readonly string[]): string {
  return Object.keys(params)
    .filter((name) => params[name] !== "" && !leftOut.includes(name))
    .toSorted()
    .map((name) => `${name}=${params[name]}`)
    .join("&");
}

/** Requests sign their `sign_type` along. */
export const requestText = (params: Params): string => signText(params, ["sign"]);

/** Trade notices and returns leave `sign_type` out: history, but what every merchant checks. */
export const noticeText = (params: Params): string => signText(params, ["sign", "sign_type"]);

export function signRsa2(text: string, privateKeyPem: string): string {
  return sign("sha256", Buffer.from(text), privateKeyOf(privateKeyPem)).toString("base64");
}

export function verifyRsa2(text: string, signature: string, publicKeyPem: string): boolean {
  const bytes = Buffer.from(signature, "base64");
  return verify("sha256", Buffer.from(text), publicKeyOf(publicKeyPem), bytes);
}
