/**
 * WeChat Pay, APIv3, as a payment channel: JSAPI and mini-program, Native, H5 and App. It
 * translates the wire protocol and keeps nothing but certificates that it has fetched.
 */
import { randomBytes } from "node:crypto";
import { minorToNumber } from "../../kernel/money.ts";
import type { Clock } from "../../kernel/time.ts";
import type {
  ChannelAnswer,
  ChannelPlug,
  ChannelRefund,
  RefundRequest,
} from "../../modules/payments/plug.ts";
import { ok, unknown } from "../wire/answers.ts";
import type { Fetch } from "../wire/http.ts";
import { callWechatpay } from "./client.ts";
import { answerOfError } from "./codes.ts";
import { parseConfig } from "./config.ts";
import type { WechatpayAccount, WechatpayConfig } from "./config.ts";
import { createKeyring } from "./keys.ts";
import { noticeReply, verifyNotice } from "./notices.ts";
import { prepayRequest, readPrepared, refuseIncomplete } from "./prepare.ts";
import { readStatement, statementRequest } from "./statement.ts";
import { readRefund, readTrade } from "./trades.ts";
import type { WechatpayRequest, Wire } from "./transport.ts";

export type { WechatpayConfig } from "./config.ts";

export interface WechatpayOptions {
  readonly clock: Clock;
  readonly fetch?: Fetch;
  /** At most 32 letters and digits, never the same twice. */
  readonly nonce?: () => string;
}

const randomNonce = () => randomBytes(16).toString("hex");

export function createWechatpay(options: WechatpayOptions): ChannelPlug<WechatpayConfig> {
  const wire: Wire = {
    clock: options.clock,
    fetch: options.fetch ?? globalThis.fetch,
    nonce: options.nonce ?? randomNonce,
  };
  const keyring = createKeyring(wire);
  const call = (account: WechatpayAccount, request: WechatpayRequest, signal: AbortSignal) =>
    callWechatpay(wire, keyring, account, request, signal);

  return {
    code: "wechatpay",
    capabilities: {
      methods: ["jsapi", "native", "h5", "app"],
      currencies: ["CNY"],
      payerIdMethods: ["jsapi"],
      payerIpMethods: ["h5"],
      partialRefund: true,
      refundsPerPaymentMax: 50,
      refundWindowDays: 365,
      // Forum posts tell 500 prepays and 150 refunds a second; what is too much comes as 429.
      perSecondMax: { prepare: 500, other: 150 },
      statement: true,
    },
    addressFields: ["baseUrl", "fallbackUrl"],
    parseConfig,

    async prepare(account, request, signal) {
      const incomplete = refuseIncomplete(request);
      if (incomplete !== undefined) return incomplete;
      const reply = await call(account, prepayRequest(account, request), signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: false });
      const prepared = readPrepared(wire, account, request, reply.body);
      return prepared === undefined ? unknown("the reply lacks what was asked") : ok(prepared);
    },

    async query(account, attemptNumber, signal) {
      const reply = await call(account, tradeRequest(account, attemptNumber), signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: false });
      const trade = readTrade(reply.body);
      // A signed reply does not name its request: an older one, played back, shows by its number.
      if (trade?.attemptNumber !== attemptNumber) return unknown("a reply about something else");
      return ok(trade);
    },

    async close(account, attemptNumber, signal) {
      const reply = await call(account, closeRequest(account, attemptNumber), signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "verified") return ok("closed");
      const answer = answerOfError(reply.error, { movesMoney: false });
      if (answer.kind !== "refused") return answer;
      // Nobody can pay a number that WeChat Pay does not know, nor one that is closed already.
      const isClosed = answer.reason === "not_found" || answer.reason === "already_closed";
      return isClosed ? ok("closed") : answer;
    },

    async refund(account, request, signal) {
      const reply = await call(account, refundRequest(request), signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: true });
      return refundAnswer(reply.body, request.refundNumber);
    },

    async queryRefund(account, { refundNumber }, signal) {
      const path = `/v3/refund/domestic/refunds/${encodeURIComponent(refundNumber)}`;
      const reply = await call(account, { method: "GET", path }, signal);
      if (reply.kind === "unknown") return unknown(reply.why);
      if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: false });
      return refundAnswer(reply.body, refundNumber);
    },

    verifyNotice: (account, raw, signal) => verifyNotice(keyring, account, raw, signal),
    noticeReply,

    async statement(account, day, signal) {
      const reply = await call(account, statementRequest(day), signal);
      return await readStatement(wire, account, reply, signal);
    },
  };
}

/** GET /v3/pay/transactions/out-trade-no/{number} */
function tradeRequest(account: WechatpayAccount, attemptNumber: string): WechatpayRequest {
  const mchid = encodeURIComponent(account.merchantId);
  return { method: "GET", path: `${tradePath(attemptNumber)}?mchid=${mchid}` };
}

/** POST /v3/pay/transactions/out-trade-no/{number}/close */
function closeRequest(account: WechatpayAccount, attemptNumber: string): WechatpayRequest {
  const path = `${tradePath(attemptNumber)}/close`;
  return { method: "POST", path, body: { mchid: account.merchantId } };
}

function tradePath(attemptNumber: string): string {
  return `/v3/pay/transactions/out-trade-no/${encodeURIComponent(attemptNumber)}`;
}

/** POST /v3/refund/domestic/refunds: the same number with the same content is one refund. */
function refundRequest(request: RefundRequest): WechatpayRequest {
  const body = {
    transaction_id: request.channelTradeNumber,
    out_refund_no: request.refundNumber,
    reason: request.reason,
    notify_url: request.noticeUrl,
    amount: {
      refund: minorToNumber(request.refundMinor),
      total: minorToNumber(request.paidMinor),
      currency: request.currency,
    },
  };
  return { method: "POST", path: "/v3/refund/domestic/refunds", body };
}

function refundAnswer(body: Buffer, refundNumber: string): ChannelAnswer<ChannelRefund> {
  const refund = readRefund(body);
  if (refund?.refundNumber !== refundNumber) return unknown("a reply about something else");
  return ok(refund);
}
