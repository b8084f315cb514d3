import { memoize } from "./memoize.ts";

/** Times are epoch milliseconds inside and RFC 3339 text outside. A clock is always an argument. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that stands still until it is moved; for tests and replays. */
export interface ManualClock extends Clock {
  set(epochMs: number): void;
  advance(byMs: number): void;
}

export function createManualClock(startMs: number): ManualClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    set: (epochMs) => void (nowMs = epochMs),
    advance: (byMs) => void (nowMs += byMs),
  };
}

export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** A batch says the same few moments hundreds of times, and looking one up takes a twentieth. */
const writtenMax = 256;

/** 1763696520123 -> "2025-11-21T03:42:00.123Z" */
export const formatInstant: (epochMs: number) => string = memoize(writtenMax, (epochMs) =>
  new Date(epochMs).toISOString(),
);

/** The last moment with a year of four digits, which is all that RFC 3339 can write. */
const instantMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const instantPattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * RFC 3339 with a full offset -> epoch milliseconds, finer digits cut off; undefined for anything
 * else. Date.parse alone is too kind: it takes February 30th and texts without an offset.
 */
export function parseInstant(text: string): number | undefined {
  const match = instantPattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  // A leap second (:60) is not accepted: no clock that talks to us shows one.
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const fractionMs = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  const local = Date.UTC(year, month - 1, day, hour, minute, second, fractionMs);
  const date = new Date(local);
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1) return undefined;
  if (date.getUTCDate() !== day) return undefined;
  const sign = match[8] === "-" ? -1 : 1;
  const instant = local - sign * (offsetHours * hourMs + offsetMinutes * minuteMs);
  return instant <= instantMax ? instant : undefined;
}
