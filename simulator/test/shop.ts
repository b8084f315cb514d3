import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a merchant's server saw of one notice, byte for byte. */
export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Shop {
  readonly noticeUrl: string;
  readonly received: readonly Received[];
  /** What it answers from now on. */
  answer(status: number, body: string): void;
  close(): Promise<void>;
}

/** A merchant that takes notices and keeps them. */
export async function openShop(): Promise<Shop> {
  const received: Received[] = [];
  let status = 200;
  let reply = "";
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const body = Buffer.concat(chunks).toString("utf8");
      received.push({ path: request.url ?? "", headers, body });
      const isRedirect = status >= 300 && status < 400;
      response.writeHead(status, isRedirect ? { Location: "/elsewhere" } : {}).end(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    noticeUrl: `http://127.0.0.1:${port}/notices`,
    received,
    answer(nextStatus, body) {
      status = nextStatus;
      reply = body;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
