import { sign } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { privateKeyOf } from "../certificates.ts";
import { createWechatMerchant } from "../merchants.ts";
import vectors from "../test/vectors.json" with { type: "json" };
import type { WechatMerchant } from "../world.ts";
import { createNonceMemory, scheme, verifyRequest } from "./signature.ts";
import type { SignedRequest, Verification } from "./signature.ts";

const now = 1_700_000_000_000;
let merchant: WechatMerchant;
beforeAll(async () => {
  merchant = await createWechatMerchant({ mchid: "1900000001" }, now);
});

function judge(request: SignedRequest, nonces = createNonceMemory(), at = now): Verification {
  const find = (mchid: string) => (mchid === merchant.id ? merchant : undefined);
  return verifyRequest(request, { now: at, merchant: find, nonces });
}

interface Changes {
  readonly parts?: Readonly<Record<string, string>>;
  readonly sent?: Partial<SignedRequest>;
}

/** A rightly signed request, with parts of its header or what is sent changed afterwards. */
function signed({ parts = {}, sent = {} }: Changes = {}): SignedRequest {
  const body = Buffer.from('{"description":"茶"}');
  const request = { method: "POST", url: "/v3/pay/transactions/native?a=%20b", body };
  const base = {
    mchid: merchant.id,
    serial_no: merchant.serial,
    nonce_str: "abc123",
    timestamp: "1700000000",
    ...parts,
  };
  const { method, url } = request;
  const message = `${method}\n${url}\n${base.timestamp}\n${base.nonce_str}\n${body.toString()}\n`;
  const key = privateKeyOf(merchant.privateKeyPem);
  const signature = sign("sha256", Buffer.from(message), key).toString("base64");
  const all = Object.entries({ ...base, signature, ...parts });
  const written = all.filter(([, value]) => value !== "(left out)");
  const authorization = `${scheme} ${written.map(([name, value]) => `${name}="${value}"`).join(",")}`;
  return { ...request, authorization, ...sent };
}

test("takes a request that is signed as the protocol says", () => {
  expect(judge(signed())).toEqual({ kind: "verified", merchant });
});

test.each(["wx.req.post", "wx.req.get"] as const)("agrees with the vendors' vector %s", (id) => {
  const vector = vectors.vectors[id];
  const known = {
    ...merchant,
    serial: vectors.serials.merchant,
    publicKeyPem: vectors.keys.merchant.publicKey,
  };
  const { method, url, authorization } = vector;
  const request = { method, url, authorization, body: Buffer.from(vector.body) };
  const find = () => known;
  const nonces = createNonceMemory();
  expect(verifyRequest(request, { now, merchant: find, nonces }).kind).toBe("verified");
});

const twice = `${scheme} mchid="1",mchid="1900000001"`;

const forgeries: [string, string, Changes][] = [
  ["the Authorization header is missing", "authorization", { sent: { authorization: undefined } }],
  [`the scheme is not ${scheme}`, "authorization", { sent: { authorization: "Bearer x" } }],
  ["mchid stands twice", "mchid", { sent: { authorization: twice } }],
  ["serial_no is missing", "serial_no", { parts: { serial_no: "(left out)" } }],
  ["nonce_str is missing", "nonce_str", { parts: { nonce_str: "" } }],
  ["extra is not a part of the Authorization", "extra", { parts: { extra: "1" } }],
  ["mchid 1900000002 is unknown", "mchid", { parts: { mchid: "1900000002" } }],
  ["serial_no 40FF is no certificate of 1900000001", "serial_no", { parts: { serial_no: "40FF" } }],
  ["timestamp is not ten digits of Unix seconds", "timestamp", { parts: { timestamp: "1.7e9" } }],
  ["timestamp is off by 301 seconds", "timestamp", { parts: { timestamp: "1700000301" } }],
  ["timestamp is off by -301 seconds", "timestamp", { parts: { timestamp: "1699999699" } }],
  ["nonce_str is not 1 to 32 letters and digits", "nonce_str", { parts: { nonce_str: "a-b" } }],
  ["sign not match", "signature", { parts: { signature: "AAAA" } }],
  ["sign not match", "signature", { sent: { body: Buffer.from('{"description":"酒"}') } }],
  ["sign not match", "signature", { sent: { body: Buffer.from('{"description": "茶"}') } }],
  ["sign not match", "signature", { sent: { url: "/v3/pay/transactions/native?a=+b" } }],
  ["sign not match", "signature", { sent: { method: "PUT" } }],
];

test.each(forgeries)("refuses with the reason: %s (%s) [PAY-13]", (issue, field, changes) => {
  const request = signed(changes);
  expect(judge(request)).toMatchObject({
    kind: "wrong",
    detail: {
      detail: { issue },
      field,
      location: "authorization",
      sign_information: { method: request.method, url: request.url },
    },
  });
});

test("takes a nonce once, and a forger cannot use it up", () => {
  const nonces = createNonceMemory();
  const forged = signed({ parts: { signature: "AAAA" } });
  expect(judge(forged, nonces).kind).toBe("wrong");
  expect(judge(signed(), nonces).kind).toBe("verified");
  expect(judge(signed(), nonces)).toMatchObject({
    kind: "wrong",
    detail: { detail: { issue: "nonce_str was used before" } },
  });
});

test("forgets a nonce when its timestamp would be refused anyway", () => {
  const nonces = createNonceMemory();
  expect(nonces.use("m/n", now)).toBe(true);
  expect(nonces.use("m/n", now + 600_000)).toBe(false);
  expect(nonces.use("m/n", now + 600_001)).toBe(true);
});
