/** How fast batches go, and so how long a queue is in time. Pure but for what it remembers. */
export interface Throughput {
  /** A batch of so many commands has taken so long. */
  worked(commands: number, ms: number): void;
  /** How long so many commands would wait, at the present throughput. */
  waitMs(commands: number): number;
}

/** A smaller batch tells how long a round trip takes, not how many commands a second would go. */
const tellingMin = 32;
/** Slower is believed after some batches, for one may have met a checkpoint; faster soon. */
const slowerWeight = 0.2;
const fasterWeight = 0.5;

/** `committers` work side by side: each does its part of a queue. */
export function createThroughput(committers: number): Throughput {
  let msPerCommand: number | undefined;
  return {
    worked(commands, ms) {
      const measured = ms / commands / committers;
      const isFaster = msPerCommand !== undefined && measured < msPerCommand;
      if (!isFaster && commands < tellingMin) return;
      const before = msPerCommand ?? measured;
      msPerCommand = before + (measured - before) * (isFaster ? fasterWeight : slowerWeight);
    },
    // Nothing is known yet: the first batches may come.
    waitMs: (commands) => commands * (msPerCommand ?? 0),
  };
}
