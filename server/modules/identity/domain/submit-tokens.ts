import { createHash } from "node:crypto";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Id } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { formatInstant, minuteMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";

/** What a page is opened with, so that it can be submitted once [ORD-02]. */
export interface SubmitToken {
  readonly id: Id<"SubmitToken">;
  readonly tenantId: string;
  readonly memberId: string;
  readonly expiresAt: number;
}

/** Long enough to fill in an address; who comes back later sees prices of then. */
export const submitTokenLifeMs = 30 * minuteMs;

/** What is signed of a submit token. */
export function claimsOf({ id, tenantId, memberId, expiresAt }: SubmitToken): readonly unknown[] {
  return [id, tenantId, memberId, expiresAt];
}

/** Takes claims that we have signed: they have the form in which `claimsOf` wrote them. */
export function submitTokenFrom(claims: unknown): SubmitToken {
  const [id, tenantId, memberId, expiresAt] = claims as [Id<"SubmitToken">, string, string, number];
  return { id, tenantId, memberId, expiresAt };
}

/** Refusals: submit_token_foreign, submit_token_expired. */
export function judgeSubmitToken(
  token: SubmitToken,
  by: { readonly tenantId: string; readonly memberId: string },
  now: number,
): Refusal | undefined {
  const { tenantId, memberId, expiresAt } = token;
  if (tenantId !== by.tenantId || memberId !== by.memberId)
    return refuse("submit_token_foreign", { memberId: by.memberId });
  if (now >= expiresAt)
    return refuse("submit_token_expired", { expiredAt: formatInstant(expiresAt) });
  return undefined;
}

/**
 * The key under which the first arrival is answered, whoever brings it and with whatever body: a
 * second one is always the same submission. Keys of callers begin with their kind, so none is this.
 */
export function submitKeyOf({ id }: SubmitToken): IdempotencyKey {
  return { key: `submit_token ${id}`, bodyHash: createHash("sha256").update(id).digest() };
}
