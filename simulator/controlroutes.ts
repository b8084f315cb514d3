/** The control of the world over HTTP, for scripts and for people with curl; see README.md. */
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import Type from "typebox";
import type { TProperties } from "typebox";
import { isControlRefusal } from "./control.ts";
import type { Control } from "./control.ts";
import { faultKinds, hostileProfile, isFaultKind, operations } from "./faults.ts";
import type { FaultKind } from "./faults.ts";
import { parseRfc3339 } from "./times.ts";
import { channelCodes, forgeries } from "./world.ts";

const strict = <Properties extends TProperties>(properties: Properties) =>
  Type.Object(properties, { additionalProperties: false });
const text = Type.String({ minLength: 1, maxLength: 128 });
const optional = { text: Type.Optional(text) };
const channel = Type.Optional(Type.Enum([...channelCodes]));
const which = { channel, merchantId: optional.text };
const whichQuery = strict(which);
const filterQuery = strict({ ...which, attemptNumber: optional.text, refundNumber: optional.text });
const numberParams = Type.Object({ number: text });
const idParams = Type.Object({ id: text });

const faultRule = strict({
  match: Type.Optional(
    strict({
      ...which,
      operation: Type.Optional(Type.Enum([...operations])),
      attemptNumber: optional.text,
      refundNumber: optional.text,
    }),
  ),
  kind: Type.Enum(Object.keys(faultKinds).filter(isFaultKind)),
  times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  params: Type.Optional(
    strict({
      ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 7 * 24 * 3_600_000 })),
      status: Type.Optional(Type.Integer({ minimum: 400, maximum: 599 })),
      code: optional.text,
      count: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
      forgery: Type.Optional(Type.Enum([...forgeries])),
    }),
  ),
});

export function registerControlRoutes(app: FastifyInstance, control: Control): void {
  // An empty POST is a command without details.
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, body === "" ? {} : JSON.parse(String(body)));
    } catch {
      done(Object.assign(new Error("the body is not JSON"), { statusCode: 400 }));
    }
  });
  app.addHook("preValidation", (request, _reply, done) => {
    if (request.method === "POST" && (request.body === undefined || request.body === null))
      request.body = {};
    done();
  });
  registerMerchants(app, control);
  registerTrades(app, control);
  registerNotices(app, control);
  registerFaults(app, control);
  registerTime(app, control);
}

function answer(reply: FastifyReply, value: object): FastifyReply {
  if (!isControlRefusal(value)) return reply.send(value);
  return reply.code(value.status).send({ message: value.why });
}

function registerMerchants(scope: FastifyInstance, control: Control): void {
  const app = scope.withTypeProvider<TypeBoxTypeProvider>();
  const wechatBody = strict({
    mchid: Type.Optional(Type.String({ pattern: "^\\d{8,10}$" })),
    name: optional.text,
    appId: optional.text,
    mode: Type.Optional(Type.Enum(["certificate", "public_key"])),
  });
  app.post("/control/wechatpay/merchants", { schema: { body: wechatBody } }, (request) =>
    control.createWechatMerchant(request.body),
  );
  const alipayBody = strict({
    sellerId: Type.Optional(Type.String({ pattern: "^2088\\d{12}$" })),
    name: optional.text,
    appId: Type.Optional(Type.String({ pattern: "^\\d{16}$" })),
  });
  app.post("/control/alipay/merchants", { schema: { body: alipayBody } }, (request) =>
    control.createAlipayMerchant(request.body),
  );
  const keys = "/control/alipay/merchants/:id/keys";
  app.post(keys, { schema: { params: idParams } }, async (request, reply) =>
    answer(reply, await control.announceAlipayKey(request.params.id)),
  );
  app.post(`${keys}/use`, { schema: { params: idParams } }, (request, reply) =>
    answer(reply, control.useAlipayKey(request.params.id)),
  );
  app.post(`${keys}/retire`, { schema: { params: idParams } }, (request, reply) =>
    answer(reply, control.retireAlipayKey(request.params.id)),
  );
  app.get("/control/merchants", () => control.merchants());

  const certificates = "/control/wechatpay/certificates";
  const rollBody = strict({ signs: Type.Optional(Type.Boolean()) });
  app.get(certificates, () => control.certificates());
  app.post(certificates, { schema: { body: rollBody } }, (request) =>
    control.rollCertificate(request.body),
  );
  app.post(`${certificates}/:id/use`, { schema: { params: idParams } }, (request, reply) =>
    answer(reply, control.useCertificate(request.params.id)),
  );
  app.delete(`${certificates}/:id`, { schema: { params: idParams } }, (request, reply) =>
    answer(reply, control.retireCertificate(request.params.id)),
  );
}

function registerTrades(scope: FastifyInstance, control: Control): void {
  const app = scope.withTypeProvider<TypeBoxTypeProvider>();
  app.get("/control/trades", { schema: { querystring: filterQuery } }, (request) =>
    control.trades(request.query),
  );
  const byNumber = { params: numberParams, querystring: whichQuery };
  app.get("/control/trades/:number", { schema: byNumber }, (request, reply) =>
    answer(reply, control.trade(request.params.number, request.query)),
  );
  const payBody = strict({ ...which, payerId: optional.text, at: optional.text });
  app.post(
    "/control/trades/:number/pay",
    { schema: { params: numberParams, body: payBody } },
    (request, reply) => {
      const { at, ...command } = request.body;
      const when = timeOf(at);
      if (when === undefined) return reply.code(400).send(notATime);
      return answer(reply, control.pay(request.params.number, { ...command, ...when }));
    },
  );
  const command = { params: numberParams, body: whichQuery };
  app.post("/control/trades/:number/decline", { schema: command }, (request, reply) =>
    answer(reply, control.decline(request.params.number, request.body)),
  );
  app.post("/control/trades/:number/expire", { schema: command }, (request, reply) =>
    answer(reply, control.expire(request.params.number, request.body)),
  );
  app.get("/control/refunds", { schema: { querystring: filterQuery } }, (request) =>
    control.refunds(request.query),
  );
  const stateBody = strict({
    ...which,
    state: Type.Enum(["processing", "success", "closed", "abnormal"]),
    at: optional.text,
  });
  app.post(
    "/control/refunds/:number/state",
    { schema: { params: numberParams, body: stateBody } },
    (request, reply) => {
      const { state, at, ...rest } = request.body;
      const when = timeOf(at);
      if (when === undefined) return reply.code(400).send(notATime);
      const command = { ...rest, ...when };
      return answer(reply, control.setRefundState(request.params.number, state, command));
    },
  );
  app.get("/control/books", { schema: { querystring: whichQuery } }, (request) =>
    control.books(request.query),
  );
}

const notATime = { message: "at is not a time like 2026-11-20T12:00:00+08:00" };

/** The time that a command names, if it names one; undefined for what is no time. */
function timeOf(at: string | undefined): { readonly at?: number } | undefined {
  if (at === undefined) return {};
  const time = parseRfc3339(at);
  return time === undefined ? undefined : { at: time };
}

function registerNotices(scope: FastifyInstance, control: Control): void {
  const app = scope.withTypeProvider<TypeBoxTypeProvider>();
  app.get("/control/notices", { schema: { querystring: filterQuery } }, (request) =>
    control.notices(request.query),
  );
  app.post(
    "/control/notices/:id/repeat",
    { schema: { params: idParams } },
    async (request, reply) => answer(reply, await control.repeatNotice(request.params.id)),
  );
}

function registerFaults(scope: FastifyInstance, control: Control): void {
  const app = scope.withTypeProvider<TypeBoxTypeProvider>();
  app.get("/control/faults", () => control.faults.list());
  app.post("/control/faults", { schema: { body: faultRule } }, (request, reply) => {
    const added = control.faults.add(request.body);
    return "refused" in added
      ? reply.code(400).send({ message: added.refused })
      : reply.code(201).send(added);
  });
  app.delete("/control/faults", (_request, reply) => {
    control.faults.clear();
    return reply.code(204).send();
  });
  app.delete("/control/faults/:id", { schema: { params: idParams } }, (request, reply) =>
    reply.code(control.faults.remove(request.params.id) ? 204 : 404).send(),
  );
  const seedBody = strict({
    seed: text,
    channel,
    probabilities: Type.Optional(
      Type.Record(Type.String(), Type.Number({ minimum: 0, maximum: 1 })),
    ),
  });
  app.post("/control/faults/seed", { schema: { body: seedBody } }, (request, reply) => {
    const { seed, channel: only, probabilities = hostileProfile.probabilities } = request.body;
    const unknown = Object.keys(probabilities).filter((kind) => !isFaultKind(kind));
    if (unknown.length > 0)
      return reply.code(400).send({ message: `unknown kinds: ${unknown.join(", ")}` });
    const known = probabilities as Partial<Record<FaultKind, number>>;
    const profile = { probabilities: known, ...(only === undefined ? {} : { channel: only }) };
    return control.faults.seed(seed, profile);
  });
}

function registerTime(scope: FastifyInstance, control: Control): void {
  const app = scope.withTypeProvider<TypeBoxTypeProvider>();
  const view = () => ({
    now: new Date(control.clock.now()).toISOString(),
    speed: control.clock.speed,
    waitingCount: control.clock.waitingCount,
  });
  app.get("/control/clock", view);
  const speedBody = strict({ speed: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }) });
  app.post("/control/clock", { schema: { body: speedBody } }, (request) => {
    control.clock.setSpeed(request.body.speed);
    return view();
  });
  const advanceBody = strict({ ms: Type.Integer({ minimum: 0, maximum: 400 * 24 * 3_600_000 }) });
  app.post("/control/clock/advance", { schema: { body: advanceBody } }, (request) =>
    control.advance(request.body.ms).then(view),
  );
  app.post("/control/idle", () => control.idle().then(view));
  app.post("/control/reset", (_request, reply) => {
    control.reset();
    return reply.code(204).send();
  });
}
