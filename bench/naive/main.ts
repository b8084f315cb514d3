/** An opponent as a program: POST /v1/orders on a bare Fastify, one transaction per request. */
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify from "fastify";
import { required } from "../../server/kernel/assert.ts";
import { createDatabase } from "../../server/kernel/database.ts";
import { createIds } from "../../server/kernel/ids.ts";
import { createNumbers } from "../../server/kernel/numbers.ts";
import { exitWithParent } from "../../server/kernel/parent.ts";
import { RefusedError } from "../../server/kernel/refusal.ts";
import { readIdempotencyKey } from "../../server/kernel/request.ts";
import { systemClock as clock } from "../../server/kernel/time.ts";
import { compileValidator } from "../../server/kernel/validation.ts";
import type { Opponent } from "../figures.ts";
import { newOrder } from "../order.ts";
import { createNaiveOrders } from "./orders.ts";

/** What the bench hands over in the environment. */
export interface NaiveSettings {
  /** How the transaction is written: see orders.ts. */
  readonly way: Opponent;
  readonly databaseUrl: string;
  readonly poolMax: number;
  readonly tenantId: string;
  readonly token: string;
  readonly subject: string;
}

const settings: NaiveSettings = JSON.parse(required(process.env["BENCH_NAIVE"], "BENCH_NAIVE"));
const { way, tenantId, subject } = settings;
const database = createDatabase({
  url: settings.databaseUrl,
  clock,
  poolMax: settings.poolMax,
  onError: (error) => process.stderr.write(`${error.message}\n`),
});
const orders = await createNaiveOrders({
  way,
  database,
  tenantId,
  ids: createIds({ clock }),
  numbers: createNumbers({ clock }),
});
const principal = { tenantId, subject, kind: "service" as const, scopes: new Set<string>() };
const authorization = `Bearer ${settings.token}`;

const app = Fastify({ logger: false }).withTypeProvider<TypeBoxTypeProvider>();
app.setValidatorCompiler(compileValidator);
app.decorateRequest("principal", undefined);
app.setErrorHandler((error, _request, reply) => {
  if (error instanceof RefusedError) return reply.code(400).send({ code: error.refusal.code });
  process.stderr.write(`${String(error)}\n`);
  return reply.code(500).send({ code: "internal_error" });
});
app.post("/v1/orders", { schema: { body: newOrder } }, async (request, reply) => {
  if (request.headers.authorization !== authorization) {
    return reply.code(401).send({ code: "not_signed_in" });
  }
  request.principal = principal;
  const key = readIdempotencyKey(request);
  const { memberId, lines } = request.body;
  const result = await orders.placeOrder(key, { memberId, lines, placedBy: subject });
  if (result.kind === "refused") return reply.code(result.status).send({ code: result.code });
  return reply.code(result.status).type("application/json; charset=utf-8").send(result.body);
});
const address = await app.listen({ host: "127.0.0.1", port: 0 });
process.send?.({ address });

exitWithParent(() => process.exit(0));
