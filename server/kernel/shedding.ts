import type { IncomingMessage, ServerResponse } from "node:http";
import { required } from "./assert.ts";
import type { Metrics } from "./metrics.ts";
import type { RefusalTable } from "./problem.ts";
import { edgeRefusal, prepareProblem, problemContentType } from "./problem.ts";

/** Those who are sent off come back over so many seconds, in turn, so that they are no crowd. */
const shedSecondsMax = 3;

export interface Shedding {
  /**
   * Answers a command that could only be told to come back; true when it has. It has waited so long
   * for the thread, or the first in its line has.
   */
  shed(request: IncomingMessage, reply: ServerResponse, lineMs: number): boolean;
  /** Requests of routes that begin so are let through, however full it is. */
  letThrough(path: string): void;
}

/**
 * While the queue of commands is full, and when the thread is so late that it soon would be, who
 * would only be told to come back is told at the door: before the framework, the token, the body
 * and a place in logs and figures. That takes 29 us of processor time, and 52 in a hook of the
 * framework: a crowd leaves time for who is let in. Reading goes on, and what comes from outside
 * and proves itself has its chance in the queue.
 */
export function createShedding(given: {
  readonly metrics: Metrics;
  readonly refusals: RefusalTable;
  /** The queue is full, or the line for the thread too slow. */
  readonly mustComeBack: (lineMs: number) => boolean;
  readonly requestIdOf: (request: IncomingMessage) => string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}): Shedding {
  const { metrics, refusals, mustComeBack, requestIdOf } = given;
  const open: string[] = [];
  const answers = Array.from({ length: shedSecondsMax }, (_, at) => {
    const retryAfterSeconds = 1 + at;
    const own = ["content-type", problemContentType, "retry-after", String(retryAfterSeconds)];
    const refusal = edgeRefusal("overloaded", { retryAfterSeconds });
    return { ...prepareProblem(refusals, refusal), headers: [...given.headers.flat(), ...own] };
  });
  let count = 0;
  return {
    shed(request, reply, lineMs) {
      const { method, url = "/" } = request;
      if (method === "GET" || method === "HEAD" || !mustComeBack(lineMs)) return false;
      if (open.some((path) => url.startsWith(path))) return false;
      metrics.httpShed("overloaded");
      const answer = required(answers[count % shedSecondsMax], "an answer");
      count += 1;
      const [path = "/"] = url.split("?", 1);
      const requestId = requestIdOf(request);
      const body = answer.bodyFor({ path, requestId });
      const length = String(Buffer.byteLength(body));
      const own = ["x-request-id", requestId, "content-length", length];
      reply.writeHead(answer.status, [...answer.headers, ...own]);
      reply.end(body);
      return true;
    },
    letThrough: (path) => void open.push(path),
  };
}
