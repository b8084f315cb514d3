import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { required } from "./assert.ts";
import {
  createSecrets,
  isSameSecret,
  parseMasterKeys,
  readOrMakeMasterKeys,
  SealError,
} from "./secrets.ts";

const oldKey = "a".repeat(43) + "=";
const newKey = Buffer.alloc(32, 7).toString("base64");
const keysOf = (text: string) => required(parseMasterKeys(text), "keys");

test("what was sealed opens where it was sealed for", () => {
  const secrets = createSecrets(keysOf(newKey));
  const sealed = secrets.seal("私钥", "accounts:1:key");
  expect(sealed).not.toContain("私钥");
  expect(secrets.open(sealed, "accounts:1:key").toString()).toBe("私钥");
  expect(secrets.seal("私钥", "accounts:1:key")).not.toBe(sealed);
});

test("a signature holds for its text and purpose, under any key that is set [IAM-03]", () => {
  const old = createSecrets(keysOf(oldKey));
  const both = createSecrets(keysOf(`${newKey},${oldKey}`));
  const signature = old.sign("text", "page");
  expect(both.isSigned("text", signature, "page")).toBe(true);
  expect(both.isSigned("text", both.sign("text", "page"), "page")).toBe(true);
  expect(both.sign("text", "page")).not.toBe(signature);
  expect(both.isSigned("other", signature, "page")).toBe(false);
  expect(both.isSigned("text", signature, "letter")).toBe(false);
  expect(both.isSigned("text", signature.slice(0, -1), "page")).toBe(false);
  expect(both.isSigned("text", "", "page")).toBe(false);
  expect(createSecrets(keysOf(newKey)).isSigned("text", signature, "page")).toBe(false);
});

test("a sealed text does not open in another place", () => {
  const secrets = createSecrets(keysOf(newKey));
  const sealed = secrets.seal("plain", "accounts:1:key");
  expect(() => secrets.open(sealed, "accounts:2:key")).toThrow(SealError);
});

test("any changed character of a sealed text is noticed", () => {
  const secrets = createSecrets(keysOf(newKey));
  const sealed = secrets.seal("plain", "w");
  for (let at = 0; at < sealed.length; at += 1) {
    const other = sealed.charAt(at) === "A" ? "B" : "A";
    const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
    // The last character of base64 may carry bits that mean nothing.
    if (at < sealed.length - 1) expect(() => secrets.open(changed, "w")).toThrow(SealError);
  }
  expect(() => secrets.open("v1.0011223344556677.AAAA", "w")).toThrow(SealError);
});

test("while keys are changed both open, the first seals, and old texts are known", () => {
  const before = createSecrets(keysOf(oldKey));
  const between = createSecrets(keysOf(`${newKey}, ${oldKey}`));
  const after = createSecrets(keysOf(newKey));
  const old = before.seal("plain", "w");
  expect(between.open(old, "w").toString()).toBe("plain");
  expect(between.isStale(old)).toBe(true);
  const renewed = between.seal(between.open(old, "w"), "w");
  expect(between.isStale(renewed)).toBe(false);
  expect(after.open(renewed, "w").toString()).toBe("plain");
  expect(() => after.open(old, "w")).toThrow(/no master key with the id/);
});

test("only base64 of 32 bytes is a master key", () => {
  for (const text of ["", "abc", newKey.slice(0, 40), `${newKey},`, `${newKey} x`, "!".repeat(44)])
    expect(parseMasterKeys(text)).toBeUndefined();
  expect(parseMasterKeys(newKey)?.[0]).toHaveLength(32);
});

test("secrets are compared as wholes", () => {
  expect(isSameSecret("abc", "abc")).toBe(true);
  expect(isSameSecret("abc", "abd")).toBe(false);
  expect(isSameSecret("abc", "abcd")).toBe(false);
  expect(isSameSecret("", "a")).toBe(false);
});

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "secrets-"))));
afterEach(() => rmSync(folder, { recursive: true }));

test("the machine's key is made once, for its owner only", () => {
  const path = join(folder, "home", "master.key");
  const [made] = readOrMakeMasterKeys(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readOrMakeMasterKeys(path)[0].equals(made)).toBe(true);
  expect(parseMasterKeys(readFileSync(path, "utf8").trim())).toEqual([made]);
});

test("a broken key file is told, not replaced", () => {
  const path = join(folder, "master.key");
  writeFileSync(path, "short");
  expect(() => readOrMakeMasterKeys(path)).toThrow(SealError);
  expect(readFileSync(path, "utf8")).toBe("short");
});
