import type { Principal } from "../../../kernel/access.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";

/** What a token may allow, once; a route names the one it asks for. */
export const scopes = [
  "orders:read",
  "orders:write",
  "payments:read",
  "payments:write",
  "refunds:write",
  "catalog:read",
  "catalog:write",
  "catalog:audit",
  "sales:read",
  "sales:write",
  "ledger:read",
  "tenant:read",
  "tenant:write",
  "system:read",
  "system:write",
] as const;
export type Scope = (typeof scopes)[number];

/** admin: the tenant's staff. service: a program of the tenant. member: one who buys. */
export const principalKinds = ["admin", "service", "member"] as const;
export type PrincipalKind = Principal["kind"];

/** What a kind gets unless less is asked for; more is never given. */
export const scopesOfKind: Readonly<Record<PrincipalKind, readonly Scope[]>> = {
  admin: scopes,
  service: [
    "orders:read",
    "orders:write",
    "payments:read",
    "payments:write",
    "refunds:write",
    "catalog:read",
    "catalog:write",
    "catalog:audit",
    "sales:read",
    "sales:write",
    "ledger:read",
    "tenant:read",
  ],
  member: [
    "orders:read",
    "orders:write",
    "payments:read",
    "payments:write",
    "catalog:read",
    "sales:read",
  ],
};

/**
 * Tells for which member a request acts: a member for itself alone, staff and services for the one
 * that they name. Refuses `other_member`, or `invalid_request` when no member is named.
 */
export function actingMember(
  principal: Pick<Principal, "kind" | "memberId">,
  requestedMemberId: string | undefined,
): string | Refusal {
  if (principal.memberId === undefined) {
    if (requestedMemberId !== undefined) return requestedMemberId;
    return refuse("invalid_request", {
      detail: `memberId is missing: a token of kind ${principal.kind} says for whom it acts`,
      field: "memberId",
    });
  }
  if (requestedMemberId === undefined || requestedMemberId === principal.memberId) {
    return principal.memberId;
  }
  return refuse("other_member", { memberId: principal.memberId, requested: requestedMemberId });
}

export function isScope(text: unknown): text is Scope {
  return scopes.some((scope) => scope === text);
}

export function isPrincipalKind(text: unknown): text is PrincipalKind {
  return principalKinds.some((kind) => kind === text);
}
