import { afterAll, beforeEach, expect, expectTypeOf, test } from "vitest";
import { testDatabase } from "../server/kernel/testing/database.ts";
import { startTestPlatform } from "../server/testing/platform.ts";
import type { operations, paths } from "./generated/openapi.ts";
import type { Schema, TongbaoOptions } from "./index.ts";
import { createTongbao, TongbaoProblem, TongbaoUnreachable } from "./index.ts";
import { sleep } from "./retries.ts";
import { startFront } from "./testing/front.ts";

const { url } = await testDatabase();
const platform = await startTestPlatform({ url });
const front = await startFront(platform.baseUrl);
const mall = await platform.createTenant("Harbour Mall");
afterAll(async () => {
  await front.stop();
  await platform.stop();
});
beforeEach(() => front.forget());

/** Pauses are not waited for but written down. */
const pauses: number[] = [];
beforeEach(() => void pauses.splice(0));
function client(change: Partial<TongbaoOptions> = {}) {
  const pause = async (ms: number) => void pauses.push(ms);
  return createTongbao({
    baseUrl: front.url,
    token: mall.tokens.admin,
    ...change,
    retries: { pause, ...change.retries },
  });
}

const tongbao = client();

async function createProduct(title = "Mug") {
  const price = { amount: 1_999, currency: "CNY" } as const;
  const { data } = await tongbao.POST("/v1/products", {
    body: { title, skus: [{ title: "blue", price }] },
  });
  return data;
}

async function refusalOf(work: Promise<unknown>): Promise<TongbaoProblem> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TongbaoProblem)) throw new Error("no problem came", { cause: error });
  return error;
}

test("gives answers with their types, and the reply they came in", async () => {
  const product = await createProduct();
  const { data, response } = await tongbao.GET("/v1/products/{productId}", {
    params: { path: { productId: product.id } },
  });
  expect(data).toEqual(product);
  expect(response.status).toBe(200);
  expectTypeOf(data).toEqualTypeOf<Schema<"Product">>();
});

test("asks for what a path needs, in types", async () => {
  expectTypeOf(tongbao.GET<"/v1/tenant">).toBeCallableWith("/v1/tenant");
  expectTypeOf(tongbao.GET<"/v1/products/{productId}">)
    .parameter(1)
    .toExtend<{ params: { path: { productId: string } } }>();
  expectTypeOf<"/v1/tenant">().not.toExtend<Parameters<typeof tongbao.list>[0]>();
  expectTypeOf<"/v1/orders">().toExtend<Parameters<typeof tongbao.list>[0]>();
});

test("throws a refusal with its code and facts", async () => {
  const [sku] = (await createProduct()).skus;
  const { code, status, facts, requestId, message, problem } = await refusalOf(
    tongbao.POST("/v1/skus/{skuId}/stock/movements", {
      params: { path: { skuId: sku?.id ?? "" } },
      body: { kind: "written_off", quantity: 3, reason: "broken" },
    }),
  );
  expect({ code, status, facts }).toEqual({
    code: "stock_too_low",
    status: 409,
    facts: { wanted: 3, available: 0, held: 0 },
  });
  expect(requestId).not.toBe("");
  expect(message).toBe(`stock_too_low: ${problem.title}`);
});

test("names the wrong fields of a request", async () => {
  const { code, problem } = await refusalOf(
    tongbao.POST("/v1/products", { body: { title: "", skus: [] } }),
  );
  expect(code).toBe("invalid_request");
  expect(problem.errors).toMatchObject([{ field: "title" }]);
});

test("a refusal is not tried again", async () => {
  await refusalOf(tongbao.GET("/v1/skus/{skuId}", { params: { path: { skuId: unknownId() } } }));
  expect(front.seen).toHaveLength(1);
});

test.each(["cut_after", "cut_before", "cut_within"] as const)(
  "a write is done once although its answer was lost: %s [ORD-04]",
  async (kind) => {
    front.deal({ kind }, { kind });
    const title = `Cup ${kind}`;
    const made = await createProduct(title);
    const keys = front.seen.map(({ key }) => key);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    const all = await allProducts();
    expect(all.filter((product) => product.title === title)).toEqual([made]);
  },
);

test("writes have a key each, unless the caller has one", async () => {
  await createProduct();
  await createProduct();
  await tongbao.POST("/v1/products", {
    params: { header: { "Idempotency-Key": "mine" } },
    body: { title: "Mug", skus: [] },
  });
  await tongbao.GET("/v1/tenant");
  const [first, second, mine, read] = front.seen.map(({ key }) => key);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(second).not.toBe(first);
  expect(mine).toBe("mine");
  expect(read).toBeUndefined();
});

test("a page's token is its key; a pass goes with it [ORD-02]", async () => {
  const { data: product } = await tongbao.POST("/v1/products", {
    body: {
      title: "Rare mug",
      skus: [{ title: "blue", price: { amount: 1_999, currency: "CNY" } }],
    },
  });
  const skuId = product.skus[0]?.id ?? "";
  await tongbao.POST("/v1/skus/{skuId}/stock/movements", {
    params: { path: { skuId } },
    body: { kind: "put_in", quantity: 5, reason: "delivery" },
  });
  const { data: page } = await tongbao.POST("/v1/submit-tokens", { body: { memberId: "ann" } });
  const header = { "Submit-Token": page.token, "Sale-Pass": "of no sale" };
  const body = { memberId: "ann", lines: [{ skuId, quantity: 1 }] };
  front.forget();
  front.deal({ kind: "cut_before" });
  const { data: order } = await tongbao.POST("/v1/orders", { params: { header }, body });
  const sent = { key: undefined, pass: "of no sale", submitToken: page.token };
  expect(front.seen).toMatchObject([sent, sent]);
  const { code, facts } = await refusalOf(tongbao.POST("/v1/orders", { params: { header }, body }));
  expect({ code, orderId: facts["orderId"] }).toEqual({
    code: "submit_token_used",
    orderId: order.id,
  });
});

test("knows the headers of a path, in types", () => {
  type HeaderOf<Name extends keyof operations> = operations[Name]["parameters"]["header"];
  expectTypeOf<"Submit-Token">().toExtend<keyof NonNullable<HeaderOf<"placeOrder">>>();
  expectTypeOf<"Sale-Device">().toExtend<keyof NonNullable<HeaderOf<"askChallenge">>>();
  expectTypeOf<HeaderOf<"takeTicket">>().toEqualTypeOf<undefined>();
  expectTypeOf<{ "Last-Event-ID"?: string }>().toEqualTypeOf<
    NonNullable<HeaderOf<"followTicket">>
  >();
});

test("waits as long as it is told", async () => {
  front.deal(
    { kind: "answered", status: 503, retryAfter: "2" },
    { kind: "answered", status: 429, retryAfter: "1" },
  );
  const { response } = await tongbao.GET("/v1/tenant");
  expect(response.status).toBe(200);
  expect(pauses).toEqual([2_000, 1_000]);
});

test("waits longer from try to try when nobody says how long", async () => {
  front.deal({ kind: "cut_before" }, { kind: "answered", status: 502 }, { kind: "cut_before" });
  await tongbao.GET("/v1/tenant");
  expect(pauses).toHaveLength(3);
  for (const [at, ms] of pauses.entries()) {
    expect(ms).toBeGreaterThanOrEqual(100 * 2 ** at);
    expect(ms).toBeLessThanOrEqual(200 * 2 ** at);
  }
});

test("tries as often as it may, however long its own pauses grow", async () => {
  const cut = { kind: "cut_before" } as const;
  front.deal(...Array.from({ length: 99 }, () => cut));
  const retries = { triesMax: 100, pauseMaxMs: 1_000 };
  const { data } = await client({ retries }).GET("/v1/tenant");
  expect(data.id).toBe(mall.tenantId);
  expect(pauses).toHaveLength(99);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000);
  expect(Math.min(...pauses.slice(3))).toBeGreaterThanOrEqual(500);
});

test("no bound on pauses ends the tries", async () => {
  const cut = { kind: "cut_before" } as const;
  front.deal(...Array.from({ length: 60 }, () => cut));
  const retries = { triesMax: 61, pauseMaxMs: Number.MAX_SAFE_INTEGER };
  const { data } = await client({ retries }).GET("/v1/tenant");
  expect(data.id).toBe(mall.tenantId);
});

test("gives up after the last try, with what was answered", async () => {
  const busy = { kind: "answered", status: 503, retryAfter: "1" } as const;
  front.deal(busy, busy, busy, busy);
  const { code, status } = await refusalOf(tongbao.GET("/v1/tenant"));
  expect({ code, status }).toEqual({ code: "no_problem", status: 503 });
  expect(front.seen).toHaveLength(4);
});

test.each(["21", "3600", "10000000", "9999999999"])(
  "does not wait for %s seconds",
  async (retryAfter) => {
    front.deal({ kind: "answered", status: 429, retryAfter });
    expect((await refusalOf(tongbao.GET("/v1/tenant"))).status).toBe(429);
    expect(pauses).toEqual([]);
    expect(front.seen).toHaveLength(1);
  },
);

test("leaves repeating to who does it himself", async () => {
  front.deal({ kind: "answered", status: 503, retryAfter: "1" });
  const own = createTongbao({ baseUrl: front.url, token: mall.tokens.admin, retries: false });
  expect((await refusalOf(own.GET("/v1/tenant"))).status).toBe(503);
  expect(front.seen).toHaveLength(1);
});

test("says that no answer came, and under which key to ask again", async () => {
  const cut = { kind: "cut_after" } as const;
  front.deal(cut, cut);
  const hasty = client({ retries: { triesMax: 2 } });
  const body = { title: "Last cup", skus: [] };
  const error: unknown = await hasty.POST("/v1/products", { body }).catch((reason) => reason);
  if (!(error instanceof TongbaoUnreachable)) throw new Error("it must be unreachable");
  expect(error.tries).toBe(2);
  expect(error.message).toBe("no answer to POST /v1/products, tries: 2");
  const header = { "Idempotency-Key": error.idempotencyKey ?? "" };
  const { data } = await tongbao.POST("/v1/products", { params: { header }, body });
  const all = await allProducts();
  expect(all.filter(({ title }) => title === "Last cup")).toEqual([data]);
});

test("a try that gets no answer ends by itself", async () => {
  front.deal({ kind: "silent" });
  const { data } = await client({ retries: { timeoutMs: 300 } }).GET("/v1/tenant");
  expect(data.id).toBe(mall.tenantId);
  expect(front.seen).toHaveLength(2);
});

test("a request that its caller gives up is not tried again", async () => {
  front.deal({ kind: "silent" });
  const caller = new AbortController();
  const asked = tongbao.GET("/v1/tenant", { signal: caller.signal });
  await expect.poll(() => front.seen.length).toBe(1);
  caller.abort(new Error("the page was left"));
  await expect(asked).rejects.toThrow("the page was left");
  expect(pauses).toEqual([]);
});

test("a caller who gives up ends a pause too", async () => {
  const caller = new AbortController();
  const pause = sleep(60_000, caller.signal);
  caller.abort(new Error("the page was left"));
  await expect(pause).rejects.toThrow("the page was left");
  await expect(sleep(60_000, caller.signal)).rejects.toThrow("the page was left");
}, 5_000);

test("reads a list to its end, page by page", async () => {
  const shop = await platform.createTenant("Long shop");
  const own = client({ token: shop.tokens.admin });
  for (let at = 0; at < 5; at += 1) {
    await own.POST("/v1/products", { body: { title: `Mug ${at}`, skus: [] } });
  }
  front.seen.splice(0);
  const titles: string[] = [];
  for await (const product of own.list("/v1/products", { params: { query: { limit: 2 } } })) {
    expectTypeOf(product).toEqualTypeOf<Schema<"Product">>();
    titles.push(product.title);
  }
  expect(titles).toEqual(["Mug 4", "Mug 3", "Mug 2", "Mug 1", "Mug 0"]);
  expect(front.seen).toHaveLength(3);
});

test("reads no page that nobody wants", async () => {
  for await (const product of tongbao.list("/v1/products", { params: { query: { limit: 1 } } })) {
    expect(product.title).not.toBe("");
    break;
  }
  expect(front.seen).toHaveLength(1);
});

test("asks for the token before every request", async () => {
  const tokens = [mall.tokens.admin, mall.tokens.member];
  const own = client({ token: () => tokens.shift() ?? "" });
  await own.GET("/v1/products");
  await own.GET("/v1/products");
  expect((await refusalOf(own.GET("/v1/products"))).code).toBe("not_signed_in");
  expect(front.seen.map(({ token }) => token)).toEqual([
    `Bearer ${mall.tokens.admin}`,
    `Bearer ${mall.tokens.member}`,
    "Bearer",
  ]);
});

/** Of a sale that opens in an hour, so that its ticket waits until the sale is ended. */
async function takeTicket() {
  const skuId = (await createProduct()).skus[0]?.id ?? "";
  await tongbao.POST("/v1/skus/{skuId}/stock/movements", {
    params: { path: { skuId } },
    body: { kind: "put_in", quantity: 5, reason: "delivery" },
  });
  const opens = Date.now() + 3_600_000;
  const { data: sale } = await tongbao.POST("/v1/sales", {
    body: {
      title: "Anniversary sale",
      opensAt: new Date(opens).toISOString(),
      closesAt: new Date(opens + 3_600_000).toISOString(),
      waitingRoom: true,
      items: [{ skuId, price: { amount: 999, currency: "CNY" }, allotment: 5 }],
    },
  });
  const path = { saleId: sale.id };
  await tongbao.POST("/v1/sales/{saleId}/schedule", { params: { path } });
  const member = client({ token: mall.tokens.member, retries: { timeoutMs: 20_000 } });
  const { data: ticket } = await member.POST("/v1/sales/{saleId}/tickets", {
    params: { path },
    body: {},
  });
  front.forget();
  return {
    member,
    path: { saleId: sale.id, ticketId: ticket.id },
    endSale: () => tongbao.POST("/v1/sales/{saleId}/end", { params: { path } }),
  };
}

/** What the platform names, and up to a half more: those who lost one process come back in turn. */
const isNamedPause = (ms: number) => ms >= 2_000 && ms < 3_000;
const eventsPath = "/v1/sales/{saleId}/tickets/{ticketId}/events";

test("follows a stream over a lost connection, to its end", async () => {
  const { member, path, endSale } = await takeTicket();
  front.deal({ kind: "cut_within" });
  const told: { state: string; id: string }[] = [];
  for await (const { id, event, data } of member.follow(eventsPath, { params: { path } })) {
    expectTypeOf(data).toEqualTypeOf<Schema<"Ticket">>();
    expect(event).toBe("ticket");
    told.push({ state: data.state, id });
    if (told.length > 1) continue;
    await endSale();
    front.deal({ kind: "cut_before" });
  }
  expect(told.map(({ state }) => state)).toEqual(["waiting", "over"]);
  const [waiting, over] = told.map(({ id }) => id);
  const heard = front.seen.filter(({ url }) => url.endsWith("/events"));
  // Cut within, cut before, to the last event, and told to stay away.
  expect(heard.map(({ lastEventId }) => lastEventId)).toEqual([undefined, waiting, waiting, over]);
  expect(pauses.filter(isNamedPause)).toHaveLength(2);
  expect(pauses).toHaveLength(3);
});

test("a stream ends when its reader has had enough", async () => {
  const { member, path } = await takeTicket();
  for await (const { data } of member.follow(eventsPath, { params: { path } })) {
    expect(data.state).toBe("waiting");
    break;
  }
  const caller = new AbortController();
  const events = member.follow(eventsPath, { params: { path }, signal: caller.signal });
  expect((await events.next()).value).toMatchObject({ data: { state: "waiting" } });
  const next = events.next();
  caller.abort(new Error("the page was left"));
  await expect(next).rejects.toThrow("the page was left");
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(pauses).toEqual([]);
});

test("a stream without a sign of life is opened again", async () => {
  const { path } = await takeTicket();
  const hasty = client({ token: mall.tokens.member, retries: { timeoutMs: 700 } });
  const caller = new AbortController();
  const events = hasty.follow(eventsPath, { params: { path }, signal: caller.signal });
  expect((await events.next()).value).toMatchObject({ event: "ticket" });
  const next = events.next();
  await expect.poll(() => pauses.length, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(pauses[0]).toSatisfy(isNamedPause);
  caller.abort(new Error("the page was left"));
  await expect(next).rejects.toThrow("the page was left");
});

test("an answer that is no stream is a fault, not a silence", async () => {
  const { member, path } = await takeTicket();
  front.deal({ kind: "answered", status: 200 });
  const events = member.follow(eventsPath, { params: { path } });
  await expect(events.next()).rejects.toThrow("did not answer with an event stream");
  expect(pauses).toEqual([]);
});

test("a stream that is refused says why", async () => {
  const { member, path } = await takeTicket();
  const events = member.follow(eventsPath, {
    params: { path: { ...path, ticketId: unknownId() } },
  });
  expect((await refusalOf(events.next())).code).toBe("not_found");
});

test("knows of every stream, in types", () => {
  type Streamed = {
    [Path in keyof paths]: paths[Path] extends {
      get: { responses: { 200: { content: { "text/event-stream": string } } } };
    }
      ? Path
      : never;
  }[keyof paths];
  expectTypeOf<Streamed>().toEqualTypeOf<Parameters<typeof tongbao.follow>[0]>();
});

async function allProducts(): Promise<Schema<"Product">[]> {
  const all: Schema<"Product">[] = [];
  for await (const product of tongbao.list("/v1/products")) all.push(product);
  return all;
}

/** Of the right form, and nobody's. */
function unknownId(): string {
  return platform.ids.next();
}
