import Type from "typebox";
import type { TSchema } from "typebox";
import { principalOf } from "../../kernel/access.ts";
import type { App } from "../../kernel/app.ts";
import { required } from "../../kernel/assert.ts";
import { idPatternSource } from "../../kernel/ids.ts";
import { pageOf, pageQuery, readIdPage, toPage } from "../../kernel/page.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import { readIdempotencyKey } from "../../kernel/request.ts";
import { time } from "../../kernel/shapes.ts";
import { formatInstant, secondMs } from "../../kernel/time.ts";
import { describe } from "../../kernel/validation.ts";
import { refuse } from "../../refusals.ts";
import { actingMember, isScope, scopes } from "./domain/principals.ts";
import type { TenantSetting } from "./domain/settings.ts";
import { settingChangeView } from "./domain/settings.ts";
import { keySetMaxAgeMs } from "./domain/signing-keys.ts";
import type { Tenant } from "./domain/tenants.ts";
import type { RevocationTarget, TokenId } from "./domain/tokens.ts";
import { nameInSubjectPattern, tokenLifeMaxMs } from "./domain/tokens.ts";
import type { Identity } from "./operations/identity.ts";
import type { EffectiveSetting } from "./operations/settings.ts";
import type { IssuedToken } from "./operations/tokens.ts";

export function identityRoutes(app: App, identity: Identity): void {
  keyRoutes(app, identity);
  tokenRoutes(app, identity);
  submitTokenRoute(app, identity);
  tenantRoutes(app, identity);
}

const tokens = ["Tokens"];
const tenant = ["Tenant"];

const tokenId = Type.String({ pattern: idPatternSource, description: "The token's `jti`." });
const subject = Type.String({
  pattern: "^(admin|service|member):[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$",
  "x-allowed": "admin:<name>, service:<name> or member:<member id>",
  examples: ["member:m-1"],
});
const name = Type.String({
  pattern: nameInSubjectPattern,
  "x-allowed": "1 to 64 letters, digits or . _ @ -, the first a letter or digit",
});
const scope = Type.Enum([...scopes]);

const publishedKeys = Type.Object(
  {
    keys: Type.Array(
      Type.Object({
        kty: Type.String(),
        crv: Type.String(),
        x: Type.String(),
        kid: Type.String(),
        alg: Type.String(),
        use: Type.String(),
      }),
    ),
  },
  { title: "KeySet", description: "RFC 7517." },
);

function keyRoutes(app: App, identity: Identity): void {
  app.get(
    "/.well-known/jwks.json",
    {
      config: { public: true },
      schema: {
        operationId: "getKeySet",
        summary: "The keys that verify our tokens",
        description: "Also those that will sign soon, so keep it no longer than it says.",
        tags: tokens,
        response: { 200: publishedKeys },
      },
    },
    async (_request, reply) => {
      void reply.header("cache-control", `public, max-age=${keySetMaxAgeMs / secondMs}`);
      return { keys: await identity.publishedKeys() };
    },
  );
}

const grantFields = {
  scopes: Type.Optional(
    Type.Array(scope, {
      maxItems: scopes.length,
      uniqueItems: true,
      description: "All that the kind may have, when left out.",
    }),
  ),
  lifeSeconds: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: tokenLifeMaxMs / secondMs,
      description: "A day when left out; 5 minutes for a token that is good once.",
    }),
  ),
  once: Type.Optional(
    Type.Boolean({ description: "Good for one request, within 5 minutes at most." }),
  ),
};

const issueTokenBody = Type.Union(
  [
    Type.Object({ kind: Type.Literal("service"), name, ...grantFields }),
    Type.Object({ kind: Type.Literal("member"), memberId: name, ...grantFields }),
  ],
  { title: "IssueToken", examples: [{ kind: "member", memberId: "m-1", lifeSeconds: 3600 }] },
);

const issuedToken = Type.Object(
  {
    id: tokenId,
    token: Type.String({ description: "Send it as Authorization: Bearer <token>." }),
    kind: Type.String(),
    subject,
    memberId: Type.Optional(Type.String()),
    scopes: Type.Array(scope),
    once: Type.Boolean(),
    issuedAt: time,
    expiresAt: time,
  },
  { title: "IssuedToken" },
);

const reason = Type.String({ minLength: 1, maxLength: 200, examples: ["the phone was lost"] });
const revokeTokensBody = Type.Union(
  [Type.Object({ tokenId, reason }), Type.Object({ subject, reason })],
  { title: "RevokeTokens" },
);
const revocation = Type.Object(
  {
    tokenId: Type.Optional(tokenId),
    subject: Type.Optional(subject),
    reason,
    revokedAt: time,
  },
  { title: "TokenRevocation" },
);

function tokenRoutes(app: App, identity: Identity): void {
  app.post(
    "/v1/tokens",
    {
      config: { scope: "tenant:write" },
      schema: {
        operationId: "issueToken",
        summary: "Give out a token for a program or a member",
        description: "Nobody gives away scopes that he does not have himself.",
        tags: tokens,
        body: issueTokenBody,
        response: { 201: issuedToken },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const by = principalOf(request);
      const issued = await identity.issueTokenKeyed(readIdempotencyKey(request), {
        tenantId: by.tenantId,
        by: { kind: by.kind, subject: by.subject, scopes: [...by.scopes].filter(isScope) },
        kind: body.kind,
        name: body.kind === "member" ? body.memberId : body.name,
        scopes: body.scopes,
        lifeMs: body.lifeSeconds === undefined ? undefined : body.lifeSeconds * secondMs,
        once: body.once ?? false,
      });
      return isRefusal(issued) ? reply.refuse(issued) : reply.code(201).send(issuedView(issued));
    },
  );

  app.post(
    "/v1/token-revocations",
    {
      config: { scope: "tenant:write" },
      schema: {
        operationId: "revokeTokens",
        summary: "End a token, or all tokens that a subject has now",
        description: "Holds everywhere within a minute. Tokens issued later are not touched.",
        tags: tokens,
        body: revokeTokensBody,
        response: { 201: revocation },
      },
    },
    async (request, reply) => {
      const by = principalOf(request);
      const { body } = request;
      const target: RevocationTarget =
        "tokenId" in body
          ? { kind: "token", tokenId: body.tokenId as TokenId }
          : { kind: "subject", subject: body.subject };
      const command = { target, by: by.subject, reason: body.reason };
      const key = readIdempotencyKey(request);
      return reply.answer(await identity.revokeTokens(by.tenantId, key, command));
    },
  );
}

function issuedView({ token, grant }: IssuedToken) {
  const { id, kind, memberId, once } = grant;
  return {
    id,
    token,
    kind,
    subject: grant.subject,
    ...(memberId === undefined ? {} : { memberId }),
    scopes: [...grant.scopes],
    once,
    issuedAt: formatInstant(grant.issuedAt),
    expiresAt: formatInstant(grant.expiresAt),
  };
}

const submitToken = Type.Object(
  {
    token: Type.String({ description: "Send it as the header Submit-Token." }),
    memberId: Type.String(),
    expiresAt: time,
  },
  { title: "SubmitToken" },
);

function submitTokenRoute(app: App, identity: Identity): void {
  app.post(
    "/v1/submit-tokens",
    {
      config: { scope: "orders:write" },
      schema: {
        operationId: "issueSubmitToken",
        summary: "A token for a page that is submitted once",
        description: "Good for half an hour and for this member. It moves nothing by itself.",
        tags: tokens,
        // What it gives out is a key.
        idempotencyKey: "unread",
        body: Type.Object({
          memberId: Type.Optional(
            Type.String({
              pattern: "^[A-Za-z0-9_-]{1,64}$",
              description: "A member's token may leave it out: it acts for its own member only.",
              examples: ["m-1"],
              "x-allowed": "1 to 64 letters, digits, - or _",
            }),
          ),
        }),
        response: { 201: submitToken },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const memberId = actingMember(principal, request.body.memberId);
      if (typeof memberId !== "string") return reply.refuse(memberId);
      const { text, expiresAt } = identity.issueSubmitToken(principal.tenantId, memberId);
      return reply.code(201).send({ token: text, memberId, expiresAt: formatInstant(expiresAt) });
    },
  );
}

const tenantSchema = Type.Object(
  {
    id: Type.String({ pattern: idPatternSource }),
    name: Type.String(),
    timeZone: Type.String({ examples: ["Asia/Shanghai"] }),
    currency: Type.String({ examples: ["CNY"] }),
    active: Type.Boolean(),
    createdAt: time,
  },
  { title: "Tenant" },
);

const settingSchema = Type.Object(
  {
    name: Type.String({ examples: ["orders.close_after_minutes"] }),
    meaning: Type.String(),
    value: Type.Unknown({ description: "What holds now." }),
    isDefault: Type.Boolean({ description: "The tenant has not chosen." }),
    platformDefault: Type.Unknown(),
    allowed: Type.String({ examples: ["a whole number from 1 to 10080"] }),
    changedAt: Type.Optional(time),
    changedBy: Type.Optional(Type.String()),
  },
  { title: "TenantSetting" },
);
const settingsReply = Type.Object({ items: Type.Array(settingSchema) });

const settingChange = Type.Object(
  {
    id: Type.String({ pattern: idPatternSource }),
    name: Type.String(),
    oldValue: Type.Unknown({ description: "Null is the platform's default." }),
    newValue: Type.Unknown({ description: "Null is the platform's default." }),
    changedBy: Type.String(),
    changedAt: time,
  },
  { title: "TenantSettingChange" },
);

function tenantRoutes(app: App, identity: Identity): void {
  app.get(
    "/v1/tenant",
    {
      config: { scope: "tenant:read" },
      schema: {
        operationId: "getTenant",
        summary: "The tenant of the token",
        tags: tenant,
        response: { 200: tenantSchema },
      },
    },
    async (request) => {
      const found = await identity.readTenant(principalOf(request).tenantId);
      return tenantView(required(found, "the tenant of a valid token"));
    },
  );

  app.get(
    "/v1/tenant/settings",
    {
      config: { scope: "tenant:read" },
      schema: {
        operationId: "listTenantSettings",
        summary: "What the tenant may choose, and what holds",
        tags: tenant,
        response: { 200: settingsReply },
      },
    },
    async (request) => {
      const settings = await identity.readSettings(principalOf(request).tenantId);
      return { items: settings.map(settingView) };
    },
  );

  app.put(
    "/v1/tenant/settings",
    {
      config: { scope: "tenant:write" },
      schema: {
        operationId: "changeTenantSettings",
        summary: "Choose, or go back to the platform's default",
        description: "Settings that are not named stay as they are. Null, or -1, is the default.",
        tags: tenant,
        body: Type.Object({ values: valuesSchema(identity.settingDefinitions) }),
        response: { 200: Type.Object({ changes: Type.Array(settingChange) }) },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const change = { values: request.body.values, by };
      const key = readIdempotencyKey(request);
      return reply.answer(await identity.changeSettings(tenantId, key, change));
    },
  );
  settingChangesRoute(app, identity);
}

function settingChangesRoute(app: App, identity: Identity): void {
  app.get(
    "/v1/tenant/settings/:name/changes",
    {
      config: { scope: "tenant:read" },
      schema: {
        operationId: "listTenantSettingChanges",
        summary: "Who changed a setting, when, from what to what; newest first",
        tags: tenant,
        params: Type.Object({ name: Type.String({ maxLength: 100 }) }),
        querystring: Type.Object(pageQuery),
        response: { 200: pageOf(settingChange) },
      },
    },
    async (request, reply) => {
      const { name: wanted } = request.params;
      if (!identity.settingDefinitions.some((setting) => setting.name === wanted)) {
        return reply.refuse(refuse("not_found", { what: "setting" }));
      }
      const { page, seen } = readIdPage(request.query);
      const { tenantId } = principalOf(request);
      const wantedPage = { name: wanted, before: seen, limit: page.rowsMax };
      const changes = await identity.readSettingChanges(tenantId, wantedPage);
      return toPage(changes, page, { key: ({ id }) => [id], view: settingChangeView });
    },
  );
}

/** The body of a change is made of what the modules declare, so that it can be checked and read. */
function valuesSchema(definitions: readonly TenantSetting[]) {
  const properties: Record<string, TSchema> = {};
  for (const { name: key, schema, meaning } of definitions) {
    properties[key] = Type.Optional(
      Type.Union([schema, Type.Null(), Type.Literal(-1)], { description: meaning }),
    );
  }
  return Type.Object(properties, { title: "TenantSettingValues", minProperties: 1 });
}

function tenantView({ id, name: called, timeZone, currency, active, createdAt }: Tenant) {
  return { id, name: called, timeZone, currency, active, createdAt: formatInstant(createdAt) };
}

function settingView({ definition, value, chosen }: EffectiveSetting) {
  return {
    name: definition.name,
    meaning: definition.meaning,
    value,
    isDefault: chosen === undefined,
    platformDefault: definition.platformDefault,
    allowed: describe(definition.schema),
    ...(chosen === undefined
      ? {}
      : { changedAt: formatInstant(chosen.changedAt), changedBy: chosen.changedBy }),
  };
}
