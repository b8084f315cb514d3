/** The page on which a person plays the payer, from the question to each of its ends. */
import { fenToYuan } from "./money.ts";
import { both, escapeHtml, looks, renderDocument, viewOf } from "./pages.ts";
import type { Look } from "./pages.ts";
import { beijingText } from "./times.ts";
import type { Trade } from "./world.ts";

export interface PayPage {
  readonly trade: Trade;
  readonly merchantName: string;
  readonly refundedMinor: number;
  /** The prepay id or code is too old; the trade itself may still be open. */
  readonly isStale: boolean;
  /** The payer has just pressed on a page that was no longer true: it was paid already. */
  readonly isPaidAgain?: boolean;
  /** Where the form goes, with the query that must survive it. */
  readonly action: string;
  /** Offered once the trade has ended. */
  readonly returnUrl: string | undefined;
}

export function renderPayPage(page: PayPage): string {
  const { trade } = page;
  const view = viewOf(trade);
  const isAsking = view === "waiting" && !page.isStale;
  const price = `
      <p class="subject">${escapeHtml(trade.subject)}</p>
      <p class="amount"><small>¥</small>${fenToYuan(trade.totalMinor)}</p>`;
  const body = isAsking
    ? `<section>${price}${declinedNote(trade)}${choices(page)}</section>${facts(page)}`
    : `<section>${ending(page)}${price}${refundedNote(page)}${returnLink(page)}</section>${facts(page)}`;
  return renderDocument({ look: looks[trade.channel], body, style });
}

export function renderProblemPage(look: Look, chinese: string, english: string): string {
  const body = `<section>${sign("bad", marks.cross, chinese, english)}</section>`;
  return renderDocument({ look, body, style });
}

/** An ending says what happened and what follows from it. */
function ending(page: PayPage): string {
  const { trade } = page;
  const view = viewOf(trade);
  if (page.isPaidAgain === true)
    return sign("good", marks.check, "此前已支付", "Already paid. Nothing was taken again.");
  if (view === "paid") return sign("good", marks.check, "支付成功", "Paid");
  if (view === "expired")
    return sign("late", marks.clock, "订单已过期", "Expired. It can no longer be paid.");
  if (view === "closed")
    return sign("bad", marks.cross, "订单已关闭", "The shop has closed this order.");
  return sign(
    "late",
    marks.clock,
    "链接已失效",
    "This link is too old. Ask the shop for a new one.",
  );
}

function declinedNote(trade: Trade): string {
  if (trade.declineCount === 0) return "";
  const text = both("支付被拒绝，可以再试。", "Declined. You may try again.");
  return `<p class="note bad" role="status">${text}</p>`;
}

function refundedNote({ refundedMinor }: PayPage): string {
  if (refundedMinor === 0) return "";
  const amount = `¥${fenToYuan(refundedMinor)}`;
  return `<p class="note">${both(`已退款 ${amount}`, `${amount} refunded`)}</p>`;
}

const choices = (page: PayPage): string => `
      <form method="post" action="${escapeHtml(page.action)}">
        <button class="pay" name="action" value="pay">${both("确认支付", "Pay")}</button>
        <button name="action" value="decline">${both("拒绝支付", "Decline")}</button>
        <button class="quiet" name="action" value="expire">${both("让订单过期", "Let it expire")}</button>
      </form>`;

function returnLink({ returnUrl }: PayPage): string {
  if (returnUrl === undefined) return "";
  const target = escapeHtml(returnUrl);
  return `<a class="pay" href="${target}">${both("返回商家", "Back to the shop")}</a>`;
}

function facts({ trade, merchantName }: PayPage): string {
  const isNamed = merchantName !== "";
  const rows: [string, string, string][] = [
    ...(isNamed ? [["商家", "Merchant", merchantName] as [string, string, string]] : []),
    ["商户号", isNamed ? "Merchant id" : "Merchant", trade.merchantId],
    ["商户单号", "Order number", trade.number],
  ];
  if (trade.paidAt === null) rows.push(["有效期至", "Payable until", beijingText(trade.expiresAt)]);
  else
    rows.push(
      ["支付时间", "Paid at", beijingText(trade.paidAt)],
      ["交易单号", "Transaction", trade.transactionId],
    );
  const lines = rows.map(
    ([chinese, english, value]) =>
      `<div><dt>${both(chinese, english)}</dt><dd class="${widthOf(value)}">${escapeHtml(value)}</dd></div>`,
  );
  return `<dl>${lines.join("")}</dl>`;
}

/** A number of 28 digits fits into the line of a phone only when it is set smaller. */
const widthOf = (value: string): string => (/^\S{24,}$/.test(value) ? "long" : "usual");

const marks = {
  check: '<path d="m14 25 7 7 14-15"/>',
  cross: '<path d="m17 17 14 14m0-14L17 31"/>',
  clock: '<path d="M24 14v11l7 5"/>',
};

const sign = (mood: string, mark: string, chinese: string, english: string): string => `
      <p class="sign ${mood}" role="status">
        <svg viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="22"/>${mark}</svg>
        ${both(chinese, english)}
      </p>`;

const style = `
    body { display: grid; place-items: center; padding: 16px; }
    main { max-width: 420px; border-radius: 18px; box-shadow: 0 8px 30px rgb(0 0 0 / 10%); }
    section { padding: 24px 24px 20px; text-align: center; }
    .subject { margin: 0; overflow-wrap: anywhere; text-wrap: balance; }
    .amount { margin: 6px 0 0; font-size: 46px; font-weight: 650; line-height: 1.15;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    .amount small { margin-right: 4px; font-size: .5em; }
    form { display: grid; gap: 10px; margin-top: 22px; }
    button, a.pay { display: block; width: 100%; min-height: 52px; padding: 12px; color: inherit;
      border: 1px solid var(--line); border-radius: 12px; background: none; font: inherit;
      text-decoration: none; cursor: pointer; }
    button span, a.pay span { font-size: 14px; }
    .pay { border-color: var(--brand) !important; background: var(--brand) !important;
      color: #fff !important; font-weight: 600; }
    .quiet { min-height: 44px; padding: 8px; border-color: transparent; color: var(--soft); }
    a.pay { margin-top: 22px; }
    .note { margin: 16px 0 0; padding: 10px 12px; border-radius: 10px; font-weight: 600;
      background: color-mix(in srgb, currentcolor 8%, transparent); }
    .note span { display: block; font-size: 14px; font-weight: 400; }
    .sign { margin: 4px 0 18px; font-size: 20px; font-weight: 650; }
    .sign span { display: block; font-size: 14px; font-weight: 400; }
    .sign svg { display: block; width: 64px; margin: 0 auto 10px; fill: none; stroke: currentcolor;
      stroke-width: 3; stroke-linecap: round; stroke-linejoin: round; }
    .sign circle { fill: color-mix(in srgb, currentcolor 10%, transparent); stroke: none; }
    dl { margin: 0 24px; padding: 14px 0 0; border-top: 1px solid var(--line); font-size: 14px; }
    dl div { display: flex; justify-content: space-between; gap: 16px; padding: 4px 0; }
    dt { flex: none; line-height: 1.3; }
    dt span { display: block; font-size: 12px; color: var(--soft); }
    .long { font-size: 12px; }
    dd { margin: 0; text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }`;
