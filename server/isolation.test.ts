import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { required } from "./kernel/assert.ts";
import { parseId } from "./kernel/ids.ts";
import { isRefusal } from "./kernel/refusal.ts";
import { testDatabase } from "./kernel/testing/database.ts";
import { scopes } from "./modules/identity/index.ts";
import { openOutside } from "./testing/outside.ts";
import { startTestPlatform } from "./testing/platform.ts";
import type { OpenapiDocument, Route, RouteRequest } from "./testing/routes.ts";
import { readRoutes, requestsOf } from "./testing/routes.ts";
import type { Stand } from "./testing/rows.ts";
import { furnish, lookUp, rowMakers, sharedValues } from "./testing/rows.ts";

/** Routes that need no token. */
const publicRoutes: Readonly<Record<string, string>> = {
  getKeySet: "the keys with which others verify our tokens",
  takeNotice: "a channel proves itself by its signature; a test of its own plays it below",
};

/** Routes that answer another tenant's ids with something else than 404, or an empty list. */
const otherAnswers: Readonly<Record<string, { status: number; code?: string; why: string }>> = {
  issueToken: { status: 201, why: "a member's id is text that each tenant chooses for itself" },
  issueSubmitToken: { status: 201, why: "the same; the order that is placed with it is its own" },
  createChannelAccount: {
    status: 201,
    why: "a merchant's number is the channel's; who else has written it down is nobody's business",
  },
  createSale: { status: 422, code: "sku_not_found", why: "the SKU stands in the body" },
  placeOrder: { status: 422, code: "sale_not_found", why: "the sale stands in the body" },
  revokeTokens: {
    status: 201,
    why: "a token is not looked up: the asking tenant remembers an id that it will never see",
  },
};

/** Routes whose answer to the owner has no name in it that could be found at others. */
const namelessAnswers: Readonly<Record<string, string>> = {
  getLedgerBalanceAt: "sums",
  getAvailability: "a sum",
  getStock: "sums",
  auditLedger: "sums, and what is wrong",
};

/** Routes that need no key. */
const keylessRoutes: Readonly<Record<string, string>> = {
  issueSubmitToken: "what it gives out is a key; nothing is kept of it until it is used",
  takeTicket: "a member has one ticket to a sale: asking again gives the same",
  askChallenge: "nothing is kept of a challenge; asking again gives another one",
};

const { url } = await testDatabase();
const outside = await openOutside();
const platform = await startTestPlatform({ url });
const client = new pg.Client({ connectionString: url });
await client.connect();
afterAll(async () => {
  await client.end();
  await platform.stop();
  await outside.stop();
});

const owner = await standOf("Quarry Mall");
const stranger = await standOf("Hill Mall");
const described = await fetch(`${platform.baseUrl}/openapi.json`);
const openapi: OpenapiDocument = JSON.parse(await described.text());
const routes = readRoutes(openapi);
const guarded = routes.filter(({ scope }) => scope !== undefined);

async function standOf(name: string) {
  const tenant = await platform.createTenant(name);
  const stand = { platform, outside, tenant, by: `admin:${platform.ids.next()}` };
  await furnish(stand);
  return stand;
}

/** Requests that name new rows of the owner, and the same ones with what names nothing. */
async function requestsWithRows(route: Route) {
  const rows = new Map<string, string>();
  const nothing = new Map<string, string>();
  for (const name of makersOf(route)) {
    const maker = required(rowMakers[name], name);
    rows.set(name, await maker.make(owner));
    nothing.set(name, maker.unknown?.(platform) ?? platform.ids.next());
  }
  const from = (values: ReadonlyMap<string, string>) => (of: string, name: string) =>
    values.get(`${of}.${name}`) ?? values.get(name) ?? lookUp(sharedValues, of, name);
  return requestsOf(route, from(rows)).map((named, at) => ({
    named,
    unnamed: requestsOf(route, from(nothing))[at],
  }));
}

/** Making rows takes a while, so only those that the route speaks of are made. */
function makersOf(route: Route): string[] {
  const spoken = new Set<string>();
  requestsOf(route, (of, name) => {
    const maker = [`${of}.${name}`, name].find((key) => key in rowMakers);
    if (maker !== undefined) spoken.add(maker);
    return maker ?? lookUp(sharedValues, of, name);
  });
  return [...spoken];
}

async function ask(
  route: Route,
  request: Pick<RouteRequest, "url" | "body"> | undefined,
  given: { readonly token?: string; readonly key?: string | undefined } = {},
) {
  const { token, key = platform.ids.next() } = given;
  const reply = await fetch(platform.baseUrl + request?.url, {
    method: route.method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === "" ? {} : { "idempotency-key": key }),
      ...(request?.body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(request?.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  });
  const text = await reply.text();
  // A stream of events is looked at as the text that it is.
  const isStream = reply.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const json: { code?: string; items?: unknown[]; nextCursor?: string } = isStream
    ? {}
    : JSON.parse(text);
  return { status: reply.status, text, json };
}

const tables: string[] = [];
beforeAll(async () => {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.columns
     where column_name = 'tenant_id' and table_schema not in ('graphile_worker') order by 1`,
  );
  tables.push(...rows.map(({ name }) => name));
});

/** All rows of a tenant in all tables. */
async function rowsOf(tenantId: string): Promise<string[]> {
  const found: string[] = [];
  for (const table of tables) {
    const text = `select to_jsonb(t)::text as row from ${table} t where tenant_id = $1 order by 1`;
    const { rows } = await client.query<{ row: string }>(text, [tenantId]);
    found.push(...rows.map(({ row }) => `${table} ${row}`));
  }
  return found;
}

/** Ids, numbers, names: the longer texts of a tenant's rows that no other tenant has. */
async function marksOf(tenantId: string, otherId: string): Promise<Set<string>> {
  const shared = textsIn(await rowsOf(otherId));
  return textsIn(await rowsOf(tenantId)).difference(shared);
}

const markLengthMin = 12;
const timePattern = /^\d{4}-\d\d-\d\dT/;

function textsIn(rows: readonly string[]): Set<string> {
  const found = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value === "object" && value !== null) Object.values(value).forEach(collect);
    if (typeof value !== "string" || value.length < markLengthMin) return;
    if (!timePattern.test(value)) found.add(value);
  };
  for (const row of rows) collect(JSON.parse(row.slice(row.indexOf(" "))));
  return found;
}

function shown(text: string, marks: ReadonlySet<string>): string[] {
  return [...marks].filter((mark) => text.includes(mark));
}

/** What is left of an answer when names that were sent, and what is new each time, are gone. */
function anonymous({ status, text }: { status: number; text: string }, { rows }: RouteRequest) {
  const blank = rows.reduce((left, { value }) => left.replaceAll(value, "<row>"), text);
  return [
    status,
    blank
      .replaceAll(/"(requestId|id|token|noticePath)":"[^"]+"/g, "")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>"),
  ];
}

const { tenantId: strangerId, tokens: strangerTokens } = stranger.tenant;
const { tenantId: ownerId, tokens: ownerTokens } = owner.tenant;

describe("with another tenant's ids", () => {
  test.each(guarded)("$method $path tells and moves nothing", async (route) => {
    const requests = await requestsWithRows(route);
    const before = await rowsOf(ownerId);
    const marks = await marksOf(ownerId, strangerId);
    const token = strangerTokens.admin;
    for (const { named, unnamed } of requests) {
      const answer = await ask(route, named, { token });
      const sent = new Set(named.rows.map(({ value }) => value));
      expect(shown(answer.text, marks.difference(sent)), `${named.url} shows`).toEqual([]);
      expectRefused(route, named, answer);
      if (named.rows.length === 0 || unnamed === undefined) continue;
      const other = await ask(route, unnamed, { token });
      expect(anonymous(answer, named), "as an unknown id").toEqual(anonymous(other, unnamed));
    }
    expect(await rowsOf(ownerId)).toEqual(before);

    // The same requests by the owner of the rows: nothing but the tenant was refused.
    for (const { named } of requests) {
      const { status, text, json } = await ask(route, named, { token: ownerTokens.admin });
      expect(status, `${route.method} ${named.url}: ${text}`).toBeLessThan(300);
      if (json.items !== undefined) expect(json.items, named.url).not.toEqual([]);
      if (route.method !== "GET") continue;
      const isNamed = shown(text, marks).length > 0;
      expect(isNamed, `${named.url} shows the owner names`).toBe(!(route.name in namelessAnswers));
    }
  });

  function expectRefused(
    { name, method }: Route,
    { url: asked, rows }: RouteRequest,
    { status, text, json }: Awaited<ReturnType<typeof ask>>,
  ): void {
    const said = `${method} ${asked}: ${text}`;
    const named = new Set(rows.map(({ where }) => where));
    const other = otherAnswers[name];
    if (named.size === 0 || isShared(rows)) {
      expect(status, said).toBeLessThan(300);
    } else if (named.has("query")) {
      expect({ status, items: json.items }, said).toEqual({ status: 200, items: [] });
    } else if (other === undefined) {
      expect({ status, code: json.code }, said).toEqual({ status: 404, code: "not_found" });
    } else {
      expect({ status, code: json.code }, said).toEqual({ status: other.status, code: other.code });
    }
  }

  function isShared(rows: RouteRequest["rows"]): boolean {
    return rows.every(({ value }) => Object.values(sharedValues).includes(value));
  }

  const lists = guarded.filter(({ parameters }) =>
    parameters.some(({ name }) => name === "cursor"),
  );
  test.each(lists)("$method $path: a cursor opens nothing", async (route) => {
    const marks = await marksOf(ownerId, strangerId);
    for (const { named } of await requestsWithRows(route)) {
      const asked = new URL(named.url, platform.baseUrl);
      asked.searchParams.set("limit", "1");
      const own = { ...named, url: asked.pathname + asked.search };
      const { json } = await ask(route, own, { token: ownerTokens.admin });
      if (json.nextCursor === undefined) continue;
      asked.searchParams.set("cursor", json.nextCursor);
      const next = { ...named, url: asked.pathname + asked.search };
      const { text } = await ask(route, next, { token: strangerTokens.admin });
      const sent = new Set(named.rows.map(({ value }) => value));
      expect(shown(text, marks.difference(sent)), next.url).toEqual([]);
    }
  });

  test("a notice moves nothing where its tenant or its account is another one", async () => {
    const { notice, path } = await noticeOf(owner);
    const { path: other } = await noticeOf(stranger);
    const before = await rowsOf(ownerId);
    const marks = await marksOf(ownerId, strangerId);
    const isSigned = ([name]: [string, string]) => /^(content-type|wechatpay-.*)$/.test(name);
    const headers = Object.fromEntries(Object.entries(notice.headers).filter(isSigned));
    const crossed = [path.replace(ownerId, strangerId), other.replace(strangerId, ownerId)];
    for (const at of [...crossed, other]) {
      const sent = { method: "POST", headers, body: new Uint8Array(notice.body) };
      const reply = await fetch(platform.baseUrl + at, sent);
      const text = await reply.text();
      expect([at, reply.status]).toEqual([at, at === other ? 400 : 404]);
      expect(shown(text.replace(at, "<path>"), marks)).toEqual([]);
    }
    expect(await rowsOf(ownerId)).toEqual(before);
    expect((await rowsOf(strangerId)).filter((row) => row.includes('"unreadable: '))).toHaveLength(
      1,
    );
  });

  /** One that has come in, and where it came. */
  async function noticeOf(stand: Stand) {
    const { tenantId } = stand.tenant;
    const id = await required(rowMakers["noticeId"], "notices").make(stand);
    const noticeId = required(parseId<"Notice">(id), "an id");
    const notice = await platform.payments.readNotice(tenantId, noticeId);
    if (isRefusal(notice)) throw new Error(notice.code);
    return { notice, path: `/notices/wechatpay/${tenantId}/${notice.accountId}` };
  }

  test("a key of another tenant's request gives none of its answer", async () => {
    const route = routes.find(({ name }) => name === "createProduct");
    const key = platform.ids.next();
    const body = { title: "Mug", skus: [] };
    const request = { url: "/v1/products", body };
    if (route === undefined) throw new Error("products are created somewhere");
    const own = await ask(route, request, { token: ownerTokens.admin, key });
    const other = await ask(route, request, { token: strangerTokens.admin, key });
    expect([own.status, other.status]).toEqual([201, 201]);
    expect(other.text).not.toBe(own.text);
  });
});

describe("without what a route asks for", () => {
  const nothing = () => "nothing-1";
  const isMoving = ({ name, method }: Route) => method !== "GET" && !(name in keylessRoutes);

  test.each(guarded)("$method $path: no token, no answer", async (route) => {
    const [request] = requestsOf(route, nothing);
    for (const token of [undefined, "", "nonsense", strangerTokens.admin.slice(0, -4)]) {
      const given = token === undefined ? {} : { token };
      const { status, json } = await ask(route, request, given);
      expect({ status, code: json.code }).toEqual({ status: 401, code: "not_signed_in" });
    }
  });

  test.each(guarded)("$method $path: not without $scope", async (route) => {
    const [request] = requestsOf(route, nothing);
    const others = scopes.filter((scope) => scope !== route.scope);
    const token = await platform.issueToken(ownerId, "admin", others);
    const { status, json } = await ask(route, request, { token });
    expect({ status, code: json.code }).toEqual({ status: 403, code: "not_allowed" });
  });

  test.each(guarded.filter(isMoving))("$method $path: not without a key", async (route) => {
    for (const { named } of await requestsWithRows(route)) {
      const { status, json } = await ask(route, named, { token: ownerTokens.admin, key: "" });
      expect({ status, code: json.code }).toEqual({
        status: 400,
        code: "idempotency_key_missing",
      });
    }
  });
});

describe("the walk wants a row maker for every id", () => {
  const base = { method: "GET", scope: "parcels:read", schemas: {}, parameters: [], bodies: [] };
  const parcels = { ...base, name: "getParcel", path: "/v1/parcels" };
  const text = { type: "string" };
  const walk = (route: Route) => () => requestsOf(route, () => undefined);

  test("of a path, whatever it is called", () => {
    const route = { ...parcels, path: "/v1/parcels/{parcel}" };
    expect(walk(route)).toThrow("getParcel: no row maker for {parcel}");
  });

  test("of a query, also one that may be left out", () => {
    const parameters = [{ name: "parcelId", in: "query", schema: text } as const];
    expect(walk({ ...parcels, parameters })).toThrow("getParcel: no row maker for parcelId");
  });

  test("of a body, also one that may be left out", () => {
    const bodies = [{ type: "object", properties: { parcelId: text } }];
    expect(walk({ ...parcels, bodies })).toThrow("getParcel: no row maker for parcelId");
  });
});

describe("the lists of exceptions", () => {
  test("name the public routes, all of them and no other", () => {
    const open = routes.filter(({ scope }) => scope === undefined).map(({ name }) => name);
    expect(open).toEqual(Object.keys(publicRoutes));
  });

  test("name the routes for which the document knows no key, all of them and no other", () => {
    const keyless = Object.values(openapi.paths).flatMap((item) =>
      Object.entries(item)
        .filter(([method, { security }]) => method !== "get" && security.length > 0)
        .filter(([, { parameters = [] }]) =>
          parameters.every(({ name }) => name !== "Idempotency-Key"),
        )
        .map(([, { operationId }]) => operationId),
    );
    expect(keyless.toSorted()).toEqual(Object.keys(keylessRoutes).toSorted());
  });

  test("name routes that are there", () => {
    const names = new Set(routes.map(({ name }) => name));
    const listed = [otherAnswers, namelessAnswers, keylessRoutes].flatMap(Object.keys);
    const valued = [...Object.keys(rowMakers), ...Object.keys(sharedValues)]
      .filter((name) => name.includes("."))
      .map((name) => name.split(".")[0] ?? "");
    expect([...listed, ...valued].filter((name) => !names.has(name))).toEqual([]);
  });
});
