/**
 * The routes of the running API, and requests to them that name rows of a tenant. An id for which
 * nobody makes rows is an error, so that no route with a new kind of id is passed over.
 */
import { required } from "../kernel/assert.ts";

/** The part of JSON Schema that the document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly example?: unknown;
  readonly schema: Schema;
}

interface OperationObject {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

export interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Route {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** Undefined for a public route. */
  readonly scope: string | undefined;
  readonly parameters: readonly Parameter[];
  /** One for each form that the body may have; none without a body. */
  readonly bodies: readonly Schema[];
  readonly schemas: Readonly<Record<string, Schema>>;
}

export function readRoutes({ paths, components: { schemas } }: OpenapiDocument): Route[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
      const { operationId: name, parameters = [], security, requestBody } = operation;
      const body = requestBody?.content["application/json"]?.schema;
      return {
        name,
        method: method.toUpperCase(),
        path,
        scope: security[0]?.["token"]?.[0],
        parameters: parameters.filter((parameter) => parameter.in !== "header"),
        bodies: body === undefined ? [] : formsOf(resolve(body, schemas)),
        schemas,
      };
    }),
  );
}

function formsOf(body: Schema): readonly Schema[] {
  return body.anyOf ?? [body];
}

function resolve(schema: Schema, schemas: Readonly<Record<string, Schema>>): Schema {
  if (schema.$ref === undefined) return schema;
  return required(schemas[schema.$ref.split("/").at(-1) ?? ""], schema.$ref);
}

/**
 * What a name in a path, query or body stands for: text that names a row, another value that names
 * none but is sent as it is, or undefined.
 */
export type RowOf = (route: string, name: string) => unknown;

export interface RouteRequest {
  readonly url: string;
  readonly body: unknown;
  /** Where rows are named, and by what. */
  readonly rows: readonly { readonly where: "path" | "query" | "body"; readonly value: string }[];
}

/**
 * Requests of the right form: one for each form of the body, and one more for each parameter of
 * the query that may be left out and names a row.
 */
export function requestsOf(route: Route, rowOf: RowOf): RouteRequest[] {
  const query = route.parameters.filter((parameter) => parameter.in === "query");
  const wanted = query.filter((parameter) => parameter.required === true);
  const others = query.filter(
    ({ name, required: isRequired }) =>
      isRequired !== true && rowOf(route.name, name) !== undefined,
  );
  const forms = route.bodies.length === 0 ? [undefined] : route.bodies;
  return [
    ...forms.map((form) => requestOf(route, wanted, form, rowOf)),
    ...others.map((other) => requestOf(route, [...wanted, other], route.bodies[0], rowOf)),
  ];
}

function requestOf(
  route: Route,
  query: readonly Parameter[],
  form: Schema | undefined,
  rowOf: RowOf,
): RouteRequest {
  const rows: { where: "path" | "query" | "body"; value: string }[] = [];
  const find = (name: string) => rowOf(route.name, name);
  const fill = (where: "path" | "query" | "body"): Fill => ({
    route,
    find,
    take(name) {
      const value = find(name);
      if (typeof value === "string") rows.push({ where, value });
      return value;
    },
  });
  for (const { name } of route.parameters) assertKnown(fill("query"), name);
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = fill("path").take(name);
    if (value === undefined) throw new Error(`${route.name}: no row maker for {${name}}`);
    return encodeURIComponent(String(value));
  });
  const search = new URLSearchParams(
    query.map(({ name, example, schema }): [string, string] => [
      name,
      String(valueOf(fill("query"), name, { ...schema, example })),
    ]),
  );
  const body = form === undefined ? undefined : valueOf(fill("body"), "body", form);
  return { url: search.size === 0 ? path : `${path}?${search}`, body, rows };
}

interface Fill {
  readonly route: Route;
  find(name: string): unknown;
  /** Also writes down that the request names it. */
  take(name: string): unknown;
}

/** Such as `skuId`. What is optional would be left out in silence otherwise. */
function assertKnown({ route, find }: Fill, name: string): void {
  if (!name.endsWith("Id") || find(name) !== undefined) return;
  throw new Error(`${route.name}: no row maker for ${name}`);
}

/** The smallest value of the right form, with rows wherever a name stands for one. */
function valueOf(fill: Fill, name: string, given: Schema): unknown {
  const { route } = fill;
  const schema = resolve(given, route.schemas);
  const row = fill.take(name);
  if (row !== undefined) return row;
  if (schema.type === "object") return objectOf(fill, schema);
  if (schema.type === "array") return [valueOf(fill, name, schema.items ?? {})];
  // Some routes only look at what is not long ago.
  if (schema.format === "date-time") return new Date().toISOString();
  const [first] = schema.examples ?? [];
  const known = schema.const ?? schema.enum?.[0] ?? schema.example ?? first;
  if (known !== undefined) return known;
  const [form] = schema.anyOf ?? [];
  if (form !== undefined) return valueOf(fill, name, form);
  if (schema.type === "integer") return schema.minimum ?? 1;
  if (schema.type === "boolean") return true;
  if (schema.type === "string" && schema.pattern === undefined && schema.format === undefined)
    return "text";
  throw new Error(`${route.name}: ${name} has neither an example nor a row maker`);
}

function objectOf(fill: Fill, schema: Schema): Record<string, unknown> {
  const isWanted = (name: string) =>
    schema.minProperties !== undefined ||
    schema.required?.includes(name) === true ||
    fill.find(name) !== undefined;
  const properties = Object.entries(schema.properties ?? {});
  for (const [name] of properties) assertKnown(fill, name);
  const wanted = properties.filter(([name]) => isWanted(name));
  return Object.fromEntries(wanted.map(([name, field]) => [name, valueOf(fill, name, field)]));
}
