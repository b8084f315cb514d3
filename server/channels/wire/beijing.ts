import { hourMs } from "../../kernel/time.ts";

/**
 * Both channels speak Beijing time on the wire, whatever zone this process runs in. China has kept
 * UTC+8 without clock changes since 1991, so a fixed offset is exact.
 */
const offsetMs = 8 * hourMs;

/** 1700000000000 -> "2023-11-15 06:13:20"; milliseconds are cut off, so a deadline never grows. */
export function formatBeijing(epochMs: number): string {
  return new Date(epochMs + offsetMs).toISOString().slice(0, 19).replace("T", " ");
}

/** 1700000000000 -> "2023-11-15T06:13:20+08:00" */
export function formatBeijingInstant(epochMs: number): string {
  return `${formatBeijing(epochMs).replace(" ", "T")}+08:00`;
}

/** "2023-11-15 06:13:20", also with ".123" behind it -> epoch ms; undefined for anything else. */
export function parseBeijing(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d{1,3})?$/.exec(text);
  if (match === null) return undefined;
  const epochMs = Date.parse(`${match[1]}T${match[2]}+08:00`);
  // The way back refuses February 30th, which Date.parse would take for March 2nd.
  if (Number.isNaN(epochMs) || formatBeijing(epochMs) !== text.slice(0, 19)) return undefined;
  return epochMs;
}
