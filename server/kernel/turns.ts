/**
 * Requests are begun in turns. Node takes one new connection at each look at its sockets, and a
 * look ends when everything that was ready has been worked on: a crowd on open connections keeps
 * everybody else out for seconds, with requests that nobody has read and nobody can send off. So
 * requests are read at once and wait here, and the door has half of the time while people come in.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Some milliseconds of work: looking again costs nothing beside it, and batches stay large. */
const turnMax = 64;
/**
 * Requests that one connection may send before its first one is answered. Callers and proxies send
 * the next behind the reply; without a bound one connection fills the memory with requests, whose
 * end Node then takes minutes to tell: it shifts each of them off an array.
 */
const pipelinedMax = 16;
/** Looks without work between two turns: about a hundred connections. */
const doorMsMax = 5;

interface Waiting {
  readonly request: IncomingMessage;
  readonly reply: ServerResponse;
  readonly readAt: number;
  next: Waiting | undefined;
}

/** What one connection has asked. */
interface Asked {
  unanswered: number;
  newest: ServerResponse | undefined;
  onAnswered: (() => void) | undefined;
}

export interface Turns {
  /** Begins it in its turn. A connection that has sent too many ahead is cut off instead. */
  add(request: IncomingMessage, reply: ServerResponse): void;
  /** Somebody has come in, and more may be at the door. */
  noteNewcomer(): void;
  /**
   * Calls back when all that the connection has asked is answered, at once where that is so. A last
   * request that has not come whole is none, unless its answer has begun.
   */
  whenAnswered(socket: Socket, then: () => void): void;
}

export interface TurnsOptions {
  /**
   * Asked of who has just been read and stands behind more than one turn, whose first has waited
   * for `lineMs`: true when it has answered. Who is sent off on arrival holds no memory meanwhile.
   */
  turnAway(request: IncomingMessage, reply: ServerResponse, lineMs: number): boolean;
  begin(request: IncomingMessage, reply: ServerResponse, waitedMs: number): void;
}

export function createTurns({ begin, turnAway }: TurnsOptions): Turns {
  let first: Waiting | undefined;
  let last: Waiting | undefined;
  let length = 0;
  let hasNewcomer = false;
  let doorUntil: number | undefined;
  const askedBy = new WeakMap<Socket, Asked>();

  function askedOn(socket: Socket): Asked {
    const known = askedBy.get(socket);
    if (known !== undefined) return known;
    const asked: Asked = { unanswered: 0, newest: undefined, onAnswered: undefined };
    askedBy.set(socket, asked);
    return asked;
  }

  /** False when the connection has too many. */
  function count({ socket }: IncomingMessage, reply: ServerResponse): boolean {
    const asked = askedOn(socket);
    if (asked.unanswered >= pipelinedMax) return false;
    asked.unanswered += 1;
    asked.newest = reply;
    reply.on("close", noteEnd);
    return true;
  }

  /** Comes once for each reply, sent to the end or given up by the caller. */
  function noteEnd(this: ServerResponse): void {
    const asked = askedOn(this.req.socket);
    asked.unanswered -= 1;
    // A connection lives for minutes, and would keep it alive.
    if (asked.newest === this) asked.newest = undefined;
    if (asked.onAnswered !== undefined && isAnswered(asked)) asked.onAnswered();
  }

  function takeTurn(): void {
    const now = performance.now();
    doorUntil ??= now + doorMsMax;
    const looksAgain = hasNewcomer && now < doorUntil;
    hasNewcomer = false;
    if (looksAgain) return void setImmediate(takeTurn);
    doorUntil = undefined;
    for (let begun = 0; first !== undefined && begun < turnMax; begun += 1) {
      const { request, reply, readAt, next }: Waiting = first;
      // Who has moved into V8's old generation would keep alive all who came behind him.
      first.next = undefined;
      first = next;
      length -= 1;
      // Who has hung up meanwhile is owed nothing.
      if (!reply.destroyed) begin(request, reply, performance.now() - readAt);
    }
    if (first === undefined) last = undefined;
    else setImmediate(takeTurn);
  }

  return {
    add(request, reply) {
      // What else was in the packet that had one too many still comes here.
      if (request.socket.destroyed) return;
      if (!count(request, reply)) return void request.socket.destroy();
      const readAt = performance.now();
      const lineMs = readAt - (first?.readAt ?? readAt);
      if (length > turnMax && turnAway(request, reply, lineMs)) return;
      length += 1;
      const waiting: Waiting = { request, reply, readAt, next: undefined };
      if (last === undefined) {
        first = waiting;
        setImmediate(takeTurn);
      } else {
        last.next = waiting;
      }
      last = waiting;
    },
    noteNewcomer: () => void (hasNewcomer = true),
    whenAnswered(socket, then) {
      const asked = askedOn(socket);
      asked.onAnswered ??= then;
      if (isAnswered(asked)) then();
    },
  };
}

function isAnswered({ unanswered, newest }: Asked): boolean {
  const isCut = newest !== undefined && !newest.req.complete && !newest.headersSent;
  return unanswered === (isCut ? 1 : 0);
}
