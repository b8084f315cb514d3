/**
 * Loaded before the server (`--import`), it lets chaos move this one process's clock, as a machine
 * does whose time is set. On SIGUSR2 it reads by how many milliseconds from
 * `<CHAOS_CLOCKS>/<process id>`, and writes `<process id>.<milliseconds>.done` beside it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shiftDate } from "../../server/testing/shift-date.ts";

const folder = process.env["CHAOS_CLOCKS"];
const isServer = process.argv[1]?.endsWith("server/main.ts") === true;

if (folder !== undefined && isServer) {
  let shiftMs = 0;
  shiftDate(() => shiftMs);

  process.on("SIGUSR2", () => {
    const path = join(folder, String(process.pid));
    shiftMs = Number(readFileSync(path, "utf8"));
    writeFileSync(`${path}.${shiftMs}.done`, "");
  });
}
