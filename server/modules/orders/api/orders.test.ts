import { afterAll, expect, test } from "vitest";
import { createCommitters } from "../../../kernel/batch.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { createNumbers } from "../../../kernel/numbers.ts";
import { createSecrets } from "../../../kernel/secrets.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createTestHttp } from "../../../kernel/testing/http.ts";
import { stockSku } from "../../../testing/goods.ts";
import { createManualClock, minuteMs } from "../../../kernel/time.ts";
import { refusals } from "../../../refusals.ts";
import { createCatalog } from "../../catalog/index.ts";
import type { PrincipalKind } from "../../identity/index.ts";
import { createIdentity } from "../../identity/index.ts";
import { createLedger } from "../../ledger/index.ts";
import { createPayments, paymentTenantSettings } from "../../payments/index.ts";
import { createPasses, createSales } from "../../sales/index.ts";
import { ordersRoutes } from "./routes.ts";
import { createOrders, orderTenantSettings } from "../index.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 0, 31, 12));
const ids = createIds({ clock });
const database = createDatabase({ url, clock, poolMax: 6 });
/** Why batches had to be loaded anew: a deadlock is survived, but it must not happen at all. */
const retries: string[] = [];
const observe = {
  committed: () => undefined,
  queued: () => undefined,
  retried: (_operation: string, why: string) => void retries.push(why),
};
const committers = createCommitters({ database, observe });
const tenantSettings = orderTenantSettings({ closeAfterMinutes: 30 });
const paymentSettings = paymentTenantSettings();
const secrets = createSecrets([Buffer.alloc(32, 7)]);
const identity = createIdentity({
  database,
  committers,
  ids,
  clock,
  secrets,
  tenantSettings: [...Object.values(tenantSettings), ...Object.values(paymentSettings)],
});
const ledger = createLedger({ database, clock });
const catalog = createCatalog({ database, committers, ledger, ids, clock });
const numbers = createNumbers({ clock });
/** Without a channel: what is paid stands in api/payments.test.ts. */
const payments = createPayments({
  database,
  committers,
  ids,
  numbers,
  clock,
  secrets,
  identity,
  tenantSettings: paymentSettings,
  channels: [],
  channelHosts: [],
  publicUrl: "http://127.0.0.1",
});
const sales = createSales({ database, committers, ids, clock, ledger });
const given = { database, ids, numbers, clock, identity, catalog, sales };
const shared = { ...given, payments, tenantSettings };
const orders = createOrders({ ...shared, committers });
const { http } = await createTestHttp({ refusals, clock, settings: { inFlightMax: 1_000 } });
http.registerAuthentication(identity.authenticate);
ordersRoutes(http.app, orders, { identity, passes: createPasses({ secrets }) });
await http.app.ready();
afterAll(async () => {
  await http.stop();
  await committers.stop();
  await database.close();
});

const mall = await createMall();
const otherMall = await createMall();

async function createMall() {
  const tenantId = ids.next<"Tenant">();
  await identity.createTenant({ id: tenantId, name: "Harbour Mall" });
  const issue = async (kind: PrincipalKind, name: string) => {
    const issued = await identity.issueToken({
      tenantId,
      by: { kind: "operator", subject: "test" },
      kind,
      name,
      scopes: undefined,
      lifeMs: undefined,
      once: false,
    });
    if (issued.kind !== "issued") throw new Error(issued.code);
    return issued.token;
  };
  const service = await issue("service", "till");
  return { tenantId, service, issue };
}

/** A product of one SKU with `units` on the shelf. */
const sell = (units: number, change: { onSale?: boolean; priceMinor?: bigint } = {}) =>
  stockSku({ catalog, ids }, mall.tenantId, { units: BigInt(units), ...change });

function newKey() {
  return { key: ids.next(), bodyHash: Buffer.alloc(32) };
}

async function call(
  method: "GET" | "POST",
  path: string,
  given: { body?: object; token?: string; key?: string } = {},
) {
  const { body, token = mall.service, key = ids.next() } = given;
  const reply = await http.app.inject({
    method,
    url: path,
    headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: reply.statusCode, text: reply.body, json: reply.json() };
}

function place(skuId: string, quantity = 1, memberId = "m-1") {
  return call("POST", "/v1/orders", { body: { memberId, lines: [{ skuId, quantity }] } });
}

const stockOf = (skuId: string) => catalog.readStock(mall.tenantId, skuId as never);

/** Everything that is due by now, as the sweep of a worker does it. */
async function closeDue(): Promise<void> {
  const limit = 500;
  let taken = limit;
  while (taken === limit) {
    taken = await database.transaction(mall.tenantId, (tx) => orders.closeDueOrders(tx, limit));
  }
}

test("an order holds its units and keeps the price of its moment [ORD-04] [CAT-07]", async () => {
  const skuId = await sell(10);
  const { status, json } = await place(skuId, 3);
  expect(status).toBe(201);
  expect(json).toMatchObject({
    state: "pending_payment",
    memberId: "m-1",
    total: { amount: 5_997, currency: "CNY" },
    lines: [{ skuId, title: "Mug", quantity: 3, unitPrice: { amount: 1_999 } }],
    closesAt: new Date(clock.now() + 30 * minuteMs).toISOString(),
  });
  expect(await stockOf(skuId)).toMatchObject({ onHand: 10n, held: 3n, sold: 0n });
  expect((await call("GET", `/v1/orders/${json.id}`)).json).toEqual(json);
  const { json: found } = await call("GET", `/v1/orders?number=${json.number}`);
  expect(found.items).toEqual([json]);
});

test("refuses what cannot be ordered, with the facts", async () => {
  const few = await sell(2);
  const off = await sell(5, { onSale: false });
  const unknown = ids.next();
  expect((await place(unknown)).json).toMatchObject({ code: "sku_not_found" });
  expect((await place(off)).json).toMatchObject({ code: "sku_not_on_sale" });
  expect((await place(few, 3)).json).toMatchObject({
    status: 409,
    code: "sold_out",
    title: "Of Mug 2 can still be ordered, 3 were wanted.",
    facts: { skuId: few, wanted: 3, left: 2 },
  });
  const dear = await sell(10_000, { priceMinor: 100_000_000_000n });
  const lines = Array.from({ length: 50 }, () => ({ skuId: dear, quantity: 10_000 }));
  const { json } = await call("POST", "/v1/orders", { body: { memberId: "m-1", lines } });
  expect(json.code).toBe("order_too_large");
  const { json: wrong } = await call("POST", "/v1/orders", {
    body: { memberId: "m-1", lines: [{ skuId: few, quantity: 0 }] },
  });
  expect(wrong).toMatchObject({ status: 400, errors: [{ field: "lines[0].quantity" }] });
  expect(await stockOf(few)).toMatchObject({ held: 0n });
});

test("1,000 buyers of 100 units: 100 orders, and all units back after the close", async () => {
  const skuId = await sell(100);
  const replies = await Promise.all(
    Array.from({ length: 1_000 }, (_, buyer) => place(skuId, 1, `m-${buyer}`)),
  );
  const codes = replies.map(({ status, json }) => (status === 201 ? "placed" : json.code));
  expect(codes.filter((code) => code === "placed")).toHaveLength(100);
  expect(codes.filter((code) => code === "sold_out")).toHaveLength(900);
  const tooLate = replies.find(({ status }) => status === 409);
  expect(tooLate?.json).toMatchObject({ title: "Of Mug none is left.", facts: { left: 0 } });
  expect(await stockOf(skuId)).toMatchObject({ onHand: 100n, held: 100n });
  clock.advance(30 * minuteMs);
  await closeDue();
  expect(await stockOf(skuId)).toMatchObject({ onHand: 100n, held: 0n, sold: 0n });
});

test("orders over shared SKUs in any order never lock each other out [LED-10]", async () => {
  const skus = await Promise.all([sell(60), sell(60), sell(60)]);
  const second = createCommitters({ database, observe });
  const twin = createOrders({ ...shared, committers: second });
  const answers = [];
  // Small waves make many batches, two at a time, over the same three rows.
  for (let wave = 0; wave < 50; wave += 1) {
    const placing = Array.from({ length: 4 }, (_, buyer) => {
      const turned = [...skus.slice(buyer % 3), ...skus.slice(0, buyer % 3)];
      const lines = turned.map((skuId) => ({ skuId, quantity: 1 }));
      const input = { memberId: `m-${buyer}`, lines, placedBy: "test" };
      return (buyer % 2 === 0 ? orders : twin).placeOrder(mall.tenantId, newKey(), input);
    });
    answers.push(...(await Promise.all(placing)));
  }
  await second.stop();
  expect(retries.filter((why) => why.includes("deadlock"))).toEqual([]);
  expect(answers.filter(({ kind }) => kind === "answered")).toHaveLength(60);
  for (const skuId of skus) expect(await stockOf(skuId)).toMatchObject({ held: 60n });
});

test("one key, sent 50 times at once, is one order; another body is refused [ORD-02]", async () => {
  const skuId = await sell(100);
  const key = ids.next();
  const body = { memberId: "m-1", lines: [{ skuId, quantity: 1 }] };
  const replies = await Promise.all(
    Array.from({ length: 50 }, () => call("POST", "/v1/orders", { body, key })),
  );
  expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  expect(await stockOf(skuId)).toMatchObject({ held: 1n });
  const other = { memberId: "m-1", lines: [{ skuId, quantity: 2 }] };
  const { status, json } = await call("POST", "/v1/orders", { body: other, key });
  expect([status, json.code]).toEqual([422, "idempotency_key_reused"]);
});

test("an unpaid order closes at its time, not before, and says why [ORD-07]", async () => {
  const skuId = await sell(1);
  const { json } = await place(skuId);
  clock.advance(30 * minuteMs - 1);
  await closeDue();
  expect((await call("GET", `/v1/orders/${json.id}`)).json.state).toBe("pending_payment");
  clock.advance(1);
  await closeDue();
  expect((await call("GET", `/v1/orders/${json.id}`)).json.state).toBe("closed");
  const { json: history } = await call("GET", `/v1/orders/${json.id}/history`);
  expect(history.items).toMatchObject([
    { from: null, to: "pending_payment", madeBy: "service:till", reason: "placed" },
    { from: "pending_payment", to: "closed", madeBy: "deadline", reason: "not paid in time" },
  ]);
});

test("a tenant chooses its own interval; -1 is the platform's [TEN-02]", async () => {
  const change = (value: number) =>
    identity.changeSettings(mall.tenantId, newKey(), {
      values: { [tenantSettings.closeAfterMinutes.name]: value },
      by: "test",
    });
  const skuId = await sell(5);
  await change(5);
  const { json: short } = await place(skuId);
  expect(Date.parse(short.closesAt) - Date.parse(short.placedAt)).toBe(5 * minuteMs);
  await change(-1);
  const { json: usual } = await place(skuId);
  expect(Date.parse(usual.closesAt) - Date.parse(usual.placedAt)).toBe(30 * minuteMs);
});

test("cancelling gives the units back once, however often it is asked [ORD-16]", async () => {
  const skuId = await sell(4);
  const { json } = await place(skuId, 4);
  const cancel = () => call("POST", `/v1/orders/${json.id}/cancel`);
  const replies = await Promise.all([cancel(), cancel(), cancel()]);
  expect(replies.map(({ status, json: order }) => [status, order.state])).toEqual(
    Array.from({ length: 3 }, () => [200, "closed"]),
  );
  expect(await stockOf(skuId)).toMatchObject({ onHand: 4n, held: 0n });
});

test("to a member the orders of others do not exist, nor to a tenant those of another", async () => {
  const { json } = await place(await sell(1), 1, "m-1");
  const stranger = await mall.issue("member", "m-2");
  for (const token of [stranger, otherMall.service]) {
    for (const path of [`/v1/orders/${json.id}`, `/v1/orders/${json.id}/history`]) {
      expect((await call("GET", path, { token })).json.code).toBe("not_found");
    }
    const { json: cancelled } = await call("POST", `/v1/orders/${json.id}/cancel`, { token });
    expect(cancelled.code).toBe("not_found");
    const { json: listed } = await call("GET", `/v1/orders?number=${json.number}`, { token });
    expect(listed.items).toEqual([]);
  }
  const own = await mall.issue("member", "m-1");
  expect((await call("GET", `/v1/orders/${json.id}`, { token: own })).json).toEqual(json);
  const body = { memberId: "m-1", lines: [{ skuId: json.lines[0].skuId, quantity: 1 }] };
  const { json: refused } = await call("POST", "/v1/orders", { body, token: stranger });
  expect(refused.code).toBe("other_member");
});

test("a list goes page by page and tells the states apart", async () => {
  const skuId = await sell(5);
  const memberId = "m-pages";
  for (let count = 0; count < 5; count += 1) await place(skuId, 1, memberId);
  const path = `/v1/orders?memberId=${memberId}&state=pending_payment&limit=2`;
  const seen: string[] = [];
  let cursor = "";
  do {
    const { json } = await call("GET", `${path}${cursor}`);
    seen.push(...json.items.map(({ id }: { id: string }) => id));
    cursor = json.nextCursor === undefined ? "" : `&cursor=${json.nextCursor}`;
  } while (cursor !== "");
  expect(seen).toHaveLength(5);
  expect(seen).toEqual(seen.toSorted().toReversed());
  const { json: none } = await call("GET", `/v1/orders?memberId=${memberId}&state=closed`);
  expect(none).toEqual({ items: [] });
});
