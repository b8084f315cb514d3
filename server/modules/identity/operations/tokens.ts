import { SignJWT } from "jose";
import { required } from "../../../kernel/assert.ts";
import type { Committers } from "../../../kernel/batch.ts";
import type { Tx } from "../../../kernel/database.ts";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Answer, KeyedOperation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { formatInstant } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type {
  IssueToken,
  IssueTokenOutcome,
  IssuingWorld,
  Revocation,
  RevokeTokens,
  TokenGrant,
} from "../domain/tokens.ts";
import {
  audience,
  claimsOf,
  decideIssueToken,
  decideRevokeTokens,
  issuer,
  tokenType,
} from "../domain/tokens.ts";
import { loadTenant } from "../store/tenants.ts";
import { forgetTokens, saveRevocation } from "../store/tokens.ts";
import type { Authentication } from "./authentication.ts";
import type { Keyring, Signer } from "./keyring.ts";
import type { createSigningKeys } from "./signing-keys.ts";

/** Members signing in at the opening of a sale share transactions. */
const issueBatchMax = 256;

export interface IssueTokenRequest extends Pick<
  IssueToken,
  "by" | "kind" | "name" | "scopes" | "lifeMs" | "once"
> {
  readonly tenantId: string;
}

export interface IssuedToken {
  readonly kind: "issued";
  readonly token: string;
  readonly grant: TokenGrant;
}

/** What is kept of an answer: all but the signature, so that no live token lies in the database. */
interface KeptGrant {
  readonly grant: TokenGrant;
  readonly keyId: string;
}

export function createTokens(deps: {
  readonly committers: Committers;
  readonly ids: Ids;
  readonly keyring: Keyring;
  readonly authentication: Authentication;
  readonly signingKeys: ReturnType<typeof createSigningKeys>;
}) {
  const { committers, ids, keyring, authentication, signingKeys } = deps;

  async function currentSigner(): Promise<Signer> {
    const signer = await keyring.current();
    if (signer !== undefined) return signer;
    await signingKeys.rotateSigningKey("first");
    return required(await keyring.current(), "the first signing key");
  }

  async function commandOf(request: IssueTokenRequest): Promise<IssueToken> {
    const { by, kind, name, scopes, lifeMs, once } = request;
    const { id: keyId } = await currentSigner();
    return { id: ids.next<"Token">(), by, kind, name, scopes, lifeMs, once, keyId };
  }

  /** The same grant and key always give the same token: Ed25519 signs without randomness. */
  async function sign({ grant, keyId }: KeptGrant): Promise<IssuedToken | Refusal> {
    const signer = await keyring.signer(keyId);
    // The key was withdrawn since, and with it everything that it has signed.
    if (signer === undefined) return refuse("token_revoked");
    const token = await new SignJWT({ ...claimsOf(grant) })
      .setProtectedHeader({ alg: signer.algorithm, kid: signer.id, typ: tokenType })
      .setIssuer(issuer)
      .setAudience(audience)
      .sign(signer.privateKey);
    return { kind: "issued", token, grant };
  }

  return {
    async issueToken(request: IssueTokenRequest): Promise<IssuedToken | Refusal> {
      const command = await commandOf(request);
      const outcome = await committers.run(issueToken, request.tenantId, command);
      return isRefusal(outcome) ? outcome : sign(outcome);
    },

    /** A repeated key gets the same token again. */
    async issueTokenKeyed(
      key: IdempotencyKey,
      request: IssueTokenRequest,
    ): Promise<IssuedToken | Refusal> {
      const command = await commandOf(request);
      const answer = await committers.runKeyed(issueToken, request.tenantId, key, command);
      if (isRefusal(answer)) return answer;
      const kept: KeptGrant = JSON.parse(answer.body);
      return sign(kept);
    },

    /** Holds in this process at once and in all others within half a minute. */
    async revokeTokens(
      tenantId: string,
      key: IdempotencyKey,
      command: RevokeTokens,
    ): Promise<Answer | Refusal> {
      const answer = await committers.runKeyed(revokeTokens, tenantId, key, command);
      authentication.forgetAll();
      return answer;
    },

    /** Drops ids of tokens that are dead by their age; gives how many it dropped. */
    forgetTokens: (tx: Tx, limit: number): Promise<number> => forgetTokens(tx, limit),
  };
}

const issueToken: KeyedOperation<IssueToken, IssuingWorld, IssueTokenOutcome> = {
  name: "identity.issue_token",
  batchMax: issueBatchMax,
  load: async (tx) => ({ tenant: await loadTenant(tx) }),
  decide: decideIssueToken,
  save: (tx, _world, outcomes) => {
    tx.emit(
      outcomes.flatMap((outcome) => {
        if (outcome.kind !== "issued") return [];
        const { id: tokenId, subject, scopes, once } = outcome.grant;
        const expiresAt = formatInstant(outcome.grant.expiresAt);
        const data = { tokenId, subject, scopes, expiresAt, once, by: outcome.by };
        return [{ type: "token_issued", data }];
      }),
    );
  },
  answer: (outcome) => {
    if (outcome.kind === "refused") return outcome;
    const kept: KeptGrant = { grant: outcome.grant, keyId: outcome.keyId };
    return { kind: "answered", status: 201, body: JSON.stringify(kept) };
  },
};

const revokeTokens: KeyedOperation<RevokeTokens, undefined, Revocation> = {
  name: "identity.revoke_tokens",
  batchMax: 1,
  load: () => Promise.resolve(undefined),
  decide: decideRevokeTokens,
  save: (tx, _world, revocations) => {
    for (const revocation of revocations) saveRevocation(tx, revocation);
    tx.emit(
      revocations.map(({ target, by, reason }) => ({
        type: "tokens_revoked",
        data: { ...target, by, reason },
      })),
    );
  },
  answer: ({ target, at, reason }) => {
    const named =
      target.kind === "token" ? { tokenId: target.tokenId } : { subject: target.subject };
    const body = JSON.stringify({ ...named, reason, revokedAt: formatInstant(at) });
    return { kind: "answered", status: 201, body };
  },
};
