import { afterAll, expect, test } from "vitest";
import { testDatabase } from "../../../kernel/testing/database.ts";
import {
  createManualClock,
  dayMs,
  formatInstant,
  hourMs,
  minuteMs,
  secondMs,
} from "../../../kernel/time.ts";
import { stockSku } from "../../../testing/goods.ts";
import { startTestPlatform } from "../../../testing/platform.ts";
import { saleItemsMax } from "../domain/decisions.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const platform = await startTestPlatform({ url, clock });
const { ids } = platform;
afterAll(() => platform.stop());
const mall = await platform.createTenant("Harbour Mall");
const { admin, member } = mall.tokens;
const mug = await stockSku(platform, mall.tenantId, { units: 100n });
const tea = await stockSku(platform, mall.tenantId, { units: 50n });

async function call(
  method: "GET" | "POST" | "PATCH",
  path: string,
  given: { body?: object; token?: string; key?: string } = {},
) {
  const { body, token = admin, key = ids.next() } = given;
  const reply = await fetch(platform.baseUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "idempotency-key": key,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, json: JSON.parse(await reply.text()) };
}

const at = (inMs: number) => formatInstant(clock.now() + inMs);
const itemOf = (skuId: string, change: object = {}) => ({
  skuId,
  price: { amount: 900, currency: "CNY" },
  allotment: 10,
  ...change,
});
const draft = (change: object = {}) => ({
  title: "Anniversary",
  opensAt: at(hourMs),
  closesAt: at(2 * hourMs),
  items: [itemOf(mug)],
  ...change,
});

async function create(change: object = {}): Promise<string> {
  const { status, json } = await call("POST", "/v1/sales", { body: draft(change) });
  expect(status, JSON.stringify(json)).toBe(201);
  return json.id;
}

async function schedule(change: object = {}): Promise<string> {
  const saleId = await create(change);
  expect((await call("POST", `/v1/sales/${saleId}/schedule`)).status).toBe(200);
  return saleId;
}

const stockOf = async (skuId: string) => (await call("GET", `/v1/skus/${skuId}/stock`)).json;

test("a sale is drafted, changed, scheduled and read, and its units are set aside", async () => {
  const body = draft({
    limitPerMember: 2,
    items: [itemOf(tea, { limitPerMember: 1 }), itemOf(mug)],
  });
  const { status, json: made } = await call("POST", "/v1/sales", { body });
  expect(status).toBe(201);
  expect(made).toEqual({
    ...body,
    id: made.id,
    state: "draft",
    waitingRoom: false,
    items: body.items.map((item) => ({ ...item, left: 0 })),
    createdAt: at(0),
    changedAt: at(0),
  });
  const path = `/v1/sales/${made.id}`;
  const change = { title: "Double Eleven", limitPerMember: null, waitingRoom: true };
  const changed = await call("PATCH", path, { body: change });
  const { limitPerMember: _, ...unlimited } = made;
  expect(changed.json).toEqual({ ...unlimited, title: "Double Eleven", waitingRoom: true });
  expect((await call("GET", path)).json).toEqual(changed.json);
  const before = await stockOf(tea);
  const scheduled = await call("POST", `${path}/schedule`);
  expect(scheduled).toMatchObject({
    status: 200,
    json: { state: "scheduled", scheduledAt: at(0), items: [{ left: 10 }, { left: 10 }] },
  });
  expect((await call("GET", path)).json).toEqual(scheduled.json);
  const after = { onHand: before.onHand - 10, available: before.available - 10, setAside: 10 };
  expect(await stockOf(tea)).toEqual({ ...before, ...after });
  const again = await call("PATCH", path, { body: { title: "No more" } });
  expect(again.json).toMatchObject({ code: "sale_not_draft", facts: { state: "scheduled" } });
});

test("ticket rules are drafted, replaced, read and taken away; within their bounds [FLS-09]", async () => {
  const ticketRules = { challengeDifficulty: 20_000, ticketsPerDevice: 2, ticketsPerNetwork: 500 };
  const saleId = await create({ waitingRoom: true, ticketRules });
  const path = `/v1/sales/${saleId}`;
  const read = async () => (await call("GET", path)).json;
  expect((await read()).ticketRules).toEqual(ticketRules);
  const fewer = { challengeDifficulty: 1_000 };
  await call("PATCH", path, { body: { ticketRules: fewer } });
  expect((await read()).ticketRules).toEqual(fewer);
  const { json } = await call("PATCH", path, { body: { waitingRoom: false } });
  expect(json.code).toBe("ticket_rules_without_waiting_room");
  await call("PATCH", path, { body: { ticketRules: null } });
  expect((await read()).ticketRules).toBeUndefined();
  await call("PATCH", path, { body: { ticketRules } });
  await call("POST", `${path}/schedule`);
  // As members see it, and in the list.
  const shown = await call("GET", path, { token: member });
  expect(shown.json.ticketRules).toEqual(ticketRules);
  const { json: list } = await call("GET", "/v1/sales?limit=1");
  expect(list.items).toMatchObject([{ id: saleId, ticketRules }]);

  for (const wrong of [
    {},
    { challengeDifficulty: 999 },
    { challengeDifficulty: 2_000_001 },
    { ...ticketRules, ticketsPerDevice: 0 },
    { ...ticketRules, ticketsPerDevice: 101 },
    { ...ticketRules, ticketsPerNetwork: 10_001 },
  ]) {
    const body = draft({ waitingRoom: true, ticketRules: wrong });
    const refused = await call("POST", "/v1/sales", { body });
    expect(refused.json.code, JSON.stringify(wrong)).toBe("invalid_request");
  }
});

test("the same key gives the same sale", async () => {
  const given = { body: draft(), key: ids.next() };
  const first = await call("POST", "/v1/sales", given);
  expect(await call("POST", "/v1/sales", given)).toEqual(first);
});

const manyItems = (count: number) => Array.from({ length: count }, () => itemOf(ids.next()));

/** What is wrong, the code, and the field that a malformed request names. */
const wrongInputs: readonly (readonly [string, () => object, string, string])[] = [
  ["no goods", () => ({ items: [] }), "invalid_request", "items"],
  ["too many goods", () => ({ items: manyItems(saleItemsMax + 1) }), "invalid_request", "items"],
  [
    "no units",
    () => ({ items: [itemOf(mug, { allotment: 0 })] }),
    "invalid_request",
    "items[0].allotment",
  ],
  [
    "half a unit",
    () => ({ items: [itemOf(mug, { allotment: 0.5 })] }),
    "invalid_request",
    "items[0].allotment",
  ],
  [
    "a price below zero",
    () => ({ items: [itemOf(mug, { price: { amount: -1, currency: "CNY" } })] }),
    "invalid_request",
    "items[0].price.amount",
  ],
  [
    "a currency that there is not",
    () => ({ items: [itemOf(mug, { price: { amount: 1, currency: "XAU" } })] }),
    "invalid_request",
    "items[0].price.currency",
  ],
  ["a limit of nothing", () => ({ limitPerMember: 0 }), "invalid_request", "limitPerMember"],
  ["no title", () => ({ title: "" }), "invalid_request", "title"],
  [
    "a time without a zone",
    () => ({ opensAt: "2026-12-01T00:00:00" }),
    "invalid_request",
    "opensAt",
  ],
  [
    "a day that there is not",
    () => ({ closesAt: "2026-02-30T00:00:00Z" }),
    "invalid_request",
    "closesAt",
  ],
  [
    "a year of five digits",
    () => ({ closesAt: "9999-12-31T23:59:59-12:00" }),
    "invalid_request",
    "closesAt",
  ],
  ["a close before the opening", () => ({ closesAt: at(hourMs - 1) }), "sale_closes_too_early", ""],
  ["a close at the opening", () => ({ closesAt: at(hourMs) }), "sale_closes_too_early", ""],
  ["an opening in the past", () => ({ opensAt: at(-hourMs) }), "sale_time_over", ""],
  [
    "hours in the past",
    () => ({ opensAt: at(-dayMs), closesAt: at(-hourMs) }),
    "sale_time_over",
    "",
  ],
  ["one SKU twice", () => ({ items: [itemOf(mug), itemOf(mug)] }), "sku_twice_in_sale", ""],
  ["an unknown SKU", () => ({ items: [itemOf(ids.next())] }), "sku_not_found", ""],
];

test.each(wrongInputs)(
  "refuses %s, in a new sale and in a changed one",
  async (_, change, code, field) => {
    const refused = await call("POST", "/v1/sales", { body: draft(change()) });
    expect(refused.status).toBe(code === "invalid_request" ? 400 : 422);
    expect(refused.json).toMatchObject(field === "" ? { code } : { code, errors: [{ field }] });
    const saleId = await create();
    const patched = await call("PATCH", `/v1/sales/${saleId}`, { body: change() });
    expect([patched.status, patched.json.code]).toEqual([refused.status, code]);
  },
);

test("refuses to schedule what the shelf does not have, and says what it has", async () => {
  const saleId = await create({ items: [itemOf(mug), itemOf(tea, { allotment: 1_000 })] });
  const before = await stockOf(mug);
  const { status, json } = await call("POST", `/v1/sales/${saleId}/schedule`);
  const { available } = await stockOf(tea);
  expect([status, json.code]).toEqual([409, "stock_too_low"]);
  expect(json.facts).toEqual({ skuId: tea, available, held: 0, wanted: 1_000 });
  expect(await stockOf(mug)).toEqual(before);
});

test("members read what is no draft, and change nothing", async () => {
  const [hidden, shown] = [await create(), await schedule({ title: "For all" })];
  const read = (id: string) => call("GET", `/v1/sales/${id}`, { token: member });
  expect((await read(hidden)).json).toMatchObject({ status: 404, code: "not_found" });
  expect((await read(shown)).json).toMatchObject({ title: "For all", items: [{ left: 10 }] });
  const { json: list } = await call("GET", "/v1/sales", { token: member });
  const listed = list.items.map(({ id }: { id: string }) => id);
  expect(listed).toContain(shown);
  expect(listed).not.toContain(hidden);
  const { json: all } = await call("GET", "/v1/sales?limit=2");
  expect(all.items.map(({ id }: { id: string }) => id)).toEqual([shown, hidden]);
  const { items: _, ...head } = (await read(shown)).json;
  expect(all.items[0]).toEqual({ ...head, itemCount: 1 });
  for (const [method, path] of [
    ["POST", "/v1/sales"],
    ["PATCH", `/v1/sales/${hidden}`],
    ["POST", `/v1/sales/${hidden}/schedule`],
    ["POST", `/v1/sales/${shown}/end`],
    ["POST", `/v1/sales/${shown}/allotments`],
  ] as const) {
    const body = { ...draft(), skuId: mug, quantity: 1 };
    const { json } = await call(method, path, { token: member, body });
    expect(json).toMatchObject({ status: 403, code: "not_allowed" });
  }
  await call("POST", `/v1/sales/${hidden}/schedule`);
  clock.advance(secondMs);
  expect((await read(hidden)).status).toBe(200);
});

test("a draft that staff have dropped stays hidden from members", async () => {
  const dropped = await create({ title: "Not to be told", waitingRoom: true });
  expect((await call("POST", `/v1/sales/${dropped}/end`)).json.state).toBe("ended");
  clock.advance(secondMs);
  const lines = [{ skuId: mug, quantity: 1 }];
  for (const [method, path, body] of [
    ["GET", `/v1/sales/${dropped}`],
    ["POST", `/v1/sales/${dropped}/tickets`, {}],
    ["POST", "/v1/orders", { saleId: dropped, lines }],
  ] as const) {
    const { json } = await call(method, path, { token: member, ...(body && { body }) });
    const code = path === "/v1/orders" ? "sale_not_found" : "not_found";
    expect([path, json.code]).toEqual([path, code]);
  }
  const { json: list } = await call("GET", "/v1/sales?limit=100", { token: member });
  expect(list.items.map(({ id }: { id: string }) => id)).not.toContain(dropped);
  const { json: all } = await call("GET", "/v1/sales?limit=1");
  expect(all.items).toMatchObject([{ id: dropped, state: "ended" }]);
});

test("a member buys in the sale; what is left is seen at once by staff, by members in a second", async () => {
  const saleId = await schedule({ opensAt: at(0), limitPerMember: 3 });
  const look = (token: string) => call("GET", `/v1/sales/${saleId}`, { token });
  expect((await look(member)).json).toMatchObject({ state: "open", items: [{ left: 10 }] });
  const body = { saleId, lines: [{ skuId: mug, quantity: 2 }] };
  const { status, json: order } = await call("POST", "/v1/orders", { token: member, body });
  expect(status).toBe(201);
  expect(order).toMatchObject({ saleId, memberId: "m-1", total: { amount: 1_800 } });
  expect((await look(admin)).json.items).toMatchObject([{ left: 8, allotment: 10 }]);
  clock.advance(secondMs);
  expect((await look(member)).json.items).toMatchObject([{ left: 8 }]);
  const { json: refused } = await call("POST", "/v1/orders", { token: member, body });
  expect(refused).toMatchObject({
    status: 409,
    code: "sale_limit_reached",
    facts: { saleId, max: 3, bought: 2, wanted: 2 },
  });
  const other = { saleId, lines: [{ skuId: tea, quantity: 1 }] };
  const { json: notInIt } = await call("POST", "/v1/orders", { token: member, body: other });
  expect(notInIt).toMatchObject({ status: 422, code: "sku_not_in_sale", facts: { skuId: tea } });
  const { json: found } = await call("GET", `/v1/orders?saleId=${saleId}`, { token: member });
  expect(found.items).toEqual([order]);
  const stranger = await platform.issueToken(mall.tenantId, "admin");
  const { json: none } = await call("GET", `/v1/orders?saleId=${ids.next()}`, { token: stranger });
  expect(none.items).toEqual([]);
});

test("a sale that is ended early gives its units back and takes no more orders", async () => {
  const before = await stockOf(mug);
  const saleId = await schedule({ opensAt: at(0) });
  const body = { memberId: "m-7", saleId, lines: [{ skuId: mug, quantity: 4 }] };
  const { json: order } = await call("POST", "/v1/orders", { body });
  const ended = await call("POST", `/v1/sales/${saleId}/end`);
  expect(ended.json).toMatchObject({ state: "ended", endedAt: at(0), items: [{ left: 0 }] });
  expect((await call("POST", `/v1/sales/${saleId}/end`)).json).toEqual(ended.json);
  expect(await stockOf(mug)).toMatchObject({
    onHand: before.onHand - 4,
    setAside: before.setAside + 4,
  });
  const { json: late } = await call("POST", "/v1/orders", { body });
  expect(late).toMatchObject({ code: "sale_not_open", facts: { state: "ended" } });
  expect((await call("GET", `/v1/orders/${order.id}`)).json.state).toBe("pending_payment");
});

test("staff add units to a sale that runs out; they can be ordered at once, and go back with its end", async () => {
  const saleId = await schedule({ opensAt: at(0), items: [itemOf(mug, { limitPerMember: 5 })] });
  const path = `/v1/sales/${saleId}/allotments`;
  const before = await stockOf(mug);
  const buy = (quantity: number, memberId: string) =>
    call("POST", "/v1/orders", { body: { memberId, saleId, lines: [{ skuId: mug, quantity }] } });
  for (const memberId of ["m-1", "m-2"]) expect((await buy(5, memberId)).status).toBe(201);
  expect((await buy(1, "m-3")).json).toMatchObject({ code: "sold_out", facts: { left: 0 } });
  clock.advance(minuteMs);
  const given = { body: { skuId: mug, quantity: 7 }, key: ids.next() };
  const raised = await call("POST", path, given);
  const item = itemOf(mug, { limitPerMember: 5, allotment: 17, left: 7 });
  expect(raised).toEqual({ status: 200, json: item });
  expect(await call("POST", path, given)).toEqual(raised);
  const { json: sale } = await call("GET", `/v1/sales/${saleId}`);
  expect(sale).toMatchObject({ items: [item], scheduledAt: at(-minuteMs), changedAt: at(0) });
  expect((await buy(3, "m-3")).status).toBe(201);
  const after = await stockOf(mug);
  expect([after.onHand - before.onHand, after.setAside - before.setAside]).toEqual([-7, 7]);
  const { json: tooMuch } = await call("POST", path, { body: { skuId: mug, quantity: 1_000 } });
  expect(tooMuch).toMatchObject({ status: 409, code: "stock_too_low", facts: { wanted: 1_000 } });
  const { json: other } = await call("POST", path, { body: { skuId: tea, quantity: 1 } });
  expect(other).toMatchObject({ status: 422, code: "sku_not_in_sale" });
  const { json: none } = await call("POST", path, { body: { skuId: mug, quantity: 0 } });
  expect(none).toMatchObject({ code: "invalid_request", errors: [{ field: "quantity" }] });
  await call("POST", `/v1/sales/${saleId}/end`);
  const { json: late } = await call("POST", path, { body: { skuId: mug, quantity: 1 } });
  expect(late).toMatchObject({ code: "sale_not_running", facts: { state: "ended" } });
  expect((await stockOf(mug)).onHand).toBe(before.onHand - 7 + 4);
  const { json: drafted } = await call("POST", `/v1/sales/${await create()}/allotments`, {
    body: { skuId: mug, quantity: 1 },
  });
  expect(drafted).toMatchObject({ code: "sale_not_running", facts: { state: "draft" } });
  const titles = [late.title, drafted.title].map((title) => title.split(":")[0]);
  expect(titles).toEqual(["The sale is ended", "The sale is a draft"]);
});
