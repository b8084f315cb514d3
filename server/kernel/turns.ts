/**
 * Requests are begun in turns. Node takes one new connection at each look at its sockets, and a
 * look ends when everything that was ready has been worked on: a crowd on open connections keeps
 * everybody else out for seconds, with requests that nobody has read and nobody can send off. So
 * requests are read at once and wait here, and the door has half of the time while people come in.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** Some milliseconds of work: looking again costs nothing beside it, and batches stay large. */
const turnMax = 64;
/** Looks without work between two turns: about a hundred connections. */
const doorMsMax = 5;

interface Waiting {
  readonly request: IncomingMessage;
  readonly reply: ServerResponse;
  readonly readAt: number;
  next: Waiting | undefined;
}

export interface Turns {
  /** Begins it in its turn. A connection has one request at a time, so connections bound these. */
  add(request: IncomingMessage, reply: ServerResponse): void;
  /** Somebody has come in, and more may be at the door. */
  noteNewcomer(): void;
}

/** `waitedMs` is the time since the request was read. */
export function createTurns(
  begin: (request: IncomingMessage, reply: ServerResponse, waitedMs: number) => void,
): Turns {
  let first: Waiting | undefined;
  let last: Waiting | undefined;
  let hasNewcomer = false;
  let doorUntil: number | undefined;

  function takeTurn(): void {
    const now = performance.now();
    doorUntil ??= now + doorMsMax;
    const looksAgain = hasNewcomer && now < doorUntil;
    hasNewcomer = false;
    if (looksAgain) return void setImmediate(takeTurn);
    doorUntil = undefined;
    for (let begun = 0; first !== undefined && begun < turnMax; begun += 1) {
      const { request, reply, readAt } = first;
      first = first.next;
      // Who has hung up meanwhile is owed nothing.
      if (!reply.destroyed) begin(request, reply, performance.now() - readAt);
    }
    if (first === undefined) last = undefined;
    else setImmediate(takeTurn);
  }

  return {
    add(request, reply) {
      const waiting: Waiting = { request, reply, readAt: performance.now(), next: undefined };
      if (last === undefined) {
        first = waiting;
        setImmediate(takeTurn);
      } else {
        last.next = waiting;
      }
      last = waiting;
    },
    noteNewcomer: () => void (hasNewcomer = true),
  };
}
