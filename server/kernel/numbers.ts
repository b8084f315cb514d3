import { assert } from "./assert.ts";
import { businessDayOf, compactDay, wallClockMs, zoneDefault } from "./calendar.ts";
import type { RandomFill } from "./ids.ts";
import { cryptoFill } from "./ids.ts";
import { minuteMs } from "./time.ts";
import type { Clock } from "./time.ts";

/**
 * Numbers that people read out and type: prefix, day, then sixteen digits, like a bank card's.
 *
 *     R 20251121 42120123 8301942 6
 *     |    |        |        |    check digit
 *     |    |        |        counts from a random start
 *     |    |        millisecond of the day
 *     |    business day
 *     what it is the number of
 *
 * They fit what payment channels take as a merchant's number (WeChat Pay: 6 to 32 of [0-9A-Z]).
 */
export interface Numbers {
  /** `prefix`: one or two capitals that say what the number is of. */
  next(prefix: string): string;
}

/**
 * Within a process no number repeats: the tail counts while the millisecond lasts. Two processes
 * that both make up to ten in a millisecond have starts in one minute of a million with which they
 * can meet at all; the unique index on the number is the judge, and a repeated command draws a new
 * one. With a start for each millisecond two processes met in minutes of an overload.
 */
const tailsPerMs = 10_000_000;
const startLastsMs = minuteMs;
/**
 * From one millisecond to the next the tail moves on by so much, in all processes alike: people
 * tell numbers apart by their last digits. It has no factor in common with `tailsPerMs`.
 */
const tailStep = 6_180_339;

export function createNumbers(options: {
  clock: Clock;
  zone?: string;
  random?: RandomFill;
}): Numbers {
  const zone = options.zone ?? zoneDefault;
  const fill = options.random ?? cryptoFill;
  const seed = Buffer.alloc(4);
  let lastMs = -1;
  let moment = "";
  let start = 0;
  let startUntil = 0;
  let tail = 0;
  let taken = 0;

  function startMillisecond(ms: number): void {
    lastMs = ms;
    const millisecond = String(wallClockMs(ms, zone)).padStart(8, "0");
    moment = compactDay(businessDayOf(ms, zone)) + millisecond;
    if (ms >= startUntil) drawStart(ms);
    tail = (start + (ms % tailsPerMs) * tailStep) % tailsPerMs;
    taken = 0;
  }

  function drawStart(ms: number): void {
    fill(seed);
    start = seed.readUInt32LE() % tailsPerMs;
    startUntil = ms + startLastsMs;
  }

  return {
    next(prefix: string): string {
      assert(prefixPattern.test(prefix), "a prefix is one or two capitals");
      const now = options.clock.now();
      if (now > lastMs) startMillisecond(now);
      // A process that made ten million numbers while the clock stood still goes on ahead of it.
      else if (taken === tailsPerMs) startMillisecond(lastMs + 1);
      const digits = moment + String(tail).padStart(7, "0");
      tail = (tail + 1) % tailsPerMs;
      taken += 1;
      return prefix + digits + String(checkDigit(digits));
    },
  };
}

const prefixPattern = /^[A-Z]{1,2}$/;
const numberPattern = /^([A-Z]{1,2})(\d{24})$/;

/** False for what was made up or mistyped (all but one in ten), so no query is spent on it. */
export function isNumber(text: string, prefix?: string): boolean {
  const match = numberPattern.exec(text);
  if (match === null) return false;
  if (prefix !== undefined && match[1] !== prefix) return false;
  return checkDigit(match[2] ?? "") === 0;
}

/**
 * Damm's quasigroup of order 10 (H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004). It
 * finds every single wrong digit and every swap of neighbours, the two mistakes that people make;
 * ISO 7064 MOD 11,10 misses some of the swaps. The digits with their check digit give 0.
 */
const damm = [
  "0317598642",
  "7092154863",
  "4206871359",
  "1750983426",
  "6123045978",
  "3674209581",
  "5869720134",
  "8945362017",
  "9438617205",
  "2581436790",
];

/** The state that Damm's walk over the digits ends in; what is written behind them. */
export function checkDigit(digits: string): number {
  let interim = 0;
  for (let at = 0; at < digits.length; at += 1) {
    interim = Number(damm[interim]?.charAt(Number(digits.charAt(at))));
  }
  return interim;
}
