import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { NoticeReply, RawNotice } from "../../../../modules/payments/plug.ts";

/** A merchant's address for notices: keeps what comes, byte for byte, and answers as told. */
export interface Inbox {
  urlFor(attemptNumber: string): string;
  /** The notices of one attempt in the order in which they came. */
  of(attemptNumber: string): readonly RawNotice[];
  answer(reply: NoticeReply): void;
  close(): Promise<void>;
}

export async function openInbox(firstReply: NoticeReply): Promise<Inbox> {
  const received = new Map<string, RawNotice[]>();
  let reply = firstReply;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const notice = { headers, body: Buffer.concat(chunks), receivedAt: Date.now() };
      received.set(path, [...(received.get(path) ?? []), notice]);
      response.writeHead(reply.status, { "content-type": reply.contentType }).end(reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    urlFor: (attemptNumber) => `http://127.0.0.1:${port}/${attemptNumber}`,
    of: (attemptNumber) => received.get(`/${attemptNumber}`) ?? [],
    answer: (next) => void (reply = next),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
