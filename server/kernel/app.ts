import type { IncomingMessage, ServerResponse } from "node:http";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, RawServerDefault } from "fastify";
import type { Log } from "./log.ts";
import type { Answer } from "./operation.ts";
import type { Refusal } from "./refusal.ts";

/** What modules register their routes on: schemas give handlers their types. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  Log,
  TypeBoxTypeProvider
>;

declare module "fastify" {
  interface FastifyReply {
    /** Sends a refusal as problem+json. */
    refuse(refusal: Refusal): this;
    /** Sends what a keyed operation gave: an answer to the byte, or a refusal. */
    answer(result: Answer | Refusal): this;
  }
}
