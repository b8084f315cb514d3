import { exitWithParent } from "../server/kernel/parent.ts";
import { onStopSignals } from "./start/signals.ts";

/** 128 + SIGINT */
const interruptedExit = 130;

/**
 * Aborted when somebody asks this program to stop, or who started it is gone: what has begun is
 * ended. Whoever asks again wants no ending; programs that were started learn it by our death.
 */
export function stopRequest(): AbortSignal {
  const asked = new AbortController();
  const stop = (): void => {
    if (asked.signal.aborted) process.exit(interruptedExit);
    asked.abort(new Error("stopped before there was anything to audit"));
  };
  onStopSignals(stop);
  exitWithParent(stop);
  return asked.signal;
}
