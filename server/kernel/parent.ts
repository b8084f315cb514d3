/**
 * Calls `stop` when the process that started this one is gone, even when it was killed and could
 * say nothing: the channel between the two closes then. Without such a parent it does nothing.
 */
export function exitWithParent(stop: () => void): void {
  if (process.channel === undefined || process.channel === null) return;
  process.once("disconnect", stop);
  // Listening must not keep a program alive that has nothing else to do.
  process.channel.unref();
}
