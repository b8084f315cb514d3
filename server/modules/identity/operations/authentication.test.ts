/**
 * What a forger may send, and what he gets. Each token is made wrong in one respect only:
 *
 *   form        no token, not a token, two parts, too long, no kid, a kid that is no text,
 *               a header that is not JSON
 *   algorithm   none (with and without a signature), HS256 with the public key as the secret,
 *               ES256 and EdDSA by a key of the forger's
 *   key         another kid, the forger's own key in the header (jwk, jku, x5c), a key that has
 *               not been published by us but has our kid
 *   signature   cut off, of another token, one bit changed
 *   claims      changed after signing, another issuer, another audience, none of both, another
 *               type of token, expired, no expiry, not yet valid (nbf, iat), an unknown critical
 *               header, a tenant that does not exist, a member's token without a member
 *   life        revoked by its id, revoked with its subject, of an inactive tenant, of a key that
 *               was withdrawn, used twice
 */
import { createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import type { JWTHeaderParameters } from "jose";
import { base64url, decodeProtectedHeader, exportJWK, importJWK, SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { hourMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import type { Principal } from "../../../kernel/access.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { RefusedError } from "../../../kernel/refusal.ts";
import { audience, claimsOf, issuer, tokenLengthMax, tokenType } from "../domain/tokens.ts";
import { platformTenantId } from "../domain/tenants.ts";
import { readSigningKeys } from "../store/signing-keys.ts";
import type { Identity } from "./identity.ts";
import { createIdentity } from "./identity.ts";
import { createTestTenant, ids, issue, secrets, startProcess } from "./testing/platform.ts";

const { url } = await testDatabase();
const { clock, identity, ...deps } = startProcess({ url });
const { database } = deps;
const tenantId = await createTestTenant(identity);
const good = await issue(identity, { tenantId });
const keyId = required(decodeProtectedHeader(good.token).kid, "kid");
const ourKey = await ourPrivateKey(keyId);
const forgersKey = generateKeyPairSync("ed25519");

/** The hook of the server, as the edge calls it. */
async function send(authorization: string | undefined, to: Identity = identity) {
  const request = { headers: { authorization } } as Parameters<Identity["authenticate"]>[0];
  try {
    return await to.authenticate(request);
  } catch (error) {
    if (error instanceof RefusedError) return error.refusal;
    throw error;
  }
}

function sendToken(token: string, to: Identity = identity): Promise<Principal | Refusal> {
  return send(`Bearer ${token}`, to);
}

async function ourPrivateKey(id: string) {
  const key = required(
    (await readSigningKeys(database)).find((one) => one.id === id),
    "our key",
  );
  const place = `identity.signing_keys:${id}:sealed_private_key`;
  return importJWK(JSON.parse(secrets.open(key.sealedPrivateKey, place).toString()), "EdDSA");
}

/** A token signed with our own key, but for what is changed. */
function forge(
  change: {
    claims?: Record<string, unknown>;
    header?: Partial<JWTHeaderParameters>;
    key?: Parameters<SignJWT["sign"]>[0];
  } = {},
): Promise<string> {
  const claims = { ...claimsOf(good.grant), iss: issuer, aud: audience, ...change.claims };
  const header = { alg: "EdDSA", kid: keyId, typ: tokenType, ...change.header };
  return new SignJWT(claims).setProtectedHeader(header).sign(change.key ?? ourKey);
}

function encode(value: unknown): string {
  return base64url.encode(JSON.stringify(value));
}

const goodClaims = { ...claimsOf(good.grant), iss: issuer, aud: audience };
const [goodHeader = "", goodPayload = "", goodSignature = ""] = good.token.split(".");

test("the forger's workshop makes good tokens when nothing is changed", async () => {
  expect(await sendToken(await forge())).toMatchObject({ subject: "member:m-1" });
});

test("a good token tells who calls [IAM-01]", async () => {
  expect(await sendToken(good.token)).toEqual({
    tenantId,
    kind: "member",
    subject: "member:m-1",
    memberId: "m-1",
    scopes: new Set(good.grant.scopes),
    expiresAt: good.grant.expiresAt,
  });
});

test("the scheme has no case, and a token that is remembered is answered at once", async () => {
  expect(isRefusal(await send(`bearer ${good.token}`))).toBe(false);
  const request = { headers: { authorization: `Bearer ${good.token}` } };
  const answer = identity.authenticate(request as Parameters<Identity["authenticate"]>[0]);
  expect(answer).not.toBeInstanceOf(Promise);
});

describe("form", () => {
  test.each([
    ["no header", undefined, "no_token"],
    ["another scheme", "Basic bTox", "no_token"],
    ["no token behind the scheme", "Bearer ", "no_token"],
    ["not a token", "Bearer abc", "malformed"],
    ["two parts", `Bearer ${goodHeader}.${goodPayload}`, "malformed"],
    ["a header that is not JSON", `Bearer ${base64url.encode("{")}.${goodPayload}.x`, "malformed"],
    ["too long", `Bearer ${good.token}${"A".repeat(tokenLengthMax)}`, "too_long"],
  ])("%s is refused", async (_what, authorization, why) => {
    expect(await send(authorization)).toEqual({
      kind: "refused",
      code: "not_signed_in",
      facts: { why },
    });
  });

  test.each([
    ["no kid", undefined],
    ["a kid that is no text", 7],
    ["a kid that is a list", [keyId]],
  ])("%s is refused", async (_what, kid) => {
    const header = encode({ alg: "EdDSA", typ: tokenType, kid });
    expect(await sendToken(`${header}.${goodPayload}.${goodSignature}`)).toMatchObject({
      facts: { why: "malformed" },
    });
  });
});

describe("algorithm", () => {
  test.each(["none", "None", "NONE"])("%s is refused [IAM-02]", async (alg) => {
    const header = encode({ alg, typ: tokenType, kid: keyId });
    for (const signature of ["", goodSignature]) {
      const refusal = await sendToken(`${header}.${encode(goodClaims)}.${signature}`);
      expect(refusal).toMatchObject({ code: "not_signed_in" });
    }
  });

  test("HS256 with the public key as the secret is refused [IAM-02]", async () => {
    const [published] = await identity.publishedKeys();
    const { x, ...rest } = required(published, "the published key");
    // Every text that a careless verifier could take for the secret.
    for (const secret of [x, Buffer.from(x, "base64url"), JSON.stringify({ x, ...rest })]) {
      const text = `${encode({ alg: "HS256", typ: tokenType, kid: keyId })}.${encode(goodClaims)}`;
      const signature = createHmac("sha256", secret).update(text).digest("base64url");
      expect(await sendToken(`${text}.${signature}`)).toMatchObject({
        facts: { why: "wrong_algorithm" },
      });
    }
  });

  test("a key of another algorithm is refused even under our kid", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const token = await forge({ header: { alg: "ES256" }, key: privateKey });
    expect(await sendToken(token)).toMatchObject({ facts: { why: "wrong_algorithm" } });
  });
});

describe("key", () => {
  test("the forger's key under our kid is refused", async () => {
    const token = await forge({ key: forgersKey.privateKey });
    expect(await sendToken(token)).toMatchObject({ facts: { why: "wrong_signature" } });
  });

  test("a kid that we have not published is refused", async () => {
    const token = await forge({ header: { kid: "A".repeat(43) }, key: forgersKey.privateKey });
    expect(await sendToken(token)).toMatchObject({ facts: { why: "unknown_key" } });
  });

  test("a key that the token itself brings along is not looked at", async () => {
    const jwk = await exportJWK(forgersKey.publicKey);
    for (const header of [
      { jwk },
      { jku: "https://forger.example/jwks.json" },
      { x5c: [randomBytes(32).toString("base64")] },
    ]) {
      const token = await forge({ header, key: forgersKey.privateKey });
      expect(await sendToken(token)).toMatchObject({ facts: { why: "wrong_signature" } });
    }
  });
});

describe("signature", () => {
  test.each([
    ["cut off", ""],
    ["cut short", goodSignature.slice(0, -4)],
    ["with one bit changed", flipFirstBit(goodSignature)],
  ])("%s is refused [IAM-03]", async (_what, signature) => {
    const token = `${goodHeader}.${goodPayload}.${signature}`;
    expect(await sendToken(token)).toMatchObject({ facts: { why: "wrong_signature" } });
  });

  test("of another token is refused", async () => {
    const other = await issue(identity, { tenantId, name: "m-2" });
    const [, , signature = ""] = other.token.split(".");
    expect(await sendToken(`${goodHeader}.${goodPayload}.${signature}`)).toMatchObject({
      facts: { why: "wrong_signature" },
    });
  });

  test("over other claims is refused [IAM-03]", async () => {
    const payload = encode({ ...goodClaims, memberId: "m-2", sub: "member:m-2" });
    expect(await sendToken(`${goodHeader}.${payload}.${goodSignature}`)).toMatchObject({
      facts: { why: "wrong_signature" },
    });
  });
});

function flipFirstBit(signature: string): string {
  const bytes = Buffer.from(signature, "base64url");
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes.toString("base64url");
}

describe("claims", () => {
  const seconds = () => clock.now() / secondMs;
  test.each([
    ["another issuer", () => ({ iss: "elsewhere" }), "wrong_iss"],
    ["no issuer", () => ({ iss: undefined }), "wrong_iss"],
    ["another audience", () => ({ aud: "another-api" }), "wrong_aud"],
    ["no audience", () => ({ aud: undefined }), "wrong_aud"],
    ["no expiry", () => ({ exp: undefined }), "wrong_exp"],
    ["an expiry that is no number", () => ({ exp: "2100" }), "wrong_exp"],
    ["a first second to come", () => ({ nbf: seconds() + 6 }), "not_yet_valid"],
    ["an issue in the future", () => ({ iat: seconds() + 6 }), "not_yet_valid"],
    ["no issue time", () => ({ iat: undefined }), "wrong_iat"],
    ["no id", () => ({ jti: undefined }), "wrong_jti"],
    ["no tenant", () => ({ tid: undefined }), "wrong_claims"],
    ["a tenant that does not exist", () => ({ tid: ids.next() }), "no_tenant"],
    ["the platform for a tenant", () => ({ tid: platformTenantId }), "no_tenant"],
    ["a member's token without a member", () => ({ memberId: undefined }), "wrong_claims"],
    ["a window that is too long for once", () => ({ once: true }), "window_too_long"],
  ])("%s is refused, although we signed it", async (_what, claims, why) => {
    expect(await sendToken(await forge({ claims: claims() }))).toEqual({
      kind: "refused",
      code: "not_signed_in",
      facts: { why },
    });
  });

  test("a signed text that is no access token is refused", async () => {
    expect(await sendToken(await forge({ header: { typ: "JWT" } }))).toMatchObject({
      facts: { why: "wrong_typ" },
    });
  });

  test("a critical header that we do not know is refused", async () => {
    const header = encode({ alg: "EdDSA", kid: keyId, typ: tokenType, crit: ["exp2"], exp2: 1 });
    expect(await sendToken(`${header}.${goodPayload}.${goodSignature}`)).toMatchObject({
      code: "not_signed_in",
    });
  });

  test("an expired token is refused, remembered or not", async () => {
    const short = await issue(identity, { tenantId, lifeMs: 10 * secondMs });
    expect(isRefusal(await sendToken(short.token))).toBe(false);
    clock.advance(16 * secondMs);
    expect(await sendToken(short.token)).toMatchObject({ code: "token_expired" });
    expect(await sendToken(await forge({ claims: { exp: seconds() - 6 } }))).toMatchObject({
      code: "token_expired",
    });
  });
});

describe("life", () => {
  const key = () => ({ key: `operator ${ids.next()}`, bodyHash: randomBytes(32) });

  test("a revoked token is dead here at once, in other processes within half a minute", async () => {
    const other = startProcess({ url, clock });
    const { token, grant } = await issue(identity, { tenantId });
    expect(isRefusal(await sendToken(token))).toBe(false);
    expect(isRefusal(await sendToken(token, other.identity))).toBe(false);
    const target = { kind: "token", tokenId: grant.id } as const;
    await identity.revokeTokens(tenantId, key(), { target, by: "admin:li", reason: "lost" });
    expect(await sendToken(token)).toMatchObject({ code: "token_revoked" });
    clock.advance(30 * secondMs);
    expect(await sendToken(token, other.identity)).toMatchObject({ code: "token_revoked" });
    expect(isRefusal(await sendToken(good.token))).toBe(false);
  });

  test("a check that was under way during the revocation speaks for nobody after it", async () => {
    const read = Promise.withResolvers<void>();
    const revoked = Promise.withResolvers<void>();
    const slow = createIdentity({
      ...deps,
      clock,
      ids,
      secrets,
      tenantSettings: [],
      database: {
        ...deps.database,
        // The real rows, but their way back is as long as the revocation takes.
        read: async (tenant, statement, values) => {
          const rows = await deps.database.read<never>(tenant, statement, values);
          if (statement.name !== "identity.load_standing") return rows;
          read.resolve();
          await revoked.promise;
          return rows;
        },
      },
    });
    const { token, grant } = await issue(slow, { tenantId });
    const before = sendToken(token, slow);
    await read.promise;
    const target = { kind: "token", tokenId: grant.id } as const;
    await slow.revokeTokens(tenantId, key(), { target, by: "admin:li", reason: "lost" });
    const after = sendToken(token, slow);
    revoked.resolve();
    expect(isRefusal(await before)).toBe(false);
    expect(await after).toMatchObject({ code: "token_revoked" });
    expect(await sendToken(token, slow)).toMatchObject({ code: "token_revoked" });
  });

  test("revoking a subject ends the tokens that it has, not those to come", async () => {
    const former = await issue(identity, { tenantId, name: "m-9" });
    expect(isRefusal(await sendToken(former.token))).toBe(false);
    const target = { kind: "subject", subject: "member:m-9" } as const;
    await identity.revokeTokens(tenantId, key(), { target, by: "admin:li", reason: "lost" });
    clock.advance(1);
    const later = await issue(identity, { tenantId, name: "m-9" });
    expect(await sendToken(former.token)).toMatchObject({ code: "token_revoked" });
    expect(isRefusal(await sendToken(later.token))).toBe(false);
    expect(isRefusal(await sendToken(good.token))).toBe(false);
  });

  test("a revocation in one tenant touches no other tenant", async () => {
    const elsewhere = await createTestTenant(identity);
    const { token, grant } = await issue(identity, { tenantId: elsewhere, name: "m-9" });
    const target = { kind: "token", tokenId: grant.id } as const;
    await identity.revokeTokens(tenantId, key(), { target, by: "admin:li", reason: "mistake" });
    expect(isRefusal(await sendToken(token))).toBe(false);
  });

  test("tokens of an inactive tenant are refused until it is active again", async () => {
    const id = await createTestTenant(identity);
    const { token } = await issue(identity, { tenantId: id });
    await identity.setTenantActive({ id, active: false });
    expect(await sendToken(token)).toMatchObject({ code: "tenant_inactive" });
    await identity.setTenantActive({ id, active: true });
    expect(isRefusal(await sendToken(token))).toBe(false);
  });

  test("a token for one request passes once, whoever sends it at the same time [IAM-04]", async () => {
    const other = startProcess({ url, clock });
    const { token } = await issue(identity, { tenantId, once: true });
    const processes = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0 ? identity : other.identity,
    );
    const answers = await Promise.all(processes.map((to) => sendToken(token, to)));
    expect(answers.filter((answer) => !isRefusal(answer))).toHaveLength(1);
    const codes = answers.flatMap((answer) => (isRefusal(answer) ? [answer.code] : []));
    expect(new Set(codes)).toEqual(new Set(["token_replayed"]));
    expect(await sendToken(token)).toMatchObject({ code: "token_replayed" });
  });

  test("the id of a used token is forgotten only when the token has expired", async () => {
    const { token } = await issue(identity, { tenantId, once: true });
    await sendToken(token);
    const forget = () => database.transaction(tenantId, (tx) => identity.forgetTokens(tx, 100));
    clock.advance(4 * minuteMs);
    await forget();
    expect(await sendToken(token)).toMatchObject({ code: "token_replayed" });
    clock.advance(2 * minuteMs);
    expect(await forget()).toBeGreaterThan(0);
    expect(await sendToken(token)).toMatchObject({ code: "token_expired" });
    expect(await forget()).toBe(0);
  });

  test("a database that does not answer is a fault, not a good or a bad token", async () => {
    const lost = startProcess({ url: "postgresql://nobody@127.0.0.1:1/none", clock });
    await expect(sendToken(good.token, lost.identity)).rejects.toThrow("does not answer");
  });

  test("a token outlives nothing: after an hour of life it is dead everywhere", async () => {
    const { token } = await issue(identity, { tenantId, lifeMs: hourMs });
    clock.advance(hourMs + 6 * secondMs);
    expect(await sendToken(token)).toMatchObject({ code: "token_expired" });
  });
});
