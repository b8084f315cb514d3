import { once } from "node:events";
import { createServer } from "node:net";
import { assert } from "../assert.ts";

/** For a server whose address others must know before it listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null, "a port was given");
  server.close();
  await once(server, "close");
  return address.port;
}
