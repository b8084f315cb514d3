import { afterAll, expect, test } from "vitest";
import { createCommitters } from "../../../kernel/batch.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { createNumbers } from "../../../kernel/numbers.ts";
import { createSecrets } from "../../../kernel/secrets.ts";
import { holdLock, rawConnection, untilBlocked } from "../../../kernel/testing/connections.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createTestHttp } from "../../../kernel/testing/http.ts";
import { stockSku } from "../../../testing/goods.ts";
import { createManualClock, formatInstant, minuteMs } from "../../../kernel/time.ts";
import { refusals } from "../../../refusals.ts";
import { createCatalog } from "../../catalog/index.ts";
import { createIdentity } from "../../identity/index.ts";
import { createLedger } from "../../ledger/index.ts";
import { createPayments, paymentTenantSettings } from "../../payments/index.ts";
import { createPasses, createSales } from "../../sales/index.ts";
import { ordersRoutes } from "./routes.ts";
import { createOrders, orderTenantSettings } from "../index.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
const clock = createManualClock(Date.UTC(2026, 0, 31, 12));
const ids = createIds({ clock });
const secrets = createSecrets([Buffer.alloc(32, 7)]);

/** One process of the platform. */
async function startProcess() {
  const database = createDatabase({ url, clock, poolMax: 6 });
  const committers = createCommitters({ database });
  const orderSettings = orderTenantSettings({ closeAfterMinutes: 30 });
  const paymentSettings = paymentTenantSettings();
  const tenantSettings = [...Object.values(orderSettings), ...Object.values(paymentSettings)];
  const identity = createIdentity({ database, committers, ids, clock, secrets, tenantSettings });
  const ledger = createLedger({ database, clock });
  const catalog = createCatalog({ database, committers, ledger, ids, clock });
  const base = { database, committers, ids, numbers: createNumbers({ clock }), identity };
  const payments = createPayments({
    ...base,
    clock,
    secrets,
    tenantSettings: paymentSettings,
    channels: [],
    channelHosts: [],
    publicUrl: "http://127.0.0.1",
  });
  const sales = createSales({ ...base, clock, ledger });
  const given = { ...base, clock, catalog, sales, payments };
  const orders = createOrders({ ...given, tenantSettings: orderSettings });
  const { http } = await createTestHttp({ refusals, clock, settings: { inFlightMax: 1_000 } });
  http.registerAuthentication(identity.authenticate);
  ordersRoutes(http.app, orders, { identity, passes: createPasses({ secrets }) });
  await http.app.ready();
  const stop = async () => {
    await http.stop();
    await committers.stop();
    await database.close();
  };
  return { identity, catalog, app: http.app, stop };
}

const here = await startProcess();
const elsewhere = await startProcess();
afterAll(async () => {
  await here.stop();
  await elsewhere.stop();
  await raw.end();
});

const mall = await createMall();
const otherMall = await createMall();

async function createMall() {
  const tenantId = ids.next<"Tenant">();
  await here.identity.createTenant({ id: tenantId, name: "Harbour Mall" });
  const issue = async (kind: "service" | "member", name: string) => {
    const issued = await here.identity.issueToken({
      tenantId,
      by: { kind: "operator", subject: "test" },
      kind,
      name,
      scopes: undefined,
      // Longer than a submit token.
      lifeMs: 120 * minuteMs,
      once: false,
    });
    if (issued.kind !== "issued") throw new Error(issued.code);
    return issued.token;
  };
  return { tenantId, service: await issue("service", "till"), ann: await issue("member", "ann") };
}

/** A product of one SKU with `units` on the shelf. */
const sell = (units: number) =>
  stockSku({ catalog: here.catalog, ids }, mall.tenantId, { units: BigInt(units) });

interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
  readonly process?: typeof here;
}

async function post(path: string, body: object, { headers, token, process }: Call = {}) {
  const reply = await (process ?? here).app.inject({
    method: "POST",
    url: path,
    headers: { authorization: `Bearer ${token ?? mall.ann}`, ...headers },
    payload: body,
  });
  return { status: reply.statusCode, json: reply.json() };
}

/** As `POST /v1/submit-tokens` gives it. */
function openPage(memberId = "ann"): string {
  return here.identity.issueSubmitToken(mall.tenantId, memberId).text;
}

function submit(page: string, skuId: string, quantity = 1, call: Call = {}) {
  const headers = { "submit-token": page, ...call.headers };
  return post("/v1/orders", { lines: [{ skuId, quantity }] }, { ...call, headers });
}

async function ordersOf(skuId: string): Promise<number> {
  const { rows } = await raw.query<{ orders: number }>(
    `select count(*)::integer as orders from orders.orders
     where tenant_id = $1 and lines::text like $2`,
    [mall.tenantId, `%${skuId}%`],
  );
  return rows[0]?.orders ?? 0;
}

test("a page is submitted once [ORD-02]", async () => {
  const skuId = await sell(10);
  const page = openPage();
  const first = await submit(page, skuId, 2);
  expect(first).toMatchObject({ status: 201, json: { memberId: "ann" } });
  const { id: orderId, number } = first.json;
  const used = { status: 409, json: { code: "submit_token_used", facts: { orderId, number } } };
  expect(await submit(page, skuId, 2)).toMatchObject(used);
  // It is the same page whatever is in it now, and whichever process hears of it.
  expect(await submit(page, skuId, 3)).toMatchObject(used);
  expect(await submit(page, skuId, 2, { process: elsewhere })).toMatchObject(used);
  expect(await ordersOf(skuId)).toBe(1);
});

test("of two pages each gives its own order", async () => {
  const skuId = await sell(10);
  const pages = [openPage(), openPage()];
  const replies = await Promise.all(pages.map((page) => submit(page, skuId)));
  expect(replies.map(({ status }) => status)).toEqual([201, 201]);
  expect(await ordersOf(skuId)).toBe(2);
});

test("sent many times at once, one is the order and all others are told of it [ORD-02] [ORD-03]", async () => {
  const skuId = await sell(100);
  const page = openPage();
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, at) =>
      submit(page, skuId, 1, { process: at % 2 === 0 ? here : elsewhere }),
    ),
  );
  const placed = replies.filter(({ status }) => status === 201);
  expect(placed).toHaveLength(1);
  const { id: orderId, number } = placed[0]?.json ?? {};
  for (const { status, json } of replies) {
    if (status === 201) continue;
    expect({ status, code: json.code, facts: json.facts }).toEqual({
      status: 409,
      code: "submit_token_used",
      facts: { orderId, number },
    });
  }
  expect(await ordersOf(skuId)).toBe(1);
});

test("of two at the same moment in two processes the second waits and is told of the first [ORD-03]", async () => {
  const skuId = await sell(10);
  const page = openPage();
  const stock = await holdLock(url, "select 1 from ledger.balances for update");
  const both = [here, elsewhere].map((process) => submit(page, skuId, 1, { process }));
  await untilBlocked(raw, 2);
  await stock.release();
  const replies = await Promise.all(both);
  expect(replies.map(({ status }) => status).toSorted()).toEqual([201, 409]);
  const [placed, told] = replies.toSorted((left, right) => left.status - right.status);
  expect(told?.json.facts).toEqual({ orderId: placed?.json.id, number: placed?.json.number });
  expect(await ordersOf(skuId)).toBe(1);
});

test("who comes with a submission that is refused gets that refusal, and may submit again", async () => {
  const skuId = await sell(1);
  const page = openPage();
  const replies = await Promise.all([submit(page, skuId, 2), submit(page, skuId, 2)]);
  for (const { status, json } of replies)
    expect({ status, code: json.code }).toEqual({ status: 409, code: "sold_out" });
  expect((await submit(page, skuId, 1)).status).toBe(201);
  expect(await ordersOf(skuId)).toBe(1);
});

test("a token is good for half an hour", async () => {
  const skuId = await sell(10);
  const [inTime, late] = [openPage(), openPage()];
  const expiredAt = formatInstant(clock.now() + 30 * minuteMs);
  clock.advance(30 * minuteMs - 1);
  expect((await submit(inTime, skuId)).status).toBe(201);
  clock.advance(1);
  expect(await submit(late, skuId)).toMatchObject({
    status: 422,
    json: { code: "submit_token_expired", facts: { expiredAt } },
  });
});

test("a token that was not signed here, or was changed, is refused [IAM-03]", async () => {
  const skuId = await sell(10);
  const page = openPage();
  const [claims = "", signature = ""] = page.split(".");
  const [id, tenantId, , expiresAt] = JSON.parse(Buffer.from(claims, "base64url").toString());
  const others = JSON.stringify([id, tenantId, "bob", expiresAt]);
  const forged = [
    "x",
    claims,
    `${claims}.`,
    `${claims}.${signature}.x`,
    `${claims}.${signature.slice(0, -2)}AA`,
    `${Buffer.from(others).toString("base64url")}.${signature}`,
    `${claims}.${createSecrets([Buffer.alloc(32, 8)]).sign(claims, "submit_token")}`,
    `${claims}.${secrets.sign(claims, "something_else")}`,
    "a".repeat(2_000),
  ];
  for (const each of forged) {
    const { status, json } = await submit(each, skuId);
    expect([each, status, json.code]).toEqual([each, 422, "submit_token_invalid"]);
  }
  expect(await ordersOf(skuId)).toBe(0);
});

test("a token of another member or tenant is refused, and is still good for its own", async () => {
  const skuId = await sell(10);
  const page = openPage("bob");
  const foreign = { status: 403, json: { code: "submit_token_foreign" } };
  expect(await submit(page, skuId)).toMatchObject(foreign);
  const forBob = { memberId: "bob", lines: [{ skuId, quantity: 1 }] };
  const headers = { "submit-token": page };
  const byOther = await post("/v1/orders", forBob, { headers, token: otherMall.service });
  expect(byOther).toMatchObject(foreign);
  // A program of the tenant may submit for the member for whom it had opened the page.
  const own = await post("/v1/orders", forBob, { headers, token: mall.service });
  expect(own).toMatchObject({ status: 201, json: { memberId: "bob" } });
});

test("an order is placed with a token or with a key, not with both and not with neither", async () => {
  const skuId = await sell(10);
  const page = openPage();
  const headers = { "idempotency-key": "k-1" };
  expect(await submit(page, skuId, 1, { headers })).toMatchObject({
    status: 400,
    json: { code: "invalid_request" },
  });
  const lines = [{ skuId, quantity: 1 }];
  const neither = await post("/v1/orders", { lines });
  expect(neither.json).toMatchObject({
    code: "idempotency_key_missing",
    title: expect.stringContaining("Submit-Token"),
  });
  const first = await post("/v1/orders", { lines }, { headers });
  expect(first.status).toBe(201);
  // A key's second arrival is answered like the first: that is for programs that retry.
  expect(await post("/v1/orders", { lines }, { headers })).toEqual(first);
  // What a token is kept under is nothing that a key can be.
  expect((await submit(page, skuId)).status).toBe(201);
});
