import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { refusals } from "../refusals.ts";
import type { App } from "./app.ts";
import type { Http, HttpSettings } from "./http.ts";
import { createTestHttp } from "./testing/http.ts";

let open: Http[] = [];
afterEach(async () => {
  await Promise.all(open.map((http) => http.stop()));
  open = [];
});

async function start(
  routes: (app: App) => void,
  options: { settings?: Partial<HttpSettings> } = {},
) {
  const { http } = await createTestHttp({ refusals, ...options });
  open.push(http);
  routes(http.app);
  return { http };
}

test("a stop answers what is under way and closes the rest", async () => {
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const { http } = await start((on) => {
    on.get("/slow", { config: { public: true } }, async () => {
      entered.resolve();
      await gate.promise;
      return { done: true };
    });
  });
  const address = await http.listen({ host: "127.0.0.1", port: 0 });
  const reply = fetch(`${address}/slow`);
  await entered.promise;
  const stopped = http.stop();
  gate.resolve();
  const answer = await reply;
  expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
  expect(await answer.json()).toEqual({ done: true });
  await stopped;
  await expect(fetch(`${address}/healthz`)).rejects.toThrow("fetch failed");
});

test("a stop answers what still comes on open connections, and closes each after that", async () => {
  const { http } = await start((on) => {
    on.get("/quick", { config: { public: true } }, () => ({ done: true }));
  });
  const address = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  const socket = connect({ host: address.hostname, port: Number(address.port) });
  let heard = "";
  socket.setEncoding("utf8").on("data", (text: string) => (heard += text));
  const ask = () => socket.write("GET /quick HTTP/1.1\r\nHost: tongbao\r\n\r\n");
  ask();
  await expect.poll(() => heard).toMatch(/200 OK[^]*connection: keep-alive[^]*"done":true/i);
  heard = "";

  const stopped = http.stop();
  ask();
  await once(socket, "close");
  expect(heard).toMatch(/200 OK[^]*connection: close[^]*"done":true/i);
  await stopped;
});

test("a stop does not wait for ever", async () => {
  const entered = Promise.withResolvers<void>();
  const { http } = await start(
    (on) => {
      on.get("/never", { config: { public: true } }, () => {
        entered.resolve();
        return new Promise(() => undefined);
      });
    },
    { settings: { stopSecondsMax: 0.05 } },
  );
  const address = await http.listen({ host: "127.0.0.1", port: 0 });
  const reply = fetch(`${address}/never`);
  reply.catch(() => undefined);
  await entered.promise;
  await http.stop();
  await expect(reply).rejects.toThrow("fetch failed");
});
