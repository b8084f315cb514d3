/** Schemas of what routes of every module take and show: ids, times, money. */
import Type from "typebox";
import type { Id } from "./ids.ts";
import { idPatternSource } from "./ids.ts";
import { currencies } from "./money.ts";

export const id = Type.Unsafe<string>(
  Type.String({ pattern: idPatternSource, "x-allowed": "a UUIDv7 of ours" }),
);

/** Of a route whose schema is `id`: its pattern has checked the text. */
export function checkedId<Name extends string>(text: string): Id<Name> {
  return text as Id<Name>;
}

export const time = Type.String({ format: "date-time", examples: ["2025-11-21T03:42:00.000Z"] });

/** What a `MoneyView` looks like. */
export const amount = Type.Object(
  { amount: Type.Integer({ minimum: 0 }), currency: Type.Enum([...currencies]) },
  { title: "Amount", description: "In minor units: 1999 CNY is 19.99 yuan." },
);
