import { TongbaoUnreachable } from "./problem.ts";
import { isStream } from "./streams.ts";

export interface Retries {
  /** The first one included. */
  readonly triesMax: number;
  /** Of one try, to the last byte of its answer; of a stream, between two signs of life. */
  readonly timeoutMs: number;
  /**
   * Whoever is told to wait longer is told so instead: the problem has `retryAfterSeconds`. Pauses
   * of our own grow to this and no further.
   */
  readonly pauseMaxMs: number;
  /** How a pause is made; rejects when the signal ends it. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

export const defaultRetries: Retries = {
  triesMax: 4,
  // The API answers within its own limit of 30 seconds, or never.
  timeoutMs: 35_000,
  pauseMaxMs: 20_000,
  pause: sleep,
};

/** Before the second try without Retry-After; doubled with each further one. */
const firstPauseMs = 200;

/** Too many requests; and the platform, or what stands before it, does not answer just now. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Repeats what may be done a moment later: no answer, or one that says so. That is safe for every
 * request: one that only reads changes nothing, one that writes has a key and is done once.
 */
export function fetchWithRetries(
  send: (request: Request) => Promise<Response>,
  given: Partial<Retries> = {},
): (request: Request) => Promise<Response> {
  const { triesMax, timeoutMs, pauseMaxMs, pause } = { ...defaultRetries, ...given };

  async function attempt(request: Request): Promise<Response | Fault> {
    const { signal } = request;
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new Error(`no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      const limited = AbortSignal.any([signal, late.signal]);
      const response = await send(new Request(request.clone(), { signal: limited }));
      // An answer that breaks off in the middle is none, so it is read before it counts.
      if (!isStream(response)) await response.clone().arrayBuffer();
      return response;
    } catch (cause) {
      // The caller has no more interest; that is no fault.
      if (signal.aborted) throw cause;
      return { kind: "fault", cause };
    } finally {
      clearTimeout(timer);
    }
  }

  return async (request) => {
    for (let tries = 1; ; tries += 1) {
      const result = await attempt(request);
      const isAnswer = result instanceof Response;
      if (isAnswer && !passing.has(result.status)) return result;
      const pauseMs = (isAnswer ? retryAfterMs(result) : undefined) ?? backoffMs(tries, pauseMaxMs);
      if (tries >= triesMax || pauseMs > pauseMaxMs) {
        if (isAnswer) return result;
        throw new TongbaoUnreachable(request, { tries, cause: result.cause });
      }
      await pause(pauseMs, request.signal);
    }
  };
}

interface Fault {
  readonly kind: "fault";
  readonly cause: unknown;
}

/** In seconds, as the platform says it. A date, which proxies may send, is left to the backoff. */
function retryAfterMs(response: Response): number | undefined {
  const text = response.headers.get("retry-after") ?? "";
  return /^\d+$/.test(text) ? Number(text) * 1000 : undefined;
}

/** Half of it by chance, so that callers who failed together do not come back together. */
function backoffMs(tries: number, pauseMaxMs: number): number {
  return Math.min(firstPauseMs * 2 ** (tries - 1), pauseMaxMs) * (0.5 + Math.random() / 2);
}

/** Rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    if (signal.aborted) return fail(signal.reason);
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish, { once: true });
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      if (signal.aborted) fail(signal.reason);
      else done();
    }
  });
}
