/**
 * From now on the `Date` of this process is ahead by what `shiftMs` says at that moment, as on a
 * machine whose time was set. Timers and monotonic time are the machine's own.
 */
export function shiftDate(shiftMs: () => number): void {
  const RealDate = Date;
  const now = () => RealDate.now() + shiftMs();
  globalThis.Date = new Proxy(RealDate, {
    get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
  });
}
