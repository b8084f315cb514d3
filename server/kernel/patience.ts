/**
 * How long work may wait for its turn. A moment in which others had the processor or the disk makes
 * everybody late at once, and passes; a crowd makes everybody late all the time. So there is much
 * patience until one after the other has been late for a while, and then little: a longer queue
 * would let no more through, only later, and hold more connections open. (K. Nichols and
 * V. Jacobson, "Controlling Queue Delay", ACM Queue 10/5, 2012.)
 */
export interface Patience {
  /** Somebody's turn has come after so long. */
  waited(ms: number): void;
  /** Who would wait longer had better come back. */
  waitMsMax(): number;
}

export interface PatienceOptions {
  /** While queues come and go. */
  readonly passingMs: number;
  /** In a crowd. */
  readonly standingMs: number;
  /** Milliseconds, by a clock that only goes forward. */
  readonly elapsed?: () => number;
}

/** So long in a row everybody has been late, and nobody's turn is further back than that. */
const crowdMs = 300;
/** Of the wait in a crowd; who waits less is not late. */
const lateShare = 0.5;

export function createPatience(options: PatienceOptions): Patience {
  const { passingMs, standingMs, elapsed = () => performance.now() } = options;
  /** The first and the newest of those who were late one after the other. */
  let late: { readonly since: number; until: number } | undefined;

  /** When nobody has had a turn for so long, nothing is known. */
  function forgetOld(now: number): void {
    if (late !== undefined && now - late.until > crowdMs) late = undefined;
  }

  return {
    waited(ms) {
      const now = elapsed();
      forgetOld(now);
      if (ms <= standingMs * lateShare) late = undefined;
      else if (late === undefined) late = { since: now, until: now };
      else late.until = now;
    },
    waitMsMax() {
      forgetOld(elapsed());
      return late !== undefined && late.until - late.since > crowdMs ? standingMs : passingMs;
    },
  };
}
