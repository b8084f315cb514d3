/**
 * Loaded before a program (`node --import`): a machine whose clock is `SHIFT_MS` ahead, and
 * `SHIFT_LATER_MS` once it gets SIGUSR2. Timers and monotonic time are the machine's own.
 */
let shiftMs = Number(process.env["SHIFT_MS"]);
process.on("SIGUSR2", () => {
  shiftMs = Number(process.env["SHIFT_LATER_MS"]);
});

const now = () => RealDate.now() + shiftMs;
const RealDate = Date;
globalThis.Date = new Proxy(RealDate, {
  get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
});
