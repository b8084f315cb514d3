import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCommitters } from "../../kernel/batch.ts";
import { createDatabase } from "../../kernel/database.ts";
import { createIds } from "../../kernel/ids.ts";
import { testDatabase } from "../../kernel/testing/database.ts";
import { createTestHttp } from "../../kernel/testing/http.ts";
import { systemClock } from "../../kernel/time.ts";
import { refusals } from "../../refusals.ts";
import { scopesOfKind } from "../identity/index.ts";
import { createLedger } from "../ledger/index.ts";
import { catalogRoutes } from "./api.ts";
import { createCatalog } from "./index.ts";

const { url } = await testDatabase();
const clock = systemClock;
const database = createDatabase({ url, clock });
const committers = createCommitters({ database });
const ids = createIds({ clock });
const ledger = createLedger({ database, clock });
const { http } = await createTestHttp({ refusals });
catalogRoutes(http.app, createCatalog({ database, committers, ledger, ids, clock }));
afterAll(async () => {
  await http.stop();
  await committers.stop();
  await database.close();
});

type Method = "GET" | "POST" | "PATCH" | "PUT";

/** A caller of a tenant; every request has a key of its own unless one is given. */
function callerOf(tenantId: string, scopes = "catalog:read,catalog:write,catalog:audit") {
  return async (method: Method, path: string, body?: object, key: string = randomUUID()) => {
    const reply = await http.app.inject({
      method,
      url: path,
      headers: {
        authorization: `Bearer ${tenantId}/anna/${scopes}`,
        ...(method === "GET" ? {} : { "idempotency-key": key }),
      },
      ...(body === undefined ? {} : { payload: body }),
    });
    return { status: reply.statusCode, body: reply.json(), text: reply.body };
  };
}

const price = { amount: 1_999, currency: "CNY" };
const mug = { title: "Enamel mug", skus: [{ title: "blue", price }] };

async function shop() {
  const call = callerOf(ids.next<"Tenant">());
  const created = await call("POST", "/v1/products", mug);
  expect(created.status).toBe(201);
  return { call, product: created.body, sku: created.body.skus[0] };
}

test("a product is created on sale, and found by its id and in the list", async () => {
  const { call, product } = await shop();
  expect(product).toMatchObject({
    title: "Enamel mug",
    onSale: true,
    skus: [{ title: "blue", price, onSale: true, productId: product.id }],
  });
  expect((await call("GET", `/v1/products/${product.id}`)).body).toEqual(product);
  expect((await call("GET", "/v1/products")).body).toEqual({ items: [product] });
});

test("the same request with the same key gives the same answer, byte for byte [ORD-04]", async () => {
  const { call, sku } = await shop();
  const key = randomUUID();
  const path = `/v1/skus/${sku.id}/stock/movements`;
  const delivery = { kind: "put_in", quantity: 7, reason: "delivery" };
  const first = await call("POST", path, delivery, key);
  const again = await call("POST", path, delivery, key);
  expect(first).toMatchObject({ status: 201, body: { quantity: 7, stock: { available: 7 } } });
  expect(again.text).toBe(first.text);
  const other = await call("POST", path, { ...delivery, quantity: 8 }, key);
  expect(other).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
  expect((await call("GET", `/v1/skus/${sku.id}/availability`)).body).toEqual({ available: 7 });
  expect((await call("GET", `/v1/skus/${sku.id}/stock`)).body).toEqual({
    putIn: 7,
    onHand: 7,
    held: 0,
    setAside: 0,
    available: 7,
    sold: 0,
    writtenOff: 0,
  });
});

test.each([
  [0, 1, "The shelf has no unit free; orders hold 0."],
  [1, 2, "Of the 2 units wanted the shelf has 1 free; orders hold 0."],
  [5, 7, "Of the 7 units wanted the shelf has 5 free; orders hold 0."],
])("writing off more than there is says what is left, of %i units [CAT-07]", async (...row) => {
  const [there, wanted, title] = row;
  const { call, sku } = await shop();
  const move = (kind: string, quantity: number) =>
    call("POST", `/v1/skus/${sku.id}/stock/movements`, { kind, quantity, reason: "counted" });
  if (there > 0) await move("put_in", there);
  expect(await move("written_off", wanted)).toMatchObject({
    status: 409,
    body: { code: "stock_too_low", title, facts: { available: there, held: 0, wanted } },
  });
});

test("a price is changed and both are listed", async () => {
  const { call, sku } = await shop();
  const cheaper = { amount: 1_500, currency: "CNY" };
  const changed = await call("PUT", `/v1/skus/${sku.id}/price`, cheaper);
  expect(changed).toMatchObject({ status: 200, body: { price: cheaper } });
  const path = `/v1/skus/${sku.id}/prices?limit=1`;
  const first = (await call("GET", path)).body;
  expect(first.items).toMatchObject([{ price: cheaper, setBy: "anna" }]);
  const second = (await call("GET", `${path}&cursor=${first.nextCursor}`)).body;
  expect(second).toMatchObject({ items: [{ price }] });
  expect(second).not.toHaveProperty("nextCursor");
});

test("products and SKUs are renamed and taken off sale", async () => {
  const { call, product, sku } = await shop();
  const off = await call("PATCH", `/v1/skus/${sku.id}`, { onSale: false });
  expect(off).toMatchObject({ status: 200, body: { title: "blue", onSale: false } });
  const renamed = await call("PATCH", `/v1/products/${product.id}`, { title: "Mug" });
  expect(renamed).toMatchObject({
    body: { title: "Mug", onSale: true, skus: [{ onSale: false }] },
  });
  const added = await call("POST", `/v1/products/${product.id}/skus`, { title: "red", price });
  expect(added).toMatchObject({ status: 201, body: { title: "red", onSale: true } });
  expect((await call("GET", `/v1/skus/${added.body.id}`)).body).toEqual(added.body);
  const movements = await call("GET", `/v1/skus/${added.body.id}/stock/movements`);
  expect(movements.body).toEqual({ items: [] });
});

describe("refuses", () => {
  test.each([
    ["a price below zero", { ...mug, skus: [{ title: "", price: { ...price, amount: -1 } }] }],
    [
      "a price with a fraction",
      { ...mug, skus: [{ title: "", price: { ...price, amount: 0.5 } }] },
    ],
    ["another currency", { ...mug, skus: [{ title: "", price: { amount: 1, currency: "EUR" } }] }],
    ["no title", { skus: [] }],
    ["a field that nobody knows", { ...mug, colour: "blue" }],
  ])("a product with %s", async (_name, body) => {
    const { call } = await shop();
    const refused = await call("POST", "/v1/products", body);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("a change without a key", async () => {
    const { call } = await shop();
    const refused = await call("POST", "/v1/products", mug, "");
    expect(refused).toMatchObject({ status: 400, body: { code: "idempotency_key_missing" } });
  });

  test("a cursor that is no id", async () => {
    const { call, sku } = await shop();
    for (const path of ["/v1/products", `/v1/skus/${sku.id}/stock/movements`]) {
      const cursor = Buffer.from('["x"]').toString("base64url");
      expect(await call("GET", `${path}?cursor=${cursor}`)).toMatchObject({ status: 400 });
    }
  });

  test("whoever lacks the scope", async () => {
    const { product } = await shop();
    const reader = callerOf(ids.next<"Tenant">(), "catalog:read");
    const refused = await reader("POST", "/v1/products", mug);
    expect(refused).toMatchObject({ status: 403, body: { facts: { scope: "catalog:write" } } });
    expect(await reader("GET", `/v1/products/${product.id}`)).toMatchObject({ status: 404 });
  });

  test("another tenant on every route, as if nothing were there", async () => {
    const { product, sku } = await shop();
    const stranger = callerOf(ids.next<"Tenant">());
    const movement = { kind: "put_in", quantity: 1, reason: "theft" };
    const tries = await Promise.all([
      stranger("GET", `/v1/products/${product.id}`),
      stranger("PATCH", `/v1/products/${product.id}`, { onSale: false }),
      stranger("POST", `/v1/products/${product.id}/skus`, { title: "red", price }),
      stranger("GET", `/v1/skus/${sku.id}`),
      stranger("PATCH", `/v1/skus/${sku.id}`, { onSale: false }),
      stranger("PUT", `/v1/skus/${sku.id}/price`, price),
      stranger("GET", `/v1/skus/${sku.id}/prices`),
      stranger("GET", `/v1/skus/${sku.id}/availability`),
      stranger("GET", `/v1/skus/${sku.id}/stock`),
      stranger("POST", `/v1/skus/${sku.id}/stock/movements`, movement),
      stranger("GET", `/v1/skus/${sku.id}/stock/movements`),
    ]);
    expect(tries.map(({ status }) => status)).toEqual(tries.map(() => 404));
  });
});

describe("members", () => {
  const tenantId = ids.next<"Tenant">();
  const own = callerOf(tenantId);
  beforeAll(async () => {
    await own("POST", "/v1/products", mug);
    await own("POST", "/v1/products", { ...mug, title: "Secret", onSale: false });
    // From here on every token is a member's, with all that one may allow.
    http.registerAuthentication(() => ({
      tenantId,
      subject: "member:m-1",
      kind: "member",
      memberId: "m-1",
      scopes: new Set<string>(scopesOfKind.member),
    }));
  });

  test("see what is on sale", async () => {
    const { body } = await own("GET", "/v1/products?onSale=false");
    expect(body.items.map(({ title }: { title: string }) => title)).toEqual(["Enamel mug"]);
  });

  test("see how many units they can order, and neither figures nor names of the shop", async () => {
    const { body } = await own("GET", "/v1/products");
    const path = `/v1/skus/${body.items[0].skus[0].id}`;
    expect((await own("GET", `${path}/availability`)).body).toEqual({ available: 0 });
    for (const hidden of ["stock", "stock/movements", "prices"]) {
      const { status, body: refusal } = await own("GET", `${path}/${hidden}`);
      expect({ hidden, status, facts: refusal.facts }).toEqual({
        hidden,
        status: 403,
        facts: { scope: "catalog:audit" },
      });
    }
  });
});
