/** The limit: what Fastify alone can do with the same request. It answers 201 with the body. */
import Fastify from "fastify";
import { exitWithParent } from "../../server/kernel/parent.ts";

const app = Fastify({ logger: false });
app.post("/v1/orders", (request, reply) => reply.code(201).send(request.body));
const address = await app.listen({ host: "127.0.0.1", port: 0 });
process.send?.({ address });

exitWithParent(() => process.exit(0));
