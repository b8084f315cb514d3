import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { refusals } from "../refusals.ts";
import { createTestHttp } from "./testing/http.ts";

const question = "GET /v1/slow HTTP/1.1\r\nHost: x\r\n";
const upload = "POST /v1/taken HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n";

/** A connection on which one sends; the answers to questions come when the test opens the gate. */
async function start() {
  const gate = Promise.withResolvers<void>();
  const { http } = await createTestHttp({ refusals });
  onTestFinished(() => http.stop());
  let begun = 0;
  http.app.get("/v1/slow", { config: { public: true } }, async () => {
    begun += 1;
    const number = begun;
    await gate.promise;
    return { number };
  });
  http.app.post("/v1/taken", { config: { public: true, rawBody: true } }, () => ({}));
  let unreadable = 0;
  http.app.server.on("clientError", () => (unreadable += 1));
  const { port } = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  const socket = connect(Number(port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  const heard = text(socket);
  return {
    send: (sent: string) => void socket.write(sent),
    open: gate.resolve,
    unreadable: () => unreadable,
    /** The first line of each answer and what else matters, until the server has ended it. */
    answers: async () =>
      [...(await heard).matchAll(/HTTP\/1\.1 (\d+)|"number":(\d+)/g)].map(
        ([, status, number]) => status ?? `number ${number}`,
      ),
  };
}

test("what was asked before something unreadable is answered first", async () => {
  const { send, open, answers } = await start();
  send(`${question}\r\n${question}\r\nnonsense\r\n\r\n`);
  open();
  expect(await answers()).toEqual(["200", "number 1", "200", "number 2", "400"]);
});

test("more and more of it changes nothing", async () => {
  const { send, open, unreadable, answers } = await start();
  send(`${question}\r\nnonsense\r\n\r\n`);
  await expect.poll(unreadable).toBe(1);
  send("nonsense\r\n\r\n");
  await expect.poll(unreadable).toBe(2);
  open();
  expect(await answers()).toEqual(["200", "number 1", "400"]);
});

test("behind a last question nothing else is answered", async () => {
  const { send, open, answers } = await start();
  send(`${question}Connection: close\r\n\r\nnonsense\r\n\r\n`);
  open();
  expect(await answers()).toEqual(["200", "number 1"]);
});

test("a connection is let go, even when its caller does not close it", async () => {
  const { http } = await createTestHttp({ refusals });
  onTestFinished(() => http.stop());
  const { port } = new URL(await http.listen({ host: "127.0.0.1", port: 0 }));
  const accepted = once(http.app.server, "connection");
  const socket = connect({ host: "127.0.0.1", port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.resume().write("nonsense\r\n\r\n");
  const [theirs] = await accepted;
  await once(theirs, "close");
  expect(socket.readableEnded).toBe(true);
  expect(socket.writableEnded).toBe(false);
}, 5_000);

test("a body that becomes unreadable is not waited for", async () => {
  const { send, open, answers } = await start();
  send(`${question}\r\n${upload}\r\n2\r\n{}\r\nnonsense\r\n`);
  open();
  expect(await answers()).toEqual(["200", "number 1", "400"]);
});
