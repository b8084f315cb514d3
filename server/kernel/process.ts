import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * A process for as long as it lives. The id alone is not enough: the system gives it to another
 * process some day, and then a stale lock would look as if its holder still lived.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

/** Undefined when there is no such process, or only its zombie, which does nothing any more. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const startedAt = process.platform === "linux" ? linuxStart(pid) : psStart(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function ownIdentity(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, startedAt: "unknown" };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startedAt === identity.startedAt;
}

/** Sends a signal; false when the process is gone or is not ours. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Polls, for processes that are not our children and so do not report their end. */
export async function waitForExit(
  identity: ProcessIdentity,
  timeoutMs: number,
): Promise<"exited" | "timeout"> {
  const pollMs = 50;
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pollMs) {
    if (!isRunning(identity)) return "exited";
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return isRunning(identity) ? "timeout" : "exited";
}

/** The processes called `name` that work in `directory`, which must be a real path. */
export function processesWorkingIn(directory: string, name: string): ProcessIdentity[] {
  const pids =
    process.platform === "linux" ? linuxPids(directory, name) : lsofPids(directory, name);
  return pids.map(identityOf).filter((identity) => identity !== undefined);
}

/**
 * /proc/<pid>/stat is "pid (name) state ...", where the name may hold anything, parentheses too.
 * Counted from the state, the start in clock ticks since boot is the twentieth field.
 */
function linuxStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${bootId}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

function psStart(pid: number): string | undefined {
  const output = outputOf("ps", ["-o", "stat=,lstart=", "-p", String(pid)]).trim();
  const [state, ...start] = output.split(/\s+/);
  if (state === undefined || state === "" || state.startsWith("Z")) return undefined;
  return start.join(" ");
}

function linuxPids(directory: string, name: string): number[] {
  const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  return pids.map(Number).filter((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== name) return false;
      return readlinkSync(`/proc/${pid}/cwd`) === directory;
    } catch {
      // It has ended in the meantime, or it belongs to another user and is none of ours.
      return false;
    }
  });
}

/** lsof prints "p<pid>", "fcwd" and "n<path>", one a line, for each process. */
function lsofPids(directory: string, name: string): number[] {
  const pids: number[] = [];
  let pid = 0;
  for (const line of outputOf("lsof", ["-a", "-c", name, "-d", "cwd", "-Fpn"]).split("\n")) {
    if (line.startsWith("p")) pid = Number(line.slice(1));
    if (line === `n${directory}`) pids.push(pid);
  }
  return pids;
}

/** Both tools answer with a failing exit code when they find nothing. */
function outputOf(command: string, args: string[]): string {
  try {
    const env = { ...process.env, LC_ALL: "C" };
    return execFileSync(command, args, {
      encoding: "utf8",
      env,
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}
