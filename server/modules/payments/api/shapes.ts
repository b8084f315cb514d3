/** What the routes of payments share: scopes, schemas, who may ask. */
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import type { Principal } from "../../../kernel/access.ts";
import { principalOf } from "../../../kernel/access.ts";
import { RefusedError } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";

export const tags = ["Payments"];
export const refundTags = ["Refunds"];
export const noticeTags = ["Notices"];
export const accountTags = ["Channel accounts"];
export const reading = { config: { scope: "payments:read" } } as const;
export const readingTenant = { config: { scope: "tenant:read" } } as const;
export const writingTenant = { config: { scope: "tenant:write" } } as const;

export const channel = Type.String({
  pattern: "^[a-z0-9_]{1,32}$",
  "x-allowed": "the code of a channel",
  examples: ["wechatpay"],
});
export const number = Type.String({
  pattern: "^[0-9A-Za-z_-]{1,64}$",
  "x-allowed": "a number of ours",
});

/** Payments knows no members: which orders are whose, orders tells. */
export function staffOf(request: FastifyRequest): Principal {
  const principal = principalOf(request);
  if (principal.kind === "member") throw new RefusedError(refuse("members_read_orders"));
  return principal;
}
