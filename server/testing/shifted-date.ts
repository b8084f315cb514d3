/**
 * Loaded before a program (`node --import`): a machine whose clock is `SHIFT_MS` ahead, and
 * `SHIFT_LATER_MS` once it gets SIGUSR2.
 */
import { shiftDate } from "./shift-date.ts";

let shiftMs = Number(process.env["SHIFT_MS"]);
process.on("SIGUSR2", () => {
  shiftMs = Number(process.env["SHIFT_LATER_MS"]);
});
shiftDate(() => shiftMs);
