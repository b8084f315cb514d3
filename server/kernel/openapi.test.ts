import Type from "typebox";
import { afterEach, expect, test } from "vitest";
import { refusals } from "../refusals.ts";
import type { App } from "./app.ts";
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
  for (const path of page.body.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)) {
    const asset = await app.inject({ url: `/docs${path[1]}` });
    expect([path[1], asset.statusCode]).toEqual([path[1], 200]);
  }
  expect((await app.inject({ url: "/docs/json" })).json().openapi).toBe("3.1.0");
});

test("every refusal has an anchor that problems point to", async () => {
  const page = await (await start(withThing)).inject({ url: "/docs/refusals" });
  for (const code of [...Object.keys(refusals), "internal_error"])
    expect(page.body).toContain(`<tr id="${code}">`);
  expect(page.body).toContain("Authorization: Bearer &lt;token>.");
});
