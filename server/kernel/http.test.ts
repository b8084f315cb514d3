import { connect } from "node:net";
import { once } from "node:events";
import Type from "typebox";
import { afterEach, expect, test } from "vitest";
import { refusals, refuse } from "../refusals.ts";
import { principalOf } from "./access.ts";
import { required } from "./assert.ts";
import type { App } from "./app.ts";
import { FaultError } from "./database.ts";
import type { Http, HttpSettings } from "./http.ts";
import { currentLogContext, lineOf } from "./log.ts";
import { rawBodyOf, readIdempotencyKey } from "./request.ts";
import { createTestHttp } from "./testing/http.ts";
import { createManualClock } from "./time.ts";
import type { Clock } from "./time.ts";

let open: Http[] = [];
afterEach(async () => {
  await Promise.all(open.map((http) => http.stop()));
  open = [];
});

async function start(
  routes: (app: App) => void,
  options: { settings?: Partial<HttpSettings>; clock?: Clock } = {},
) {
  const { http, lines } = await createTestHttp({ refusals, ...options });
  open.push(http);
  routes(http.app);
  return { app: http.app, http, lines };
}

const authorization = "Bearer t1/till/things:write,things:read";
const write = { config: { scope: "things:write" } } as const;
const thing = Type.Object({ name: Type.String({ maxLength: 8 }), size: Type.Integer() });

function things(app: App): void {
  app.post("/v1/things", { ...write, schema: { body: thing } }, ({ body }) => ({
    name: body.name,
    size: body.size + 1,
  }));
}

function post(app: App, payload: unknown, headers: Record<string, string> = {}) {
  return app.inject({
    method: "POST",
    url: "/v1/things",
    headers: { authorization, "content-type": "application/json", ...headers },
    payload:
      typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  });
}

test("a request that fits is answered", async () => {
  const reply = await post((await start(things)).app, { name: "a", size: 1 });
  expect(reply.statusCode).toBe(200);
  expect(reply.json()).toEqual({ name: "a", size: 2 });
});

test("a wrong body is refused with every wrong field", async () => {
  const reply = await post(
    (await start(things)).app,
    { size: "1", sise: 1 },
    { "x-request-id": "r-1" },
  );
  expect(reply.statusCode).toBe(400);
  expect(reply.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  expect(reply.json()).toEqual({
    type: "/docs/refusals#invalid_request",
    title: expect.stringMatching(/^The request does not have the right form: name is missing/),
    status: 400,
    code: "invalid_request",
    instance: "/v1/things",
    requestId: "r-1",
    facts: { detail: expect.stringContaining("size is text (allowed: a whole number)") },
    errors: [
      { field: "name", problem: "is missing", allowed: "text of at most 8 characters" },
      { field: "size", problem: "is text", allowed: "a whole number" },
      { field: "sise", problem: "is not known here", allowed: "name, size" },
    ],
  });
});

test.each<[string, string | Buffer, Record<string, string>, number, string]>([
  ["what is not JSON", "{", {}, 400, "the body is not JSON"],
  ["a key of the prototype", '{"__proto__":{}}', {}, 400, "the body is not JSON"],
  ["what is not UTF-8", Buffer.from([0x22, 0xff, 0x22]), {}, 400, "the body is not UTF-8"],
  ["no body", "", {}, 400, "the body is missing"],
  ["too large a body", `"${"x".repeat(16_384)}"`, {}, 413, "16384 bytes"],
  ["another type", "a=1", { "content-type": "text/plain" }, 415, "application/json"],
])("refuses %s", async (_, payload, headers, status, title) => {
  const reply = await post((await start(things)).app, payload, headers);
  expect(reply.statusCode).toBe(status);
  expect(reply.json().title).toContain(title);
});

test("an unknown address is told as a problem, a broken one too", async () => {
  const { app } = await start(things);
  const missing = await app.inject({ method: "POST", url: "/v1/nothing?secret=1" });
  expect(missing.json()).toMatchObject({ code: "route_not_found", instance: "/v1/nothing" });
  const broken = await app.inject({ url: "/v1/%zz" });
  expect(broken.json()).toMatchObject({ status: 400, code: "invalid_request" });
});

test("queries are converted, and a wrong one is named", async () => {
  const query = Type.Object({ limit: Type.Optional(Type.Integer({ maximum: 9 })) });
  const { app } = await start((on) => {
    on.get(
      "/v1/things",
      { config: { public: true }, schema: { querystring: query } },
      (request) => ({
        limit: request.query.limit,
      }),
    );
  });
  expect((await app.inject({ url: "/v1/things?limit=7" })).json()).toEqual({ limit: 7 });
  expect((await app.inject({ url: "/v1/things?limit=10&x=1" })).json().errors).toMatchObject([
    { field: "limit" },
    { field: "x" },
  ]);
});

test("a refusal is sent with its status, its sentence and its facts", async () => {
  const { app } = await start((on) => {
    on.get("/v1/things/:id", { config: { public: true } }, (_request, reply) =>
      reply.refuse(refuse("not_found", { what: "thing", big: 5n, huge: 2n ** 60n })),
    );
  });
  const reply = await app.inject({ url: "/v1/things/1" });
  expect(reply.statusCode).toBe(404);
  expect(reply.json()).toMatchObject({
    title: "There is no thing with this id.",
    facts: { what: "thing", big: 5, huge: "1152921504606846976" },
  });
});

test("a kept answer is sent to the byte", async () => {
  const { app } = await start((on) => {
    on.get("/a", { config: { public: true } }, (_request, reply) =>
      reply.answer({ kind: "answered", status: 201, body: '{"b": 1,"a":2}' }),
    );
  });
  const reply = await app.inject({ url: "/a" });
  expect([reply.statusCode, reply.body]).toEqual([201, '{"b": 1,"a":2}']);
});

test("a fault is answered 503 and when to come back", async () => {
  const lost = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  const { app, lines } = await start((on) => {
    on.get("/full", { config: { public: true } }, () => {
      throw new FaultError("full", { retryAfterMs: 2_500 });
    });
    on.get("/gone", { config: { public: true } }, () => Promise.reject(lost));
  });
  const full = await app.inject({ url: "/full" });
  expect([full.statusCode, full.headers["retry-after"]]).toEqual([503, "3"]);
  const gone = await app.inject({ url: "/gone" });
  expect([gone.statusCode, gone.headers["retry-after"]]).toEqual([503, "1"]);
  expect(gone.json().code).toBe("unavailable");
  expect(lines.filter(({ level }) => level === "warn")).toHaveLength(2);
});

test("a bug is answered 500 with the request's id and nothing of its inside", async () => {
  const { app, lines } = await start((on) => {
    on.get("/bug", { config: { public: true } }, () => {
      throw new Error("secret detail");
    });
  });
  const reply = await app.inject({ url: "/bug", headers: { "x-request-id": "find-me" } });
  expect(reply.statusCode).toBe(500);
  expect(reply.json()).toMatchObject({ code: "internal_error", requestId: "find-me" });
  expect(reply.body).not.toContain("secret detail");
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: "error",
      requestId: "find-me",
      error: expect.objectContaining({ message: "secret detail" }),
    }),
  );
});

test("a route that says nothing about access is a mistake", async () => {
  const { app } = await start(() => undefined);
  expect(() => app.get("/v1/open", () => 1)).toThrow(/must have either a scope or public/);
  const both = { config: { scope: "a", public: true } } as const;
  expect(() => app.get("/v1/both", both, () => 1)).toThrow(/must have either a scope or public/);
  const hidden = { config: { scope: "a" }, schema: { hide: true } } as const;
  expect(() => app.get("/v1/hidden", hidden, () => 1)).toThrow(/is not documented/);
});

test("a token is asked for before the body is read, and its scope is checked", async () => {
  const { app } = await start(things);
  const nobody = await app.inject({ method: "POST", url: "/v1/things", payload: "not json" });
  expect(nobody.json().code).toBe("unsupported_media_type");
  const unsigned = await post(app, "{", { authorization: "" });
  expect([unsigned.statusCode, unsigned.json().code]).toEqual([401, "not_signed_in"]);
  const other = await post(app, "{", { authorization: "Bearer t1/till/things:read" });
  expect([other.statusCode, other.json().title]).toEqual([
    403,
    "The token lacks the scope things:write.",
  ]);
});

test("handlers know who asks", async () => {
  const { app } = await start((on) => {
    on.get("/me", { config: { scope: "things:read" } }, (request) => {
      const { tenantId, subject } = principalOf(request);
      return { tenantId, subject };
    });
  });
  const reply = await app.inject({ url: "/me", headers: { authorization } });
  expect(reply.json()).toEqual({ tenantId: "t1", subject: "till" });
});

test("notices are handed over as the bytes that came, whatever their type", async () => {
  const { app } = await start((on) => {
    on.post("/notices", { config: { public: true, rawBody: true } }, (request) => ({
      hex: rawBodyOf(request).toString("hex"),
    }));
  });
  const bytes = Buffer.from('{ "a":1,\n"b":"\xff"}', "latin1");
  for (const type of ["application/json", "text/xml", "application/x-www-form-urlencoded"]) {
    const headers = { "content-type": type };
    const reply = await app.inject({ method: "POST", url: "/notices", headers, payload: bytes });
    expect(reply.json().hex).toBe(bytes.toString("hex"));
  }
  const empty = await app.inject({ method: "POST", url: "/notices" });
  expect(empty.json().hex).toBe("");
});

test("a key is bound to the caller and to the meaning of the body [ORD-04]", async () => {
  const { app } = await start((on) => {
    on.post("/v1/things", write, (request) => {
      const { key, bodyHash } = readIdempotencyKey(request);
      return { key, hash: bodyHash.toString("hex") };
    });
  });
  const send = async (payload: string, key = "k1") =>
    (await post(app, payload, { "idempotency-key": key })).json();
  const first = await send('{"a":1,"b":{"c":[1,2],"d":null}}');
  expect(first.key).toBe("till k1");
  expect(await send('{ "b": {"d":null, "c":[1,2]}, "a": 1 }')).toEqual(first);
  expect((await send('{"a":1,"b":{"c":[2,1],"d":null}}')).hash).not.toBe(first.hash);
  expect((await send('{"a":"1","b":{"c":[1,2],"d":null}}')).hash).not.toBe(first.hash);
  for (const key of ["", "a b", "é", "x".repeat(65)])
    expect((await send("{}", key)).code).toBe("idempotency_key_missing");
  expect((await send("[".repeat(100) + "]".repeat(100))).code).toBe("invalid_request");
});

test("the request's id and trace are taken over when they are well formed", async () => {
  const { app } = await start((on) => {
    on.get("/context", { config: { public: true } }, async () => {
      await Promise.resolve();
      return lineOf(required(currentLogContext(), "a context"));
    });
  });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const headers = { "x-request-id": "r.1_a-B", traceparent };
  const reply = await app.inject({ url: "/context", headers });
  expect(reply.headers["x-request-id"]).toBe("r.1_a-B");
  expect(reply.json()).toMatchObject({
    requestId: "r.1_a-B",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  });
  const other = await app.inject({ url: "/context", headers: { "x-request-id": "a\tb" } });
  expect(other.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("the context survives the reading of a body", async () => {
  const { app } = await start((on) => {
    on.post("/v1/things", write, () => ({ requestId: currentLogContext()?.requestId }));
  });
  const reply = await post(app, { a: 1 }, { "x-request-id": "r-2" });
  expect(reply.json()).toMatchObject({ requestId: "r-2" });
});

test("over the bound of requests under way the rest is sent off, health is not", async () => {
  const gate = Promise.withResolvers<void>();
  const routes = (on: App) =>
    on.get("/slow", { config: { public: true } }, async () => {
      await gate.promise;
      return {};
    });
  const { app } = await start(routes, { settings: { inFlightMax: 2 } });
  const slow = [app.inject({ url: "/slow" }), app.inject({ url: "/slow" })];
  await Promise.all([
    app.ready(),
    ...slow.map((reply) => Promise.race([reply, Promise.resolve()])),
  ]);
  const shed = await app.inject({ url: "/slow" });
  expect([shed.statusCode, shed.headers["retry-after"]]).toEqual([503, "1"]);
  expect(shed.json().code).toBe("overloaded");
  expect((await app.inject({ url: "/healthz" })).statusCode).toBe(200);
  expect((await app.inject({ url: "/metrics" })).body).toContain(
    'tongbao_http_shed_total{reason="overloaded"} 1',
  );
  gate.resolve();
  expect((await Promise.all(slow)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
  expect((await app.inject({ url: "/slow" })).statusCode).toBe(200);
});

test("slow bodies do not take the place of requests under way", async () => {
  const gate = Promise.withResolvers<void>();
  const routes = (on: App) => {
    on.post("/notices", { config: { public: true, rawBody: true } }, () => ({}));
    on.get("/slow", { config: { public: true } }, async () => {
      await gate.promise;
      return {};
    });
  };
  const { http, app } = await start(routes, { settings: { inFlightMax: 2 } });
  const port = Number(new URL(await http.listen({ host: "127.0.0.1", port: 0 })).port);
  const head = "POST /notices HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n";
  const senders = Array.from({ length: 3 }, () => connect(port, "127.0.0.1"));
  for (const sender of senders) {
    // The answer to this header says that the request was let in and its body is awaited.
    sender.write(`${head}Expect: 100-continue\r\n\r\n`);
    await once(sender, "data");
  }
  const quick = [app.inject({ url: "/slow" }), app.inject({ url: "/slow" })];
  await Promise.all(quick.map((reply) => Promise.race([reply, Promise.resolve()])));
  const [late, ...others] = senders;
  const answer = once(required(late, "a sender"), "data");
  late?.write("{}");
  expect(String(await answer)).toContain("503 Service Unavailable");
  gate.resolve();
  expect((await Promise.all(quick)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
  for (const sender of others) {
    sender.write("{}");
    expect(String((await once(sender, "data"))[0])).toContain("200 OK");
  }
  for (const sender of senders) sender.destroy();
});

test("a caller over its rate is told when to come back, others are not held up", async () => {
  const clock = createManualClock(Date.now());
  const settings = { callerPerSecondMax: 1 };
  const { app } = await start((on) => void on.get("/me", { config: { scope: "a" } }, () => ({})), {
    settings,
    clock,
  });
  const ask = (token: string) =>
    app.inject({ url: "/me", headers: { authorization: `Bearer ${token}/a` } });
  const codes = [];
  for (let round = 0; round < 3; round += 1) codes.push((await ask("t1/x")).statusCode);
  expect(codes).toEqual([200, 200, 429]);
  expect((await ask("t1/x")).headers["retry-after"]).toBe("1");
  expect((await ask("t1/y")).statusCode).toBe(200);
  expect((await ask("t2/x")).statusCode).toBe(200);
  clock.advance(1_000);
  expect((await ask("t1/x")).statusCode).toBe(200);
});

test("guessing from one address is slowed down", async () => {
  const clock = createManualClock(Date.now());
  const config = { public: true, addressPerSecondMax: 1 } as const;
  const { app } = await start((on) => void on.get("/sign-in", { config }, () => ({})), { clock });
  const ask = (remoteAddress: string) => app.inject({ url: "/sign-in", remoteAddress });
  expect((await ask("192.0.2.1")).statusCode).toBe(200);
  expect((await ask("192.0.2.1")).statusCode).toBe(429);
  expect((await ask("192.0.2.2")).statusCode).toBe(200);
});

test("ready while every part is, and not one moment longer", async () => {
  const clock = createManualClock(Date.now());
  const { app, http } = await start(() => undefined, { clock });
  let isUp = true;
  http.registerReadiness("database", () => isUp);
  http.registerReadiness("queue", () => Promise.resolve(true));
  expect((await app.inject({ url: "/readyz" })).json().status).toBe("ready");
  isUp = false;
  clock.advance(500);
  const reply = await app.inject({ url: "/readyz" });
  expect([reply.statusCode, reply.json().parts]).toEqual([
    503,
    { database: "not ready", queue: "ready" },
  ]);
});

test("figures are shown by route, and only to who has the token when there is one", async () => {
  const { app } = await start(things, { settings: { metricsToken: "a-token-of-16-chars" } });
  await post(app, { name: "a", size: 1 });
  expect((await app.inject({ url: "/metrics" })).statusCode).toBe(401);
  const headers = { authorization: "Bearer a-token-of-16-chars" };
  expect((await app.inject({ url: "/metrics", headers })).body).toContain(
    'tongbao_http_request_seconds_count{method="POST",route="/v1/things",status="200"} 1',
  );
});

test("a caller who hangs up gives his place back", async () => {
  const entered = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const { http, app } = await start((on) => {
    on.get("/never", { config: { public: true } }, (request) => {
      request.raw.socket.once("close", () => left.resolve());
      entered.resolve();
      return new Promise(() => undefined);
    });
  });
  const address = await http.listen({ host: "127.0.0.1", port: 0 });
  const giveUp = new AbortController();
  const reply = fetch(`${address}/never`, { signal: giveUp.signal });
  reply.catch(() => undefined);
  await entered.promise;
  giveUp.abort();
  await left.promise;
  const { body } = await app.inject({ url: "/metrics" });
  expect(body).toContain("tongbao_http_in_flight 1");
  expect(body).toContain('route="/never",status="499"} 1');
});

test("a caller who hangs up within a body is no fault of ours", async () => {
  const answered = Promise.withResolvers<number>();
  const { http, lines } = await start((on) => {
    things(on);
    on.addHook("onSend", (_request, { statusCode }, _payload, done) => {
      answered.resolve(statusCode);
      done();
    });
  });
  const address = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  const socket = connect(Number(address.port), address.hostname);
  const head = `POST /v1/things HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n`;
  const body =
    "Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n{";
  socket.write(head + body);
  await once(socket, "data");
  socket.destroy();
  expect(await answered.promise).toBe(400);
  expect(lines.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
});

test("what is not HTTP gets a plain no", async () => {
  const { http } = await start(() => undefined);
  const address = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  const socket = connect(Number(address.port), address.hostname);
  socket.end("nonsense\r\n\r\n");
  const [bytes] = await once(socket, "data");
  expect(String(bytes)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close/);
});

test("where it listens is left to the program to tell", async () => {
  const { http, lines } = await start(() => undefined);
  expect(await http.listen({ host: "127.0.0.1", port: 0 })).toMatch(/^http:\/\/127/);
  expect(lines).toEqual([]);
});

test("every reply carries the headers that keep browsers safe", async () => {
  const { app } = await start(things);
  for (const url of ["/healthz", "/nothing"]) {
    const { headers } = await app.inject({ url });
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cache-control": "no-store",
    });
  }
});
