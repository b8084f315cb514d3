/** What the pages of this world share. No script and no outside file: they work anywhere. */
import type { ChannelCode, Trade } from "./world.ts";

export interface Look {
  readonly name: string;
  readonly english: string;
  readonly color: string;
}

export const looks: Readonly<Record<ChannelCode, Look>> = {
  wechatpay: { name: "微信支付", english: "WeChat Pay", color: "#067a45" },
  alipay: { name: "支付宝", english: "Alipay", color: "#1268e8" },
};

export const worldLook: Look = {
  name: "外部世界",
  english: "The outside world",
  color: "#4a4f9c",
};

/** Both languages of one thing; the second stands below or behind, as the style has it. */
export const both = (chinese: string, english: string): string =>
  `${escapeHtml(chinese)} <span lang="en">${escapeHtml(english)}</span>`;

export type TradeView = "waiting" | "paid" | "expired" | "closed";

/** What a person sees of a trade's state: time that ran out is not a merchant who closed it. */
export function viewOf(trade: Trade): TradeView {
  if (trade.state === "paid") return "paid";
  if (trade.state !== "closed") return "waiting";
  return trade.closedAt !== null && trade.closedAt >= trade.expiresAt ? "expired" : "closed";
}

export function renderDocument(page: {
  readonly look: Look;
  readonly body: string;
  readonly style?: string;
  /** The page loads itself again, without a script. */
  readonly reloadSeconds?: number;
}): string {
  const { look, reloadSeconds } = page;
  const reload =
    reloadSeconds === undefined ? "" : `\n  <meta http-equiv="refresh" content="${reloadSeconds}">`;
  return `<!doctype html>
<html lang="zh-CN">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="icon" href="data:,">${reload}
  <title>${look.name} ${look.english}</title>
  <style>${style(look.color)}${page.style ?? ""}</style>
</head>
<body>
  <main>
    <header>
      <h1>${both(look.name, look.english)}</h1>
      <p class="tag">${both("模拟", "Simulation")}</p>
    </header>
    ${page.body}
    <footer>${both("模拟环境，没有真实资金。", "A simulation. No real money moves.")}</footer>
  </main>
</body>
</html>
`;
}

const style = (color: string): string => `
    :root { color-scheme: light dark; --brand: ${color}; --ink: #16181d; --soft: #5d6673;
      --page: #eef1f4; --card: #fff; --line: #e1e5ea; --good: #0b7a4b; --bad: #b93520; --late: #8a5a00; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #eef1f5; --soft: #a4adba; --page: #101318; --card: #1c2027; --line: #353b45;
        --good: #4cc38a; --bad: #ff8f7a; --late: #e5b454; }
    }
    * { box-sizing: border-box; }
    body { margin: 0; min-height: 100vh; background: var(--page); color: var(--ink);
      font: 16px/1.5 system-ui, "PingFang SC", "Noto Sans CJK SC", sans-serif; }
    main { width: 100%; margin: 0 auto; background: var(--card); overflow: hidden; }
    header { display: flex; justify-content: space-between; align-items: center; gap: 12px;
      padding: 18px 24px; color: #fff; background: var(--brand); }
    h1 { margin: 0; font-size: 19px; line-height: 1.3; }
    h1 span { display: block; font-size: 13px; font-weight: 400; }
    .tag { margin: 0; padding: 3px 12px; border-radius: 99px; font-size: 13px; white-space: nowrap;
      background: rgb(255 255 255 / 20%); }
    a { color: inherit; }
    a:focus-visible, button:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
    .good { color: var(--good); } .bad { color: var(--bad); } .late { color: var(--late); }
    footer { padding: 16px 24px 22px; text-align: center; font-size: 12px; color: var(--soft); }
    footer span { display: block; }`;

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
