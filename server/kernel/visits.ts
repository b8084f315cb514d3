import type { ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { App } from "./app.ts";
import { required } from "./assert.ts";
import { createLogContext, lineOf, withLogContext } from "./log.ts";
import type { Log, LogContext } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { edgeRefusal } from "./problem.ts";

export interface VisitsOptions {
  readonly settings: { readonly inFlightMax: number };
  readonly log: Log;
  readonly metrics: Metrics;
  /** Of every reply. */
  readonly headers: Readonly<Record<string, string>>;
}

const slowRequestMs = 1_000;

/**
 * A request under way. At its end it lets go of its reply: a Set leaves the tables behind that it
 * outgrows, and what stands in them lives on until V8's next full collection. With replies in them
 * collecting took 35 us of processor time an order in place of 19.
 */
export interface Visit {
  reply: ServerResponse | undefined;
  /**
   * Counted by the bound. Whose body is still on its way holds a connection and no more: anybody
   * may send slowly, and must not push aside those who do not.
   */
  isAtWork: boolean;
}

declare module "fastify" {
  interface FastifyRequest {
    visit: Visit | undefined;
  }
}

/** Its connection ends with this reply. */
export function sendLast(reply: ServerResponse): void {
  if (!reply.headersSent) reply.setHeader("connection", "close");
}

export function hasBody({ headers }: FastifyRequest): boolean {
  return (headers["content-length"] ?? "0") !== "0" || "transfer-encoding" in headers;
}

/**
 * Gives every request its ids, bounds how many are under way, measures them and logs the odd ones.
 * Gives those that are under way.
 */
export function followRequests(
  app: App,
  options: VisitsOptions,
  isStopping: () => boolean,
): ReadonlySet<Visit> {
  const { settings, log, metrics, headers } = options;
  const visits = new Set<Visit>();
  let atWork = 0;
  metrics.measure("http", () => metrics.httpInFlight(visits.size));

  function setAtWork(visit: Visit, isAtWork: boolean): void {
    if (visit.isAtWork !== isAtWork) atWork += isAtWork ? 1 : -1;
    visit.isAtWork = isAtWork;
  }

  function onClose(request: FastifyRequest, reply: FastifyReply, context: LogContext): void {
    const elapsedMs = reply.elapsedTime;
    // Nginx's number for a caller who hung up before the reply.
    const status = reply.raw.writableEnded ? reply.statusCode : 499;
    const { method } = request;
    const route = request.routeOptions.url ?? "none";
    metrics.httpRequest(method, route, status, elapsedMs / 1000);
    const isSlow = elapsedMs >= slowRequestMs && request.routeOptions.config.stream !== true;
    if (!isSlow && !log.isLevelEnabled("debug")) return;
    const line = { ...lineOf(context), method, route, status, elapsedMs: Math.round(elapsedMs) };
    if (isSlow) log.warn(line, "slow request");
    else log.debug(line, "request");
  }

  function startWork(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { stream, alwaysAnswered } = request.routeOptions.config;
    if (atWork >= settings.inFlightMax && alwaysAnswered !== true) {
      metrics.httpShed("overloaded");
      reply.refuse(edgeRefusal("overloaded", { retryAfterSeconds: 1 }));
      return;
    }
    if (stream !== true) setAtWork(required(request.visit, "a visit"), true);
    done();
  }

  app.decorateRequest("visit", undefined);
  app.addHook("onRequest", (request, reply, done) => {
    const { traceparent } = request.headers;
    const context = createLogContext(request.id, {
      traceparent: typeof traceparent === "string" ? traceparent : undefined,
    });
    const visit: Visit = { reply: reply.raw, isAtWork: false };
    request.visit = visit;
    visits.add(visit);
    if (isStopping()) sendLast(reply.raw);
    // The one event that comes for every reply, sent to the end or given up by the caller.
    reply.raw.once("close", () => {
      visits.delete(visit);
      visit.reply = undefined;
      setAtWork(visit, false);
      onClose(request, reply, context);
    });
    void reply.header("x-request-id", request.id);
    void reply.headers(headers);
    withLogContext(context, () => startWork(request, reply, done));
  });
  app.addHook("preParsing", (request, _reply, _body, done) => {
    if (hasBody(request)) setAtWork(required(request.visit, "a visit"), false);
    done();
  });
  app.addHook("preValidation", ({ visit }, reply, done) => {
    // Who hung up meanwhile is forgotten already.
    if (visit === undefined || visit.isAtWork || visit.reply === undefined) return done();
    startWork(reply.request, reply, done);
  });
  return visits;
}
