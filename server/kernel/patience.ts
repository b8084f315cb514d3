/**
 * How long work may wait for its turn. A moment in which others had the processor or the disk makes
 * everybody late at once, and passes; a crowd makes everybody late all the time. So there is much
 * patience until everybody has been late for a while, and then little: a longer queue would let no
 * more through, only later, and hold more connections open. (K. Nichols and V. Jacobson,
 * "Controlling Queue Delay", ACM Queue 10/5, 2012.)
 */
export interface Patience {
  /** Somebody has waited so long, or will. */
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

/** Longer than what a collection, a checkpoint or a neighbour on the machine takes. */
const crowdAfterMs = 300;
/** Of the wait in a crowd; who waits less is not late. */
const lateShare = 0.5;

export function createPatience(options: PatienceOptions): Patience {
  const { passingMs, standingMs, elapsed = () => performance.now() } = options;
  /** When the first came of those who have all been late. */
  let lateSince: number | undefined;
  return {
    waited(ms) {
      if (ms <= standingMs * lateShare) lateSince = undefined;
      else lateSince ??= elapsed();
    },
    waitMsMax() {
      const isCrowd = lateSince !== undefined && elapsed() - lateSince > crowdAfterMs;
      return isCrowd ? standingMs : passingMs;
    },
  };
}
