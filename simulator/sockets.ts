import type { FastifyReply } from "fastify";

/** Resets the connection under a call, as a failing network does; no reply is ever written. */
export function dropConnection(reply: FastifyReply): FastifyReply {
  reply.hijack();
  reply.raw.socket?.resetAndDestroy();
  return reply;
}
