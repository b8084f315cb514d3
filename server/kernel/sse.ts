/**
 * Server-sent events (WHATWG HTML, 9.2) for what people wait for: a stream shows one thing as it is
 * now, again each time it has changed. A slow reader skips what is old news, so nothing piles up.
 */
import type { ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { principalOf } from "./access.ts";
import type { Principal } from "./access.ts";
import type { App } from "./app.ts";
import { edgeRefusal } from "./problem.ts";
import { RefusedError } from "./refusal.ts";
import type { Clock } from "./time.ts";
import { minuteMs, secondMs } from "./time.ts";

/** What a stream shows. */
export interface Sight {
  /** Of the thing as it is now: while it stays the same, nothing is sent. One line. */
  readonly id: string;
  readonly event: string;
  /** Becomes JSON. */
  readonly data: unknown;
  /** Nothing will come after it: the stream ends. */
  readonly last: boolean;
}

export interface StreamOptions {
  /** Open at once in this process; who comes beyond is told to come back. */
  readonly streamsMax: number;
  readonly clock: Clock;
  /** How often each stream looks. */
  readonly everyMs?: number;
  /** Told of the open streams, when their number changes. */
  readonly observe?: (open: number) => void;
}

export type Streams = ReturnType<typeof createStreams>;

const everyMsDefault = secondMs;
/** Streams look in turns, so that thousands of writes do not hold up what else is asked. */
const turns = 20;
/** Proxies cut what is silent for a minute. */
const heartbeatMs = 15 * secondMs;
/** A reader that takes nothing for so long is gone, or holds a connection for nothing. */
const stallMaxMs = 30 * secondMs;
/**
 * The reader comes back at once after it, on any process, and proves itself anew: a token that was
 * revoked meanwhile ends here.
 */
const lifeMaxMs = 5 * minuteMs;
/** What browsers wait before they come back, spread by them no further. */
const retryMs = 2 * secondMs;
const fullRetryAfterSeconds = 5;
/** Of one person in one process: a few pages on a few devices. */
const personStreamsMax = 8;
/** Ids are ours and short; a longer one is not. */
const lastEventIdMax = 128;

interface Stream {
  readonly raw: ServerResponse;
  readonly caller: string;
  readonly look: () => Sight;
  readonly endsAt: number;
  lastId: string | undefined;
  wroteAt: number;
  /** Since when the reader has not taken what was written. */
  blockedSince: number | undefined;
}

/** All streams of a server; they end with it. */
export function createStreams(app: App, options: StreamOptions) {
  const { streamsMax, clock, observe = () => undefined } = options;
  const groups = Array.from({ length: turns }, () => new Set<Stream>());
  const openOf = new Map<string, number>();
  let open = 0;
  let turn = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopping = false;

  function count(caller: string, change: 1 | -1): void {
    open += change;
    const own = (openOf.get(caller) ?? 0) + change;
    if (own === 0) openOf.delete(caller);
    else openOf.set(caller, own);
    observe(open);
    if (open === 0) {
      clearInterval(timer);
      timer = undefined;
      return;
    }
    timer ??= setInterval(serveNext, (options.everyMs ?? everyMsDefault) / turns);
  }

  function serveNext(): void {
    const group = groups[turn];
    turn = (turn + 1) % turns;
    for (const stream of group ?? []) serveSafely(stream);
  }

  /** Its place is free from here on, whatever its reader still has to take. */
  function leave(stream: Stream): void {
    if (groups.some((group) => group.delete(stream))) count(stream.caller, -1);
  }

  function serveSafely(stream: Stream): void {
    try {
      serve(stream, clock.now());
    } catch (error) {
      app.log.error({ error }, "a stream failed and is ended");
      stream.raw.destroy();
    }
    if (stream.raw.writableEnded || stream.raw.destroyed) leave(stream);
  }

  function follow(stream: Stream): void {
    const group = groups.reduce((least, each) => (each.size < least.size ? each : least));
    group.add(stream);
    count(stream.caller, 1);
    stream.raw.once("close", () => leave(stream));
    stream.raw.on("drain", () => {
      stream.blockedSince = undefined;
      if (!stream.raw.writableEnded) serveSafely(stream);
    });
  }

  /** A tenant's programs show members what they follow and leave half of the places to others. */
  function ownStreamsMax({ kind }: Principal): number {
    return kind === "service" ? Math.ceil(streamsMax / 2) : personStreamsMax;
  }

  function assertPlace(principal: Principal, caller: string): void {
    const ownMax = ownStreamsMax(principal);
    if ((openOf.get(caller) ?? 0) >= ownMax)
      throw new RefusedError(edgeRefusal("too_many_streams", { streamsMax: ownMax, ...later }));
    if (open >= streamsMax || stopping) throw new RefusedError(edgeRefusal("overloaded", later));
  }

  // Their readers come back, to another process when this one takes nothing new.
  app.addHook("preClose", (done) => {
    stopping = true;
    for (const group of groups) for (const { raw } of group) raw.end();
    done();
  });

  return {
    /**
     * Answers with a stream of what `look` shows until it says `last`, the reader's token ends, or
     * five minutes are over. A reader that comes back with `Last-Event-ID` hears of changes only.
     * Throws the refusal `too_many_streams` when the caller has as many open as one may, and
     * `overloaded` when there are as many as there may be. The route has `stream` in its config.
     */
    open(request: FastifyRequest, reply: FastifyReply, look: () => Sight): void {
      const principal = principalOf(request);
      const caller = callerOf(principal);
      assertPlace(principal, caller);
      const now = clock.now();
      const { expiresAt = Number.POSITIVE_INFINITY } = principal;
      const given = request.headers["last-event-id"];
      const { raw } = reply;
      const stream: Stream = {
        raw,
        caller,
        look,
        endsAt: Math.min(expiresAt, now + lifeMaxMs),
        lastId: typeof given === "string" && given.length <= lastEventIdMax ? given : undefined,
        wroteAt: now,
        blockedSince: undefined,
      };
      // Looked at before the head is sent: what fails here is answered as usual.
      const first = look();
      // The one answer after which a browser does not come back.
      if (first.last && first.id === stream.lastId) return void reply.code(204).send();
      reply.hijack();
      if (raw.destroyed) return;
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value);
      raw.writeHead(200, streamHeaders);
      raw.write(`retry: ${retryMs}\n\n`);
      follow(stream);
      serveSafely(stream);
    },

    size: () => open,
  };
}

/** A tenant's programs are one. */
function callerOf({ kind, tenantId, subject }: Principal): string {
  return kind === "service" ? `${kind} ${tenantId}` : `${kind} ${tenantId} ${subject}`;
}

/** What the schema of a route with a stream says of it; `events` tells what comes. */
export function streamSchema(events: string) {
  return {
    readHeaders: {
      "Last-Event-ID": Type.String({
        description: "The id of the event that was heard last: it goes on behind that one.",
      }),
    },
    response: {
      200: {
        description: "A stream of server-sent events.",
        content: { "text/event-stream": { schema: Type.String({ description: events }) } },
      },
      204: Type.Null({ description: "All was heard, and nothing more comes: do not come back." }),
    },
  };
}

const later = { retryAfterSeconds: fullRetryAfterSeconds };

const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  // Not kept for a next request: the end of the stream is the end of its connection.
  connection: "close",
  // nginx would gather what is meant to arrive at once.
  "x-accel-buffering": "no",
};

function serve(stream: Stream, now: number): void {
  const { raw } = stream;
  if (raw.writableEnded || raw.destroyed) return;
  if (stream.blockedSince !== undefined) {
    // An end behind what nobody takes would never be sent.
    if (now - stream.blockedSince >= stallMaxMs || now >= stream.endsAt) raw.destroy();
    return;
  }
  if (now >= stream.endsAt) return void raw.end();
  const sight = stream.look();
  if (sight.id !== stream.lastId) {
    const data = JSON.stringify(sight.data);
    write(stream, `id: ${sight.id}\nevent: ${sight.event}\ndata: ${data}\n\n`, now);
    stream.lastId = sight.id;
  } else if (now - stream.wroteAt >= heartbeatMs) {
    write(stream, ":\n\n", now);
  }
  if (sight.last && stream.blockedSince === undefined) raw.end();
}

function write(stream: Stream, text: string, now: number): void {
  stream.wroteAt = now;
  if (!stream.raw.write(text)) stream.blockedSince = now;
}
