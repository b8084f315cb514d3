import { createPublicKey } from "node:crypto";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { keys } from "../wire/testing/fixtures.ts";
import { parseConfig } from "./config.ts";
import { publicKeyId } from "./testing/counterpart.ts";

const publicPem = createPublicKey(keys.platformOld.privateKey)
  .export({ type: "spki", format: "pem" })
  .toString();
const raw = {
  baseUrl: "https://api.mch.weixin.qq.com/",
  merchantSerial: keys.merchant.serial.toLowerCase(),
  merchantPrivateKeyPem: keys.merchant.privateKey,
  apiV3Key: "TestApiV3KeyTestApiV3KeyTestApiV",
  platformKeys: { [publicKeyId]: publicPem },
  mode: "public_key",
};

test("takes keys as they are handed out, and prints none of them", () => {
  const parsed = parseConfig(raw);
  if (parsed.kind !== "config") throw new Error(parsed.field);
  expect(parsed.config).toMatchObject({
    baseUrl: "https://api.mch.weixin.qq.com",
    merchantSerial: keys.merchant.serial,
    publicKeyId,
  });
  const printed = `${inspect(parsed, { depth: 9 })} ${JSON.stringify(parsed)}`;
  expect(printed).not.toContain(raw.apiV3Key);
  expect(printed).not.toContain("PRIVATE KEY");
});

test.each([
  ["baseUrl", { baseUrl: "ftp://x" }],
  ["baseUrl", { baseUrl: undefined }],
  ["fallbackUrl", { fallbackUrl: "https://x.test/?a=b" }],
  ["merchantSerial", { merchantSerial: "serial" }],
  ["merchantPrivateKeyPem", { merchantPrivateKeyPem: "-----BEGIN PRIVATE KEY-----\nAAAA" }],
  ["merchantPrivateKeyPem", { merchantPrivateKeyPem: publicPem }],
  ["apiV3Key", { apiV3Key: "short" }],
  ["mode", { mode: "both" }],
  [`platformKeys.${publicKeyId}`, { platformKeys: { [publicKeyId]: keys.merchant.privateKey } }],
  ["platformKeys.AB01", { platformKeys: { AB01: keys.platformOld.certificate } }],
  ["publicKeyId", { platformKeys: {} }],
  ["publicKeyId", { platformKeys: { [publicKeyId]: publicPem, PUB_KEY_ID_2: publicPem } }],
  ["publicKeyId", { publicKeyId: "PUB_KEY_ID_2" }],
])("refuses %s with its name: %#", (field, changes) => {
  expect(parseConfig({ ...raw, ...changes })).toMatchObject({ kind: "refused", field });
});
