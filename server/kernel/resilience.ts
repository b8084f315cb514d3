import {
  bulkhead,
  circuitBreaker,
  CircuitState,
  CountBreaker,
  handleAll,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  timeout,
  TimeoutStrategy,
} from "cockatiel";
import { LRUCache } from "lru-cache";
import { FaultError } from "./database.ts";
import { createLimiter } from "./limiter.ts";
import type { Clock } from "./time.ts";

/** Nothing was sent: the call may be made again later without asking what became of it. */
export class GuardRejected extends FaultError {
  override name = "GuardRejected";
  readonly reason: RejectedReason;
  constructor(guard: string, reason: RejectedReason, retryAfterMs: number) {
    super(`${guard} is not called: ${reason}`, { retryAfterMs });
    this.reason = reason;
  }
}

export type RejectedReason =
  | "rate" // more calls a second than the other side allows
  | "busy" // as many calls under way and waiting as we allow
  | "broken"; // the other side has been failing; it is left alone for a while

/** It may have been sent: what became of it is unknown until somebody asks. */
export class GuardTimeout extends FaultError {
  override name = "GuardTimeout";
}

export interface Guard {
  readonly name: string;
  /** Runs a call to the outside within all limits. Throws GuardRejected, GuardTimeout, or what
   * the call throws. The call must give up when its signal is aborted. */
  run<Result>(call: (signal: AbortSignal) => Promise<Result>, stop?: AbortSignal): Promise<Result>;
  state(): "closed" | "open" | "half_open";
}

export interface GuardOptions {
  readonly name: string;
  readonly clock: Clock;
  /** One call from its start to its whole answer. */
  readonly timeoutMs: number;
  readonly concurrencyMax: number;
  /** Calls that wait for a place; as many as may run when absent. */
  readonly queueMax?: number;
  /** What the other side allows a second [PAY-17]; calls are spread evenly under it. */
  readonly perSecondMax?: number;
  /** How long a call waits for its turn under that rate before it is rejected. */
  readonly rateWaitMaxMs?: number;
  /** How long the other side is left alone after it broke; then one call tries it. */
  readonly breakMs?: number;
  /** Answers that say the other side is broken although nothing was thrown. */
  readonly isFailure?: (result: unknown) => boolean;
  readonly observe?: (result: "ok" | "failed" | "rejected", seconds: number) => void;
}

/** Half of the last twenty calls, once there were ten: a single bad minute breaks nothing. */
const brokenShare = 0.5;
const sampledCalls = 20;
const sampledCallsMin = 10;
const breakMsDefault = 5_000;
/** Shorter than callers' own time-outs, long enough to smooth a burst of some seconds. */
const rateWaitMaxMsDefault = 2_000;
const busyRetryAfterMs = 1_000;

/**
 * Stands before one outside system [KRN-17..19]: its rate, how many calls at once, a circuit that
 * opens when it fails and lets one call try it again, and a time-out. In this order, so that a call
 * that is turned away has cost nothing and a waiting one does not count as slow.
 */
export function createGuard(options: GuardOptions): Guard {
  const { name, clock, timeoutMs, concurrencyMax } = options;
  const breakMs = options.breakMs ?? breakMsDefault;
  const places = bulkhead(concurrencyMax, options.queueMax ?? concurrencyMax);
  let openedAt = 0;
  const isResting = () => clock.now() - openedAt < breakMs;
  const circuit = circuitBreaker(handleAll.orWhenResult(options.isFailure ?? (() => false)), {
    halfOpenAfter: pauseWhile(isResting),
    breaker: new CountBreaker({
      threshold: brokenShare,
      size: sampledCalls,
      minimumNumberOfCalls: sampledCallsMin,
    }),
  });
  const limit = timeout(timeoutMs, TimeoutStrategy.Aggressive);
  circuit.onBreak(() => (openedAt = clock.now()));

  async function call<Result>(
    work: (signal: AbortSignal) => Promise<Result>,
    stop: AbortSignal | undefined,
  ): Promise<Result> {
    const startedAt = clock.now();
    const seconds = () => (clock.now() - startedAt) / 1000;
    try {
      const result = await limit.execute(({ signal }) => work(signal), stop);
      options.observe?.(options.isFailure?.(result) === true ? "failed" : "ok", seconds());
      return result;
    } catch (error) {
      options.observe?.("failed", seconds());
      if (!isTaskCancelledError(error)) throw error;
      const why = stop?.aborted === true ? "was given up" : `did not answer in ${timeoutMs} ms`;
      throw new GuardTimeout(`${name} ${why}`, { cause: error });
    }
  }

  function reject(reason: RejectedReason, retryAfterMs: number): GuardRejected {
    options.observe?.("rejected", 0);
    return new GuardRejected(name, reason, Math.max(1, retryAfterMs));
  }

  const takeTurn = createTurns(options);
  return {
    name,
    async run(work, stop) {
      // A broken system takes no turns: those who come later would wait for nothing.
      const waitMs = isOpen() ? 0 : takeTurn();
      if (waitMs === undefined) throw reject("rate", options.rateWaitMaxMs ?? rateWaitMaxMsDefault);
      if (waitMs > 0) await pause(waitMs, stop);
      try {
        return await places.execute(() => circuit.execute(() => call(work, stop)));
      } catch (error) {
        if (isBulkheadRejectedError(error)) throw reject("busy", busyRetryAfterMs);
        if (isBrokenCircuitError(error)) throw reject("broken", openedAt + breakMs - clock.now());
        throw error;
      }
    },
    state() {
      if (circuit.state === CircuitState.HalfOpen) return "half_open";
      return circuit.state === CircuitState.Open ? "open" : "closed";
    },
  };

  function isOpen(): boolean {
    return circuit.state === CircuitState.Open && isResting();
  }
}

/**
 * The breaker compares the pause with the system's time, which may be set: by an hour back, and the
 * other side would be left alone for that hour. So it gets a pause that our clock ends.
 */
function pauseWhile(isResting: () => boolean) {
  const pause = {
    get duration() {
      return isResting() ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    },
    next: () => pause,
  };
  return pause;
}

/** Gives how long to wait for one's turn, or undefined when that is too long. */
function createTurns({ clock, perSecondMax, rateWaitMaxMs }: GuardOptions) {
  if (perSecondMax === undefined) return () => 0;
  // No burst: systems that count by the second refuse what comes within its first millisecond.
  const limiter = createLimiter({ perSecond: perSecondMax, burst: 1, keysMax: 1, clock });
  return () => limiter.reserve("", rateWaitMaxMs ?? rateWaitMaxMsDefault);
}

async function pause(waitMs: number, stop: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onStop = () => {
      clearTimeout(timer);
      reject(stop?.reason);
    };
    const timer = setTimeout(() => {
      stop?.removeEventListener("abort", onStop);
      resolve();
    }, waitMs);
    if (stop?.aborted === true) onStop();
    else stop?.addEventListener("abort", onStop, { once: true });
  });
}

/**
 * A guard for each of many systems, such as each tenant's account at each channel [KRN-18], so that
 * one tenant's broken account does not stop another's. Bounded: the one unused for longest is
 * forgotten and starts anew when it is needed again.
 */
export function createGuards(options: { max: number; create: (key: string) => Guard }) {
  const guards = new LRUCache<string, Guard>({ max: options.max });
  return {
    of(key: string): Guard {
      const known = guards.get(key);
      if (known !== undefined) return known;
      const guard = options.create(key);
      guards.set(key, guard);
      return guard;
    },
  };
}
