/** Where codes and links lead: a payer looks at a trade and pays, declines, or lets it expire. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Actions, PayResult } from "./actions.ts";
import type { Faults } from "./faults.ts";
import { renderHomePage } from "./homepage.ts";
import { looks, worldLook } from "./pages.ts";
import { renderPayPage, renderProblemPage } from "./paypage.ts";
import { merchantKey, sumMinor, tradeKey } from "./world.ts";
import type { ChannelCode, Session, Trade, World } from "./world.ts";

export interface PayRouteParts {
  readonly world: World;
  readonly actions: Actions;
  readonly faults: Pick<Faults, "list">;
  readonly now: () => number;
  /** Where Alipay sends the browser afterwards, with signed parameters. */
  readonly alipayReturnUrl: (trade: Trade) => string | undefined;
}

const channels: Readonly<Record<string, ChannelCode>> = { wechat: "wechatpay", alipay: "alipay" };
const providers: Readonly<Record<ChannelCode, string>> = { wechatpay: "wechat", alipay: "alipay" };

interface Visit {
  readonly channel: ChannelCode;
  readonly session: Session;
  readonly trade: Trade;
}

export function registerPayRoutes(app: FastifyInstance, parts: PayRouteParts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  function visit(request: FastifyRequest): Visit | undefined {
    const { provider = "", sessionId = "" } = request.params as Record<string, string>;
    const channel = channels[provider];
    const session = parts.world.sessions.get(sessionId);
    if (channel === undefined || session === undefined) return undefined;
    const trade = parts.actions.trade(session.tradeKey);
    if (trade === undefined || trade.channel !== channel) return undefined;
    const isUsable = parts.now() < session.usableUntil;
    return { channel, session, trade: isUsable ? parts.actions.open(trade) : trade };
  }

  app.get("/", (_request, reply) =>
    sendHtml(reply, renderHomePage(homePage(parts.world, parts.faults))),
  );

  app.get("/pay/:provider/:sessionId", (request, reply) => {
    const found = visit(request);
    if (found === undefined) return sendUnknown(request, reply);
    return sendHtml(reply, payPage(found, request));
  });

  function payPage({ trade, session }: Visit, request: FastifyRequest, isPaidAgain = false) {
    return renderPayPage({
      trade,
      merchantName:
        parts.world.merchants.get(merchantKey(trade.channel, trade.merchantId))?.name ?? "",
      refundedMinor: refundedMinor(parts.world, trade),
      isStale: isStale(session, parts.now()),
      isPaidAgain,
      action: request.url,
      returnUrl: returnUrlOf(trade, request),
    });
  }

  app.post("/pay/:provider/:sessionId", (request, reply) => {
    const found = visit(request);
    if (found === undefined) return sendUnknown(request, reply);
    const asked = readForm(request);
    const result = act(found, asked.get("action") ?? "pay", asked.get("payerId") ?? undefined);
    if (wantsJson(request)) return reply.code(result === "paid" ? 200 : 409).send({ result });
    // Nothing is taken twice, and the payer who pressed twice is told so.
    if (result === "paid_before") return sendHtml(reply.code(409), payPage(found, request, true));
    const after = parts.actions.trade(found.session.tradeKey) ?? found.trade;
    const target = after.state === "paid" ? returnUrlOf(after, request) : undefined;
    return reply.redirect(target ?? request.url, 303);
  });

  function act({ session, trade }: Visit, action: string, payerId: string | undefined) {
    if (isStale(session, parts.now())) return "stale";
    if (action === "decline" && trade.state === "unpaid") {
      parts.actions.decline(trade);
      return "declined";
    }
    if (action === "expire") return parts.actions.expire(trade).state;
    if (action !== "pay" && action !== "decline") return "unknown_action";
    const { outcome, told } = parts.actions.pay(trade, payerId === undefined ? {} : { payerId });
    void told; // The payer's page does not wait for the merchant.
    return outcome satisfies PayResult;
  }

  /** An H5 merchant appends `redirect_url` to the link itself; Alipay knows it from the request. */
  function returnUrlOf(trade: Trade, request: FastifyRequest): string | undefined {
    if (trade.channel === "alipay") return parts.alipayReturnUrl(trade);
    const { redirect_url: target } = request.query as { redirect_url?: string };
    return target !== undefined && /^https?:\/\//.test(target) ? target : undefined;
  }
}

/** As many as a demo's audience looks at; scripts list all of them by /control/trades. */
const listedMax = 50;

function homePage(
  world: World,
  faults: Pick<Faults, "list">,
): Parameters<typeof renderHomePage>[0] {
  const latest = [...world.trades.values()].slice(-listedMax).toReversed();
  const wanted = new Set(latest.map(tradeKey));
  const paths = new Map<string, string>();
  for (const session of world.sessions.values()) {
    // Later sessions of the same trade come later, and the newest is the one that lives longest.
    if (wanted.has(session.tradeKey)) paths.set(session.tradeKey, session.id);
  }
  return {
    trades: latest.map((trade) => {
      const id = paths.get(tradeKey(trade));
      const payPath = id === undefined ? undefined : `/pay/${providers[trade.channel]}/${id}`;
      return { trade, refundedMinor: refundedMinor(world, trade), payPath };
    }),
    tradeCount: world.trades.size,
    merchants: [...world.merchants.values()],
    faults: faults.list(),
  };
}

const refundedMinor = (world: World, trade: Trade): number =>
  sumMinor(world.refundsOf(trade), ["success"]);

const isStale = (session: Session, now: number): boolean => now >= session.usableUntil;

function readForm(request: FastifyRequest): Map<string, string> {
  const text = typeof request.body === "string" ? request.body : "";
  if (!(request.headers["content-type"] ?? "").includes("json"))
    return new Map(new URLSearchParams(text));
  try {
    const value: unknown = JSON.parse(text);
    return new Map(Object.entries(value ?? {}).map(([name, each]) => [name, String(each)]));
  } catch {
    return new Map();
  }
}

const wantsJson = (request: FastifyRequest): boolean =>
  (request.headers.accept ?? "").includes("application/json");

function sendHtml(reply: FastifyReply, html: string): FastifyReply {
  // A page in the browser's memory would offer to pay what has been paid since.
  const headers = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" };
  return reply.headers(headers).send(html);
}

function sendUnknown(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const channel = channels[(request.params as { provider?: string }).provider ?? ""];
  const look = channel === undefined ? worldLook : looks[channel];
  const page = renderProblemPage(look, "链接无效", "This link leads to no payment.");
  return sendHtml(reply.code(404), page);
}
