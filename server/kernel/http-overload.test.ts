import { once } from "node:events";
import { connect } from "node:net";
import type { Server, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { refusals } from "../refusals.ts";
import { FaultError, OverloadFault } from "./database.ts";
import { createTestHttp } from "./testing/http.ts";

const authorization = "Bearer t1/till/things:write";
const write = { config: { scope: "things:write" } } as const;

test("while the queue is full, commands are sent off at the door and reading goes on", async () => {
  let isFull = true;
  let entered = 0;
  const { http } = await createTestHttp({ refusals });
  onTestFinished(() => http.stop());
  const { app } = http;
  app.post("/v1/things", write, () => ({ entered: (entered += 1) }));
  app.post("/v1/notices/:channel", { config: { public: true, rawBody: true } }, () => ({
    taken: true,
  }));
  app.get("/v1/things", write, () => ({ read: true }));
  const address = await http.listen({ host: "127.0.0.1", port: 0 });
  const post = (path: string, body: string, given: Record<string, string>) =>
    fetch(`${address}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...given },
      body,
    });
  http.registerBrake(() => isFull);
  // Neither body nor token is looked at.
  const headers = { authorization: "nobody's", "x-request-id": "r-1" };
  const replies = [];
  for (let count = 0; count < 6; count += 1)
    replies.push(await post("/v1/things?a=1", "{", headers));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([503]));
  // A crowd does not come back as one.
  const seconds = replies.map(({ headers: sent }) => Number(sent.get("retry-after")));
  expect(seconds.toSorted()).toEqual([1, 1, 2, 2, 3, 3]);
  const [first] = replies;
  expect(Object.fromEntries(first?.headers ?? [])).toMatchObject({
    "content-type": "application/problem+json; charset=utf-8",
    "x-request-id": "r-1",
    "cache-control": "no-store",
  });
  expect(await first?.json()).toMatchObject({
    code: "overloaded",
    instance: "/v1/things",
    requestId: "r-1",
    facts: { retryAfterSeconds: seconds[0] },
  });
  const read = await fetch(`${address}/v1/things`, { headers: { authorization } });
  expect(await read.json()).toEqual({ read: true });
  expect(await (await post("/v1/notices/bank", "{}", {})).json()).toEqual({ taken: true });
  expect((await app.inject({ url: "/metrics" })).body).toContain(
    'tongbao_http_shed_total{reason="overloaded"} 6',
  );
  expect(entered).toBe(0);
  isFull = false;
  expect(await (await post("/v1/things", "{}", { authorization })).json()).toEqual({ entered: 1 });
});

test("who passes the door and finds the queue full is told the same, and counted", async () => {
  const { http } = await createTestHttp({ refusals });
  onTestFinished(() => http.stop());
  const { app } = http;
  app.post("/v1/things", write, () => {
    throw new OverloadFault("too many commands are waiting", { retryAfterMs: 2_000 });
  });
  app.post("/v1/lost", write, () => {
    throw new FaultError("the database does not answer");
  });
  const headers = { authorization };
  const late = await app.inject({ method: "POST", url: "/v1/things", headers });
  expect(late.statusCode).toBe(503);
  expect(late.headers["retry-after"]).toBe("2");
  expect(late.json()).toMatchObject({ code: "overloaded", facts: { retryAfterSeconds: 2 } });
  const lost = await app.inject({ method: "POST", url: "/v1/lost", headers });
  expect(lost.json()).toMatchObject({ code: "unavailable" });
  expect((await app.inject({ url: "/metrics" })).body).toContain(
    'tongbao_http_shed_total{reason="overloaded"} 1',
  );
});

test("a request that comes late on a new connection is answered, and no 408", async () => {
  const { http } = await createTestHttp({ refusals });
  onTestFinished(() => http.stop());
  const { server } = http.app;
  http.app.get("/v1/things", { config: { public: true } }, () => ({}));
  Object.assign(server, { headersTimeout: 1, connectionsCheckingInterval: 1 });
  const { port } = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  const open = () => {
    const socket = connect(Number(port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  const late = open();
  await once(server, "clientError");
  late.write("GET /v1/things HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(String((await once(late, "data"))[0])).toMatch(/^HTTP\/1\.1 200 OK/);
  // Who has begun must come to the end.
  const slow = open();
  slow.write("GET /v1/things HTTP/1.1\r\n");
  expect(String((await once(slow, "data"))[0])).toMatch(/^HTTP\/1\.1 408 Request Timeout/);
});

test("a crowd that connects at once finds room before it is accepted", async () => {
  const crowd = 700;
  const { http } = await createTestHttp({ refusals, settings: { connectionsMax: crowd } });
  onTestFinished(() => http.stop());
  const { server } = http.app;
  const { port } = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  let accepted = 0;
  server.on("connection", () => (accepted += 1));
  const sockets = Array.from({ length: crowd }, () => connect(Number(port), "127.0.0.1"));
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  // Without room some would have had to try again, a second after most have been accepted.
  expect(accepted).toBeLessThan(crowd / 2);
});

/** So many open connections, each of which sends commands when told to. */
async function gather(address: string, crowd: number) {
  const { hostname, port } = new URL(address);
  const sockets = Array.from({ length: crowd }, () => connect(Number(port), hostname));
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const command = `POST /v1/things HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`;
  const ask = async (socket: Socket) => {
    const answered = once(socket, "data");
    socket.write(command);
    return String((await answered)[0]);
  };
  return {
    once: () => Promise.all(sockets.map(ask)),
    /** Each sends the next when it has its answer; gives how often each status came. */
    async onAndOn(until: number): Promise<Map<string, number>> {
      const statuses = new Map<string, number>();
      const goOn = async (socket: Socket) => {
        while (performance.now() < until) {
          const status = (await ask(socket)).slice(9, 12);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      };
      await Promise.all(sockets.map(goOn));
      return statuses;
    },
  };
}

test("while a crowd is worked on, others come in", async () => {
  const [crowd, newcomers] = [600, 20];
  const settings = { connectionsMax: 1_000, inFlightMax: crowd };
  const { http } = await createTestHttp({ refusals, settings });
  onTestFinished(() => http.stop());
  const { app } = http;
  let worked = 0;
  app.post("/v1/things", write, () => ({}));
  // By the handler or, on a slow machine, by the door.
  app.server.on("request", (_request, reply) => reply.once("finish", () => (worked += 1)));
  const address = await http.listen({ host: "127.0.0.1", port: 0 });
  const { hostname, port } = new URL(address);
  const crowded = await gather(address, crowd);
  const workedAtAccept: number[] = [];
  app.server.on("connection", () => workedAtAccept.push(worked));
  // An idle look at the sockets takes one connection: the crowd itself has been let in before.
  while ((await connectionsOf(app.server)) < crowd) await once(app.server, "connection");
  workedAtAccept.length = 0;
  const answers = crowded.once();
  const late = Array.from({ length: newcomers }, () => connect(Number(port), hostname));
  onTestFinished(() => late.forEach((socket) => void socket.destroy()));
  await answers;
  expect(worked).toBe(crowd);
  expect(workedAtAccept).toHaveLength(newcomers);
  expect(workedAtAccept.at(-1)).toBeLessThan(crowd / 2);
});

function connectionsOf(server: Server): Promise<number> {
  return new Promise((done, fail) =>
    server.getConnections((error, count) => (error === null ? done(count) : fail(error))),
  );
}

test("who has waited too long for the thread is sent off at the door", async () => {
  const crowd = 100;
  const { http } = await createTestHttp({ refusals, settings: { inFlightMax: crowd } });
  onTestFinished(() => http.stop());
  let begun = 0;
  http.app.post("/v1/things", write, () => {
    begun += 1;
    const busyUntil = performance.now() + 600;
    while (begun === 1 && performance.now() < busyUntil);
    return {};
  });
  const crowded = await gather(await http.listen({ host: "127.0.0.1", port: 0 }), crowd);
  const answers = await crowded.once();
  const sentOff = answers.filter((answer) => answer.startsWith("HTTP/1.1 503 "));
  expect(sentOff.length).toBeGreaterThan(0);
  expect(sentOff.every((answer) => /^retry-after: [123]\r$/im.test(answer))).toBe(true);
  expect(answers.filter((answer) => answer.startsWith("HTTP/1.1 200 "))).toHaveLength(begun);
  expect(begun + sentOff.length).toBe(crowd);
  // That was then.
  expect((await crowded.once())[0]).toMatch(/^HTTP\/1\.1 200 OK/);
});

test("in a crowd that stands, waits are shorter than after a moment's standstill", async () => {
  // Everybody waits for some 200 ms: no standstill that is taken for one.
  const [crowd, workMs, lastingMs] = [200, 1, 1_500];
  const { http } = await createTestHttp({
    refusals,
    settings: { connectionsMax: crowd, inFlightMax: crowd },
  });
  onTestFinished(() => http.stop());
  http.app.post("/v1/things", write, () => {
    const busyUntil = performance.now() + workMs;
    while (performance.now() < busyUntil);
    return {};
  });
  const crowded = await gather(await http.listen({ host: "127.0.0.1", port: 0 }), crowd);
  const until = performance.now() + lastingMs;
  const statuses = await crowded.onAndOn(until);
  expect(statuses.get("503")).toBeGreaterThan(0);
  expect(statuses.get("200")).toBeGreaterThan(crowd);
  expect(statuses.size).toBe(2);
});

test("who sends far ahead on one connection is cut off, and fills no memory", async () => {
  const aheadMax = 16;
  const { http } = await createTestHttp({ refusals });
  onTestFinished(() => http.stop());
  let begun = 0;
  const { promise: answered, resolve: answer } = Promise.withResolvers<object>();
  http.app.get("/v1/things", { config: { public: true } }, () => {
    begun += 1;
    return answered;
  });
  const { port } = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  const question = "GET /v1/things HTTP/1.1\r\nHost: x\r\n\r\n";
  const send = (count: number) => {
    const socket = connect(Number(port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write(question.repeat(count));
    return socket;
  };
  const ahead = send(aheadMax + 1);
  ahead.on("error", () => undefined).resume();
  await once(ahead, "close");
  expect(begun).toBe(0);
  const socket = send(aheadMax);
  answer({});
  let text = "";
  for await (const data of socket) {
    text += String(data);
    if (text.split("HTTP/1.1 200 OK").length > aheadMax) break;
  }
  expect(begun).toBe(aheadMax);
});
