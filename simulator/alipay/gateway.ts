/** The door of Alipay: one address for every method, for programs and for browsers. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Actions } from "../actions.ts";
import { serveUnderFaults } from "../calls.ts";
import type { Clock } from "../clock.ts";
import type { FaultParams, Faults, Operation, Strikes } from "../faults.ts";
import { alipayKeyAt } from "../merchants.ts";
import { looks } from "../pages.ts";
import { renderProblemPage } from "../paypage.ts";
import { dropConnection } from "../sockets.ts";
import { dayMs, parseBeijingText } from "../times.ts";
import type { AlipayMerchant, World } from "../world.ts";
import { nodeNameOf, ok, printReply, refuse, refuseAtDoor } from "./answers.ts";
import type { AlipayNode } from "./answers.ts";
import { requestText, verifyRsa2 } from "./signature.ts";
import type { Params } from "./signature.ts";
import { createStatements, downloadPath } from "./statements.ts";
import type { Statements } from "./statements.ts";
import { closeTrade, prepare, queryRefund, queryTrade, refundTrade } from "./trades.ts";
import type { AlipayCall, AlipayMethod } from "./trades.ts";

export interface AlipayParts {
  readonly world: World;
  readonly actions: Actions;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly baseUrl: (request: FastifyRequest) => string;
}

/** What a call comes to. A browser is sent on, a program gets a node. */
type Outcome =
  | { readonly kind: "node"; readonly node: AlipayNode }
  | { readonly kind: "redirect"; readonly url: string }
  | { readonly kind: "http_error"; readonly status: number };

interface Method {
  readonly operation: Operation;
  readonly isForBrowsers: boolean;
  readonly run: (call: AlipayCall) => Promise<Outcome>;
}

export function registerAlipayRoutes(app: FastifyInstance, parts: AlipayParts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  const statements = createStatements(parts);
  const methods = methodsOf(parts, statements);
  app.get(downloadPath, (request, reply) => statements.download(request, reply));
  app.route({
    method: ["GET", "POST"],
    url: "/gateway.do",
    handler: (request, reply) => serve(parts, methods, request, reply),
  });
}

function methodsOf(
  { world, actions, clock }: AlipayParts,
  statements: Statements,
): ReadonlyMap<string, Method> {
  const tradeParts = { world, actions, now: clock.now };
  const program = (
    operation: Operation,
    run: (call: AlipayCall) => Promise<AlipayNode> | AlipayNode,
  ): Method => ({
    operation,
    isForBrowsers: false,
    run: async (call) => ({ kind: "node", node: await run(call) }),
  });
  const browser = (method: AlipayMethod): Method => ({
    operation: "prepay",
    isForBrowsers: true,
    async run(call) {
      const prepared = await prepare(tradeParts, call, method);
      return prepared.kind === "prepared"
        ? { kind: "redirect", url: prepared.page }
        : { kind: "node", node: prepared.node };
    },
  });
  return new Map([
    [
      "alipay.trade.precreate",
      program("prepay", async (call) => {
        const prepared = await prepare(tradeParts, call, "precreate");
        if (prepared.kind === "refused") return prepared.node;
        return ok({ out_trade_no: prepared.trade.number, qr_code: prepared.page });
      }),
    ],
    ["alipay.trade.page.pay", browser("page")],
    ["alipay.trade.wap.pay", browser("wap")],
    ["alipay.trade.query", program("query", (call) => queryTrade(tradeParts, call))],
    ["alipay.trade.close", program("close", (call) => closeTrade(tradeParts, call))],
    ["alipay.trade.refund", program("refund", (call) => refundTrade(tradeParts, call))],
    [
      "alipay.trade.fastpay.refund.query",
      program("query_refund", (call) => queryRefund(tradeParts, call)),
    ],
    [
      "alipay.data.dataservice.bill.downloadurl.query",
      program("statement", (call) => statements.request(call)),
    ],
  ]);
}

async function serve(
  parts: AlipayParts,
  methods: ReadonlyMap<string, Method>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const params = paramsOf(request);
  const method = methods.get(params.method ?? "");
  const admitted = admit(parts, params, method);
  if (admitted.kind === "refused") {
    const nodeName = method === undefined ? "error_response" : nodeNameOf(params.method ?? "");
    // The door answers unsigned: it cannot know whose key to sign with.
    const unsigned = { nodeName, privateKeyPem: undefined, ...printedPlainly };
    return sendNode(reply, admitted.node, unsigned, method?.isForBrowsers ?? false);
  }

  const { merchant, content } = admitted;
  const strikes = parts.faults.strikes({
    channel: "alipay",
    operation: admitted.method.operation,
    merchantId: merchant.id,
    attemptNumber: textOf(content, "out_trade_no"),
    refundNumber: textOf(content, "out_request_no"),
  });
  const call = { merchant, params, content, strikes, baseUrl: parts.baseUrl(request) };
  const served = await serveUnderFaults<Outcome>({
    clock: parts.clock,
    strikes,
    execute: () => runMethod(admitted.method, call, strikes),
    failure,
  });
  if (served.kind === "dropped") return dropConnection(reply);
  const { answer } = served;
  if (answer.kind === "redirect") return reply.redirect(answer.url, 302);
  if (answer.kind === "http_error")
    return reply.code(answer.status).header("Content-Type", "text/html").send("Bad Gateway");
  const signed = {
    nodeName: nodeNameOf(params.method ?? ""),
    privateKeyPem: alipayKeyAt(merchant, parts.clock.now()).privateKeyPem,
    escapesSlashes: strikes.has("escaped_slashes"),
    signsWrong: strikes.has("reply_bad_signature"),
  };
  return sendNode(reply, answer.node, signed, admitted.method.isForBrowsers);
}

const printedPlainly = { escapesSlashes: false, signsWrong: false };

async function runMethod(method: Method, call: AlipayCall, strikes: Strikes): Promise<Outcome> {
  const outcome = await method.run(call);
  return strikes.has("unknown_after") ? { kind: "node", node: unknownOutcome } : outcome;
}

const unknownOutcome = refuseAtDoor("20000", "aop.unknow-error", "系统繁忙");

type Admission =
  | {
      readonly kind: "admitted";
      readonly method: Method;
      readonly merchant: AlipayMerchant;
      readonly content: object;
    }
  | { readonly kind: "refused"; readonly node: AlipayNode };

/** How strict the live gateway is about the hour is unpublished; a wrong day surely fails. */
const clockOffMaxMs = dayMs;

/** The checks of the door, in the order in which the gateway complains. */
function admit(parts: AlipayParts, params: Params, method: Method | undefined): Admission {
  const missing = ["method", "app_id", "sign_type", "sign", "timestamp", "version"].find(
    (name) => (params[name] ?? "") === "",
  );
  if (missing !== undefined) {
    const subCode = `isv.missing-${(missingNames[missing] ?? missing).replace("_", "-")}`;
    return atDoor("40001", subCode, `缺少参数 ${missing}`);
  }
  if (method === undefined)
    return atDoor("40002", "isv.invalid-method", `不存在的方法名 ${params.method}`);
  const merchant = parts.world.merchantByApp("alipay", params.app_id ?? "");
  if (merchant?.channel !== "alipay")
    return atDoor("40002", "isv.invalid-app-id", `无效的AppID ${params.app_id}`);
  if (params.sign_type !== "RSA2")
    return atDoor("40002", "isv.invalid-signature-type", "签名类型只支持RSA2");
  if ((params.charset ?? "utf-8").toLowerCase() !== "utf-8")
    return atDoor("40002", "isv.invalid-charset", "编码集只支持utf-8");
  const at = parseBeijingText(params.timestamp ?? "");
  if (at === undefined || Math.abs(parts.clock.now() - at) > clockOffMaxMs)
    return atDoor("40002", "isv.invalid-timestamp", `非法的时间戳参数 ${params.timestamp}`);

  const text = requestText(params);
  if (!verifyRsa2(text, params.sign ?? "", merchant.publicKeyPem)) {
    const advice = `验签出错，请检查签名字符串或私钥与应用公钥是否匹配，网关生成的验签字符串为：${text}`;
    return atDoor("40002", "isv.invalid-signature", advice);
  }
  const content = parseContent(params.biz_content ?? "{}");
  if (content === undefined)
    return atDoor("40002", "isv.invalid-parameter", "biz_content不是JSON对象");
  return { kind: "admitted", method, merchant, content };
}

/** Two parameters go by another name in the codes. */
const missingNames: Readonly<Record<string, string>> = {
  sign: "signature",
  sign_type: "signature-type",
};

const atDoor = (code: string, subCode: string, subMessage: string): Admission => ({
  kind: "refused",
  node: refuseAtDoor(code, subCode, subMessage),
});

/** By `status` the gateway itself is down; by `code` the business says so, under HTTP 200. */
function failure(kind: "error" | "rate_limit", params: FaultParams): Outcome {
  if (kind === "rate_limit") {
    const node = refuseAtDoor("40005", params.code ?? "isv.app-call-limited", "应用调用次数超限");
    return { kind: "node", node };
  }
  if (params.code !== undefined && params.status === undefined)
    return { kind: "node", node: refuse(params.code, "系统错误") };
  return { kind: "http_error", status: params.status ?? 502 };
}

function sendNode(
  reply: FastifyReply,
  node: AlipayNode,
  print: Omit<Parameters<typeof printReply>[0], "node">,
  isForBrowser: boolean,
): FastifyReply {
  const type = reply.header("Content-Type", "text/html;charset=utf-8");
  if (!isForBrowser) return type.send(printReply({ node, ...print }));
  const code = String(node.sub_code ?? node.code);
  return type.send(renderProblemPage(looks.alipay, String(node.sub_msg ?? node.msg), code));
}

/** Alipay takes any mix of query and form; the form wins where both name a parameter. */
function paramsOf(request: FastifyRequest): Params {
  const { searchParams } = new URL(request.raw.url ?? "", "http://gateway");
  const form = typeof request.body === "string" ? request.body : "";
  return Object.fromEntries([...searchParams, ...new URLSearchParams(form)]);
}

function parseContent(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(content: object, name: string): string {
  const value: unknown = Reflect.get(content, name);
  return typeof value === "string" ? value : "";
}
