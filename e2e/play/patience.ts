/**
 * Whoever speaks to a platform that is killed and held asks again until somebody answers. Every try
 * is remembered until then, so that a request that nobody answers says what became of each.
 */
import { fetchWithRetries } from "../../sdk/retries.ts";
import type { Finding } from "./audit.ts";

export interface PatienceOptions {
  /**
   * How long a request is tried; one that is still without an answer then is given up. Of the time
   * in which the asker itself stood still, no more counts than one try may take.
   */
  readonly patienceMs: number;
  /** Of one try. */
  readonly timeoutMs: number;
  /** Shorter than callers are told to wait: who comes too early is told so again. */
  readonly pauseMsMax: number;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

/** A request that was not answered at once. */
export interface Wait {
  /** Method and path. */
  readonly what: string;
  readonly waitedMs: number;
  readonly tries: readonly Try[];
}

/** One that brought no answer. */
export interface Try {
  /** Since the first one began. */
  readonly atMs: number;
  readonly tookMs: number;
  readonly how: string;
  /** The port of the process that was asked, where it is known. */
  readonly by: string;
}

export interface Waits {
  /** Of those that were answered in the end. */
  longest: Wait | undefined;
  readonly givenUp: Wait[];
}

export type Patience = ReturnType<typeof createPatience>;

type Fetch = (request: Request) => Promise<Response>;

export function createPatience(options: PatienceOptions) {
  const { patienceMs, timeoutMs, pauseMsMax, now, pause } = options;
  const waits: Waits = { longest: undefined, givenUp: [] };

  async function ask(send: Fetch, request: Request): Promise<Response> {
    const tries: Try[] = [];
    const startedAt = now();
    let leftMs = patienceMs;
    let countedAt = startedAt;
    const look = (): Wait => ({
      what: `${request.method} ${new URL(request.url).pathname}`,
      waitedMs: now() - startedAt,
      tries,
    });

    async function attempt(one: Request): Promise<Response> {
      const atMs = now() - startedAt;
      const note = (how: string, by: string) =>
        void tries.push({ atMs, tookMs: now() - startedAt - atMs, how, by });
      try {
        const response = await send(one);
        const { status, url } = response;
        // What breaks off in its middle is a try without an answer.
        const text = await response.clone().text();
        if (isLater(status)) note(`${status} ${codeOf(text) ?? "no problem"}`, portOf(url));
        return response;
      } catch (error) {
        if (error instanceof NoReply) note(error.message, portOf(error.address));
        else note(error instanceof NobodyListens ? error.message : whyOf(error), "");
        throw error;
      }
    }

    const patient = fetchWithRetries(attempt, {
      // Time is the bound, not the number: a try takes no time, or all that it may.
      triesMax: Number.POSITIVE_INFINITY,
      timeoutMs,
      pauseMaxMs: Number.POSITIVE_INFINITY,
      async pause(ms) {
        leftMs -= Math.min(now() - countedAt, pauseMsMax + timeoutMs);
        countedAt = now();
        if (leftMs > 0) return pause(Math.min(ms, pauseMsMax));
        const wait = look();
        waits.givenUp.push(wait);
        throw new Error(`no answer to ${wordWait(wait)}`);
      },
    });
    const response = await patient(request);
    const wait = look();
    if (tries.length > 0 && wait.waitedMs > (waits.longest?.waitedMs ?? 0)) waits.longest = wait;
    return response;
  }

  return {
    /** Asks by `send` until somebody answers; rejects when nobody does. */
    over:
      (send: Fetch): Fetch =>
      (request) =>
        ask(send, request),
    waits,
  };
}

/** The other side took the request, or may have, and nothing came back. */
export class NoReply extends Error {
  override name = "NoReply";
  readonly address: string;
  constructor(address: string, cause: unknown) {
    super(whyOf(cause), { cause });
    this.address = address;
  }
}

/** Nothing was sent. */
export class NobodyListens extends Error {
  override name = "NobodyListens";
  constructor(cause: unknown) {
    super("nobody listens", { cause });
  }
}

/** As a sentence beside those of the audit. */
export function judgeWaits({ longest, givenUp }: Waits): Finding {
  const told = longest === undefined ? " at once" : `, at the latest ${wordWait(longest)}`;
  return {
    sentence: `everybody was answered${told}`,
    contradictions: givenUp.map((wait) => `no answer to ${wordWait(wait)}`),
  };
}

/** `POST /v1/orders after 4.0 s and 8 tries: from 0.0 s 8 times nobody listens (...)` */
export function wordWait({ what, waitedMs, tries }: Wait): string {
  const runs: Try[][] = [];
  for (const one of tries) {
    const last = runs.at(-1);
    if (last?.[0]?.how === one.how) last.push(one);
    else runs.push([one]);
  }
  const shown = runs.slice(0, runsShownMax).map(wordRun);
  const more = runs.length > shown.length ? `, and ${runs.length - shown.length} more turns` : "";
  return `${what} after ${seconds(waitedMs)} s and ${tries.length} tries: ${shown.join(", ")}${more}`;
}

/** A story that is longer says no more. */
const runsShownMax = 30;

/** Tries one after the other that ended alike. */
function wordRun(run: readonly Try[]): string {
  const [first] = run;
  const took = run.map(({ tookMs }) => tookMs);
  const by = [...new Set(run.map((one) => one.by))].filter((port) => port !== "").toSorted();
  const whom = by.length === 0 ? "" : ` by ${by.join(" and ")}`;
  const span = `${seconds(Math.min(...took))} to ${seconds(Math.max(...took))} s each`;
  return `from ${seconds(first?.atMs ?? 0)} s ${run.length} times ${first?.how}${whom} (${span})`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

/** Come later: what the SDK takes for no answer. */
function isLater(status: number): boolean {
  return status === 429 || (status >= 502 && status <= 504);
}

function portOf(url: string): string {
  return URL.parse(url)?.port ?? "";
}

export function whyOf(error: unknown): string {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  return cause instanceof Error && cause.message !== "" ? `${message} (${cause.message})` : message;
}

/** Of a problem; undefined when somebody else has answered. */
export function codeOf(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    const hasCode = typeof body === "object" && body !== null && "code" in body;
    return hasCode && typeof body.code === "string" ? body.code : undefined;
  } catch {
    return undefined;
  }
}
