import { once } from "node:events";
import { connect } from "node:net";
import Type from "typebox";
import { afterEach, expect, test } from "vitest";
import { refusals } from "../refusals.ts";
import { principalOf } from "./access.ts";
import type { Http } from "./http.ts";
import type { Sight } from "./sse.ts";
import { createStreams } from "./sse.ts";
import type { EventReader } from "./testing/events.ts";
import { openEvents } from "./testing/events.ts";
import { createTestHttp } from "./testing/http.ts";
import { createManualClock } from "./time.ts";

let open: Http[] = [];
let readers: EventReader[] = [];
afterEach(async () => {
  for (const reader of readers) reader.close();
  await Promise.all(open.map((http) => http.stop()));
  open = [];
  readers = [];
});

const authorization = "Bearer t1/till/things:read";
const startMs = Date.parse("2026-11-21T10:00:00.000Z");

/** One thing that everybody looks at; the test changes it. */
async function start(options: { streamsMax?: number; inFlightMax?: number } = {}) {
  const manual = createManualClock(startMs);
  let readings = 0;
  let awaited = { readings: Number.POSITIVE_INFINITY, reached: () => undefined as void };
  const clock = {
    ...manual,
    now() {
      readings += 1;
      if (readings >= awaited.readings) awaited.reached();
      return manual.now();
    },
  };
  const { inFlightMax = 64, streamsMax = 8 } = options;
  const { http } = await createTestHttp({ refusals, clock, settings: { inFlightMax } });
  open.push(http);
  const { app } = http;
  let changed: ((count: number) => void)[] = [];
  const observe = (count: number) => changed.forEach((tell) => tell(count));
  // Each of the twenty turns comes every millisecond.
  const streams = createStreams(app, { streamsMax, clock, everyMs: 20, observe });
  const thing: { sight: Sight } = {
    sight: { id: "1", event: "thing", data: { size: 1 }, last: false },
  };
  const config = { scope: "things:read", stream: true } as const;
  const querystring = Type.Object({
    lifeMs: Type.Optional(Type.Integer()),
    kind: Type.Optional(Type.Enum(["member", "service"])),
  });
  app.get("/v1/things/events", { config, schema: { querystring } }, (request, reply) => {
    const { lifeMs = 3_600_000, kind = "member" } = request.query;
    const expiresAt = clock.now() + lifeMs;
    request.principal = { ...principalOf(request), kind, expiresAt };
    streams.open(request, reply, () => thing.sight);
  });
  app.get("/v1/things", { config: { scope: "things:read" } }, () => ({ answered: true }));
  const url = await http.listen({ host: "127.0.0.1", port: 0 });
  return {
    http,
    clock,
    thing,
    url,
    streams,
    async read(path = "/v1/things/events", headers: Record<string, string> = {}) {
      const reader = await openEvents(`${url}${path}`, { authorization, ...headers });
      readers.push(reader);
      return reader;
    },
    /** Until the clock was read so often: each stream reads it when its turn comes. */
    clockRead: (count: number) =>
      new Promise<void>((reached) => (awaited = { readings: readings + count, reached })),

    /** Until so many streams are open. */
    opened: (count: number) =>
      new Promise<void>((resolve) => {
        const tell = (now: number) => {
          if (now !== count) return;
          changed = changed.filter((each) => each !== tell);
          resolve();
        };
        changed.push(tell);
        tell(streams.size());
      }),
  };
}

test("a stream shows a thing as it is, and again when it has changed", async () => {
  const { thing, read } = await start();
  const reader = await read();
  expect(reader.status).toBe(200);
  expect(reader.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(reader.headers.get("cache-control")).toBe("no-store");
  expect(await reader.next()).toEqual({ id: "1", event: "thing", data: { size: 1 } });
  thing.sight = { ...thing.sight, id: "2", data: { size: 2 } };
  expect(await reader.next()).toEqual({ id: "2", event: "thing", data: { size: 2 } });
});

test("a stream ends with what is the last, and who comes back to it is told to stay away", async () => {
  const { thing, read } = await start();
  const reader = await read();
  await reader.next();
  thing.sight = { id: "9", event: "thing", data: { size: 9 }, last: true };
  expect(await reader.next()).toMatchObject({ id: "9" });
  expect(await reader.next()).toBeUndefined();
  const again = await read(undefined, { "last-event-id": "9" });
  expect(again.status).toBe(204);
});

test("a reader that comes back hears of changes only", async () => {
  const { thing, read } = await start();
  const reader = await read(undefined, { "last-event-id": "1" });
  expect(await reader.nextBlock()).toBe("retry: 2000");
  thing.sight = { ...thing.sight, id: "2", data: { size: 2 } };
  expect(await reader.next()).toMatchObject({ id: "2" });
});

test("a silent stream is kept open by comments", async () => {
  const { clock, read } = await start();
  const reader = await read();
  await reader.next();
  clock.advance(15_000);
  expect(await reader.nextBlock()).toBe(":");
  clock.advance(15_000);
  expect(await reader.nextBlock()).toBe(":");
});

test("a stream ends when the token of its reader does", async () => {
  const { clock, read } = await start();
  const reader = await read("/v1/things/events?lifeMs=60000");
  await reader.next();
  clock.advance(60_000);
  expect(await reader.next()).toBeUndefined();
});

test("a stream ends after five minutes, for its reader to prove itself anew", async () => {
  const { clock, read } = await start();
  const reader = await read();
  await reader.next();
  clock.advance(300_000);
  expect(await reader.next()).toBeUndefined();
});

test("more streams than there may be are refused, and one that ends gives its place", async () => {
  const { read, streams, opened } = await start({ streamsMax: 2 });
  const first = await read();
  await read();
  const third = await read();
  expect(third.status).toBe(503);
  expect(third.headers.get("retry-after")).toBe("5");
  first.close();
  await opened(1);
  expect((await read()).status).toBe(200);
  expect(streams.size()).toBe(2);
});

test("one caller has so many streams, and one that ends gives its place", async () => {
  const { http, thing, read, streams } = await start({ streamsMax: 20 });
  const own = [];
  for (let count = 0; count < 8; count += 1) own.push(await read());
  expect(own.map(({ status }) => status)).toEqual(Array(8).fill(200));
  const ninth = await read();
  expect([ninth.status, ninth.headers.get("retry-after")]).toEqual([429, "5"]);
  expect(await ninth.json()).toMatchObject({
    code: "too_many_streams",
    title: "This caller has 8 event streams open, as many as one may: close one, or poll.",
    facts: { streamsMax: 8, retryAfterSeconds: 5 },
  });
  expect((await http.app.inject({ url: "/metrics" })).body).toContain(
    'tongbao_http_shed_total{reason="too_many_streams"} 1',
  );
  const others = ["t1/other", "t2/till"].map((who) => `Bearer ${who}/things:read`);
  for (const other of others) own.push(await read(undefined, { authorization: other }));
  expect(own.slice(8).map(({ status }) => status)).toEqual([200, 200]);
  thing.sight = { id: "9", event: "thing", data: {}, last: true };
  for (const reader of own) while ((await reader.next()) !== undefined);
  expect(streams.size()).toBe(0);
  thing.sight = { ...thing.sight, last: false };
  expect((await read()).status).toBe(200);
});

test("the programs of a tenant leave half of the places to others", async () => {
  const { read } = await start({ streamsMax: 20 });
  const open = (who: string) =>
    read("/v1/things/events?kind=service", { authorization: `Bearer ${who}/things:read` });
  for (let count = 0; count < 5; count += 1)
    for (const who of ["t1/till", "t1/shop"]) expect((await open(who)).status).toBe(200);
  const next = await open("t1/third");
  expect([next.status, await next.json()]).toMatchObject([429, { facts: { streamsMax: 10 } }]);
  expect((await open("t2/till")).status).toBe(200);
  // A person whose name is that of a program.
  expect((await read()).status).toBe(200);
});

test("open streams are none of the requests that may be in flight", async () => {
  const { read, url } = await start({ inFlightMax: 1 });
  await (await read()).next();
  await (await read()).next();
  const reply = await fetch(`${url}/v1/things`, { headers: { authorization } });
  expect(reply.status).toBe(200);
});

test("a stop of the server ends the streams at once", async () => {
  const { http, read } = await start();
  const reader = await read();
  await reader.next();
  await http.stop();
  expect(await reader.next()).toBeUndefined();
});

test("a reader that takes nothing gets the newest only, and is cut off in the end", async () => {
  const { clock, thing, url, opened, clockRead } = await start();
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.pause();
  let looks = 0;
  // More in one look than the buffers of both sides hold.
  const size = "x".repeat(8_000_000);
  Object.defineProperty(thing, "sight", {
    get: () => ({ id: String((looks += 1)), event: "thing", data: size, last: false }),
  });
  socket.write(
    `GET /v1/things/events HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`,
  );
  await opened(1);
  const looked = looks;
  clock.advance(29_999);
  await clockRead(3);
  expect(looks).toBe(looked);
  clock.advance(1);
  await opened(0);
  expect(looks).toBe(looked);
  socket.destroy();
});
