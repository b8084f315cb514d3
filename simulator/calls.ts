/** The faults of one call, in the order in which a real network and a real server would fail. */
import type { Clock } from "./clock.ts";
import type { FaultParams, Strikes } from "./faults.ts";

export type Served<Answer> =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** The connection is reset; whether anything was done depends on when. */
  | { readonly kind: "dropped" };

/** What a rule without `ms` means: above any patience of a page, below most time-outs. */
const delayMsUsual = 2_000;

export async function serveUnderFaults<Answer>(parts: {
  readonly clock: Clock;
  readonly strikes: Strikes;
  readonly execute: () => Promise<Answer> | Answer;
  readonly failure: (kind: "error" | "rate_limit", params: FaultParams) => Answer;
}): Promise<Served<Answer>> {
  const { strikes, failure } = parts;
  const delay = strikes.get("delay");
  if (delay !== undefined) await parts.clock.wait(delay.ms ?? delayMsUsual);
  if (strikes.has("drop_request")) return { kind: "dropped" };
  const rateLimit = strikes.get("rate_limit");
  if (rateLimit !== undefined) return answered(failure("rate_limit", rateLimit));
  const before = strikes.get("error_before");
  if (before !== undefined) return answered(failure("error", before));

  const answer = await parts.execute();

  if (strikes.has("drop_reply")) return { kind: "dropped" };
  const after = strikes.get("error_after");
  return answered(after === undefined ? answer : failure("error", after));
}

const answered = <Answer>(answer: Answer): Served<Answer> => ({ kind: "answered", answer });
