import type { Identity, PrincipalKind, Scope } from "../modules/identity/index.ts";

/** With the usual scopes of the kind, unless others are given. */
export async function issueTestToken(
  identity: Identity,
  given: {
    readonly tenantId: string;
    readonly kind: PrincipalKind;
    readonly name: string;
    readonly scopes?: readonly Scope[] | undefined;
  },
) {
  const issued = await identity.issueToken({
    scopes: undefined,
    ...given,
    by: { kind: "operator", subject: "test" },
    lifeMs: undefined,
    once: false,
  });
  if (issued.kind !== "issued") throw new Error(issued.code);
  return issued;
}
