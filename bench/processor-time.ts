/** What programs use of the machine, on Linux, which tells it in /proc; undefined elsewhere. */
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts in hundredths of a second on every architecture that this runs on. */
const ticksPerSecond = 100;

/** Processor seconds since the start of `pid`, those of its children included. */
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

/** Processor seconds of this program's children that have ended. */
export function endedChildrenSeconds(): number | undefined {
  const fields = process.platform === "linux" ? statOf("self") : undefined;
  return fields && (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** Memory that the program holds now (resident set). */
export function residentMegabytes(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return line === undefined ? undefined : Number(line) / 1024;
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
