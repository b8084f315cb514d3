import Type from "typebox";
import { principalOf } from "./access.ts";
import type { App } from "./app.ts";
import type { Database } from "./database.ts";
import { statement } from "./database.ts";
import type { StoredEvent } from "./events.ts";
import { pageOf, pageQuery, readPage, toPage } from "./page.ts";
import type { ParkedEvents } from "./parked-events.ts";
import { parkedEventView } from "./parked-events.ts";
import { isRefusal } from "./refusal.ts";
import { readIdempotencyKey } from "./request.ts";
import { time } from "./shapes.ts";
import { formatInstant } from "./time.ts";

const selectEvents = statement(
  "kernel.event_page",
  `select seq, at, type, data from kernel.events
   where tenant_id = $1 and seq > $2 order by seq limit $3`,
);

/** What has happened when an event is told, by its type. */
export type EventTypes = Readonly<Record<string, string>>;

/** The log of events and what subscriptions could not apply of it, for those who run a tenant. */
export function eventsRoutes(
  app: App,
  given: {
    readonly database: Database;
    readonly parked: ParkedEvents;
    readonly eventTypes: EventTypes;
  },
): void {
  const { database, parked, eventTypes } = given;
  eventLogRoute(app, database, eventTypes);
  parkedReadRoutes(app, parked);
  parkedDecisionRoutes(app, parked);
}

const tags = ["Events"];
const reading = { config: { scope: "system:read" } } as const;
const writing = { config: { scope: "system:write" } } as const;

const seq = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Counts up by one within the tenant, in the order of commits.",
});
const subscription = Type.Unsafe<string>(
  Type.String({
    pattern: "^[a-z][a-z0-9_.]{0,99}$",
    examples: ["search.index"],
    "x-allowed": "the name of a subscription",
  }),
);

const eventType = Type.String({
  title: "EventType",
  description: "One of those that `GET /v1/events` lists; there will be more: pass by the others.",
  examples: ["order_placed"],
});

const storedEvent = Type.Object(
  {
    seq,
    at: time,
    type: eventType,
    data: Type.Unknown({ description: "Never changed later." }),
  },
  { title: "StoredEvent" },
);

const parkedFields = {
  subscription,
  seq,
  type: eventType,
  at: time,
  parkedAt: time,
  attempts: Type.Integer({ minimum: 1 }),
  error: Type.String({ description: "Of the last try." }),
  resolved: Type.Optional(
    Type.Object({
      how: Type.Enum(["replayed", "dropped"]),
      at: time,
      by: Type.String(),
      reason: Type.Optional(Type.String({ description: "Why it was dropped." })),
    }),
  ),
};
const parkedEvent = Type.Object(parkedFields, { title: "ParkedEvent" });
const parkedEventWithData = Type.Object(
  { ...parkedFields, data: Type.Unknown() },
  { title: "ParkedEventWithData" },
);
const parkedParams = Type.Object({ subscription, seq });

function eventLogRoute(app: App, database: Database, eventTypes: EventTypes): void {
  app.get(
    "/v1/events",
    {
      ...reading,
      schema: {
        operationId: "listEvents",
        summary: "The tenant's events, in the order of their commits",
        description:
          "Nothing ever appears before an event that was shown. Who keeps up remembers the `seq` " +
          `of the last event and asks for what came \`after\` it.\n\n${typesTable(eventTypes)}`,
        tags,
        querystring: Type.Object({
          after: Type.Optional(
            Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "A `seq`." }),
          ),
          ...pageQuery,
        }),
        response: { 200: pageOf(storedEvent) },
      },
    },
    async (request) => {
      const { after = 0 } = request.query;
      const page = readPage<[number]>(request.query, ["number"], ([key]) => isSeq(key));
      const { tenantId } = principalOf(request);
      const from = BigInt(page.after?.[0] ?? after);
      const values = [tenantId, from, page.rowsMax];
      const events = await database.read<StoredEvent>(tenantId, selectEvents, values);
      return toPage(events, page, { key: (event) => [Number(event.seq)], view: eventView });
    },
  );
}

function typesTable(eventTypes: EventTypes): string {
  const rows = Object.entries(eventTypes).map(([type, told]) => `| \`${type}\` | ${told} |`);
  return ["| type | what has happened |", "| --- | --- |", ...rows].join("\n");
}

function isSeq(key: number): boolean {
  return Number.isSafeInteger(key) && key >= 0;
}

function eventView({ seq: number, at, type, data }: StoredEvent) {
  return { seq: Number(number), at: formatInstant(at), type, data };
}

function parkedReadRoutes(app: App, parked: ParkedEvents): void {
  app.get(
    "/v1/parked-events",
    {
      ...reading,
      schema: {
        operationId: "listParkedEvents",
        summary: "Events that a subscription could not apply, the newest first",
        tags,
        querystring: Type.Object({
          subscription: Type.Optional(subscription),
          resolved: Type.Optional(Type.Boolean({ description: "Both kinds, when left out." })),
          ...pageQuery,
        }),
        response: { 200: pageOf(parkedEvent) },
      },
    },
    async (request) => {
      const page = readPage<[number, string]>(request.query, ["number", "string"], ([key]) =>
        isSeq(key),
      );
      const rows = await parked.list(principalOf(request).tenantId, {
        subscription: request.query.subscription,
        resolved: request.query.resolved,
        before:
          page.after === undefined
            ? undefined
            : { seq: BigInt(page.after[0]), subscription: page.after[1] },
        limit: page.rowsMax,
      });
      return toPage(rows, page, {
        key: (row) => [Number(row.seq), row.subscription],
        view: parkedEventView,
      });
    },
  );

  app.get(
    "/v1/parked-events/:subscription/:seq",
    {
      ...reading,
      schema: {
        operationId: "getParkedEvent",
        summary: "A parked event with its data and the error",
        tags,
        params: parkedParams,
        response: { 200: parkedEventWithData },
      },
    },
    async (request, reply) => {
      const found = await parked.read(principalOf(request).tenantId, nameOf(request.params));
      if (isRefusal(found)) return reply.refuse(found);
      return { ...parkedEventView(found), data: found.data };
    },
  );
}

function nameOf(params: { readonly subscription: string; readonly seq: number }) {
  return { subscription: params.subscription, seq: BigInt(params.seq) };
}

function parkedDecisionRoutes(app: App, parked: ParkedEvents): void {
  app.post(
    "/v1/parked-events/:subscription/:seq/replay",
    {
      ...writing,
      schema: {
        operationId: "replayParkedEvent",
        summary: "Apply a parked event again, once its reason is mended",
        tags,
        params: parkedParams,
        response: { 200: parkedEvent },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const decision = { ...nameOf(request.params), by };
      const key = readIdempotencyKey(request);
      return reply.answer(await parked.replay(tenantId, key, decision));
    },
  );

  app.post(
    "/v1/parked-events/:subscription/:seq/drop",
    {
      ...writing,
      schema: {
        operationId: "dropParkedEvent",
        summary: "Leave a parked event unapplied for good",
        tags,
        params: parkedParams,
        body: Type.Object({ reason: Type.String({ minLength: 1, maxLength: 200 }) }),
        response: { 200: parkedEvent },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const decision = { ...nameOf(request.params), by, reason: request.body.reason };
      const key = readIdempotencyKey(request);
      return reply.answer(await parked.drop(tenantId, key, decision));
    },
  );
}
