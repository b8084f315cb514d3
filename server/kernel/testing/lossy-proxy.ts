import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/**
 * Stands between the program and PostgreSQL and cuts a connection at its COMMIT: `before` it
 * arrives, or `after` it was done and before the program hears of it. Nobody on the program's side
 * can tell the two apart, and that is the point.
 */
export interface LossyProxy {
  readonly url: string;
  /** From now on nothing passes on the connections that are open; nobody is told. */
  freeze(): void;
  /** The next COMMIT of any connection is the one. */
  cutNextCommit(when: "before" | "after"): void;
  readonly cuts: () => number;
  close(): Promise<void>;
}

/** A simple query "commit", and PostgreSQL's answer to one that it has done, as they travel. */
const commitSent = Buffer.from("commit\0");
const commitDone = Buffer.from("COMMIT\0");

export async function startLossyProxy(databaseUrl: string): Promise<LossyProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let armed: "before" | "after" | undefined;
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let deaf = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    const cut = () => {
      cuts += 1;
      end();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", end).on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", (bytes) => {
      if (armed !== undefined && bytes.includes(commitSent)) {
        const when = armed;
        armed = undefined;
        if (when === "before") return cut();
        deaf = true;
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (!deaf) client.write(bytes);
      else if (bytes.includes(commitDone)) cut();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(databaseUrl);
  // The proxy stands on TCP, also before a database that has a socket.
  url.searchParams.delete("host");
  // `address` is text for sockets in the file system only.
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    freeze: () => void sockets.forEach((socket) => socket.pause()),
    cutNextCommit: (when) => void (armed = when),
    cuts: () => cuts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
