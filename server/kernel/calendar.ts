import { assert } from "./assert.ts";
import { memoize } from "./memoize.ts";
import { dayMs, hourMs } from "./time.ts";

/**
 * Business days: the local date of a zone, written "2025-11-21". Money is booked, limits are
 * counted and statements are cut by them, so a day has an exact first instant and an exact end. It
 * is not always 24 hours long: where clocks change it has 23 or 25.
 */
export type BusinessDay = `${number}-${number}-${number}`;

/** China has kept one time, without clock changes, since 1991. */
export const zoneDefault = "Asia/Shanghai";

/** The tz database has about 600 names; making a formatter costs 50 us, using it less than 1. */
const formatterOf = memoize(
  640,
  (zone: string) =>
    new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    }),
);

export function isZone(zone: string): boolean {
  // Intl also takes bare offsets such as "+08:00"; PostgreSQL reads those with the other sign.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    formatterOf(zone);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The local date of an instant. */
export function businessDayOf(epochMs: number, zone = zoneDefault): BusinessDay {
  return dayOfUtc(epochMs + offsetMs(epochMs, zone));
}

/** How long after local midnight by the wall clock: 09:30 is 34,200,000 whatever the clocks did. */
export function wallClockMs(epochMs: number, zone = zoneDefault): number {
  const local = epochMs + offsetMs(epochMs, zone);
  return local - Math.floor(local / dayMs) * dayMs;
}

/** The first instant of the day. */
export function startOfDay(day: BusinessDay, zone = zoneDefault): number {
  const midnightAsUtc = utcOfDay(day);
  const before = midnightAsUtc - offsetMs(midnightAsUtc - dayMs, zone);
  const after = midnightAsUtc - offsetMs(midnightAsUtc + dayMs, zone);
  if (before === after) return before;
  // Clocks change around this midnight, and some zones skip midnight itself. The first instant that
  // shows this date is found by halving; offsets stay within 14 hours of UTC.
  let earlier = midnightAsUtc - 15 * hourMs;
  let reached = midnightAsUtc + 15 * hourMs;
  while (reached - earlier > 1) {
    const middle = Math.floor((earlier + reached) / 2);
    if (businessDayOf(middle, zone) >= day) reached = middle;
    else earlier = middle;
  }
  return reached;
}

/** The first instant that is no longer of the day: compare with `<`, never with `<=`. */
export function endOfDay(day: BusinessDay, zone = zoneDefault): number {
  return startOfDay(addDays(day, 1), zone);
}

export function addDays(day: BusinessDay, days: number): BusinessDay {
  assert(Number.isSafeInteger(days), "days are whole");
  return dayOfUtc(utcOfDay(day) + days * dayMs);
}

/** How many days later `to` is than `from`; negative when it is earlier. */
export function daysBetween(from: BusinessDay, to: BusinessDay): number {
  return (utcOfDay(to) - utcOfDay(from)) / dayMs;
}

/** Text from outside -> a date that exists; undefined for February 30th and the like. */
export function parseDay(text: string): BusinessDay | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const utc = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  const day = dayOfUtc(utc);
  return day === text ? day : undefined;
}

/** "2025-11-21" -> "20251121", as channels and file names want it. */
export function compactDay(day: BusinessDay): string {
  return day.replaceAll("-", "");
}

function dayOfUtc(utcMs: number): BusinessDay {
  const text = new Date(utcMs).toISOString().slice(0, 10);
  assert(isDayText(text), "years have four digits");
  return text;
}

function isDayText(text: string): text is BusinessDay {
  return /^\d{4}-\d\d-\d\d$/.test(text);
}

function utcOfDay(day: BusinessDay): number {
  const utc = Date.parse(`${day}T00:00:00Z`);
  assert(!Number.isNaN(utc), "a business day is a date");
  return utc;
}

/** The last answer: whoever numbers orders asks for the same second thousands of times. */
let lastOffset = { zone: "", second: Number.NaN, offsetMs: 0 };

/** How far the zone's clocks are ahead of UTC at an instant. */
function offsetMs(epochMs: number, zone: string): number {
  const second = Math.floor(epochMs / 1000);
  if (lastOffset.second !== second || lastOffset.zone !== zone) {
    lastOffset = { zone, second, offsetMs: computeOffsetMs(epochMs, zone) };
  }
  return lastOffset.offsetMs;
}

function computeOffsetMs(epochMs: number, zone: string): number {
  const parts = formatterOf(zone).formatToParts(epochMs);
  const numbers = new Map(parts.map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => numbers.get(type) ?? 0;
  const local = Date.UTC(
    part("year"),
    part("month") - 1,
    part("day"),
    part("hour"),
    part("minute"),
    part("second"),
  );
  // The parts stop at seconds, so the instant is compared without its milliseconds.
  return local - Math.floor(epochMs / 1000) * 1000;
}
