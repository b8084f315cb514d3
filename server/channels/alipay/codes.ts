import { secondMs } from "../../kernel/time.ts";
import type { ChannelAnswer, RefusedReason } from "../../modules/payments/plug.ts";
import { refused, unknown } from "../wire/answers.ts";

/** What an error reply says. Its texts are for people: no decision ever looks at them. */
export interface ErrorReply {
  readonly code: string;
  /** Empty when the gateway gives none. */
  readonly subCode: string;
  readonly message: string;
}

/** The gateway counts calls a second, so a second later there is room again. */
const limitedRetryMs = secondMs;

/** Why the business behind the gateway says no (code 40004). */
const businessOutcomes: Readonly<Record<string, RefusedReason | "unknown">> = {
  "ACQ.TRADE_NOT_EXIST": "not_found",
  "ACQ.TRADE_HAS_SUCCESS": "already_paid",
  "ACQ.TRADE_HAS_FINISHED": "already_paid",
  "ACQ.TRADE_HAS_CLOSE": "already_closed",
  "ACQ.CONTEXT_INCONSISTENT": "number_reused",
  "ACQ.DISCORDANT_REPEAT_REQUEST": "number_reused",
  "ACQ.SELLER_BALANCE_NOT_ENOUGH": "not_enough_funds",
  "ACQ.INVALID_PARAMETER": "bad_request",
  "ACQ.PARTNER_ERROR": "not_authorized",
  "ACQ.ACCESS_FORBIDDEN": "not_authorized",
  "ACQ.TRADE_STATUS_ERROR": "rejected",
  "ACQ.REASON_TRADE_STATUS_INVALID": "rejected",
  "ACQ.REASON_TRADE_BEEN_FREEZEN": "rejected",
  "ACQ.REASON_TRADE_REFUND_FEE_ERR": "rejected",
  "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": "rejected",
  "ACQ.TRADE_NOT_ALLOW_REFUND": "rejected",
  "ACQ.BUYER_BALANCE_NOT_ENOUGH": "rejected",
  "ACQ.BUYER_ERROR": "rejected",
  "ACQ.PAYMENT_AUTH_CODE_INVALID": "rejected",
  "ACQ.CANCEL_NOT_ALLOWED": "rejected",
  "ACQ.TRADE_CANCEL_TIME_OUT": "rejected",
  "ACQ.SYSTEM_ERROR": "unknown",
  SYSTEM_ERROR: "unknown",
};

/** 40002 is mostly a wrong parameter; these of it mean that Alipay does not know who asks. */
const notAuthorized = new Set([
  "isv.invalid-signature",
  "isv.missing-signature",
  "isv.invalid-signature-type",
  "isv.invalid-app-id",
  "isv.missing-app-id",
]);

/** A sub code of 40004 that is not in the table is a final no, except where money moves. */
export function answerOfError(
  error: ErrorReply,
  call: { readonly movesMoney: boolean },
): Exclude<ChannelAnswer<never>, { kind: "ok" }> {
  const { code, subCode, message } = error;
  const told = `${code} ${subCode}`.trim();
  switch (code) {
    case "40004": {
      const outcome = businessOutcomes[subCode.replace(/^aop\./, "")];
      if (outcome === "unknown") return unknown(told);
      if (outcome !== undefined) return refused(outcome, subCode, message);
      if (call.movesMoney) return unknown(`a sub code that we do not know: ${told}`);
      return refused("rejected", subCode === "" ? code : subCode, message);
    }
    case "40001":
    case "40003":
      return refused("bad_request", told, message);
    case "40002": {
      const reason = notAuthorized.has(subCode) ? "not_authorized" : "bad_request";
      return refused(reason, told, message);
    }
    case "20001":
    case "40006":
      return refused("not_authorized", told, message);
    case "40005":
      return unknown(told, limitedRetryMs);
    // 20000, 10003 and whatever comes later: nobody can say what happened.
    default:
      return unknown(told);
  }
}

/** What the gateway itself says, before any business is asked, may come without a signature. */
export function mayBeUnsigned(code: string): boolean {
  return ["20000", "20001", "40001", "40002", "40003", "40005", "40006"].includes(code);
}
