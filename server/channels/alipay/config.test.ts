import { expect, test } from "vitest";
import { keys } from "../wire/testing/fixtures.ts";
import { parseConfig } from "./config.ts";
import { publicPem } from "./testing/counterpart.ts";

const raw = {
  gatewayUrl: "https://openapi.alipay.com/gateway.do",
  appPrivateKeyPem: keys.merchant.privateKey,
  alipayPublicKeyPem: publicPem(keys.platformOld.privateKey),
};
const bare = (pem: string) => pem.replaceAll(/-----[^-]+-----|\s/g, "");

test("takes keys in PEM and as the bare base64 of Alipay's console", () => {
  const bareKeys = {
    appPrivateKeyPem: bare(raw.appPrivateKeyPem),
    alipayPublicKeyPem: bare(raw.alipayPublicKeyPem),
  };
  const [pem, base64] = [raw, { ...raw, ...bareKeys }].map((one) => parseConfig(one));
  if (pem?.kind !== "config" || base64?.kind !== "config") throw new Error();
  expect(base64.config.appPrivateKey.equals(pem.config.appPrivateKey)).toBe(true);
  expect(base64.config.alipayPublicKeys).toHaveLength(1);
});

test.each([
  ["gatewayUrl", { gatewayUrl: "openapi.alipay.com" }],
  ["appPrivateKeyPem", { appPrivateKeyPem: raw.alipayPublicKeyPem }],
  ["appPrivateKeyPem", { appPrivateKeyPem: "AAAA" }],
  ["alipayPublicKeyPem", { alipayPublicKeyPem: undefined }],
  ["alipayPublicKeyPem", { alipayPublicKeyPem: raw.appPrivateKeyPem }],
  ["previousAlipayPublicKeyPem", { previousAlipayPublicKeyPem: "AAAA" }],
])("refuses %s with its name: %#", (field, changes) => {
  expect(parseConfig({ ...raw, ...changes })).toMatchObject({ kind: "refused", field });
});
