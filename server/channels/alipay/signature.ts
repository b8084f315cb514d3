/**
 * RSA2, pure: RSASSA-PKCS1-v1_5 with SHA-256 over sorted parameters (requests, notices) or over the
 * very bytes of a node (replies).
 */
import { sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isSignedWith, readSignature } from "../wire/rsa.ts";

export type Params = Readonly<Record<string, string>>;

/** Name and value as they are before url-encoding, sorted by name, usually without empty values. */
export function textToSign(
  params: Params,
  leftOut: readonly string[] = ["sign"],
  { withEmpty = false } = {},
): string {
  return Object.entries(params)
    .filter(([name, value]) => (withEmpty || value !== "") && !leftOut.includes(name))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

export function signText(privateKey: KeyObject, text: string): string {
  return sign("sha256", Buffer.from(text), privateKey).toString("base64");
}

/** Whether one of the keys has signed the text. */
export function isSignedByOneOf(
  keys: readonly KeyObject[],
  text: string,
  signature: string,
): boolean {
  const bytes = readSignature(signature);
  if (bytes === undefined) return false;
  const message = Buffer.from(text);
  return keys.some((key) => isSignedWith(key, message, bytes));
}

/**
 * The members of a JSON object, each as the text that stands there. Alipay signs the text of a
 * node, with its escapes and spaces, so a node that was parsed and written again would not verify.
 * A name that comes twice is kept as it came first. Undefined for what is not a JSON object.
 */
export function rawMembers(json: string): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>();
  let at = afterSpace(json, 0);
  if (json[at] !== "{") return undefined;
  at = afterSpace(json, at + 1);
  while (json[at] === '"') {
    const nameEnd = afterString(json, at);
    const name = json.slice(at + 1, nameEnd - 1);
    at = afterSpace(json, nameEnd);
    if (json[at] !== ":") return undefined;
    const start = afterSpace(json, at + 1);
    const end = afterValue(json, start);
    if (!members.has(name)) members.set(name, json.slice(start, end));
    at = afterSpace(json, end);
    if (json[at] === "}") return members;
    if (json[at] !== ",") return undefined;
    at = afterSpace(json, at + 1);
  }
  return undefined;
}

function afterSpace(json: string, from: number): number {
  let at = from;
  while (/\s/.test(json[at] ?? "")) at += 1;
  return at;
}

/** Behind the closing quote, or the end of the text when there is none. */
function afterString(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** Behind an object, an array, a string or a bare word; braces inside of strings do not count. */
function afterValue(json: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const character = json[at] ?? "";
    if (character === '"') {
      at = afterString(json, at);
    } else {
      if ("{[".includes(character)) depth += 1;
      if ("}],".includes(character) && depth === 0) return at;
      if ("}]".includes(character)) depth -= 1;
      at += 1;
    }
    if (depth === 0 && '"}]'.includes(character)) return at;
  }
  return at;
}
