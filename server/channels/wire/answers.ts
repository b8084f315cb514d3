import type { ChannelAnswer, RefusedReason } from "../../modules/payments/plug.ts";

type Ok<Value> = Extract<ChannelAnswer<Value>, { kind: "ok" }>;
type Refused = Extract<ChannelAnswer<never>, { kind: "refused" }>;
type Unknown = Extract<ChannelAnswer<never>, { kind: "unknown" }>;

/** Channels send texts of any length; what people need of them fits in this. */
const messageLengthMax = 500;

export function ok<Value>(value: Value): Ok<Value> {
  return { kind: "ok", value };
}

export function refused(reason: RefusedReason, channelCode: string, channelMessage = ""): Refused {
  return {
    kind: "refused",
    reason,
    channelCode: channelCode.slice(0, messageLengthMax),
    channelMessage: channelMessage.slice(0, messageLengthMax),
  };
}

export function unknown(why: string, retryAfterMs?: number): Unknown {
  if (retryAfterMs === undefined) return { kind: "unknown", why };
  return { kind: "unknown", why, retryAfterMs };
}
