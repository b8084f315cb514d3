/**
 * Stands in for the server and the simulator in the supervisor's tests: it listens where it is
 * told to, answers with its process id, and ends when asked to or when its parent is gone.
 */
import { createServer } from "node:http";
import { exitWithParent } from "../../../server/kernel/parent.ts";

const { PORT, SIMULATOR_PORT, REFUSE_TO_START, IGNORE_SIGTERM } = process.env;
if (REFUSE_TO_START === "yes" && PORT !== undefined) {
  process.stderr.write("REFUSE_TO_START is yes\n");
  process.exit(78);
}
const server = createServer((request, response) => {
  if (request.url === "/database") response.end(process.env["DATABASE_URL"]);
  else if (request.url === "/role") response.end(process.env["TONGBAO_ROLE"]);
  else if (request.url === "/public-url") response.end(process.env["TONGBAO_PUBLIC_URL"]);
  else if (request.url === "/channel-hosts") response.end(process.env["CHANNEL_HOSTS"]);
  else response.end(String(process.pid));
});
server.listen(Number(PORT ?? SIMULATOR_PORT), "127.0.0.1");
const stop = () => {
  server.close();
  server.closeAllConnections();
};
process.once("SIGTERM", IGNORE_SIGTERM === "yes" ? () => undefined : stop);
exitWithParent(stop);
