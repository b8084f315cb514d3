/** The first page: what this is, what happened last, and which trouble is planted. */
import type { RuleView } from "./faults.ts";
import { fenToYuan } from "./money.ts";
import { both, escapeHtml, looks, renderDocument, viewOf, worldLook } from "./pages.ts";
import type { TradeView } from "./pages.ts";
import { beijingText } from "./times.ts";
import type { ChannelCode, Trade } from "./world.ts";

export interface ListedTrade {
  readonly trade: Trade;
  readonly refundedMinor: number;
  /** The newest of its pay pages; a trade of an app may have none. */
  readonly payPath: string | undefined;
}

export interface HomePage {
  /** The latest first. */
  readonly trades: readonly ListedTrade[];
  readonly tradeCount: number;
  readonly merchants: readonly {
    readonly channel: ChannelCode;
    readonly id: string;
    readonly name: string;
  }[];
  readonly faults: readonly RuleView[];
}

/** Often enough to watch a demo, seldom enough to read and press. */
const reloadSeconds = 5;

export function renderHomePage(page: HomePage): string {
  const body = `
    <section>
      <p>${both(
        "这里扮演微信支付与支付宝：真实的协议，模拟的付款人，按需出现的故障。",
        "This plays WeChat Pay and Alipay: their real protocols, simulated payers, and faults on demand.",
      )}</p>
    </section>
    <section>
      <h2>${both("最近交易", "Latest trades")} <small>${page.trades.length} / ${page.tradeCount}</small></h2>
      ${listOf(page.trades.map(tradeLine), "还没有交易。", "No trades yet.")}
    </section>
    <section>
      <h2>${both("生效的故障", "Active faults")} <small>${page.faults.length}</small></h2>
      ${listOf(page.faults.map(faultLine), "没有故障。", "No faults: the weather is fine.")}
    </section>
    <section>
      <h2>${both("商户", "Merchants")} <small>${page.merchants.length}</small></h2>
      ${listOf(page.merchants.map(merchantLine), "还没有商户。", "No merchants yet.")}
    </section>`;
  return renderDocument({ look: worldLook, body, style, reloadSeconds });
}

function listOf(lines: readonly string[], chinese: string, english: string): string {
  if (lines.length === 0) return `<p class="none">${both(chinese, english)}</p>`;
  return `<ul>${lines.join("")}</ul>`;
}

const states: Readonly<Record<TradeView, { mood: string; chinese: string; english: string }>> = {
  waiting: { mood: "late", chinese: "待支付", english: "Waiting" },
  paid: { mood: "good", chinese: "已支付", english: "Paid" },
  expired: { mood: "soft", chinese: "已过期", english: "Expired" },
  closed: { mood: "soft", chinese: "已关闭", english: "Closed" },
};

function tradeLine({ trade, refundedMinor, payPath }: ListedTrade): string {
  const state = states[viewOf(trade)];
  const refunded =
    refundedMinor === 0 ? "" : `<em>${both("已退", "back")} ¥${fenToYuan(refundedMinor)}</em>`;
  const content = `
        <span class="what"><b>${escapeHtml(trade.subject)}</b>
          <small>${badge(trade.channel)} ${escapeHtml(trade.number)} <time>${shortTime(trade.createdAt)}</time></small></span>
        <span class="much"><b>¥${fenToYuan(trade.totalMinor)}</b>
          <small class="${state.mood}">${both(state.chinese, state.english)}${refunded}</small></span>`;
  return payPath === undefined
    ? `<li><div>${content}</div></li>`
    : `<li><a href="${escapeHtml(payPath)}">${content}</a></li>`;
}

/** "11-21 20:45": the year and the second are on the trade's own page. */
const shortTime = (at: number): string => beijingText(at).slice(5, 16);

function faultLine(fault: RuleView): string {
  const { kind, match = {}, times = 1, probability, struck, lookedAt } = fault;
  const where = Object.values(match).map(String).join(" · ");
  const often = probability === undefined ? `${struck} / ${times}×` : `${probability * 100} %`;
  return `<li><div>
        <span class="what"><b><code>${escapeHtml(kind)}</code></b>
          <small>${where === "" ? both("到处", "everywhere") : escapeHtml(where)}</small></span>
        <span class="much"><b>${often}</b>
          <small>${both("已发生", "struck")} ${struck} / ${lookedAt}</small></span></div></li>`;
}

const merchantLine = (merchant: HomePage["merchants"][number]): string =>
  `<li><div><span class="what"><b>${escapeHtml(merchant.name === "" ? merchant.id : merchant.name)}</b>
          <small>${badge(merchant.channel)} ${escapeHtml(merchant.id)}</small></span></div></li>`;

const badge = (channel: ChannelCode): string =>
  `<i style="--brand: ${looks[channel].color}">${looks[channel].name}</i>`;

const style = `
    main { max-width: 760px; min-height: 100vh; }
    section { padding: 20px 24px 0; }
    section p { margin: 0; }
    section p span { display: block; font-size: 14px; color: var(--soft); }
    h2 { display: flex; align-items: baseline; gap: 8px; margin: 0; font-size: 17px; }
    h2 span, h2 small { font-size: 13px; font-weight: 400; color: var(--soft); }
    h2 small { margin-left: auto; }
    .none { padding: 12px 0; }
    ul { margin: 6px 0 0; padding: 0; list-style: none; }
    li { border-top: 1px solid var(--line); }
    li > * { display: flex; justify-content: space-between; gap: 16px; margin: 0 -24px;
      padding: 10px 24px; text-decoration: none; }
    li > a:hover { background: color-mix(in srgb, currentcolor 5%, transparent); }
    .what { min-width: 0; } .much { flex: none; text-align: right; }
    .what b { display: block; font-weight: 500; overflow-wrap: anywhere; }
    .much b { display: block; font-weight: 600; font-variant-numeric: tabular-nums; }
    li small { font-size: 12px; color: var(--soft); overflow-wrap: anywhere; }
    li small.good { color: var(--good); } li small.late { color: var(--late); }
    time { white-space: nowrap; }
    li em { display: block; font-style: normal; color: var(--soft); }
    i { padding: 1px 7px; border-radius: 99px; font-style: normal; white-space: nowrap; color: #fff;
      background: var(--brand); }`;
