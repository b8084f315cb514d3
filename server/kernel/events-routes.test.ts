import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { refusals } from "../refusals.ts";
import type { Tx } from "./database.ts";
import { createDatabase, statement } from "./database.ts";
import { eventsRoutes } from "./events-routes.ts";
import { createIds } from "./ids.ts";
import { createParkedEvents } from "./parked-events.ts";
import type { Subscription } from "./subscriptions.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { holdLock, rawConnection, untilBlocked } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { createTestHttp } from "./testing/http.ts";
import { createManualClock, formatInstant } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query(`create schema probe;
  create table probe.effects (tenant_id uuid, seq bigint);
  create table probe.gate (id integer);
  insert into probe.gate values (1)`);
const clock = createManualClock(Date.UTC(2026, 0, 31, 12));
const database = createDatabase({ url, clock });
const ids = createIds({ clock });

const insertEffects = statement(
  "probe.effects",
  "insert into probe.effects (tenant_id, seq) select $1, unnest($2::bigint[])",
);

/** Why the subscription cannot apply bad events; undefined once it is mended. */
let broken: ((tx: Tx) => void) | undefined;
const throwing = () => {
  throw new Error("no rate for XAF");
};
const probe: Subscription = {
  name: "probe.writing",
  types: ["good", "bad"],
  batchMax: 10,
  apply: async (tx, events) => {
    tx.write(insertEffects, [tx.tenantId, events.map(({ seq }) => seq)]);
    if (events.some(({ type }) => type === "bad")) broken?.(tx);
  },
};
const parked = createParkedEvents({ database, subscriptions: [probe] });
const { http } = await createTestHttp({ refusals, clock });
eventsRoutes(http.app, { database, parked, eventTypes: { order_placed: "It was placed." } });
await http.app.ready();
afterAll(async () => {
  await http.stop();
  await database.close();
  await raw.end();
});

let tenantId: string;
beforeEach(() => {
  tenantId = ids.next();
  broken = throwing;
});
afterEach(() =>
  raw.query("truncate kernel.events, kernel.event_heads, kernel.cursors, kernel.parked_events"),
);

function emit(...types: string[]): Promise<void> {
  return database.transaction(tenantId, async (tx) => {
    tx.emit(types.map((type, at) => ({ type, data: { at } })));
  });
}

/** Lets the subscription run until it has put so many events aside. */
async function park(count: number): Promise<void> {
  let seen = 0;
  const subscriptions = createSubscriptions({
    database,
    subscriptions: [probe],
    observe: {
      applied: () => undefined,
      failed: () => undefined,
      parked: () => void (seen += 1),
    },
    firstPauseMs: 1,
  });
  await expect.poll(() => seen, { timeout: 20_000 }).toBe(count);
  await subscriptions.stop();
}

async function call(
  method: "GET" | "POST",
  path: string,
  given: { body?: object; key?: string; tenant?: string; scopes?: string } = {},
) {
  const { body, key = ids.next(), tenant = tenantId, scopes = "system:read,system:write" } = given;
  const reply = await http.app.inject({
    method,
    url: path,
    headers: { authorization: `Bearer ${tenant}/ada/${scopes}`, "idempotency-key": key },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: reply.statusCode, text: reply.body, json: reply.json() };
}

const place = (seq: number) => `/v1/parked-events/probe.writing/${seq}`;
const drop = (seq: number, given: { key?: string; reason?: string } = {}) => {
  const { reason = "a test of ours", ...rest } = given;
  return call("POST", `${place(seq)}/drop`, { ...rest, body: { reason } });
};
const replay = (seq: number, key: string = ids.next()) =>
  call("POST", `${place(seq)}/replay`, { key });

async function effects(): Promise<number[]> {
  const { rows } = await raw.query<{ seq: number }>(
    "select seq::integer from probe.effects where tenant_id = $1 order by seq",
    [tenantId],
  );
  return rows.map(({ seq }) => seq);
}

test("the log is read page by page, and from where the reader had come [KRN-14]", async () => {
  await emit("good", "other", "good");
  const { json: first } = await call("GET", "/v1/events?limit=2");
  const at = formatInstant(clock.now());
  expect(first.items).toEqual([
    { seq: 1, at, type: "good", data: { at: 0 } },
    { seq: 2, at, type: "other", data: { at: 1 } },
  ]);
  const rest = await call("GET", `/v1/events?limit=2&cursor=${first.nextCursor}`);
  expect(rest.json).toEqual({ items: [{ seq: 3, at, type: "good", data: { at: 2 } }] });
  expect((await call("GET", "/v1/events?after=2")).json).toEqual(rest.json);
  expect((await call("GET", "/v1/events?after=3")).json).toEqual({ items: [] });
  expect((await call("GET", "/v1/events", { tenant: ids.next() })).json).toEqual({ items: [] });
});

test.each([
  ["a negative number", "/v1/events?after=-1", "after"],
  ["a number past every log", "/v1/events?after=9007199254740992", "after"],
  ["a cursor of another list", `/v1/events?cursor=${btoa('["x"]')}`, "cursor"],
  ["a cursor of a fraction", `/v1/events?cursor=${btoa("[1.5]")}`, "cursor"],
  ["a cursor of a number too large", `/v1/parked-events?cursor=${btoa('[1e300,"a"]')}`, "cursor"],
  ["a name that is none", "/v1/parked-events?subscription=A!", "subscription"],
])("refuses %s", async (_name, path, field) => {
  const { status, json } = await call("GET", path);
  expect({ status, field: json.errors?.[0]?.field }).toEqual({ status: 400, field });
});

test("parked events are listed with their error, the newest first, by subscription and state [KRN-10]", async () => {
  await emit("bad", "good", "bad", "bad");
  await park(3);
  expect(await effects()).toEqual([2]);
  const seqs = async (query = "") => {
    const { json } = await call("GET", `/v1/parked-events${query}`);
    return json.items.map(({ seq }: { seq: number }) => seq);
  };
  expect(await seqs()).toEqual([4, 3, 1]);
  expect(await seqs("?subscription=probe.writing")).toEqual([4, 3, 1]);
  expect(await seqs("?subscription=probe.other")).toEqual([]);
  await drop(3);
  expect(await seqs("?resolved=false")).toEqual([4, 1]);
  expect(await seqs("?resolved=true")).toEqual([3]);
  const { json: page } = await call("GET", "/v1/parked-events?limit=2");
  expect(await seqs(`?limit=2&cursor=${page.nextCursor}`)).toEqual([1]);

  const { json } = await call("GET", place(4));
  expect(json).toEqual({
    subscription: "probe.writing",
    seq: 4,
    type: "bad",
    at: formatInstant(clock.now()),
    parkedAt: formatInstant(clock.now()),
    attempts: 6,
    error: "no rate for XAF",
    data: { at: 3 },
  });
});

test("a replay that fails again says why and counts; mended, it applies the event once [KRN-10]", async () => {
  await emit("bad");
  await park(1);
  broken = () => {
    throw new Error("still no rate");
  };
  const failed = await replay(1);
  expect(failed).toMatchObject({
    status: 409,
    json: { code: "parked_event_failed_again", facts: { error: "still no rate" } },
  });
  expect((await call("GET", place(1))).json).toMatchObject({ attempts: 7, error: "still no rate" });
  broken = undefined;
  clock.advance(1_000);
  const key = ids.next();
  const done = await replay(1, key);
  const resolved = { how: "replayed", by: "ada", at: formatInstant(clock.now()) };
  expect(done).toMatchObject({ status: 200, json: { seq: 1, resolved } });
  expect(await replay(1, key)).toEqual(done);
  expect((await replay(1)).json).toMatchObject({ code: "parked_event_resolved", facts: resolved });
  expect(await effects()).toEqual([1]);
});

test("a write that fails at the end of a replay is told like any other failure", async () => {
  await emit("bad");
  await park(1);
  const broke = statement("probe.broke", "select 1 / $1::integer");
  broken = (tx) => tx.write(broke, [0]);
  expect((await replay(1)).json).toMatchObject({
    code: "parked_event_failed_again",
    facts: { error: "division by zero" },
  });
  expect(await effects()).toEqual([]);
});

test("a drop keeps who, when and why, and is final", async () => {
  await emit("bad");
  await park(1);
  clock.advance(1_000);
  const { status, json } = await drop(1, { reason: "sent twice by the till" });
  const at = formatInstant(clock.now());
  const resolved = { how: "dropped", by: "ada", at, reason: "sent twice by the till" };
  expect({ status, resolved: json.resolved }).toEqual({ status: 200, resolved });
  expect((await call("GET", place(1))).json).toMatchObject({ resolved });
  broken = undefined;
  expect((await replay(1)).json).toMatchObject({ code: "parked_event_resolved", facts: resolved });
  expect((await drop(1)).json.code).toBe("parked_event_resolved");
  expect(await effects()).toEqual([]);
});

test("of two people who decide at the same moment one is told of the other", async () => {
  await emit("bad");
  await park(1);
  broken = undefined;
  const lock = await holdLock(url, "select 1 from kernel.parked_events for update");
  const both = [replay(1), drop(1)];
  await untilBlocked(raw, 2);
  await lock.release();
  const replies = await Promise.all(both);
  expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 409]);
  const loser = replies.find(({ status }) => status === 409);
  expect(loser?.json).toMatchObject({ code: "parked_event_resolved", facts: { by: "ada" } });
});

test("an event of a subscription that is no more can be dropped and not replayed", async () => {
  await emit("bad");
  await raw.query(
    `insert into kernel.parked_events (tenant_id, subscription, seq, parked_at, error, attempts)
     values ($1, 'probe.former', 1, now(), 'gone', 6)`,
    [tenantId],
  );
  const former = "/v1/parked-events/probe.former/1";
  expect((await call("POST", `${former}/replay`)).json.code).toBe("subscription_gone");
  const reply = await call("POST", `${former}/drop`, { body: { reason: "no longer needed" } });
  expect(reply.status).toBe(200);
});

test("another tenant's parked events do not exist, and nobody decides without the scope [IAM-01]", async () => {
  await emit("bad");
  await park(1);
  const tenant = ids.next();
  for (const given of [
    { tenant, method: "GET", path: place(1) },
    { tenant, method: "POST", path: `${place(1)}/replay` },
    { tenant, method: "POST", path: `${place(1)}/drop`, body: { reason: "mine" } },
  ] as const) {
    const { method, path, ...rest } = given;
    expect(await call(method, path, rest)).toMatchObject({ status: 404 });
  }
  const scopes = "system:read";
  expect((await call("POST", `${place(1)}/replay`, { scopes })).status).toBe(403);
  const forbidden = await call("POST", `${place(1)}/drop`, { scopes, body: { reason: "mine" } });
  expect(forbidden.status).toBe(403);
  expect((await call("GET", "/v1/events", { scopes: "orders:read" })).status).toBe(403);
  expect((await call("GET", "/v1/parked-events", { scopes: "orders:read" })).status).toBe(403);
  expect((await call("GET", place(1))).json).not.toHaveProperty("resolved");
});
