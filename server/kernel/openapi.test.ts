import Type from "typebox";
import { afterEach, expect, test } from "vitest";
import { refusals } from "../refusals.ts";
import type { App } from "./app.ts";
import { streamSchema } from "./sse.ts";
import { createTestHttp } from "./testing/http.ts";

const money = Type.Object({ amount: Type.Integer() }, { title: "Money" });
const thing = Type.Object({ price: money, was: Type.Optional(money) }, { title: "Thing" });

let stop: (() => Promise<void>) | undefined;
afterEach(async () => await stop?.());

async function start(routes: (app: App) => void): Promise<App> {
  const { http } = await createTestHttp({ refusals });
  stop = http.stop;
  routes(http.app);
  return http.app;
}

const withThing = (on: App) =>
  void on.post(
    "/v1/things/:id",
    {
      config: { scope: "things:write" },
      schema: {
        summary: "Change a thing",
        params: Type.Object({ id: Type.String() }),
        body: thing,
        response: { 200: thing },
      },
    },
    ({ body }) => body,
  );

test("the document is OpenAPI 3.1 with schemas by name, each once", async () => {
  const document = (await (await start(withThing)).inject({ url: "/openapi.json" })).json();
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.components.schemas)).toEqual(["Money", "Problem", "Thing"]);
  expect(document.components.schemas.Thing.properties.price).toEqual({
    $ref: "#/components/schemas/Money",
  });
  const { post } = document.paths["/v1/things/{id}"];
  expect(post.requestBody.content["application/json"].schema).toEqual({
    $ref: "#/components/schemas/Thing",
  });
  expect(post.responses["200"].content["application/json"].schema).toEqual({
    $ref: "#/components/schemas/Thing",
  });
  expect(post.responses.default.content["application/problem+json"].schema).toEqual({
    $ref: "#/components/schemas/Problem",
  });
  expect(post.security).toEqual([{ token: ["things:write"] }]);
  expect(post.parameters).toContainEqual(
    expect.objectContaining({ name: "Idempotency-Key", in: "header", required: true }),
  );
  expect(Object.keys(document.paths)).toEqual(["/v1/things/{id}"]);
});

test("headers that a route reads by itself are described, and not checked", async () => {
  const app = await start((on) => {
    const readHeaders = { "Thing-Pass": Type.String({ maxLength: 4 }) };
    const writing = { config: { scope: "things:write" } } as const;
    on.post(
      "/v1/things",
      { ...writing, schema: { readHeaders, idempotencyKey: "optional" } },
      ({ headers }) => ({ pass: headers["thing-pass"] }),
    );
    on.post("/v1/bells", { ...writing, schema: { idempotencyKey: "unread" } }, () => ({}));
  });
  const { paths } = (await app.inject({ url: "/openapi.json" })).json();
  expect(paths["/v1/things"].post.parameters).toMatchObject([
    { name: "Idempotency-Key", in: "header", required: false },
    { name: "Thing-Pass", in: "header", required: false, schema: { maxLength: 4 } },
  ]);
  expect(paths["/v1/bells"].post.parameters).toBeUndefined();
  const headers = { authorization: "Bearer mall/ann/things:write", "x-other": "any" };
  for (const pass of [undefined, "far too long"]) {
    const given = pass === undefined ? headers : { ...headers, "thing-pass": pass };
    const reply = await app.inject({ method: "POST", url: "/v1/things", headers: given });
    expect([reply.statusCode, reply.json()]).toEqual([200, pass === undefined ? {} : { pass }]);
  }
});

test("a stream of events is described as one", async () => {
  const app = await start((on) => {
    const config = { scope: "things:read", stream: true } as const;
    on.get("/v1/bell/events", { config, schema: streamSchema("Rings.") }, async (_request, reply) =>
      reply.code(204).send(null),
    );
  });
  const { get } = (await app.inject({ url: "/openapi.json" })).json().paths["/v1/bell/events"];
  expect(get.parameters).toMatchObject([{ name: "Last-Event-ID", in: "header", required: false }]);
  expect(get.responses["200"].content).toEqual({
    "text/event-stream": { schema: { type: "string", description: "Rings." } },
  });
  expect(get.responses["204"].content).toBeUndefined();
});

test("the address alone leads to the documents", async () => {
  const app = await start(withThing);
  const { statusCode, headers } = await app.inject({ url: "/" });
  expect([statusCode, headers.location]).toEqual([302, "/docs"]);
  expect((await app.inject({ url: "/docs" })).statusCode).toBe(200);
});

test("two schemas of one name are found", async () => {
  const other = Type.Object({ other: Type.Integer() }, { title: "Thing" });
  const app = await start((on) => {
    withThing(on);
    on.get("/v1/other", { config: { public: true }, schema: { response: { 200: other } } }, () => ({
      other: 1,
    }));
  });
  await app.ready();
  expect(() => app.swagger()).toThrow("two schemas are called Thing");
});

test("the readable documents ask no other host and run no script of another's", async () => {
  const app = await start(withThing);
  const page = await app.inject({ url: "/docs/" });
  expect(page.statusCode).toBe(200);
  expect(page.headers["content-security-policy"]).toContain("script-src 'self';");
  expect(page.body).not.toMatch(/(src|href)="https?:/);
  const paths = Array.from(page.body.matchAll(/(?:src|href)="\.(\/[^"]+)"/g), ([, path]) => path);
  expect(paths).toEqual(
    expect.arrayContaining(["/static/swagger-ui.css", "/static/theme/viewport.js"]),
  );
  for (const path of paths) {
    const asset = await app.inject({ url: `/docs${path}` });
    expect([path, asset.statusCode]).toEqual([path, 200]);
    if (path === "/static/theme/viewport.js") expect(asset.body).toContain("width=device-width");
  }
  expect((await app.inject({ url: "/docs/json" })).json().openapi).toBe("3.1.0");
});

test("every refusal has an anchor that problems point to", async () => {
  const page = await (await start(withThing)).inject({ url: "/docs/refusals" });
  for (const code of [...Object.keys(refusals), "internal_error"])
    expect(page.body).toContain(`<tr id="${code}">`);
  expect(page.body).toContain("Authorization: Bearer &lt;token>.");
  expect(page.body).toContain('<meta name="viewport" content="width=device-width');
});

test("of every refusal the page says who acts, and how", async () => {
  const { body } = await (await start(withThing)).inject({ url: "/docs/refusals" });
  const told = [...body.matchAll(/<tr><td>([\d, ]+)<td>\w/g)].flatMap(([, statuses = ""]) =>
    statuses.split(", ").map(Number),
  );
  const given = new Set(Object.values(refusals).map(({ status }) => status));
  expect(told.toSorted()).toEqual([...given, 500].toSorted());
  expect(body).toContain("send the same request again after <code>Retry-After</code>");
});
