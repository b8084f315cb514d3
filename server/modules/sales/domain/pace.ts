/**
 * How fast one process admits people to sales: by what it can hold, which its own queue of commands
 * tells. Additive increase, multiplicative decrease, as TCP shares a line (RFC 5681): a little
 * faster while the queue is short, half as fast when it is long. Processes that share a database
 * need not speak of it: all of them see their queues grow.
 */
import { secondMs } from "../../../kernel/time.ts";

export interface Pace {
  readonly perSecond: number;
  /** How many may be admitted now; it fills up with time. */
  readonly allowance: number;
  /** Up to here it has been seen to be safe: below it the pace comes back quickly. */
  readonly safePerSecond: number;
  /** Whether the queue was short since the pace was last halved. */
  readonly calm: boolean;
  /** Until then a slower pace has not had its effect, and is not judged. */
  readonly settlesAt: number;
  readonly at: number;
}

export interface Load {
  /** Commands that wait in this process, and how many may. */
  readonly depth: number;
  readonly depthMax: number;
  /** Whether people wait: a pace that nobody needed has shown nothing. */
  readonly waiting: boolean;
}

/** A sixteenth of what the two-core machine of our measurements commits: any machine holds it. */
const startPerSecond = 500;
/** However long the queue is, somebody gets in. */
const minPerSecond = 20;
/** More than one process has ever taken in. */
const maxPerSecond = 20_000;
/** Of the queue: what is gone in 30 ms, and what takes an eighth of a second. */
const shortShare = 1 / 16;
const longShare = 1 / 4;
/**
 * People order some seconds after they were admitted, and all who come too fast until then cannot
 * be taken back: the pace doubles in nine seconds, not faster.
 */
const growthPerSecond = 0.08;
/** Below what has been seen to be safe it doubles in two. */
const regrowthPerSecond = 0.4;
const growthMin = 4;
/** Of the pace at which the queue became long: it was too fast by what had yet to arrive. */
const safeShare = 0.7;
const settleMs = 2 * secondMs;
/** What was not used for half a second is gone, so that no rush is saved up. */
const savedMs = secondMs / 2;

/** The pace of a process that has seen nothing yet. */
export function startPace(now: number): Pace {
  return {
    perSecond: startPerSecond,
    allowance: allowanceMax(startPerSecond),
    safePerSecond: startPerSecond,
    calm: true,
    settlesAt: now,
    at: now,
  };
}

/** The pace from now on. */
export function nextPace(pace: Pace, load: Load, now: number): Pace {
  const elapsedMs = Math.min(Math.max(0, now - pace.at), secondMs);
  const changed = now < pace.settlesAt ? pace : judged(pace, load, { elapsedMs, now });
  const filled = pace.allowance + (changed.perSecond * elapsedMs) / secondMs;
  const allowance = Math.min(filled, allowanceMax(changed.perSecond));
  return { ...changed, allowance, at: now };
}

/** What was admitted is no longer there to be admitted. */
export function spent(pace: Pace, count: number): Pace {
  return { ...pace, allowance: Math.max(0, pace.allowance - count) };
}

function judged(
  pace: Pace,
  { depth, depthMax, waiting }: Load,
  { elapsedMs, now }: { readonly elapsedMs: number; readonly now: number },
): Pace {
  const { perSecond } = pace;
  if (depth > depthMax * longShare) return halved(pace, now);
  if (depth > depthMax * shortShare) return pace;
  const isSafe = perSecond < pace.safePerSecond;
  if (!waiting && !isSafe) return { ...pace, calm: true };
  const share = isSafe ? regrowthPerSecond : growthPerSecond;
  const grown = perSecond + (Math.max(growthMin, perSecond * share) * elapsedMs) / secondMs;
  return { ...pace, calm: true, perSecond: Math.min(maxPerSecond, grown) };
}

/** What is safe is learned from the first of several halvings: the others only undo its excess. */
function halved(pace: Pace, now: number): Pace {
  const { perSecond, calm } = pace;
  const safePerSecond = calm ? perSecond * safeShare : pace.safePerSecond;
  const slower = Math.max(minPerSecond, perSecond / 2);
  return { ...pace, calm: false, safePerSecond, perSecond: slower, settlesAt: now + settleMs };
}

function allowanceMax(perSecond: number): number {
  return Math.max(1, (perSecond * savedMs) / secondMs);
}
