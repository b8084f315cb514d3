/**
 * Alipay's gateway with RSA2 keys as a payment channel: QR code, desktop page, mobile page and app.
 * It translates the wire protocol and keeps nothing.
 */
import { minorToDecimal } from "../../kernel/money.ts";
import type { Clock } from "../../kernel/time.ts";
import type { ChannelAnswer, ChannelPlug, ChannelTrade } from "../../modules/payments/plug.ts";
import { ok, refused, unknown } from "../wire/answers.ts";
import type { Fetch } from "../wire/http.ts";
import { answerOfError } from "./codes.ts";
import { parseConfig } from "./config.ts";
import type { AlipayAccount, AlipayConfig } from "./config.ts";
import { callAlipay } from "./gateway.ts";
import type { Wire } from "./gateway.ts";
import { noticeReply, verifyNotice } from "./notices.ts";
import { prepare } from "./prepare.ts";
import { readStatement } from "./statement.ts";
import { readRefundQuery, readRefundReply, readTrade } from "./trades.ts";

export type { AlipayConfig } from "./config.ts";

export interface AlipayOptions {
  readonly clock: Clock;
  readonly fetch?: Fetch;
}

export function createAlipay(options: AlipayOptions): ChannelPlug<AlipayConfig> {
  const wire: Wire = {
    clock: options.clock,
    fetch: options.fetch ?? globalThis.fetch,
  };
  const query = (account: AlipayAccount, attemptNumber: string, signal: AbortSignal) =>
    queryTrade(wire, account, attemptNumber, signal);

  return {
    code: "alipay",
    capabilities: {
      methods: ["native", "page", "h5", "app"],
      currencies: ["CNY"],
      payerIdMethods: [],
      payerIpMethods: [],
      partialRefund: true,
      // Alipay publishes no number; this is a bound of ours, the same as WeChat Pay's.
      refundsPerPaymentMax: 50,
      refundWindowDays: 365,
      statement: true,
    },
    addressFields: ["gatewayUrl"],
    parseConfig,
    prepare: (account, request, signal) => prepare(wire, account, request, signal),
    query,

    /**
     * A QR code that nobody has scanned is no trade yet, and Alipay has no way to take it back:
     * until the order's time_expire somebody may still scan it. Such late money is payments' to
     * send back.
     */
    async close(account, attemptNumber, signal) {
      const request = {
        method: "alipay.trade.close",
        bizContent: { out_trade_no: attemptNumber },
      };
      const reply = await callAlipay(wire, account, request, signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "success") return ok("closed");
      // The trade is not waiting for its payer: whether it is paid or closed, only a query tells.
      if (isStatusError(reply.error.subCode)) {
        return closedOrPaid(await query(account, attemptNumber, signal));
      }
      const answer = answerOfError(reply.error, { movesMoney: false });
      if (answer.kind !== "refused") return answer;
      const isClosed = answer.reason === "not_found" || answer.reason === "already_closed";
      return isClosed ? ok("closed") : answer;
    },

    /** Alipay tells a refund at the trade's notice address, not at one of the refund's own. */
    async refund(account, request, signal) {
      const bizContent = {
        out_trade_no: request.attemptNumber,
        trade_no: request.channelTradeNumber,
        out_request_no: request.refundNumber,
        refund_amount: minorToDecimal(request.refundMinor),
        refund_reason: request.reason,
      };
      const toSend = { method: "alipay.trade.refund", bizContent };
      const reply = await callAlipay(wire, account, toSend, signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: true });
      const refund = readRefundReply(reply.node, request.refundNumber);
      if (refund === undefined || refund.attemptNumber !== request.attemptNumber) {
        return unknown("a reply about something else");
      }
      return ok(refund);
    },

    async queryRefund(account, { refundNumber, attemptNumber }, signal) {
      const request = {
        method: "alipay.trade.fastpay.refund.query",
        bizContent: {
          out_trade_no: attemptNumber,
          out_request_no: refundNumber,
          query_options: ["gmt_refund_pay"],
        },
      };
      const reply = await callAlipay(wire, account, request, signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: false });
      const refund = readRefundQuery(reply.node);
      if (refund === "none") return refused("not_found", "10000", "Alipay names no such refund");
      if (refund?.refundNumber !== refundNumber) return unknown("a reply about something else");
      return ok(refund);
    },

    verifyNotice: async (account, raw) => verifyNotice(account, raw),
    noticeReply,

    statement: (account, day, signal) => readStatement(wire, account, day, signal),
  };
}

async function queryTrade(
  wire: Wire,
  account: AlipayAccount,
  attemptNumber: string,
  signal: AbortSignal,
): Promise<ChannelAnswer<ChannelTrade>> {
  const request = { method: "alipay.trade.query", bizContent: { out_trade_no: attemptNumber } };
  const reply = await callAlipay(wire, account, request, signal);
  if (reply.kind === "unknown") return unknown(reply.why);
  if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: false });
  const trade = readTrade(reply.node);
  // A signed reply does not name its request: an older one, played back, shows by its number.
  if (trade?.attemptNumber !== attemptNumber) return unknown("a reply about something else");
  return ok(trade);
}

function isStatusError(subCode: string): boolean {
  return subCode === "ACQ.TRADE_STATUS_ERROR" || subCode === "ACQ.REASON_TRADE_STATUS_INVALID";
}

function closedOrPaid(answer: ChannelAnswer<ChannelTrade>): ChannelAnswer<"closed"> {
  if (answer.kind === "unknown") return answer;
  if (answer.kind === "refused") return answer.reason === "not_found" ? ok("closed") : answer;
  const { state } = answer.value;
  if (state === "closed" || state === "failed") return ok("closed");
  if (state === "paid") return refused("already_paid", "ACQ.TRADE_STATUS_ERROR");
  return unknown(`not closable, yet ${state}`);
}
