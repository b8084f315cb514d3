import { isUtf8 } from "node:buffer";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import { Server as TcpServer } from "node:net";
import type { Socket } from "node:net";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, { LogController } from "fastify";
import type { FastifyReply, FastifyRequest } from "fastify";
import { assertAccessStated, assertScope } from "./access.ts";
import type { Authenticate, Principal } from "./access.ts";
import type { App } from "./app.ts";
import { required } from "./assert.ts";
import { registerHealth } from "./health.ts";
import { createIds } from "./ids.ts";
import { createLimiter } from "./limiter.ts";
import type { Limiter } from "./limiter.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { registerOpenapi } from "./openapi.ts";
import type { OpenapiOptions } from "./openapi.ts";
import type { Answer } from "./operation.ts";
import { createPatience } from "./patience.ts";
import type { Patience } from "./patience.ts";
import {
  edgeRefusal,
  malformed,
  problemContentType,
  problemOfBug,
  problemOfRefusal,
  refusalOfError,
} from "./problem.ts";
import type { ProblemReply, RefusalTable } from "./problem.ts";
import type { Refusal } from "./refusal.ts";
import { RefusedError } from "./refusal.ts";
import type { Clock } from "./time.ts";
import { createShedding } from "./shedding.ts";
import type { Shedding } from "./shedding.ts";
import { createTurns } from "./turns.ts";
import type { Turns } from "./turns.ts";
import { compileValidator } from "./validation.ts";
import { followRequests, hasBody, sendLast } from "./visits.ts";

export interface HttpSettings {
  readonly bodyBytesMax: number;
  readonly inFlightMax: number;
  readonly connectionsMax: number;
  /** 0: no limit. */
  readonly callerPerSecondMax: number;
  readonly trustedProxies: readonly string[] | undefined;
  readonly metricsToken: string | undefined;
  readonly stopSecondsMax: number;
}

export interface HttpOptions {
  readonly settings: HttpSettings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly refusals: RefusalTable;
  readonly clock: Clock;
  readonly openapi: Omit<OpenapiOptions, "refusals">;
}

export interface Http {
  /** Routes are registered on it until `listen`. */
  readonly app: App;
  /** Must be called once before the first request of a route with a scope. */
  registerAuthentication(authenticate: Authenticate): void;
  /** `/readyz` says 503 while the check throws, answers false or takes longer than two seconds. */
  registerReadiness(name: string, check: () => boolean | Promise<boolean>): void;
  /** While it says so, commands are sent off at the door; reading goes on. */
  registerBrake(isFull: () => boolean): void;
  /** Gives the address. */
  listen(address: { host: string; port: number }): Promise<string>;
  /** Answers what is under way, takes nothing new, and ends by force when that takes too long. */
  stop(): Promise<void>;
}

const serverTimeouts = {
  // A request line and headers are in one packet; who needs longer is holding connections.
  headersTimeout: 10_000,
  // A body of a megabyte over a bad mobile network.
  requestTimeout: 30_000,
  // Longer than the 60 s of common proxies, so that it is the proxy who closes.
  keepAliveTimeout: 72_000,
  // How late the first two may be noticed.
  connectionsCheckingInterval: 2_000,
};
/** Longer ids and keys are nobody's; a path parameter is at most this long. */
const paramLengthMax = 128;
/** For the thread. Who would then only wait in the queue too had better come back. */
const turnWaits = { passingMs: 400, standingMs: 150 };
/** A caller who is at it sends the next request on his connection by then, or closes it. */
const lingerMs = 1_000;
/** Of one kind of fault so many lines a second: the first ones tell it, the rest fill disks. */
const faultLinesPerSecond = 5;

/** What matters to a browser that is shown an API's reply; pages of HTML set stricter ones. */
const browserHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
const jsonType = /^application\/json\s*(;|$)/i;

export async function createHttp(options: HttpOptions): Promise<Http> {
  let authenticate: Authenticate | undefined;
  let isFull = () => false;
  let isStopping = false;
  const requestIdOf = createRequestIds(options.clock);
  const patience = createPatience(turnWaits);
  const shedding = createShedding({
    ...options,
    mustComeBack: (lineMs) => !isStopping && (lineMs > patience.waitMsMax() || isFull()),
    requestIdOf,
    headers: Object.entries(browserHeaders),
  });
  const app = createApp(options, { requestIdOf, shedding, patience });

  app.addHook("onRoute", (route) => {
    // The pages of the documents come from a plugin that knows nothing of our access rules.
    if (route.url.startsWith("/docs")) route.config = { ...route.config, public: true };
    assertAccessStated(route);
    const [path = ""] = route.url.split(":", 1);
    if (route.config?.public === true && route.method !== "GET") shedding.letThrough(path);
  });
  decorateReplies(app, options);
  const visits = followRequests(app, { ...options, headers: browserHeaders }, () => isStopping);
  app.addHook(
    "onRequest",
    createDoor(options, () => required(authenticate, "authentication")),
  );
  parseBodies(app);
  answerErrors(app, options);
  const readiness = registerHealth(app, {
    metrics: options.metrics,
    clock: options.clock,
    metricsToken: options.settings.metricsToken,
    isStopping: () => isStopping,
  });
  await registerOpenapi(app, { ...options.openapi, refusals: options.refusals });

  return {
    app,
    registerAuthentication: (given) => void (authenticate = given),
    registerReadiness: readiness.register,
    registerBrake: (given) => void (isFull = given),
    // A crowd connects faster than a busy thread accepts: Node takes one connection a turn of its
    // loop. Who finds no place in the queue of the system (511 by default) is lost for seconds.
    listen: ({ host, port }) =>
      app.listen({ host, port, backlog: options.settings.connectionsMax }),
    async stop() {
      isStopping = true;
      const stopMsMax = options.settings.stopSecondsMax * 1000;
      const force = setTimeout(() => app.server.closeAllConnections(), stopMsMax);
      for (const { reply } of visits) if (reply !== undefined) sendLast(reply);
      await letGo(app, Math.min(lingerMs, stopMsMax));
      await app.close();
      clearTimeout(force);
    },
  };
}

/**
 * Takes no new connections and waits until the open ones have ended. Each ends with its next reply:
 * an idle one that is cut may have a request on its way, whose caller would get no answer at all.
 */
async function letGo(app: App, msMax: number): Promise<void> {
  if (!app.server.listening) return;
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, msMax);
  // The close of node:http would cut the idle ones at once.
  const gone = new Promise<void>((done) => {
    TcpServer.prototype.close.call(app.server, () => done());
  });
  await Promise.race([gone, late.promise]);
  clearTimeout(timer);
}

/** The caller's own name for a request when it is well formed. */
function createRequestIds(clock: Clock): (request: IncomingMessage) => string {
  const ids = createIds({ clock });
  return ({ headers }) => {
    const given = headers["x-request-id"];
    return typeof given === "string" && requestIdPattern.test(given) ? given : ids.next();
  };
}

function createApp(
  { settings, log, refusals }: HttpOptions,
  first: {
    readonly requestIdOf: (request: IncomingMessage) => string;
    readonly shedding: Shedding;
    readonly patience: Patience;
  },
): App {
  let turns: Turns | undefined;
  const app = Fastify({
    serverFactory: (handle) => {
      turns = createTurns({
        turnAway: first.shedding.shed,
        begin(request, reply, waitedMs) {
          first.patience.waited(waitedMs);
          if (!first.shedding.shed(request, reply, waitedMs)) handle(request, reply);
        },
      });
      return createServer(serverTimeouts, turns.add).on("connection", turns.noteNewcomer);
    },
    // All it says of itself below a warning is where it listens, once for each address.
    loggerInstance: log.child({}, { level: log.isLevelEnabled("info") ? "warn" : log.level }),
    // One logger for all: the ids of the request come from its context, not from a child each.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: first.requestIdOf,
    trustProxy: settings.trustedProxies === undefined ? false : [...settings.trustedProxies],
    bodyLimit: settings.bodyBytesMax,
    routerOptions: { maxParamLength: paramLengthMax },
    exposeHeadRoutes: false,
    // What arrives on a kept connection during a stop is answered, with `connection: close`.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      const refusal = refusalOfError(error, settings.bodyBytesMax) ?? malformed("see the path");
      send(reply, problemOfRefusal(refusals, refusal, placeOf(request)));
    },
    clientErrorHandler: (error, socket) =>
      refuseUnreadable(error, { socket, turns: required(turns, "turns") }),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = settings.connectionsMax;
  app.setValidatorCompiler(compileValidator);
  return app;
}

function decorateReplies(app: App, { refusals }: HttpOptions): void {
  app.decorateRequest("principal", undefined);
  app.decorateReply("refuse", function refuse(this: FastifyReply, refusal: Refusal) {
    return send(this, problemOfRefusal(refusals, refusal, placeOf(this.request)));
  });
  app.decorateReply("answer", function answer(this: FastifyReply, result: Answer | Refusal) {
    if (result.kind === "refused") return this.refuse(result);
    return this.code(result.status).type("application/json; charset=utf-8").send(result.body);
  });
}

function send(reply: FastifyReply, { status, retryAfter, body }: ProblemReply): FastifyReply {
  if (retryAfter !== undefined) void reply.header("retry-after", retryAfter);
  return reply.code(status).type(problemContentType).send(body);
}

function placeOf(request: FastifyRequest): { path: string; requestId: string } {
  const [path = "/"] = request.url.split("?", 1);
  return { path, requestId: request.id };
}

/** Who may come in: the token, its scope, and how often. */
function createDoor({ settings, metrics, clock }: HttpOptions, authentication: () => Authenticate) {
  const perCaller =
    settings.callerPerSecondMax === 0
      ? undefined
      : createLimiter({
          perSecond: settings.callerPerSecondMax,
          burst: settings.callerPerSecondMax * 2,
          clock,
        });
  const perAddress = new Map<string, Limiter>();

  function take(limiter: Limiter, key: string): void {
    const waitMs = limiter.tryTake(key);
    if (waitMs === 0) return;
    metrics.httpShed("rate_limited");
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    throw new RefusedError(edgeRefusal("rate_limited", { retryAfterSeconds }));
  }

  function addressLimiter(route: string, perSecond: number): Limiter {
    let limiter = perAddress.get(route);
    // One a route that asks for it, so their number is that of the routes.
    if (limiter === undefined)
      perAddress.set(route, (limiter = createLimiter({ perSecond, clock })));
    return limiter;
  }

  function enter(request: FastifyRequest, principal: Principal, scope: string): void {
    if (perCaller !== undefined) take(perCaller, `${principal.tenantId} ${principal.subject}`);
    assertScope(principal, scope);
    request.principal = principal;
  }

  return function door(
    request: FastifyRequest,
    _reply: FastifyReply,
    done: (error?: Error) => void,
  ): void {
    const { config, url = "" } = request.routeOptions;
    const { scope, addressPerSecondMax, rawBody } = config;
    try {
      if (addressPerSecondMax !== undefined)
        take(addressLimiter(`${request.method} ${url}`, addressPerSecondMax), request.ip);
      if (rawBody !== true && !request.is404) refuseOtherTypes(request);
      if (scope === undefined) return done();
      const proven = authentication()(request);
      if (!(proven instanceof Promise)) {
        enter(request, proven, scope);
        return done();
      }
      proven.then((principal) => enter(request, principal, scope)).then(() => done(), done);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  };
}

/** Before the body is read: what we cannot read need not be sent. */
function refuseOtherTypes(request: FastifyRequest): void {
  const type = request.headers["content-type"];
  if (!hasBody(request) || (type !== undefined && jsonType.test(type))) return;
  throw new RefusedError(edgeRefusal("unsupported_media_type"));
}

function parseBodies(app: App): void {
  // Keys such as __proto__ are refused: no honest body has them.
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    "application/json",
    { parseAs: "buffer" },
    (request, body, done) => {
      if (request.routeOptions.config.rawBody === true) return done(null, body);
      if (body.length === 0) return done(null, undefined);
      if (!isUtf8(body)) return done(new RefusedError(malformed("the body is not UTF-8")));
      void parseJson(request, body.toString("utf8"), done);
    },
  );
  // Only routes with `rawBody` come here: the door has refused the others.
  app.addContentTypeParser<Buffer>("*", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );
}

function answerErrors(app: App, { settings, refusals, log, clock, metrics }: HttpOptions): void {
  const faultLines = createLimiter({ perSecond: faultLinesPerSecond, keysMax: 1_000, clock });
  app.setNotFoundHandler((_request, reply) => reply.refuse(edgeRefusal("route_not_found")));
  app.setErrorHandler((error, request, reply) => {
    const refusal = refusalOfError(error, bodyLimitOf(request, settings));
    if (refusal === undefined) {
      log.error({ error, route: request.routeOptions.url }, "a bug");
      return send(reply, problemOfBug(placeOf(request)));
    }
    if (refusal.code === "overloaded" || refusal.code === "too_many_streams")
      metrics.httpShed(refusal.code);
    if (refusal.code === "unavailable" && faultLines.tryTake(String(error)) === 0)
      log.warn({ error, route: request.routeOptions.url }, "a fault");
    return send(reply, problemOfRefusal(refusals, refusal, placeOf(request)));
  });
}

function bodyLimitOf(request: FastifyRequest, { bodyBytesMax }: HttpSettings): number {
  return request.routeOptions.bodyLimit ?? bodyBytesMax;
}

/**
 * A connection without a byte so far has begun nothing that could take too long: its request may be
 * on the way, held up by the crowd, or in front of a process that was stopped. It waits like any
 * connection between two requests.
 */
function keepUnused(socket: Socket): void {
  socket.setTimeout(serverTimeouts.keepAliveTimeout);
}

/**
 * What is not HTTP, or too big or slow in its headers, has no request to answer. What was asked
 * before it on this connection is answered first.
 */
function refuseUnreadable(
  error: Error & { code?: string },
  { socket, turns }: { readonly socket: Socket; readonly turns: Turns },
): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) return;
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && socket.bytesRead === 0)
    return keepUnused(socket);
  const status =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? "408 Request Timeout"
      : error.code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : "400 Bad Request";
  turns.whenAnswered(socket, () => {
    // The answer before it may have been the connection's last.
    if (!socket.writable) return;
    // Its other half is the caller's to close, and would stay for ever with one who does not.
    socket.once("finish", () => setTimeout(() => socket.destroy(), lingerMs).unref());
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
}
