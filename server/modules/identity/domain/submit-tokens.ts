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
/** The longest member id makes about 300 characters. */
const textMax = 1_024;

/** `<base64url of JSON>.<signature>`. */
export function submitTokenText(claims: string, signature: string): string {
  return `${claims}.${signature}`;
}

export function claimsOf({ id, tenantId, memberId, expiresAt }: SubmitToken): string {
  return Buffer.from(JSON.stringify([id, tenantId, memberId, expiresAt])).toString("base64url");
}

/** Undefined for what is no submit token, whoever has signed it. */
export function splitSubmitToken(
  text: string,
): { readonly claims: string; readonly signature: string } | undefined {
  if (text.length > textMax) return undefined;
  const [claims, signature, ...rest] = text.split(".");
  if (claims === undefined || signature === undefined || rest.length > 0) return undefined;
  return { claims, signature };
}

/** Takes claims whose signature is ours. */
export function parseClaims(claims: string): SubmitToken {
  const parsed: unknown = JSON.parse(Buffer.from(claims, "base64url").toString("utf8"));
  // Ours: it has the form in which `claimsOf` wrote it.
  const [id, tenantId, memberId, expiresAt] = parsed as [Id<"SubmitToken">, string, string, number];
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
