/**
 * What a process that answers does by itself, again and again, to keep its memory fresh: it reads
 * in the background what many will ask for. What moves anything is a deadline, a subscription or a
 * job instead, and those are shared among processes; every process has its own pulses.
 */
import { createWakeup } from "./wakeup.ts";

export interface Pulse {
  readonly name: string;
  /** From the end of one beat to the next. */
  readonly everyMs: number;
  beat(): Promise<unknown>;
}

export type Pulses = ReturnType<typeof startPulses>;

/** Each beats at once and from then on; one that fails is told of and beats on. */
export function startPulses(given: {
  readonly pulses: readonly Pulse[];
  readonly onFailed: (pulse: string, error: unknown) => void;
}) {
  let stopping = false;
  const running = given.pulses.map((pulse) => {
    const wakeup = createWakeup();
    return { wakeup, ended: loop(pulse, (timeoutMs) => wakeup.wait(timeoutMs)) };
  });

  async function loop(pulse: Pulse, wait: (timeoutMs: number) => Promise<void>): Promise<void> {
    while (!stopping) {
      await pulse.beat().catch((error: unknown) => given.onFailed(pulse.name, error));
      if (!stopping) await wait(pulse.everyMs);
    }
  }

  return {
    /** Ends with the beats that are under way. */
    async stop(): Promise<void> {
      stopping = true;
      for (const { wakeup } of running) wakeup.hint();
      await Promise.all(running.map(({ ended }) => ended));
    },
  };
}
