import { writeSync } from "node:fs";
import type { Readable } from "node:stream";
import type { BoundedLog } from "../../server/kernel/bounded-log.ts";

/** A storm of warnings must not bury the terminal; all of them are in the log. */
const shownMax = 20;
const shownWindowMs = 60_000;
/** A line without an end is no line of ours: it is cut here rather than kept for ever. */
const lineMax = 64 * 1024;

/**
 * Writes what a child prints to its log, and shows a person the warnings, errors and whatever it
 * says on its standard error, which is meant for people.
 */
export function createChildLog(options: {
  readonly name: string;
  readonly log: BoundedLog;
  readonly say: (line: string) => void;
}) {
  const { name, log, say } = options;
  let shown = 0;
  let windowEndsAt = 0;

  function show(line: string): void {
    const now = performance.now();
    if (now > windowEndsAt) {
      windowEndsAt = now + shownWindowMs;
      shown = 0;
    }
    shown += 1;
    if (shown <= shownMax) say(`${name}: ${line}`);
    if (shown === shownMax + 1) say(`${name}: more warnings are in ${log.path}`);
  }

  return {
    follow(stdout: Readable, stderr: Readable): void {
      copyLines(stdout, log, (line) => {
        const warning = warningOf(line);
        if (warning !== undefined) show(warning);
      });
      copyLines(stderr, log, show);
    },
  };
}

function copyLines(stream: Readable, log: BoundedLog, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    appendTo(log, text);
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, lineMax);
    for (const line of lines) if (line.trim() !== "") take(line);
  });
}

function appendTo(log: BoundedLog, text: string): void {
  try {
    writeSync(log.fd, text);
  } catch {
    // The disk is full: the programs go on without their log, and so do we.
  }
}

/** A log line is a JSON object with `level` and `msg`. Undefined for what needs nobody's eyes. */
export function warningOf(line: string): string | undefined {
  // Nearly all lines end here, without being parsed.
  if (!/"level":"(warn|error|fatal)"/.test(line)) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null) return undefined;
    const { level, msg, error, err, ...facts } = entry as Record<string, unknown>;
    const parts = [msg, requestOf(facts), messageOf(error) ?? messageOf(err)];
    return `${String(level)}: ${parts.filter((part) => part !== undefined).join(": ")}`;
  } catch {
    return undefined;
  }
}

/** Of a line about a request that has ended: which route, and what became of it. */
function requestOf(facts: Readonly<Record<string, unknown>>): string | undefined {
  const { method, route, status, elapsedMs } = facts;
  if (typeof method !== "string" || typeof route !== "string") return undefined;
  return `${method} ${route} took ${String(elapsedMs)} ms, status ${String(status)}`;
}

function messageOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("message" in error)) return undefined;
  return String(error.message);
}
