/** What the routes of payments share: schemas, scopes, pages along ids. */
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import type { Principal } from "../../../kernel/access.ts";
import { principalOf } from "../../../kernel/access.ts";
import type { Id } from "../../../kernel/ids.ts";
import { idPatternSource, isId } from "../../../kernel/ids.ts";
import { currencies } from "../../../kernel/money.ts";
import { readPage } from "../../../kernel/page.ts";
import { RefusedError } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";

export const tags = ["Payments"];
export const accountTags = ["Channel accounts"];
export const reading = { config: { scope: "payments:read" } } as const;
export const readingTenant = { config: { scope: "tenant:read" } } as const;
export const writingTenant = { config: { scope: "tenant:write" } } as const;

export const id = Type.Unsafe<string>(
  Type.String({ pattern: idPatternSource, "x-allowed": "a UUIDv7 of ours" }),
);
export const time = Type.String({ format: "date-time", examples: ["2025-11-21T03:42:00.000Z"] });
export const channel = Type.String({
  pattern: "^[a-z0-9_]{1,32}$",
  "x-allowed": "the code of a channel",
  examples: ["wechatpay"],
});
export const number = Type.String({
  pattern: "^[0-9A-Za-z_-]{1,64}$",
  "x-allowed": "a number of ours",
});
export const amount = Type.Object(
  { amount: Type.Integer({ minimum: 0 }), currency: Type.Enum([...currencies]) },
  { title: "Amount", description: "In minor units: 1999 CNY is 19.99 yuan." },
);

/** The pattern of the route has checked it. */
export function checkedId<Name extends string>(text: string): Id<Name> {
  return text as Id<Name>;
}

const isIdKey = ([key]: [string]) => isId(key);

/** Lists run along ids; gives the page and the id that its cursor names. */
export function readIdPage<Name extends string>(query: { limit?: number; cursor?: string }) {
  const page = readPage<[string]>(query, ["string"], isIdKey);
  const seen = page.after === undefined ? undefined : checkedId<Name>(page.after[0]);
  return { page, seen };
}

/** Payments knows no members: which orders are whose, orders tells. */
export function staffOf(request: FastifyRequest): Principal {
  const principal = principalOf(request);
  if (principal.kind === "member") throw new RefusedError(refuse("members_read_orders"));
  return principal;
}
