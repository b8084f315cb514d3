import { alipayKeyAt } from "../merchants.ts";
import { fenToYuan } from "../money.ts";
import { beijingText } from "../times.ts";
import { merchantKey } from "../world.ts";
import type { Trade, TradeMethod, World } from "../world.ts";
import { noticeText, signRsa2 } from "./signature.ts";

const methodNames: { readonly [Method in TradeMethod]?: string } = {
  page: "alipay.trade.page.pay.return",
  wap: "alipay.trade.wap.pay.return",
};

/**
 * Where the browser goes after the payment: the merchant's return_url with signed parameters. They
 * are for display; a merchant asks or waits for the notice before it believes anything.
 */
export function signedReturnUrl(
  world: World,
  now: () => number,
): (trade: Trade) => string | undefined {
  return (trade) => {
    const merchant = world.merchants.get(merchantKey("alipay", trade.merchantId));
    if (trade.returnUrl === "" || merchant?.channel !== "alipay") return undefined;
    const params = {
      app_id: trade.appId,
      auth_app_id: trade.appId,
      charset: "utf-8",
      method: methodNames[trade.method] ?? "",
      out_trade_no: trade.number,
      seller_id: trade.merchantId,
      sign_type: "RSA2",
      timestamp: beijingText(now()),
      total_amount: fenToYuan(trade.totalMinor),
      trade_no: trade.transactionId,
      version: "1.0",
    };
    const url = new URL(trade.returnUrl);
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
    const { privateKeyPem } = alipayKeyAt(merchant, now());
    const signature = signRsa2(noticeText(params), privateKeyPem);
    url.searchParams.set("sign", signature);
    return url.href;
  };
}
