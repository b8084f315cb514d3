import { isDeepStrictEqual } from "node:util";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifySchema, RouteOptions } from "fastify";
import Type from "typebox";
import type { TString } from "typebox";
import type { App } from "./app.ts";
import { assert } from "./assert.ts";
import { problemSchema, refusalsPath } from "./problem.ts";
import type { RefusalTable } from "./problem.ts";
import { refusalsPage } from "./refusals-page.ts";
import { keyPattern } from "./request.ts";

export interface OpenapiOptions {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  /** Where a token comes from, for who is asked for one. */
  readonly tokenDescription: string;
  /** The groups of routes, in the order in which a reader meets them. */
  readonly tags?: readonly { readonly name: string; readonly description: string }[];
  /** Where the API is reached; left out of the document that is checked in. */
  readonly serverUrl?: string;
  readonly refusals: RefusalTable;
}

declare module "fastify" {
  interface FastifySchema {
    /**
     * Headers that the handler reads by itself, all of which may be left out. Described only: with
     * Fastify's own `headers` every request would be checked, and refused for a header too many.
     */
    readHeaders?: Readonly<Record<string, TString>>;
    /** Of a route that writes; most want a key with each request. */
    idempotencyKey?: "optional" | "unread";
  }
}

/**
 * Everything for the documents' own page and nothing for anybody else's: no host but this one is
 * ever asked. Swagger UI sets styles on elements, hence 'unsafe-inline' for styles alone.
 */
const docsPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const openRoute = { config: { public: true }, schema: { hide: true } } as const;

/** OpenAPI 3.1 at /openapi.json, readable at /docs (and from /), the refusals at /docs/refusals. */
export async function registerOpenapi(app: App, options: OpenapiOptions): Promise<void> {
  const { title, version, description, tokenDescription, tags = [], serverUrl, refusals } = options;
  const token = { type: "http", scheme: "bearer", description: tokenDescription } as const;
  // Awaited, for it sees only the routes that come after it.
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title, version, description },
      tags: [...tags],
      ...(serverUrl === undefined ? {} : { servers: [{ url: serverUrl }] }),
      components: { securitySchemes: { token } },
    },
    transform: ({ schema, url, route }) => ({ schema: documented(schema, route), url }),
    transformObject: (document) =>
      "openapiObject" in document ? withComponents(document.openapiObject) : document.swaggerObject,
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: docsPolicy,
    theme: { title, js: [{ filename: "viewport.js", content: viewportScript }] },
    uiConfig: {
      layout: "BaseLayout",
      docExpansion: "list",
      persistAuthorization: false,
      tryItOutEnabled: true,
    },
  });
  const page = refusalsPage(title, refusals);
  // Who opens the address in a browser wants to know what there is.
  app.get("/", openRoute, (_request, reply) => reply.redirect("/docs"));
  app.get("/openapi.json", openRoute, (_request, reply) => {
    void reply.type("application/json; charset=utf-8").send(app.swagger());
  });
  app.get(refusalsPath, openRoute, (_request, reply) => {
    void reply
      .header("content-security-policy", docsPolicy)
      .type("text/html; charset=utf-8")
      .send(page);
  });
}

/** Swagger UI's page has no viewport: a phone would show it as wide as a desk. */
const viewportScript = `document.head.insertAdjacentHTML(
  "beforeend", '<meta name="viewport" content="width=device-width, initial-scale=1">');
`;

/** Described only: `readIdempotencyKey` is what refuses a request without it. */
const keyHeader = Type.String({
  description: "Chosen by the caller: a repeated request gets the first answer again.",
  pattern: keyPattern.source,
});

/** Adds what every route has: its scope, the headers it reads, the problem it may answer. */
function documented(schema: FastifySchema | undefined, route: RouteOptions): FastifySchema {
  const scope = route.config?.scope;
  const problem = {
    description: "Refused, or failed; the code says which.",
    content: { "application/problem+json": { schema: problemSchema } },
  };
  return {
    ...schema,
    headers: headersOf(schema, route),
    security: scope === undefined ? [] : [{ token: [scope] }],
    response: { ...responsesOf(schema), default: problem },
  };
}

function headersOf(schema: FastifySchema | undefined, { method, config }: RouteOptions) {
  const { readHeaders = {}, idempotencyKey = "wanted" } = schema ?? {};
  const others = Object.fromEntries(
    Object.entries(readHeaders).map(([name, header]) => [name, Type.Optional(header)]),
  );
  const isKeyed = method !== "GET" && config?.scope !== undefined && idempotencyKey !== "unread";
  if (!isKeyed) return Type.Object(others);
  const key = idempotencyKey === "optional" ? Type.Optional(keyHeader) : keyHeader;
  return Type.Object({ "Idempotency-Key": key, ...others });
}

function responsesOf(schema: FastifySchema | undefined): Record<string, unknown> {
  const response = schema?.response;
  return typeof response === "object" && response !== null ? { ...response } : {};
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * A schema with a `title` such as "Order" is written once, under components, and referred to from
 * wherever it is used: the document stays readable and clients get types with names.
 */
function withComponents<Document extends object>(document: Document): Document {
  const components = new Map<string, Json>();
  // The document is JSON from here on; the round trip drops TypeBox's own markers.
  const plain: { [key: string]: Json } = JSON.parse(JSON.stringify(document));
  const paths = hoist(plain["paths"] ?? {}, components);
  const sorted = [...components].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const given = plain["components"];
  assert(isObject(given), "the document has components");
  return {
    ...document,
    paths,
    components: { ...given, schemas: Object.fromEntries(sorted) },
  };
}

function hoist(value: Json, components: Map<string, Json>): Json {
  if (isList(value)) return value.map((item) => hoist(item, components));
  if (!isObject(value)) return value;
  const fields = Object.entries(value).map(([key, field]) => [key, hoist(field, components)]);
  const schema: { readonly [key: string]: Json } = Object.fromEntries(fields);
  const { title, type, anyOf } = schema;
  const isSchema = type === "object" || type === "string" || Array.isArray(anyOf);
  if (!isSchema || typeof title !== "string" || !/^[A-Z][A-Za-z0-9]*$/.test(title)) return schema;
  const known = components.get(title);
  assert(
    known === undefined || isDeepStrictEqual(known, schema),
    `two schemas are called ${title}`,
  );
  components.set(title, schema);
  return { $ref: `#/components/schemas/${title}` };
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !isList(value);
}
