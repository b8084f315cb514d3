/**
 * The vendors' side, played by client libraries that are not ours: they sign the requests, verify
 * the replies and open the notices, so that no mistake of this program can hide behind itself.
 */
import { AlipaySdk } from "alipay-sdk";
import { Aes, Decorator, Rsa } from "wechatpay-axios-plugin";
import type { AlipayAccountView, WechatAccountView } from "../control.ts";
import type { Received } from "./shop.ts";

export interface WechatReply {
  readonly status: number;
  readonly data: Record<string, unknown>;
}

export interface WechatJudge {
  /** The verified reply; a refusal comes back as it is, anything unverifiable throws. */
  get(path: string): Promise<WechatReply>;
  post(path: string, body: object): Promise<WechatReply>;
  file(link: string): Promise<Buffer>;
}

export type TrustedKeys = Readonly<Record<string, string>>;

export function trustedKeys(account: WechatAccountView): TrustedKeys {
  return account.mode === "public_key"
    ? { [account.platformPublicKeyId]: account.platformPublicKeyPem }
    : Object.fromEntries(account.platformCertificates.map(({ serial, pem }) => [serial, pem]));
}

export function judgeWechat(
  account: WechatAccountView,
  baseURL: string,
  certs: TrustedKeys = trustedKeys(account),
): WechatJudge {
  const client = new Decorator({
    mchid: account.mchid,
    serial: account.merchantSerial,
    privateKey: account.merchantPrivateKeyPem,
    certs: { ...certs },
    baseURL,
    proxy: false,
  });
  async function call(path: string, method: string, body?: object): Promise<WechatReply> {
    try {
      const { status, data } = await client.request(path, method, body);
      return { status, data };
    } catch (error) {
      const response = refusalOf(error);
      if (response === undefined) throw error;
      return response;
    }
  }
  return {
    get: (path) => call(path, "get"),
    post: (path, body) => call(path, "post", body),
    async file(link) {
      // The library knows unsigned downloads by their bare path, so the query goes beside it.
      const { pathname, searchParams } = new URL(link);
      const params = Object.fromEntries(searchParams);
      const config = { responseType: "arraybuffer" as const, params };
      const { data } = await client.request(pathname, "get", undefined, config);
      return Buffer.from(data);
    },
  };
}

/** Above 299 the library hands the refusal over as an error; below, its own verdict is one. */
function refusalOf(error: unknown): WechatReply | undefined {
  if (!(error instanceof Error) || !("response" in error)) return undefined;
  const response = error.response as WechatReply | undefined;
  return response !== undefined && response.status > 299 ? response : undefined;
}

/** Verifies and decrypts a notice; undefined when the signature is not of a trusted key. */
export function openWechatNotice(
  received: Received,
  account: WechatAccountView,
  certs: TrustedKeys = trustedKeys(account),
): Record<string, unknown> | undefined {
  const { headers, body } = received;
  const message = `${headers["wechatpay-timestamp"]}\n${headers["wechatpay-nonce"]}\n${body}\n`;
  const key = certs[headers["wechatpay-serial"] ?? ""];
  if (key === undefined) return undefined;
  if (!Rsa.verify(message, headers["wechatpay-signature"] ?? "", key)) return undefined;
  const { resource } = JSON.parse(body) as { resource: Record<string, string> };
  const { ciphertext = "", nonce = "", associated_data: aad } = resource;
  return JSON.parse(Aes.AesGcm.decrypt(ciphertext, account.apiV3Key, nonce, aad));
}

export interface AlipayJudge {
  /** The verified reply; an unverifiable one throws. Refusals at the door come unsigned. */
  call(method: string, content: object, extra?: object): Promise<Record<string, unknown>>;
  pageUrl(method: string, content: object, extra?: object): string;
  isGenuine(form: string): boolean;
}

export function judgeAlipay(account: AlipayAccountView, baseUrl: string): AlipayJudge {
  const sdk = new AlipaySdk({
    appId: account.appId,
    privateKey: account.appPrivateKeyPem,
    keyType: "PKCS8",
    alipayPublicKey: account.alipayPublicKeyPem,
    gateway: `${baseUrl}/gateway.do`,
    camelcase: false,
  });
  return {
    call: (method, content, extra = {}) =>
      sdk.exec(method, { bizContent: content, ...extra }, { validateSign: true }),
    pageUrl: (method, content, extra = {}) =>
      sdk.pageExecute(method, "GET", { bizContent: content, ...extra }),
    isGenuine: (form) => sdk.checkNotifySignV2(Object.fromEntries(new URLSearchParams(form))),
  };
}
