/**
 * The limit: what Fastify alone can do with the same request, whose body it checks and writes anew
 * by the same schema as the platform's. It answers 201 with the body.
 */
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify from "fastify";
import { exitWithParent } from "../../server/kernel/parent.ts";
import { compileValidator } from "../../server/kernel/validation.ts";
import { newOrder } from "../order.ts";

const app = Fastify({ logger: false }).withTypeProvider<TypeBoxTypeProvider>();
app.setValidatorCompiler(compileValidator);
app.post(
  "/v1/orders",
  { schema: { body: newOrder, response: { 201: newOrder } } },
  (request, reply) => {
    void reply.code(201);
    return request.body;
  },
);
const address = await app.listen({ host: "127.0.0.1", port: 0 });
process.send?.({ address });

exitWithParent(() => process.exit(0));
