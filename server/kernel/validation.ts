import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Check } from "typebox/value";
import type { Refusal } from "./refusal.ts";
import { RefusedError } from "./refusal.ts";

/**
 * Checks the parts of a request against their schemas. The compiled check is fast and only says
 * yes or no; when it says no, `explain` walks the value again and names every wrong field, what is
 * wrong with it and what is allowed. Bodies are taken as they are: "1" is not a number there. Paths
 * and queries are text by nature and are converted.
 */
export interface FieldProblem {
  /** Such as `lines[0].quantity`. */
  readonly field: string;
  readonly problem: string;
  readonly allowed?: string;
}

/** The part of JSON Schema that routes are written in. `x-allowed` words what `pattern` means. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly pattern?: string;
  readonly format?: string;
  readonly "x-allowed"?: string;
}

/** A person mends so many at a time; a body of a million wrong fields must not cost more. */
const problemsMax = 20;
/** Names of unknown fields are the caller's text: enough of it is shown to find it. */
const shownNameMax = 64;
/** Deeper than any body that means something, and shallow enough for the stack. */
const depthMax = 64;

type Part = "body" | "querystring" | "params" | "headers";

/** Fastify's contract of a validator compiler. */
export function compileValidator(route: { schema: unknown; httpPart?: string | undefined }) {
  const schema = closed(route.schema as Schema);
  const part = (route.httpPart ?? "body") as Part;
  const check = Compile(schema as TSchema);
  return (value: unknown): { value: unknown } | { error: Error } => {
    const taken = part === "body" ? value : convert(schema, value);
    if (check.Check(taken)) {
      const field = unkeepableField(taken, 0);
      return field === undefined ? { value: taken } : { error: unkeepable(field, part) };
    }
    // Fastify hands over null where there is no body.
    const errors = explain(schema, taken ?? undefined);
    return { error: new RefusedError(invalidRequest(errors, part)) };
  };
}

/**
 * Where a text stands that PostgreSQL cannot keep, a NUL, or can only keep changed, one half of a
 * surrogate pair; undefined when all can be kept. No schema sees either: JSON writes both as \\u.
 */
function unkeepableField(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return isKeepable(value) ? undefined : "";
  if (typeof value !== "object" || value === null) return undefined;
  if (depth === depthMax) return "";
  const fields = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(fields)) {
    const below = isKeepable(key) ? unkeepableField(fields[key], depth + 1) : "";
    if (below === undefined) continue;
    const name = Array.isArray(value) ? `[${key}]` : key.slice(0, shownNameMax);
    return below === "" || below.startsWith("[") ? name + below : `${name}.${below}`;
  }
  return undefined;
}

function isKeepable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

function unkeepable(field: string, part: Part): Error {
  const problem = "holds a NUL or half a character, or is nested too deeply";
  return new RefusedError(invalidRequest([{ field, problem }], part));
}

export function invalidRequest(errors: readonly FieldProblem[], part: Part = "body"): Refusal {
  const named = errors.slice(0, 3).map(({ field, problem, allowed }) => {
    const what = field === "" ? `the ${part === "querystring" ? "query" : part}` : field;
    return allowed === undefined
      ? `${what} ${problem}`
      : `${what} ${problem} (allowed: ${allowed})`;
  });
  const more = errors.length > 3 ? [`and ${errors.length - 3} more`] : [];
  return {
    kind: "refused",
    code: "invalid_request",
    facts: {
      detail: [...named, ...more].join("; "),
      errors: errors.map((error) => ({ ...error })),
    },
  };
}

/**
 * A field that the schema does not know is refused: it is a typing mistake, or a wish that would be
 * ignored in silence. Schemas say nothing about it; objects are closed here, but for parts of
 * `allOf`, each of which sees the fields of the others.
 */
function closed(schema: Schema): Schema {
  const copy: { -readonly [Key in keyof Schema]: Schema[Key] } = { ...schema };
  if (schema.properties !== undefined) {
    copy.properties = mapValues(schema.properties, closed);
    copy.additionalProperties ??= false;
  }
  if (schema.patternProperties !== undefined)
    copy.patternProperties = mapValues(schema.patternProperties, closed);
  if (schema.items !== undefined) copy.items = closed(schema.items);
  if (schema.anyOf !== undefined) copy.anyOf = schema.anyOf.map(closed);
  if (typeof schema.additionalProperties === "object")
    copy.additionalProperties = closed(schema.additionalProperties);
  return copy;
}

function mapValues(
  schemas: Readonly<Record<string, Schema>>,
  change: (schema: Schema) => Schema,
): Record<string, Schema> {
  return Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, change(schema)]));
}

/** Texts of a path or query -> what the schema wants, where the text is exactly that. */
function convert(schema: Schema, value: unknown): unknown {
  if (schema.properties === undefined || !isRecord(value)) return value;
  const converted: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(value)) {
    converted[key] = convertField(schema.properties[key], text);
  }
  return converted;
}

function convertField(schema: Schema | undefined, value: unknown): unknown {
  if (schema?.type === "array") {
    const items = Array.isArray(value) ? value : [value];
    return items.map((item) => convertField(schema.items, item));
  }
  if (typeof value !== "string") return value;
  if (schema?.type === "boolean")
    return value === "true" ? true : value === "false" ? false : value;
  const isNumber = schema?.type === "integer" || schema?.type === "number";
  return isNumber && /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : value;
}

/** Every wrong field, at most `problemsMax`. */
export function explain(schema: Schema, value: unknown): FieldProblem[] {
  const problems: FieldProblem[] = [];
  walk(schema, value, "", problems);
  // The walk asks the same checker as the judge does; this is for schemas it has no words for.
  if (problems.length === 0) problems.push({ field: "", problem: "does not have the right form" });
  return problems;
}

function walk(schema: Schema, value: unknown, field: string, problems: FieldProblem[]): void {
  if (problems.length >= problemsMax || fits(schema, value)) return;
  if (schema.allOf !== undefined) {
    for (const part of schema.allOf) walk(part, value, field, problems);
    return;
  }
  if (schema.anyOf !== undefined) return walkUnion(schema, schema.anyOf, value, field, problems);
  if (schema.type === "object" && isRecord(value))
    return walkObject(schema, value, field, problems);
  // A list that is too long is not read: the work stays that of the longest allowed one.
  const { maxItems = Number.POSITIVE_INFINITY } = schema;
  if (schema.type === "array" && Array.isArray(value) && value.length <= maxItems) {
    const before = problems.length;
    for (const [index, item] of value.entries()) {
      if (problems.length >= problemsMax) return;
      if (schema.items !== undefined) walk(schema.items, item, `${field}[${index}]`, problems);
    }
    if (problems.length > before) return;
  }
  problems.push({ field, problem: problemOf(schema, value), allowed: describe(schema) });
}

function fits(schema: Schema, value: unknown): boolean {
  return Check(schema as TSchema, value);
}

function walkObject(
  schema: Schema,
  value: Record<string, unknown>,
  field: string,
  problems: FieldProblem[],
): void {
  const known = schema.properties ?? {};
  for (const [name, property] of Object.entries(known)) {
    if (problems.length >= problemsMax) return;
    const path = pathOf(field, name);
    if (Object.hasOwn(value, name)) walk(property, value[name], path, problems);
    else if (schema.required?.includes(name) === true)
      problems.push({ field: path, problem: "is missing", allowed: describe(property) });
  }
  const free = Object.entries(schema.patternProperties ?? {}).map(
    ([pattern, property]) => [new RegExp(pattern, "u"), property] as const,
  );
  for (const name of Object.keys(value)) {
    if (problems.length >= problemsMax) return;
    if (Object.hasOwn(known, name)) continue;
    const path = pathOf(field, name.slice(0, shownNameMax));
    const own = free.find(([pattern]) => pattern.test(name))?.[1];
    const property = own ?? schema.additionalProperties;
    if (typeof property === "object") walk(property, value[name], path, problems);
    else if (property === false)
      problems.push({ field: path, problem: "is not known here", ...knownNames(known) });
  }
}

function knownNames(known: Readonly<Record<string, Schema>>): { allowed?: string } {
  const names = Object.keys(known);
  return names.length === 0 ? {} : { allowed: names.join(", ") };
}

/** Of several forms the one that was meant is explained: its constants are those of the value. */
function walkUnion(
  union: Schema,
  forms: readonly Schema[],
  value: unknown,
  field: string,
  problems: FieldProblem[],
): void {
  const objects = forms.filter((form) => form.properties !== undefined);
  if (!isRecord(value) || objects.length === 0) {
    // "Text or null" and the like: with one real form, that one explains what is wrong.
    const [form, ...others] = forms.filter(({ type }) => type !== "null");
    if (form !== undefined && others.length === 0) return walk(form, value, field, problems);
    problems.push({ field, problem: problemOf(union, value), allowed: describe(union) });
    return;
  }
  const meant = objects.filter((form) =>
    constants(form).every(([name, constant]) => value[name] === constant),
  );
  const [form, ...others] = meant;
  if (form !== undefined && others.length === 0) return walk(form, value, field, problems);
  const tags = objects.map((object) => constants(object)[0]);
  const name = tags[0]?.[0];
  if (form === undefined && name !== undefined && tags.every((tag) => tag?.[0] === name)) {
    const allowed = tags.map((tag) => String(tag?.[1])).join(", ");
    const problem = Object.hasOwn(value, name) ? "has a value that is not allowed" : "is missing";
    problems.push({ field: pathOf(field, name), problem, allowed });
    return;
  }
  problems.push({ field, problem: "has none of the allowed forms", allowed: describe(union) });
}

function constants(form: Schema): [string, unknown][] {
  return Object.entries(form.properties ?? {}).flatMap(([name, { const: constant }]) =>
    constant === undefined ? [] : [[name, constant] satisfies [string, unknown]],
  );
}

function pathOf(parent: string, name: string): string {
  return parent === "" ? name : `${parent}.${name}`;
}

/** Values are not repeated: they may be secrets, and the caller has them. */
function problemOf(schema: Schema, value: unknown): string {
  const { type } = schema;
  const kind = kindOf(value);
  const isOfType =
    type === undefined ||
    kind === kindOfType(type) ||
    (type === "integer" && kind === "a number" && Number.isInteger(value));
  return isOfType ? "has a value that is not allowed" : `is ${kind}`;
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "a number" : "an object";
}

function kindOfType(type: string): string {
  if (type === "array") return "a list";
  if (type === "string") return "text";
  if (type === "boolean") return "true or false";
  if (type === "null") return "null";
  return type === "object" ? "an object" : type === "integer" ? "a whole number" : "a number";
}

/** What a schema allows, for people. */
export function describe(schema: Schema): string {
  if (schema["x-allowed"] !== undefined) return schema["x-allowed"];
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(String).join(", ");
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(describe))].join(" or ");
  if (schema.type === undefined) return "any value";
  if (schema.type === "string") return describeText(schema);
  if (schema.type === "array")
    return kindOfType("array") + between(schema.minItems, schema.maxItems, " of", " items");
  if (schema.type === "integer" || schema.type === "number")
    return kindOfType(schema.type) + between(schema.minimum, schema.maximum, "", "");
  return kindOfType(schema.type);
}

const formats = new Map([
  ["date-time", "a time of RFC 3339 such as 2025-11-21T03:42:00Z"],
  ["date", "a date such as 2025-11-21"],
  ["uuid", "a UUID"],
  ["uri", "an absolute URL"],
  ["email", "an e-mail address"],
]);

function describeText(schema: Schema): string {
  const { format, pattern } = schema;
  if (format !== undefined) return formats.get(format) ?? `text of the format ${format}`;
  const length = between(schema.minLength, schema.maxLength, " of", " characters");
  return `text${length}${pattern === undefined ? "" : ` that matches ${pattern}`}`;
}

function between(min: number | undefined, max: number | undefined, of: string, unit: string) {
  if (min !== undefined && max !== undefined)
    return min === max
      ? `${of} ${min}${unit}`
      : `${of === "" ? " from" : of} ${min} to ${max}${unit}`;
  if (min !== undefined) return `${of} at least ${min}${unit}`;
  return max === undefined ? "" : `${of} at most ${max}${unit}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
