/** Waits for a hint or for the time, whichever comes first. A hint given early is not lost. */
export interface Wakeup {
  hint(): void;
  wait(timeoutMs: number): Promise<void>;
}

export function createWakeup(): Wakeup {
  let hinted = false;
  let wake: (() => void) | undefined;
  return {
    hint() {
      hinted = true;
      wake?.();
    },
    async wait(timeoutMs) {
      if (!hinted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      hinted = false;
    },
  };
}
