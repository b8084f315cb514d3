// Identity: who calls, for which tenant, with which scopes, and what each tenant has chosen.
// Tokens are signed and verified here and nowhere else; other modules see a principal.
// Modules declare what tenants may choose with defineTenantSetting and ask for it by setting().
export type { PrincipalKind, Scope } from "./domain/principals.ts";
export {
  actingMember,
  isPrincipalKind,
  isScope,
  scopes,
  scopesOfKind,
} from "./domain/principals.ts";
export type { TenantSetting } from "./domain/settings.ts";
export { defineTenantSetting } from "./domain/settings.ts";
export type { Tenant, TenantId } from "./domain/tenants.ts";
export type { Issuer } from "./domain/tokens.ts";
export type { Identity, IdentityDeps } from "./operations/identity.ts";
export { createIdentity } from "./operations/identity.ts";
export type { IssuedToken, IssueTokenRequest } from "./operations/tokens.ts";
