import Type from "typebox";
import type { TSchema } from "typebox";
import { expect, test } from "vitest";
import { RefusedError } from "./refusal.ts";
import { compileValidator, describe as describeSchema, explain } from "./validation.ts";

function check(schema: TSchema, value: unknown, httpPart = "body") {
  const result = compileValidator({ schema, httpPart })(value);
  if (!("error" in result)) return { value: result.value, errors: [] };
  if (!(result.error instanceof RefusedError)) throw result.error;
  return { errors: result.error.refusal.facts["errors"], facts: result.error.refusal.facts };
}

const line = Type.Object({
  sku: Type.String({ minLength: 1, maxLength: 8 }),
  quantity: Type.Integer({ minimum: 1, maximum: 99 }),
});
const card = Type.Object({
  kind: Type.Literal("card"),
  digits: Type.String({ pattern: "^\\d+$" }),
});
const cash = Type.Object({ kind: Type.Literal("cash"), coins: Type.Integer() });
const order = Type.Object({
  lines: Type.Array(line, { minItems: 1, maxItems: 3 }),
  note: Type.Optional(Type.Union([Type.String({ maxLength: 3 }), Type.Null()])),
  currency: Type.Optional(Type.Union([Type.Literal("CNY"), Type.Literal("USD")])),
  pay: Type.Optional(Type.Union([card, cash])),
  at: Type.Optional(Type.String({ format: "date-time" })),
  labels: Type.Optional(Type.Record(Type.String({ pattern: "^[a-z]+$" }), Type.Integer())),
});
const good = { lines: [{ sku: "a", quantity: 1 }] };

test("what fits its schema is taken as it is", () => {
  const value = { ...good, note: null, currency: "CNY", pay: { kind: "cash", coins: 1 } };
  expect(check(order, value)).toEqual({ value, errors: [] });
  expect(check(order, { ...good, labels: { a: 1 } }).errors).toEqual([]);
});

test.each<[string, unknown, { field: string; problem: string; allowed?: string }]>([
  ["no object", "x", { field: "", problem: "is text", allowed: "an object" }],
  ["no body", undefined, { field: "", problem: "is missing", allowed: "an object" }],
  [
    "a missing field",
    { lines: [{ sku: "a" }] },
    { field: "lines[0].quantity", problem: "is missing", allowed: "a whole number from 1 to 99" },
  ],
  [
    "an unknown field",
    { ...good, linse: 1 },
    {
      field: "linse",
      problem: "is not known here",
      allowed: "lines, note, currency, pay, at, labels",
    },
  ],
  [
    "an unknown field further down",
    { lines: [{ sku: "a", quantity: 1, prize: 1 }] },
    { field: "lines[0].prize", problem: "is not known here", allowed: "sku, quantity" },
  ],
  [
    "text where a number belongs",
    { lines: [{ sku: "a", quantity: "1" }] },
    { field: "lines[0].quantity", problem: "is text", allowed: "a whole number from 1 to 99" },
  ],
  [
    "a fraction",
    { lines: [{ sku: "a", quantity: 1.5 }] },
    { field: "lines[0].quantity", problem: "is a number", allowed: "a whole number from 1 to 99" },
  ],
  [
    "a number out of range",
    { lines: [{ sku: "a", quantity: 100 }] },
    {
      field: "lines[0].quantity",
      problem: "has a value that is not allowed",
      allowed: "a whole number from 1 to 99",
    },
  ],
  [
    "too long a text",
    { lines: [{ sku: "123456789", quantity: 1 }] },
    {
      field: "lines[0].sku",
      problem: "has a value that is not allowed",
      allowed: "text of 1 to 8 characters",
    },
  ],
  [
    "too long a list",
    { lines: [1, 2, 3, 4] },
    {
      field: "lines",
      problem: "has a value that is not allowed",
      allowed: "a list of 1 to 3 items",
    },
  ],
  [
    "a constant",
    { ...good, currency: "EUR" },
    { field: "currency", problem: "has a value that is not allowed", allowed: "CNY or USD" },
  ],
  [
    "text or null",
    { ...good, note: "long" },
    {
      field: "note",
      problem: "has a value that is not allowed",
      allowed: "text of at most 3 characters",
    },
  ],
  [
    "the form that was meant",
    { ...good, pay: { kind: "cash" } },
    { field: "pay.coins", problem: "is missing", allowed: "a whole number" },
  ],
  [
    "no known form",
    { ...good, pay: { kind: "gold" } },
    { field: "pay.kind", problem: "has a value that is not allowed", allowed: "card, cash" },
  ],
  [
    "no form at all",
    { ...good, pay: {} },
    { field: "pay.kind", problem: "is missing", allowed: "card, cash" },
  ],
  [
    "a format",
    { ...good, at: "yesterday" },
    {
      field: "at",
      problem: "has a value that is not allowed",
      allowed: "a time of RFC 3339 such as 2025-11-21T03:42:00Z",
    },
  ],
  [
    "a value of a free key",
    { ...good, labels: { a: "x" } },
    { field: "labels.a", problem: "is text", allowed: "a whole number" },
  ],
])("names the field, what is wrong and what is allowed: %s", (_, value, problem) => {
  expect(check(order, value).errors).toEqual([problem]);
});

test.each<[string, unknown, string]>([
  ["a NUL", { ...good, lines: [{ sku: "a\0b", quantity: 1 }] }, "lines[0].sku"],
  ["the first half of a pair", { ...good, note: "\ud83d" }, "note"],
  ["the second half of a pair", { ...good, note: "\ude00a" }, "note"],
])("refuses text that PostgreSQL cannot keep: %s", (_, value, field) => {
  expect(check(order, value).errors).toEqual([
    { field, problem: "holds a NUL or half a character, or is nested too deeply" },
  ]);
});

test("refuses such text in free fields, their names and queries, and depths without end", () => {
  const free = Type.Object({ free: Type.Unknown() });
  const deep: unknown = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
  for (const value of [{ a: ["x", "\0"] }, { "\0": 1 }, [[["\ud83d"]]], deep])
    expect(check(free, { free: value }).errors).toHaveLength(1);
  expect(check(free, { free: { a: [null, 1, "😀"] } }).errors).toEqual([]);
  const query = Type.Object({ name: Type.String() });
  expect(check(query, { name: "\0" }, "querystring").errors).toMatchObject([{ field: "name" }]);
});

test("all wrong fields are told at once, and the sentence sums them up", () => {
  const { facts } = check(order, { lines: [{ quantity: 0 }], note: 1, extra: 1 });
  expect(facts?.["errors"]).toHaveLength(4);
  expect(facts?.["detail"]).toBe(
    "lines[0].sku is missing (allowed: text of 1 to 8 characters); " +
      "lines[0].quantity has a value that is not allowed (allowed: a whole number from 1 to 99); " +
      "note is a number (allowed: text of at most 3 characters); and 1 more",
  );
});

test("values are not repeated, they may be secrets", () => {
  const schema = Type.Object({ password: Type.String({ minLength: 12 }) });
  expect(JSON.stringify(check(schema, { password: "hunter2" }))).not.toContain("hunter2");
});

test("the list of wrong fields is bounded, and names are cut", () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`f${at}`, 1]));
  expect(check(order, { ...good, ...many }).errors).toHaveLength(20);
  const long = explain(closedObject(), { ["x".repeat(10_000)]: 1 });
  expect(long[0]?.field).toHaveLength(64);
});

function closedObject() {
  return { type: "object", properties: {}, additionalProperties: false };
}

test("a field of the prototype is neither known nor a way in", () => {
  const value: unknown = JSON.parse('{"lines":[{"sku":"a","quantity":1}],"constructor":1}');
  expect(check(order, value).errors).toMatchObject([{ field: "constructor" }]);
  expect(check(order, JSON.parse('{"toString":1}')).errors).toMatchObject([
    { field: "lines", problem: "is missing" },
    { field: "toString", problem: "is not known here" },
  ]);
});

test("queries are converted where the text is exactly that", () => {
  const schema = Type.Object({
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    state: Type.Optional(Type.Array(Type.String())),
    open: Type.Optional(Type.Boolean()),
    name: Type.Optional(Type.String()),
  });
  const query = { limit: "20", state: "paid", open: "false", name: "12" };
  expect(check(schema, query, "querystring").value).toEqual({
    limit: 20,
    state: ["paid"],
    open: false,
    name: "12",
  });
  for (const limit of ["", " 1", "1e3", "0x10", "one"])
    expect(check(schema, { limit }, "querystring").errors).toMatchObject([
      { field: "limit", problem: "is text" },
    ]);
  expect(check(schema, { limt: "1" }, "querystring").errors).toHaveLength(1);
});

test("closing a schema leaves the one that is shown as it was", () => {
  const shown = JSON.stringify(order);
  check(order, good);
  expect(JSON.stringify(order)).toBe(shown);
});

test("parts of an intersection see each other's fields", () => {
  const both = Type.Intersect([
    Type.Object({ a: Type.Integer() }),
    Type.Object({ b: Type.Integer() }),
  ]);
  expect(check(both, { a: 1, b: 2 }).errors).toEqual([]);
  expect(check(both, { a: 1 }).errors).toMatchObject([{ field: "b", problem: "is missing" }]);
});

test("what a pattern means can be worded", () => {
  const schema = Type.String({ pattern: "^x$", "x-allowed": "the letter x" });
  expect(describeSchema(schema)).toBe("the letter x");
});
