/**
 * One Ctrl-C arrives up to three times: from the terminal, from npm and from the program between,
 * which both pass on what they get. A person who presses it again takes longer than this.
 */
const sameKeypressMs = 700;

/** Calls `stop` once for each time that somebody asks for it. */
export function onStopSignals(stop: () => void): void {
  let lastAt = Number.NEGATIVE_INFINITY;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      const now = performance.now();
      if (now - lastAt < sameKeypressMs) return;
      lastAt = now;
      stop();
    });
  }
  // A terminal that was closed takes no more lines; that is no reason to end without stopping.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
}
