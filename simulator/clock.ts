/**
 * The world's waiting times. The calendar (`now`) is always the machine's, because the platform
 * reads the same one; what can be sped up is waiting: retry schedules, refunds under way, delays.
 * A speed of 60 lets a minute of waiting pass in a second.
 */
export interface Clock {
  now(): number;
  readonly speed: number;
  setSpeed(speed: number): void;
  /** Runs the task after `waitMs` of waiting. Tasks of one instant run in the order they came. */
  after(waitMs: number, task: () => void | Promise<void>): Timer;
  wait(waitMs: number): Promise<void>;
  /** Lets `waitMs` pass at once: everything due in it runs, in order, and has ended on return. */
  advance(waitMs: number): Promise<void>;
  /** Resolves when no task is running and none is due now. */
  idle(): Promise<void>;
  readonly waitingCount: number;
  stop(): void;
}

export interface Timer {
  cancel(): void;
}

interface Entry {
  readonly due: number;
  /** A task runs in its turn while time is advanced; somebody who merely waits is let go anyway. */
  readonly isTask: boolean;
  readonly task: () => void | Promise<void>;
  handle: NodeJS.Timeout | undefined;
}

/** setTimeout overflows above 2^31 ms; a longer wait is simply armed again. */
const timeoutMsMax = 2 ** 31 - 1;

export function createClock(options: {
  readonly speed: number;
  readonly now: () => number;
  readonly failed: (error: unknown) => void;
}): Clock {
  const entries = new Set<Entry>();
  const running = new Set<Promise<void>>();
  let speed = options.speed;
  // Waited time: grows `speed` times as fast as the monotonic clock, and jumps when advanced.
  let waited = 0;
  let readAt = performance.now();
  // While time is advanced, tasks due until here run one after the other and not by themselves.
  let steeredUntil = -Infinity;
  let steeringCount = 0;

  function passed(): number {
    const read = performance.now();
    waited += (read - readAt) * speed;
    readAt = read;
    return waited;
  }

  function arm(entry: Entry): void {
    clearTimeout(entry.handle);
    const realMs = Math.max(0, (entry.due - passed()) / speed);
    entry.handle = setTimeout(
      () => {
        if (entry.isTask && entry.due <= steeredUntil) return;
        if (entry.due > passed() + 0.5) return arm(entry);
        void run(entry);
      },
      Math.min(realMs, timeoutMsMax),
    );
  }

  function run(entry: Entry): Promise<void> {
    if (!entries.delete(entry)) return Promise.resolve();
    clearTimeout(entry.handle);
    const work = (async () => {
      try {
        await entry.task();
      } catch (error) {
        options.failed(error);
      }
    })();
    running.add(work);
    return work.finally(() => running.delete(work));
  }

  function nextUntil(mark: number): Entry | undefined {
    let next: Entry | undefined;
    for (const entry of entries) {
      if (entry.due > mark) continue;
      // A set keeps the order of coming, so among equals the first stays.
      if (next === undefined || entry.due < next.due) next = entry;
    }
    return next;
  }

  async function runUntil(mark: number): Promise<void> {
    steeredUntil = Math.max(steeredUntil, mark);
    steeringCount += 1;
    for (;;) {
      await Promise.all(running);
      const next = nextUntil(mark);
      if (next === undefined) break;
      waited = Math.max(passed(), next.due);
      await run(next);
    }
    waited = Math.max(passed(), mark);
    steeringCount -= 1;
    if (steeringCount > 0) return;
    steeredUntil = -Infinity;
    for (const entry of entries) arm(entry);
  }

  function plan(waitMs: number, task: Entry["task"], isTask: boolean): Entry {
    const entry: Entry = { due: passed() + waitMs, isTask, task, handle: undefined };
    entries.add(entry);
    arm(entry);
    return entry;
  }

  return {
    now: options.now,
    get speed() {
      return speed;
    },
    get waitingCount() {
      return entries.size;
    },
    setSpeed(value) {
      passed();
      speed = value;
      for (const entry of entries) arm(entry);
    },
    after(waitMs, task) {
      const entry = plan(waitMs, task, true);
      return {
        cancel() {
          entries.delete(entry);
          clearTimeout(entry.handle);
        },
      };
    },
    wait: (waitMs) => new Promise((resolve) => plan(waitMs, resolve, false)),
    advance: (waitMs) => runUntil(passed() + waitMs),
    idle: () => runUntil(passed()),
    stop() {
      for (const entry of entries) clearTimeout(entry.handle);
      entries.clear();
    },
  };
}
