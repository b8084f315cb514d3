/**
 * Loaded before the server (`--import`), it lets chaos move this one process's clock, as a machine
 * does whose time is set: `Date` jumps, while timers and the monotonic clock go on as they were.
 * On SIGUSR2 it reads by how many milliseconds from `<CHAOS_CLOCKS>/<process id>`, and writes
 * `<process id>.<milliseconds>.done` beside it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env["CHAOS_CLOCKS"];
const isServer = process.argv[1]?.endsWith("server/main.ts") === true;

if (folder !== undefined && isServer) {
  const RealDate = Date;
  let shiftMs = 0;

  class ShiftedDate extends RealDate {
    constructor(...given: unknown[]) {
      // The many ways to make a date from given values are the real one's; only "now" is moved.
      if (given.length === 0) super(RealDate.now() + shiftMs);
      else super(...(given as [number]));
    }

    static override now(): number {
      return RealDate.now() + shiftMs;
    }
  }
  globalThis.Date = ShiftedDate as DateConstructor;

  process.on("SIGUSR2", () => {
    const path = join(folder, String(process.pid));
    shiftMs = Number(readFileSync(path, "utf8"));
    writeFileSync(`${path}.${shiftMs}.done`, "");
  });
}
