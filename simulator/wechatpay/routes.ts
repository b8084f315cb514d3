/** The HTTP face of WeChat Pay APIv3: verify, meet the faults, run the call, sign the reply. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Actions } from "../actions.ts";
import { serveUnderFaults } from "../calls.ts";
import type { Clock } from "../clock.ts";
import type { FaultParams, Faults, Operation, Strikes } from "../faults.ts";
import { signingKey } from "../merchants.ts";
import { dropConnection } from "../sockets.ts";
import { merchantKey } from "../world.ts";
import type { PlatformKey, WechatMerchant, World } from "../world.ts";
import { paramError, refuse } from "./answers.ts";
import type { WechatAnswer } from "./answers.ts";
import { listCertificates } from "./certificates.ts";
import { createNonceMemory, signatureHeaders, verifyRequest } from "./signature.ts";
import { createStatements } from "./statements.ts";
import {
  closeTrade,
  prepay,
  prepayMethods,
  queryRefund,
  queryTrade,
  refundTrade,
} from "./trades.ts";
import type { WechatCall } from "./trades.ts";

interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly operation: Operation;
  readonly run: (call: WechatCall) => Promise<WechatAnswer> | WechatAnswer;
}

export interface WechatParts {
  readonly world: World;
  readonly actions: Actions;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly baseUrl: (request: FastifyRequest) => string;
}

export function registerWechatRoutes(app: FastifyInstance, parts: WechatParts): void {
  const { world, actions, clock } = parts;
  const tradeParts = { world, actions, now: clock.now };
  const statements = createStatements({ world, now: clock.now });
  const byNumber = "/v3/pay/transactions/out-trade-no/:out_trade_no";
  const refunds = "/v3/refund/domestic/refunds";
  const routes: readonly Route[] = [
    ...prepayMethods.map((method): Route => ({
      method: "POST",
      path: `/v3/pay/transactions/${method}`,
      operation: "prepay",
      run: (call) => prepay(tradeParts, call, method),
    })),
    get(byNumber, "query", (call) => queryTrade(tradeParts, call)),
    get("/v3/pay/transactions/id/:transaction_id", "query", (call) => queryTrade(tradeParts, call)),
    post(`${byNumber}/close`, "close", (call) => closeTrade(tradeParts, call)),
    post(refunds, "refund", (call) => refundTrade(tradeParts, call)),
    get(`${refunds}/:out_refund_no`, "query_refund", (call) => queryRefund(tradeParts, call)),
    get("/v3/certificates", "certificates", (call) => listCertificates(world, call.merchant)),
    get("/v3/bill/tradebill", "statement", (call) => statements.request(call)),
  ];

  keepRawBodies(app);
  const serve = createServer(parts);
  for (const route of routes)
    app.route({
      method: route.method,
      url: route.path,
      handler: (request, reply) => serve(route, request, reply),
    });
  app.get("/v3/billdownload/file", (request, reply) => serve.file(statements, request, reply));
  app.all("/v3/*", (request, reply) =>
    reply.code(404).send({ code: "RESOURCE_NOT_EXISTS", message: `无此接口 ${request.url}` }),
  );
}

const get = (path: string, operation: Operation, run: Route["run"]): Route => ({
  method: "GET",
  path,
  operation,
  run,
});
const post = (path: string, operation: Operation, run: Route["run"]): Route => ({
  method: "POST",
  path,
  operation,
  run,
});

/** Signatures are over the bytes that came, so nothing may parse them first. */
function keepRawBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
}

interface Server {
  (route: Route, request: FastifyRequest, reply: FastifyReply): Promise<unknown>;
  file(
    statements: ReturnType<typeof createStatements>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown>;
}

function createServer(parts: WechatParts): Server {
  const { world, clock, faults } = parts;
  const nonces = createNonceMemory();

  function admit(request: FastifyRequest): WechatMerchant | WechatAnswer {
    const { headers } = request;
    if (headers.accept === undefined || headers["user-agent"] === undefined)
      return refuse(400, "PARAM_ERROR", "Http头缺少Accept或User-Agent");
    const signed = {
      method: request.method,
      url: request.raw.url ?? "",
      authorization: headers.authorization,
      body: bodyOf(request),
    };
    const verification = verifyRequest(signed, {
      now: clock.now(),
      merchant: (mchid) => merchantOf(world, mchid),
      nonces,
    });
    if (verification.kind === "verified") return verification.merchant;
    return refuse(401, "SIGN_ERROR", "错误的签名，验签失败", verification.detail);
  }

  async function serve(route: Route, request: FastifyRequest, reply: FastifyReply) {
    const merchant = admit(request);
    if ("status" in merchant) return sendPlain(reply, merchant);
    const asked = replyKey(world, merchant, request);
    if ("status" in asked) return sendPlain(reply, asked);
    const body = parseJson(bodyOf(request));
    if (body === undefined) return sendPlain(reply, notJson);

    const params = request.params as Readonly<Record<string, string>>;
    const query = request.query as Readonly<Record<string, unknown>>;
    const strikes = faults.strikes({
      channel: "wechatpay",
      operation: route.operation,
      merchantId: merchant.id,
      attemptNumber: params.out_trade_no ?? textOf(body, "out_trade_no"),
      refundNumber: params.out_refund_no ?? textOf(body, "out_refund_no"),
    });
    const baseUrl = parts.baseUrl(request);
    const served = await serveUnderFaults({
      clock,
      strikes,
      execute: () => route.run({ merchant, body, query, params, strikes, baseUrl }),
      failure,
    });
    if (served.kind === "dropped") return dropConnection(reply);
    return sendSigned(reply, served.answer, asked, strikes);
  }

  function sendSigned(
    reply: FastifyReply,
    answer: WechatAnswer,
    key: PlatformKey,
    strikes: Strikes,
  ): FastifyReply {
    if (answer.status >= 300) return sendPlain(reply, answer);
    const body = answer.body === undefined ? "" : JSON.stringify(answer.body);
    const signedBody = strikes.has("reply_bad_signature") ? `${body} ` : body;
    return sendPlain(reply.headers(signatureHeaders(signedBody, key, clock.now())), answer);
  }

  async function file(
    statements: ReturnType<typeof createStatements>,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    const merchant = admit(request);
    if ("status" in merchant) return sendPlain(reply, merchant);
    const { token } = request.query as { token?: string };
    const strikes = faults.strikes({
      channel: "wechatpay",
      operation: "statement_file",
      merchantId: merchant.id,
      attemptNumber: "",
      refundNumber: "",
    });
    const served = await serveUnderFaults<WechatAnswer | Buffer>({
      clock,
      strikes,
      execute: () => statements.file(merchant, token ?? ""),
      failure,
    });
    if (served.kind === "dropped") return dropConnection(reply);
    const { answer } = served;
    if (!Buffer.isBuffer(answer)) return sendPlain(reply, answer);
    // The one reply that the provider does not sign.
    return reply.header("Content-Type", "application/octet-stream").send(answer);
  }

  return Object.assign(serve, { file });
}

const notJson = paramError({ field: "", value: null, issue: "is not JSON", location: "body" });

function failure(kind: "error" | "rate_limit", params: FaultParams): WechatAnswer {
  if (kind === "rate_limit") return refuse(429, params.code ?? "FREQUENCY_LIMITED", "频率超限");
  return refuse(params.status ?? 500, params.code ?? "SYSTEM_ERROR", "系统异常，请稍后重试");
}

/** A request may ask for the public key by its id; else the merchant's mode decides. */
function replyKey(
  world: World,
  merchant: WechatMerchant,
  request: FastifyRequest,
): PlatformKey | WechatAnswer {
  const asked = request.headers["wechatpay-serial"];
  if (typeof asked !== "string") return signingKey(world, merchant.mode);
  const key = world.platformKeys.get(asked);
  if (key === undefined)
    return paramError({
      field: "Wechatpay-Serial",
      value: asked,
      issue: "is no key of this provider",
      location: "header",
    });
  return key.kind === "public_key" ? key : signingKey(world, merchant.mode);
}

function sendPlain(reply: FastifyReply, answer: WechatAnswer): FastifyReply {
  if (answer.body === undefined) return reply.code(answer.status).send();
  return reply
    .code(answer.status)
    .header("Content-Type", "application/json; charset=utf-8")
    .send(Buffer.from(JSON.stringify(answer.body)));
}

function merchantOf(world: World, mchid: string): WechatMerchant | undefined {
  const merchant = world.merchants.get(merchantKey("wechatpay", mchid));
  return merchant?.channel === "wechatpay" ? merchant : undefined;
}

const bodyOf = (request: FastifyRequest): Buffer =>
  Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);

/** The parsed body; an empty one reads as an empty object, undefined is not JSON. */
function parseJson(body: Buffer): object | undefined {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(body: object, name: string): string {
  const value: unknown = Reflect.get(body, name);
  return typeof value === "string" ? value : "";
}
