/** Processor time that a program and its children have used, on Linux, which tells it in /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts in hundredths of a second on every architecture that this runs on. */
const ticksPerSecond = 100;

/** Seconds since the start of `pid`, those of its children included; undefined elsewhere. */
export function processorSeconds(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  let ticks = 0;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = statOf(entry);
    // From the state on: state, parent, ...; the 12th to 15th are own and waited-for times.
    if (fields === undefined) continue;
    const own = Number(fields[11]) + Number(fields[12]);
    if (Number(entry) === pid) ticks += own + Number(fields[13]) + Number(fields[14]);
    else if (Number(fields[1]) === pid) ticks += own;
  }
  return ticks / ticksPerSecond;
}

function statOf(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
