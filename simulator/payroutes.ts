/** Where codes and links lead: a payer looks at a trade and pays, declines, or lets it expire. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Actions, PayResult } from "./actions.ts";
import { renderPayPage, renderProblemPage } from "./paypage.ts";
import type { ChannelCode, Session, Trade, World } from "./world.ts";

export interface PayRouteParts {
  readonly world: World;
  readonly actions: Actions;
  readonly now: () => number;
  /** Where Alipay sends the browser afterwards, with signed parameters. */
  readonly alipayReturnUrl: (trade: Trade) => string | undefined;
}

const channels: Readonly<Record<string, ChannelCode>> = { wechat: "wechatpay", alipay: "alipay" };

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

  app.get("/pay/:provider/:sessionId", (request, reply) => {
    const found = visit(request);
    if (found === undefined) return sendUnknown(reply);
    const page = renderPayPage({
      trade: found.trade,
      isStale: isStale(found.session, parts.now()),
      action: request.url,
      returnUrl: returnUrlOf(found.trade, request),
    });
    return sendHtml(reply, page);
  });

  app.post("/pay/:provider/:sessionId", (request, reply) => {
    const found = visit(request);
    if (found === undefined) return sendUnknown(reply);
    const asked = readForm(request);
    const result = act(found, asked.get("action") ?? "pay", asked.get("payerId") ?? undefined);
    if (wantsJson(request)) return reply.code(result === "paid" ? 200 : 409).send({ result });
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
  return reply.header("Content-Type", "text/html; charset=utf-8").send(html);
}

function sendUnknown(reply: FastifyReply): FastifyReply {
  const page = renderProblemPage("wechatpay", "链接无效", "This link leads to no payment.");
  return sendHtml(reply.code(404), page);
}
