/** When the channel is asked again. Money in flight is asked about until somebody answers. */
import { dayMs, minuteMs, secondMs } from "../../../kernel/time.ts";
import type { Attempt, Refund } from "./types.ts";

/**
 * How long one asking may take: the sweep pushes a row so far ahead while its job runs, and the
 * answer sets the real next time. Longer than a call's time-out, so that two jobs do not ask at
 * once; short, so that a job that died is soon made up for.
 */
export const leaseMs = 15 * secondMs;

/** The reply of the channel decides within its time-out; then the attempt is taken back. */
export const preparingMs = 30 * secondMs;

/** Payers pay within a minute or not at all; notices tell most of it anyway [PAY-09, PAY-10]. */
export const firstQueryMsDefault = 5 * secondMs;
const awaitingSteps = [10, 20, 40, 60, 120, 300, 600].map((seconds) => seconds * secondMs);
/** Somebody waits for the close to choose another way to pay. */
const closingSteps = [1, 2, 4, 8, 16, 32, 60].map((seconds) => seconds * secondMs);
const refundSteps = [1, 2, 5, 10, 30, 60, 300, 600].map((seconds) => seconds * secondMs);
/** Somebody has to top up the merchant's account first. */
export const refundWithoutFundsMs = 10 * minuteMs;
/** A person settles it at the channel, within days. */
const abnormalMs = dayMs;

/** How long to wait after the attempt was asked about for the `asked`-th time. */
export function attemptStepMs({ state, asked }: Attempt): number {
  if (state === "preparing") return preparingMs;
  return stepOf(state === "awaiting" ? awaitingSteps : closingSteps, asked);
}

export function refundStepMs({ state, asked }: Refund): number {
  return state === "abnormal" ? abnormalMs : stepOf(refundSteps, asked);
}

function stepOf(steps: readonly number[], asked: number): number {
  const at = Math.min(Math.max(asked, 1), steps.length) - 1;
  return steps[at] ?? minuteMs;
}
