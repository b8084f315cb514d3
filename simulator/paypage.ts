/** The page on which a person plays the payer. No script and no outside file: it works anywhere. */
import { fenToYuan } from "./money.ts";
import { beijingText } from "./times.ts";
import type { ChannelCode, Trade } from "./world.ts";

export interface PayPage {
  readonly trade: Trade;
  /** The prepay id or code is too old; the trade itself may still be open. */
  readonly isStale: boolean;
  /** Where the form goes, with the query that must survive it. */
  readonly action: string;
  /** Offered once the trade has ended. */
  readonly returnUrl: string | undefined;
}

const looks: Readonly<Record<ChannelCode, { name: string; english: string; color: string }>> = {
  wechatpay: { name: "微信支付", english: "WeChat Pay", color: "#067a45" },
  alipay: { name: "支付宝", english: "Alipay", color: "#1268e8" },
};

export function renderPayPage(page: PayPage): string {
  const { trade } = page;
  const look = looks[trade.channel];
  const body = `
    <p class="subject">${escapeHtml(trade.subject)}</p>
    <p class="amount"><small>¥</small>${fenToYuan(trade.totalMinor)}</p>
    ${page.isStale && trade.state === "unpaid" ? staleNote : statusOf(page)}
    <dl>
      <dt>商户号 Merchant</dt><dd>${escapeHtml(trade.merchantId)}</dd>
      <dt>商户单号 Order number</dt><dd>${escapeHtml(trade.number)}</dd>
      <dt>有效期至 Payable until</dt><dd>${beijingText(trade.expiresAt)}</dd>
    </dl>`;
  return renderDocument(look, body);
}

export function renderProblemPage(channel: ChannelCode, chinese: string, english: string): string {
  const text = `<p class="status bad">${escapeHtml(chinese)}<span>${escapeHtml(english)}</span></p>`;
  return renderDocument(looks[channel], text);
}

const staleNote =
  '<p class="status bad">链接已失效<span>This link is too old. Ask the shop for a new one.</span></p>';

function statusOf(page: PayPage): string {
  const { trade } = page;
  if (trade.state === "paid") return `${status("good", "支付成功", "Paid")}${returnLink(page)}`;
  if (trade.state === "closed")
    return `${status("bad", "订单已关闭", "Closed")}${returnLink(page)}`;
  const declined =
    trade.declineCount === 0 ? "" : status("bad", "支付被拒绝", "Declined. You may try again.");
  return `${declined}
    <form method="post" action="${escapeHtml(page.action)}">
      <button class="pay" name="action" value="pay">确认支付 <span>Pay</span></button>
      <button name="action" value="decline">拒绝支付 <span>Decline</span></button>
      <button name="action" value="expire">让订单过期 <span>Let it expire</span></button>
    </form>`;
}

const status = (mood: "good" | "bad", chinese: string, english: string): string =>
  `<p class="status ${mood}" role="status">${chinese}<span>${english}</span></p>`;

function returnLink(page: PayPage): string {
  if (page.returnUrl === undefined) return "";
  const target = escapeHtml(page.returnUrl);
  return `<p><a class="back" href="${target}">返回商家 <span>Back to the shop</span></a></p>`;
}

function renderDocument(look: (typeof looks)[ChannelCode], body: string): string {
  return `<!doctype html>
<html lang="zh-CN">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${look.name} ${look.english}</title>
  <style>${style(look.color)}</style>
</head>
<body>
  <main>
    <h1>${look.name} <span lang="en">${look.english}</span></h1>
    ${body}
    <footer>模拟环境，没有真实资金 <span lang="en">A simulation. No real money moves.</span></footer>
  </main>
</body>
</html>
`;
}

const style = (color: string): string => `
    :root { color-scheme: light dark; --ink: #16181d; --soft: #5d6673; --card: #fff; --line: #dfe3e8;
      --lift: 0%; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #eef1f5; --soft: #a4adba; --card: #1c2027; --line: #353b45;
        --lift: 35%; }
    }
    * { box-sizing: border-box; }
    body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
      background: #eef1f4; color: var(--ink);
      font: 16px/1.5 system-ui, "PingFang SC", "Noto Sans CJK SC", sans-serif; }
    @media (prefers-color-scheme: dark) { body { background: #101318; } }
    main { width: 100%; max-width: 400px; background: var(--card); border-radius: 16px;
      padding: 24px; box-shadow: 0 8px 30px rgb(0 0 0 / 8%); }
    h1 { margin: 0 0 20px; font-size: 17px; }
    h1 span, footer span, dt { color: var(--soft); font-weight: 400; }
    .subject { margin: 0; text-align: center; color: var(--soft); overflow-wrap: anywhere; }
    .amount { margin: 4px 0 20px; text-align: center; font-size: 44px; font-weight: 600;
      font-variant-numeric: tabular-nums; line-height: 1.2; }
    .amount small { font-size: 24px; margin-right: 4px; }
    form { display: grid; gap: 10px; }
    button, .back { display: block; width: 100%; padding: 13px; border: 1px solid var(--line);
      border-radius: 10px; background: none; color: inherit; font: inherit; text-align: center;
      text-decoration: none; cursor: pointer; }
    button span, .back span { opacity: .9; font-size: 14px; }
    button:focus-visible, .back:focus-visible { outline: 3px solid ${color}; outline-offset: 2px; }
    .pay, .back { background: ${color}; border-color: ${color}; color: #fff; font-weight: 600; }
    .status { margin: 0 0 16px; padding: 12px; border-radius: 10px; text-align: center;
      font-weight: 600; background: rgb(120 120 120 / 10%); }
    .status span { display: block; font-weight: 400; font-size: 14px; }
    h1, .good { color: color-mix(in oklab, ${color}, var(--ink) var(--lift)); }
    .bad { color: color-mix(in oklab, #c23a20, var(--ink) var(--lift)); }
    dl { margin: 20px 0 0; padding-top: 16px; border-top: 1px solid var(--line); font-size: 14px;
      display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; }
    dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
    footer { margin-top: 20px; text-align: center; font-size: 12px; color: var(--soft); }
    footer span { display: block; }`;

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
