import { hash } from "node:crypto";
import type { JWTPayload } from "jose";
import { decodeProtectedHeader, errors, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import type { Authenticate, Principal } from "../../../kernel/access.ts";
import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Operation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal, RefusedError } from "../../../kernel/refusal.ts";
import { createSingleFlight } from "../../../kernel/single-flight.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { TokenGrant, UsedTokensWorld, UseTokenOutcome } from "../domain/tokens.ts";
import {
  audience,
  clockToleranceMs,
  decideUseToken,
  grantOf,
  issuer,
  refuseStanding,
  refuseTimes,
  tokenLengthMax,
  tokenType,
} from "../domain/tokens.ts";
import { loadUsedTokens, readStanding, saveUsedTokens } from "../store/tokens.ts";
import type { Keyring } from "./keyring.ts";

/** A revoked token may still pass in other processes for as long. */
const rememberedMs = 30 * secondMs;
/** The callers of half a minute; about 600 bytes each. */
const rememberedMax = 20_000;
/** As many single-use tokens share a transaction at most. */
const useBatchMax = 256;

interface Remembered {
  readonly principal: Principal;
  readonly until: number;
}

export type Authentication = ReturnType<typeof createAuthentication>;

/**
 * Tells who sent a token. A signature costs 250 us, more than all else of a small request, so a
 * token found good is remembered for half a minute, by its hash: the token itself is not kept.
 */
export function createAuthentication(deps: {
  readonly database: Database;
  readonly committers: Committers;
  readonly clock: Clock;
  readonly keyring: Keyring;
}) {
  const { database, committers, clock, keyring } = deps;
  const remembered = new LRUCache<string, Remembered>({ max: rememberedMax });
  /** Many requests may bring a new token at once; its signature is checked once. */
  const checks = createSingleFlight<string, TokenGrant | Refusal>();

  async function verify(token: string): Promise<TokenGrant | Refusal> {
    const grant = await verifyToken(token, { keyring, now: clock.now() });
    if (isRefusal(grant)) return grant;
    return refuseStanding(grant, await readStanding(database, grant)) ?? grant;
  }

  async function prove(token: string, tokenHash: string): Promise<Principal | Refusal> {
    const now = clock.now();
    const grant = await checks.run(
      tokenHash,
      () => verify(token),
      // What was revoked while we looked is forgotten, so it is not remembered as good.
      (found) => {
        if (isRefusal(found) || found.once) return;
        const until = Math.min(now + rememberedMs, found.expiresAt + clockToleranceMs);
        remembered.set(tokenHash, { principal: principalOf(found), until });
      },
    );
    if (isRefusal(grant)) return grant;
    if (grant.once) {
      const outcome = await committers.run(useToken, grant.tenantId, grant);
      if (isRefusal(outcome)) return outcome;
    }
    return principalOf(grant);
  }

  /** At once for a token that is remembered. */
  function authenticateToken(token: string): Principal | Refusal | Promise<Principal | Refusal> {
    if (token.length > tokenLengthMax) return refuse("not_signed_in", { why: "too_long" });
    const tokenHash = hash("sha256", token, "base64url");
    const known = remembered.get(tokenHash);
    if (known !== undefined && clock.now() < known.until) return known.principal;
    return prove(token, tokenHash);
  }

  return {
    /** The hook of the HTTP server. */
    authenticate: ((request) => {
      const token = bearerTokenOf(request.headers.authorization);
      if (token === undefined) throw new RefusedError(refuse("not_signed_in", { why: "no_token" }));
      const result = authenticateToken(token);
      return result instanceof Promise ? result.then(orThrow) : orThrow(result);
    }) satisfies Authenticate,

    /** Something was revoked in this process, where that holds at once. */
    forgetAll(): void {
      remembered.clear();
      checks.forgetAll();
    },
  };
}

/** Batches of one process are judged here, those of several by the primary key. */
const useToken: Operation<TokenGrant, UsedTokensWorld, UseTokenOutcome> = {
  name: "identity.use_token",
  batchMax: useBatchMax,
  load: async (tx, grants) => ({
    used: await loadUsedTokens(
      tx,
      grants.map(({ id }) => id),
    ),
  }),
  decide: decideUseToken,
  save: (tx, _world, outcomes) => {
    saveUsedTokens(
      tx,
      outcomes.flatMap((outcome) => (outcome.kind === "used" ? [outcome.grant] : [])),
    );
  },
};

/**
 * Checks everything that stands in the token itself. The key is found by `kid` alone and brings its
 * algorithm along: what the header says about algorithm and keys decides nothing [IAM-02, IAM-03].
 */
async function verifyToken(
  token: string,
  by: { readonly keyring: Keyring; readonly now: number },
): Promise<TokenGrant | Refusal> {
  const keyId = keyIdOf(token);
  if (keyId === undefined) return refuse("not_signed_in", { why: "malformed" });
  const key = await by.keyring.verifier(keyId);
  if (key === undefined) return refuse("not_signed_in", { why: "unknown_key" });
  let claims: JWTPayload;
  try {
    const verified = await jwtVerify(token, key.publicKey, {
      algorithms: [key.algorithm],
      issuer,
      audience,
      typ: tokenType,
      requiredClaims: ["exp", "iat", "jti", "sub"],
      clockTolerance: clockToleranceMs / secondMs,
      currentDate: new Date(by.now),
    });
    claims = verified.payload;
  } catch (error) {
    return refusalOf(error);
  }
  const grant = grantOf(claims);
  if (grant === undefined) return refuse("not_signed_in", { why: "wrong_claims" });
  return refuseTimes(grant, by.now) ?? grant;
}

function keyIdOf(token: string): string | undefined {
  try {
    // The header is anybody's JSON: the type of the library promises too much.
    const kid: unknown = decodeProtectedHeader(token).kid;
    return typeof kid === "string" ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** What the library found wrong, in our words. Anything that it did not find is a bug of ours. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return refuse("token_expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    return refuse("not_signed_in", { why: claim === "nbf" ? "not_yet_valid" : `wrong_${claim}` });
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return refuse("not_signed_in", { why: "wrong_algorithm" });
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refuse("not_signed_in", { why: "wrong_signature" });
  }
  if (error instanceof errors.JOSEError) return refuse("not_signed_in", { why: "malformed" });
  throw error;
}

/** `Bearer <token>` (RFC 6750); the name of the scheme has no case. */
function bearerTokenOf(authorization: string | undefined): string | undefined {
  return /^bearer +([^ ]+)$/i.exec(authorization ?? "")?.[1];
}

function orThrow(result: Principal | Refusal): Principal {
  if (isRefusal(result)) throw new RefusedError(result);
  return result;
}

function principalOf(grant: TokenGrant): Principal {
  const { tenantId, subject, kind, memberId, expiresAt } = grant;
  const scopes = new Set<string>(grant.scopes);
  const principal = { tenantId, subject, kind, scopes, expiresAt };
  return memberId === undefined ? principal : { ...principal, memberId };
}
