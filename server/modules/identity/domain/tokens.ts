import type { Id } from "../../../kernel/ids.ts";
import { isId } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { dayMs, hourMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { PrincipalKind, Scope } from "./principals.ts";
import { isPrincipalKind, isScope, scopesOfKind } from "./principals.ts";
import type { Tenant, TenantId } from "./tenants.ts";

export type TokenId = Id<"Token">;

/** What a token says. It is all that is signed: no name, no balance, nothing that may change. */
export interface TokenGrant {
  readonly id: TokenId;
  readonly tenantId: TenantId;
  readonly subject: string;
  readonly kind: PrincipalKind;
  readonly memberId: string | undefined;
  readonly scopes: readonly Scope[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Good for one request only. */
  readonly once: boolean;
}

/** Who makes our tokens and whom they are for: `iss` and `aud`. */
export const issuer = "tongbao";
export const audience = "tongbao-api";
/** Says that it is an access token (RFC 9068), so that nothing else that we sign passes for one. */
export const tokenType = "at+jwt";

/** A member stays signed in for a month [IAM-13]; a program is given a new token each quarter. */
export const tokenLifeMaxOfKindMs: Readonly<Record<PrincipalKind, number>> = {
  admin: 30 * dayMs,
  service: 90 * dayMs,
  member: 30 * dayMs,
};
export const tokenLifeMaxMs = Math.max(...Object.values(tokenLifeMaxOfKindMs));
export const tokenLifeDefaultMs = 24 * hourMs;
const tokenLifeMinMs = secondMs;
/** The window of a token for one request: as long must its id be remembered [IAM-04]. */
export const onceLifeMaxMs = 5 * minuteMs;
/** Clocks of our machines, which issue and verify, differ by less. */
export const clockToleranceMs = 5 * secondMs;
/** Ours have about 480 characters; a longer text is refused before anything looks inside. */
export const tokenLengthMax = 2_048;

/** The ids that callers choose: names of programs and staff, and members' ids. */
export const nameInSubjectPattern = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$";

/** Who asks for a token. An operator has the database and the master key, and so may do all. */
export type Issuer =
  | { readonly kind: "operator"; readonly subject: string }
  | { readonly kind: PrincipalKind; readonly subject: string; readonly scopes: readonly Scope[] };

export interface IssueToken {
  readonly id: TokenId;
  readonly by: Issuer;
  readonly kind: PrincipalKind;
  /** The member's id, or the name of the program or the person on the staff. */
  readonly name: string;
  /** All that the kind may have, unless less is asked for. */
  readonly scopes: readonly Scope[] | undefined;
  readonly lifeMs: number | undefined;
  readonly once: boolean;
  /** The key that will sign. */
  readonly keyId: string;
}

export interface IssuingWorld {
  readonly tenant: Tenant | undefined;
}

export type IssueTokenOutcome =
  | {
      readonly kind: "issued";
      readonly grant: TokenGrant;
      readonly keyId: string;
      readonly by: string;
    }
  | Refusal;

/** Refusals stand in order of precedence. Nobody gives away more than he has. */
export function decideIssueToken(
  world: IssuingWorld,
  command: IssueToken,
  now: number,
): IssueTokenOutcome {
  const { by, kind } = command;
  if (world.tenant === undefined) return refuse("not_found", { what: "tenant" });
  if (!world.tenant.active) return refuse("tenant_inactive");
  if (by.kind !== "operator" && (by.kind !== "admin" || kind === "admin")) {
    return refuse("token_kind_not_grantable", { kind, issuer: by.kind });
  }
  if (!new RegExp(nameInSubjectPattern).test(command.name)) {
    return refuse("invalid_request", { detail: `the name must match ${nameInSubjectPattern}` });
  }
  const grantable = scopesOfKind[kind].filter(
    (scope) => by.kind === "operator" || by.scopes.includes(scope),
  );
  const scopes = command.scopes ?? grantable;
  const tooMuch = scopes.find((scope) => !grantable.includes(scope));
  if (tooMuch !== undefined) {
    return refuse("scope_not_grantable", { scope: tooMuch, allowed: grantable });
  }
  const maxMs = command.once ? onceLifeMaxMs : tokenLifeMaxOfKindMs[kind];
  const lifeMs = command.lifeMs ?? Math.min(tokenLifeDefaultMs, maxMs);
  if (lifeMs < tokenLifeMinMs || lifeMs > maxMs) {
    return refuse("token_life_not_allowed", {
      seconds: Math.floor(lifeMs / secondMs),
      minSeconds: tokenLifeMinMs / secondMs,
      maxSeconds: maxMs / secondMs,
    });
  }

  const grant: TokenGrant = {
    id: command.id,
    tenantId: world.tenant.id,
    subject: `${kind}:${command.name}`,
    kind,
    memberId: kind === "member" ? command.name : undefined,
    scopes: [...new Set(scopes)],
    issuedAt: now,
    // Expiry is told in whole seconds.
    expiresAt: Math.floor((now + lifeMs) / secondMs) * secondMs,
    once: command.once,
  };
  return { kind: "issued", grant, keyId: command.keyId, by: by.subject };
}

/** The payload of the token (RFC 7519; `scope` as in RFC 9068). */
export function claimsOf(grant: TokenGrant): Readonly<Record<string, unknown>> {
  return {
    jti: grant.id,
    tid: grant.tenantId,
    sub: grant.subject,
    kind: grant.kind,
    ...(grant.memberId === undefined ? {} : { memberId: grant.memberId }),
    scope: grant.scopes.join(" "),
    // With its milliseconds, so that a token issued right after a revocation is told from before.
    iat: grant.issuedAt / secondMs,
    exp: grant.expiresAt / secondMs,
    ...(grant.once ? { once: true } : {}),
  };
}

/** Verified claims -> what they say; undefined when they are not of our making. */
export function grantOf(claims: Readonly<Record<string, unknown>>): TokenGrant | undefined {
  const { jti, tid, sub, kind, memberId, scope, iat, exp, once } = claims;
  if (typeof jti !== "string" || !isId<"Token">(jti)) return undefined;
  if (typeof tid !== "string" || !isId<"Tenant">(tid)) return undefined;
  if (typeof sub !== "string" || !isPrincipalKind(kind)) return undefined;
  if (typeof scope !== "string" || typeof iat !== "number" || typeof exp !== "number") {
    return undefined;
  }
  if (memberId !== undefined && typeof memberId !== "string") return undefined;
  if ((memberId !== undefined) !== (kind === "member")) return undefined;
  if (once !== undefined && once !== true) return undefined;
  return {
    id: jti,
    tenantId: tid,
    subject: sub,
    kind,
    memberId,
    // A scope that a kind has lost since then is lost for tokens that are still alive, too.
    scopes: scope
      .split(" ")
      .filter((one) => isScope(one))
      .filter((one) => scopesOfKind[kind].includes(one)),
    issuedAt: Math.round(iat * secondMs),
    expiresAt: exp * secondMs,
    once: once === true,
  };
}

/** What the database knows about a token whose signature is good. */
export interface Standing {
  /** Undefined when there is no such tenant. */
  readonly tenantActive: boolean | undefined;
  readonly tokenRevoked: boolean;
  /** All tokens of the subject up to then are revoked. */
  readonly subjectRevokedAt: number | undefined;
}

/** The last checks of a token; undefined lets it pass. */
export function refuseStanding(grant: TokenGrant, standing: Standing): Refusal | undefined {
  if (standing.tenantActive === undefined) return refuse("not_signed_in", { why: "no_tenant" });
  if (standing.tokenRevoked) return refuse("token_revoked");
  const revokedAt = standing.subjectRevokedAt;
  if (revokedAt !== undefined && grant.issuedAt <= revokedAt) return refuse("token_revoked");
  if (!standing.tenantActive) return refuse("tenant_inactive");
  return undefined;
}

/** The times of a token beyond its expiry; undefined lets it pass [IAM-04]. */
export function refuseTimes(grant: TokenGrant, now: number): Refusal | undefined {
  if (grant.issuedAt > now + clockToleranceMs) {
    return refuse("not_signed_in", { why: "not_yet_valid" });
  }
  const windowMs = onceLifeMaxMs + clockToleranceMs;
  if (grant.once && grant.expiresAt - grant.issuedAt > windowMs) {
    return refuse("not_signed_in", { why: "window_too_long" });
  }
  return undefined;
}

export interface UsedTokensWorld {
  readonly used: Set<TokenId>;
}

export type UseTokenOutcome = { readonly kind: "used"; readonly grant: TokenGrant } | Refusal;

export function decideUseToken(world: UsedTokensWorld, grant: TokenGrant): UseTokenOutcome {
  if (world.used.has(grant.id)) return refuse("token_replayed", { tokenId: grant.id });
  world.used.add(grant.id);
  return { kind: "used", grant };
}

/** Until then a token's id must be remembered: no process takes it any more. */
export function forgetAt(expiresAt: number): number {
  return expiresAt + 2 * clockToleranceMs;
}

/** Dies: one token, or all that its subject has at this moment. */
export type RevocationTarget =
  | { readonly kind: "token"; readonly tokenId: TokenId }
  | { readonly kind: "subject"; readonly subject: string };

export interface RevokeTokens {
  readonly target: RevocationTarget;
  readonly by: string;
  readonly reason: string;
}

export interface Revocation extends RevokeTokens {
  readonly kind: "revoked";
  readonly at: number;
  readonly forgetAt: number;
}

/** A token that nobody has ever seen can be revoked too: it is not looked up, only remembered. */
export function decideRevokeTokens(
  _world: undefined,
  command: RevokeTokens,
  now: number,
): Revocation {
  return { kind: "revoked", ...command, at: now, forgetAt: forgetAt(now + tokenLifeMaxMs) };
}
