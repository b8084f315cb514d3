import { expect, test } from "vitest";
import { actingMember, principalKinds, scopes, scopesOfKind } from "./principals.ts";

const requested = "m-1";

test.each([
  { kind: "member", memberId: "m-1", requested: undefined, acts: "m-1" },
  { kind: "member", memberId: "m-1", requested: "m-1", acts: "m-1" },
  { kind: "service", memberId: undefined, requested: "m-2", acts: "m-2" },
  { kind: "admin", memberId: undefined, requested: "m-2", acts: "m-2" },
] as const)("a $kind acts for $acts when $requested is asked for", ({ kind, memberId, ...row }) => {
  const principal = memberId === undefined ? { kind } : { kind, memberId };
  expect(actingMember(principal, row.requested)).toBe(row.acts);
});

test("a member's token acts for that member alone", () => {
  const principal = { kind: "member", memberId: "m-2" } as const;
  expect(actingMember(principal, requested)).toEqual({
    kind: "refused",
    code: "other_member",
    facts: { memberId: "m-2", requested },
  });
});

test.each(["service", "admin"] as const)("a %s must say for whom it acts", (kind) => {
  expect(actingMember({ kind }, undefined)).toMatchObject({
    code: "invalid_request",
    facts: { field: "memberId" },
  });
});

test("no kind has a scope that is not in the vocabulary, and staff have all", () => {
  for (const kind of principalKinds) {
    expect(scopesOfKind[kind].filter((scope) => !scopes.includes(scope))).toEqual([]);
  }
  expect(scopesOfKind.admin).toEqual(scopes);
  expect(scopesOfKind.member).not.toContain("refunds:write");
  expect(scopesOfKind.member).not.toContain("catalog:audit");
  expect(scopesOfKind.service).not.toContain("tenant:write");
});
