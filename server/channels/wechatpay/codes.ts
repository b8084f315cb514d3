import type { ChannelAnswer, RefusedReason } from "../../modules/payments/plug.ts";
import { refused, unknown } from "../wire/answers.ts";

/** What an error reply says. Its text is for people: no decision ever looks at it. */
export interface ErrorReply {
  readonly status: number;
  /** Undefined when the reply is not WeChat Pay's (a proxy's page, an empty body). */
  readonly code?: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/**
 * Codes without underscores, since old and new spellings live side by side (ORDERPAID, ORDER_PAID).
 * "unknown" means that the request may have been carried out: it is repeated under the same number.
 */
const outcomes: Readonly<Record<string, RefusedReason | "unknown">> = {
  PARAMERROR: "bad_request",
  INVALIDREQUEST: "bad_request",
  APPIDMCHIDNOTMATCH: "bad_request",
  MCHNOTEXISTS: "bad_request",
  INVALIDTRANSACTIONID: "bad_request",
  OPENIDMISMATCH: "bad_request",
  ORDERPAID: "already_paid",
  ORDERCLOSED: "already_closed",
  ORDERREVERSED: "already_closed",
  OUTTRADENOUSED: "number_reused",
  ORDERNOTEXIST: "not_found",
  RESOURCENOTEXISTS: "not_found",
  REFUNDNOTEXISTS: "not_found",
  SIGNERROR: "not_authorized",
  NOAUTH: "not_authorized",
  NOTENOUGH: "not_enough_funds",
  RULELIMIT: "rejected",
  TRADEERROR: "rejected",
  USERACCOUNTABNORMAL: "rejected",
  ACCOUNTERROR: "rejected",
  REQUESTBLOCKED: "rejected",
  FREQUENCYLIMITED: "unknown",
  FREQUENCYLIMITEXCEED: "unknown",
  RATELIMITEXCEEDED: "unknown",
  SYSTEMERROR: "unknown",
  BANKERROR: "unknown",
  SERVICEUNAVAILABLE: "unknown",
};

/**
 * A code that stands in the table decides, else the status does. A 4xx with a code that we do not
 * know is a final no, except for a refund: WeChat Pay asks to repeat those under the same number.
 */
export function answerOfError(
  error: ErrorReply,
  call: { readonly movesMoney: boolean },
): Exclude<ChannelAnswer<never>, { kind: "ok" }> {
  const { status, code, message } = error;
  const told = `${status} ${code ?? "without a code"}`;
  if (code === undefined) return unknown(`a reply that is not WeChat Pay's: ${told}`);

  const outcome = outcomes[normalCode(code)];
  if (outcome === "unknown") return unknown(told, error.retryAfterMs);
  if (outcome !== undefined) return refused(outcome, code, message);

  if (status === 429 || status >= 500) return unknown(told, error.retryAfterMs);
  if (status < 400) return unknown(`an error with the status of a success: ${told}`);
  if (status === 401) return refused("not_authorized", code, message);
  if (call.movesMoney) return unknown(`a code that we do not know: ${told}`);
  return refused("rejected", code, message);
}

export function normalCode(code: string): string {
  return code.replaceAll("_", "").toUpperCase();
}
