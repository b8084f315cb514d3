import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What may happen to a request on its way: nothing, or one of the ways of the network. */
export type Fate =
  | { readonly kind: "passed" }
  /** The connection breaks before the API hears of it. */
  | { readonly kind: "cut_before" }
  /** The API does it, and its answer is lost. */
  | { readonly kind: "cut_after" }
  /** The answer breaks off in its middle; a stream, behind its first event. */
  | { readonly kind: "cut_within" }
  /** Nothing comes any more. */
  | { readonly kind: "silent" }
  /** Something before the API answers. */
  | { readonly kind: "answered"; readonly status: number; readonly retryAfter?: string };

/** Stands between a client and the API, and deals out fates in order; then everything passes. */
export async function startFront(apiUrl: string) {
  const fates: Fate[] = [];
  const seen: {
    method: string;
    url: string;
    key: string | undefined;
    token: string;
    pass: string | undefined;
    submitToken: string | undefined;
    lastEventId: string | undefined;
  }[] = [];
  // Who hangs up before the platform has answered breaks off its answer.
  const server = createServer(
    (request, reply) => void serve(request, reply).catch(() => reply.destroy()),
  );

  async function serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = request;
    const key = one(headers["idempotency-key"]);
    const pass = one(headers["sale-pass"]);
    const submitToken = one(headers["submit-token"]);
    const lastEventId = one(headers["last-event-id"]);
    const token = headers.authorization ?? "";
    seen.push({ method, url, key, token, pass, submitToken, lastEventId });
    const fate = fates.shift() ?? { kind: "passed" };
    if (fate.kind === "silent") return;
    if (fate.kind === "cut_before") return void request.socket.destroy();
    if (fate.kind === "answered") {
      if (fate.retryAfter !== undefined) reply.setHeader("retry-after", fate.retryAfter);
      return void reply.writeHead(fate.status).end("<h1>Sorry</h1>");
    }
    const body = await text(request);
    const left = new AbortController();
    reply.once("close", () => left.abort());
    const answer = await fetch(apiUrl + url, {
      method,
      signal: left.signal,
      headers: {
        authorization: token,
        ...(key === undefined ? {} : { "idempotency-key": key }),
        ...(pass === undefined ? {} : { "sale-pass": pass }),
        ...(submitToken === undefined ? {} : { "submit-token": submitToken }),
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
        ...(body === "" ? {} : { "content-type": "application/json" }),
      },
      ...(body === "" ? {} : { body }),
    });
    if (answer.headers.get("content-type")?.startsWith("text/event-stream") === true)
      return passStream(answer, { reply, fate });
    const answered = await answer.text();
    if (fate.kind === "cut_after") return void request.socket.destroy();
    reply.writeHead(answer.status, {
      "content-type": answer.headers.get("content-type") ?? "",
      "content-length": Buffer.byteLength(answered),
    });
    if (fate.kind === "passed") return void reply.end(answered);
    reply.write(answered.slice(0, 10), () => request.socket.destroy());
  }

  async function passStream(
    answer: Response,
    { reply, fate }: { reply: ServerResponse; fate: Fate },
  ): Promise<void> {
    reply.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    try {
      for await (const chunk of answer.body ?? []) {
        reply.write(chunk);
        if (fate.kind === "cut_within" && String(Buffer.from(chunk)).includes("data:"))
          return void setImmediate(() => reply.destroy());
      }
      reply.end();
    } catch {
      // One of both sides has hung up.
      reply.destroy();
    }
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // `address` is text for sockets in the file system only.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Requests that came, those that were cut too. */
    seen,
    deal: (...dealt: Fate[]) => void fates.push(...dealt),
    /** What was seen, and what was dealt and did not happen. */
    forget(): void {
      fates.splice(0);
      seen.splice(0);
    },
    async stop(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function one(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : undefined;
}
