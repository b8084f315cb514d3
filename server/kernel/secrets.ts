import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { assert } from "./assert.ts";
import { memoize } from "./memoize.ts";

/** A key of 32 bytes. The first of a list seals, all of them open. */
export type MasterKeys = readonly [Buffer, ...Buffer[]];

const keyBytes = 32;
/** The size of nonce that GCM is made for (NIST SP 800-38D, 5.2.1.1). */
const nonceBytes = 12;
const tagBytes = 16;
const version = "v1";

/** Base64 of 32 bytes, or several with commas between; undefined for anything else. */
export function parseMasterKeys(text: string): MasterKeys | undefined {
  const keys: Buffer[] = [];
  for (const part of text.split(",")) {
    const trimmed = part.trim();
    // Buffer.from drops what is not base64, so the form is checked first.
    if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return undefined;
    const key = Buffer.from(trimmed, "base64");
    if (key.length !== keyBytes) return undefined;
    keys.push(key);
  }
  const [first, ...others] = keys;
  return first === undefined ? undefined : [first, ...others];
}

export interface Secrets {
  /**
   * `where` says where the text is kept ("channel_accounts:<id>:private_key"): sealed text that is
   * copied to another row or column does not open there.
   */
  seal(plain: string | Buffer, where: string): string;
  /** Throws SealError when the text was changed, moved, or sealed under a key we do not have. */
  open(sealed: string, where: string): Buffer;
  /**
   * A signature that only we can make, for texts that callers carry and bring back. `purpose` keeps
   * those of one kind from being taken for another.
   */
  sign(text: string, purpose: string): string;
  isSigned(text: string, signature: string, purpose: string): boolean;
  /** By each key, that which signs now first: for what has room for a part of a signature only. */
  signatures(text: string, purpose: string): string[];
  /** True when a key other than the first sealed it, so that it should be sealed anew. */
  isStale(sealed: string): boolean;
}

export class SealError extends Error {
  override name = "SealError";
}

/**
 * Seals secrets that the database keeps: AES-256-GCM under the master key. The text is
 * "v1.<key id>.<base64url of nonce, ciphertext, tag>"; the key id is a hash of the key, so nobody
 * has to name keys. Random nonces are safe for 2^32 texts a key, more than there will be secrets.
 */
export function createSecrets(keys: MasterKeys): Secrets {
  const byId = new Map(keys.map((key) => [keyIdOf(key), key]));
  const [current, ...others] = keys;
  const currentId = keyIdOf(current);
  const sign = createSigner(current);
  const signers = [sign, ...others.map(createSigner)];
  const signatures = (text: string, purpose: string) => signers.map((each) => each(text, purpose));

  return {
    seal(plain, where) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", current, nonce);
      cipher.setAAD(Buffer.from(`${version}.${currentId}.${where}`));
      const text = typeof plain === "string" ? Buffer.from(plain) : plain;
      const body = [nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()];
      return `${version}.${currentId}.${Buffer.concat(body).toString("base64url")}`;
    },

    open(sealed, where) {
      const { keyId, body } = parseSealed(sealed);
      const key = byId.get(keyId);
      if (key === undefined) throw new SealError(`no master key with the id ${keyId} is set`);
      const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(`${version}.${keyId}.${where}`));
      decipher.setAuthTag(body.subarray(-tagBytes));
      const start = decipher.update(body.subarray(nonceBytes, -tagBytes));
      try {
        return Buffer.concat([start, decipher.final()]);
      } catch (error) {
        throw new SealError("a sealed text was changed or moved", { cause: error });
      }
    },

    sign,

    isSigned: (text, signature, purpose) =>
      signatures(text, purpose).some((ours) => isSameSecret(signature, ours)),

    signatures,

    isStale: (sealed) => parseSealed(sealed).keyId !== currentId,
  };
}

/** What is signed for is named in the program, never by a caller. */
const purposesMax = 100;

/** HMAC-SHA256 (RFC 2104) under a key of its own for each purpose (RFC 5869). */
function createSigner(key: Buffer): (text: string, purpose: string) => string {
  // Made once, and as an object: a signature takes 2 us then, and 28 with a key derived for each.
  const keyFor = memoize(purposesMax, (purpose: string) =>
    createSecretKey(Buffer.from(hkdfSync("sha256", key, "", `tongbao sign ${purpose}`, keyBytes))),
  );
  return (text, purpose) => createHmac("sha256", keyFor(purpose)).update(text).digest("base64url");
}

function parseSealed(sealed: string): { keyId: string; body: Buffer } {
  const match = /^v1\.([0-9a-f]{16})\.([A-Za-z0-9_-]+)$/.exec(sealed);
  const body = Buffer.from(match?.[2] ?? "", "base64url");
  if (match?.[1] === undefined || body.length < nonceBytes + tagBytes)
    throw new SealError("this is not a sealed text");
  return { keyId: match[1], body };
}

function keyIdOf(key: Buffer): string {
  assert(key.length === keyBytes, "a master key has 32 bytes");
  return createHash("sha256")
    .update("tongbao master key id")
    .update(key)
    .digest("hex")
    .slice(0, 16);
}

/** Takes the same time wherever the texts differ, so that a secret cannot be guessed piecewise. */
export function isSameSecret(given: string, expected: string): boolean {
  // Hashes have one length; comparing them tells nothing about the length of the secret either.
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

/** The key of this machine, for when no setting gives one: made once, for its owner only. */
export function readOrMakeMasterKeys(path: string): MasterKeys {
  if (!existsSync(path)) makeKeyFile(path);
  const keys = parseMasterKeys(readFileSync(path, "utf8").trim());
  if (keys === undefined) throw new SealError(`${path} does not hold 32 bytes in base64`);
  return keys;
}

function makeKeyFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, `${randomBytes(keyBytes).toString("base64")}\n`, {
    mode: 0o600,
    flush: true,
  });
  try {
    // A link appears whole or not at all, and never over a key that another process made first.
    linkSync(mine, path);
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (!isThere) throw error;
  } finally {
    rmSync(mine);
  }
}
