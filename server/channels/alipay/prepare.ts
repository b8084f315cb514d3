import Type from "typebox";
import { Compile } from "typebox/compile";
import { minorToDecimal } from "../../kernel/money.ts";
import { hourMs } from "../../kernel/time.ts";
import type { ChannelAnswer, Prepared, PrepareRequest } from "../../modules/payments/plug.ts";
import { ok, refused, unknown } from "../wire/answers.ts";
import { formatBeijing } from "../wire/beijing.ts";
import { readAs } from "../wire/json.ts";
import { answerOfError } from "./codes.ts";
import type { AlipayAccount } from "./config.ts";
import { callAlipay, encodeParams, signedParams } from "./gateway.ts";
import type { Wire } from "./gateway.ts";

/** How long a QR code works, whatever time the order itself has. */
const qrCodeMs = 2 * hourMs;

/**
 * Only the QR code is asked from Alipay; the other methods are addresses that we sign ourselves.
 */
export async function prepare(
  wire: Wire,
  account: AlipayAccount,
  request: PrepareRequest,
  signal: AbortSignal,
): Promise<ChannelAnswer<Prepared>> {
  switch (request.method) {
    case "native":
      return await precreate(wire, account, request, signal);
    case "page":
      return redirect(wire, account, request, {
        method: "alipay.trade.page.pay",
        productCode: "FAST_INSTANT_TRADE_PAY",
      });
    case "h5":
      return redirect(wire, account, request, {
        method: "alipay.trade.wap.pay",
        productCode: "QUICK_WAP_WAY",
      });
    case "app":
      return orderString(wire, account, request);
    case "jsapi":
      return refused("bad_request", "method_not_served", "mini-programs of Alipay are not served");
  }
}

const PrecreateReply = Compile(
  Type.Object({ out_trade_no: Type.String(), qr_code: Type.String({ minLength: 1 }) }),
);

async function precreate(
  wire: Wire,
  account: AlipayAccount,
  request: PrepareRequest,
  signal: AbortSignal,
): Promise<ChannelAnswer<Prepared>> {
  const reply = await callAlipay(
    wire,
    account,
    {
      method: "alipay.trade.precreate",
      bizContent: orderOf(request, "FACE_TO_FACE_PAYMENT"),
      noticeUrl: request.noticeUrl,
    },
    signal,
  );
  if (reply.kind === "unknown") return unknown(reply.why);
  if (reply.kind === "error") return answerOfError(reply.error, { movesMoney: false });
  const prepared = readAs(PrecreateReply, reply.node);
  // A signed reply does not name its request: an older one, played back, shows by its number.
  if (prepared?.out_trade_no !== request.attemptNumber) {
    return unknown("a reply about something else");
  }
  const usableUntil = Math.min(request.expiresAt, wire.clock.now() + qrCodeMs);
  return ok({ instruction: { kind: "qr_code", content: prepared.qr_code }, usableUntil });
}

/** The payer's browser carries our signed request to Alipay, which creates the trade only then. */
function redirect(
  wire: Wire,
  account: AlipayAccount,
  request: PrepareRequest,
  kind: { readonly method: string; readonly productCode: string },
): ChannelAnswer<Prepared> {
  const { returnUrl, noticeUrl } = request;
  const isMobile = request.method === "h5";
  const params = signedParams(wire, account, {
    method: kind.method,
    bizContent: {
      ...orderOf(request, kind.productCode),
      // Where a payer on a mobile goes who breaks off.
      ...(isMobile && returnUrl !== undefined ? { quit_url: returnUrl } : {}),
    },
    noticeUrl,
    ...(returnUrl === undefined ? {} : { returnUrl }),
  });
  const url = `${account.config.gatewayUrl}?${encodeParams(params)}`;
  return ok({ instruction: { kind: "redirect", url }, usableUntil: request.expiresAt });
}

/** Our app hands this text to Alipay's SDK as it is. */
function orderString(
  wire: Wire,
  account: AlipayAccount,
  request: PrepareRequest,
): ChannelAnswer<Prepared> {
  const params = signedParams(wire, account, {
    method: "alipay.trade.app.pay",
    bizContent: orderOf(request, "QUICK_MSECURITY_PAY"),
    noticeUrl: request.noticeUrl,
  });
  const instruction = { kind: "sdk_call", params: { orderString: encodeParams(params) } } as const;
  return ok({ instruction, usableUntil: request.expiresAt });
}

function orderOf(request: PrepareRequest, productCode: string) {
  return {
    out_trade_no: request.attemptNumber,
    total_amount: minorToDecimal(request.amountMinor),
    // Alipay refuses these three characters here.
    subject: request.description.replaceAll(/[/=&]/g, " "),
    product_code: productCode,
    time_expire: formatBeijing(request.expiresAt),
  };
}
