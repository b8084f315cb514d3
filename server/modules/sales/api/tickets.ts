import Type from "typebox";
import { principalOf } from "../../../kernel/access.ts";
import type { Principal } from "../../../kernel/access.ts";
import type { App } from "../../../kernel/app.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { checkedId, id, time } from "../../../kernel/shapes.ts";
import type { Streams } from "../../../kernel/sse.ts";
import { actingMember } from "../../identity/index.ts";
import type { WaitingRooms } from "../operations/waiting-rooms.ts";
import { saleParams, tags } from "./shapes.ts";

const taking = { config: { scope: "orders:write" } } as const;
const asking = { config: { scope: "orders:read" } } as const;
const following = { config: { scope: "orders:read", stream: true } } as const;

const ticketParams = Type.Object({ saleId: id, ticketId: id });

const newTicket = Type.Object(
  {
    memberId: Type.Optional(
      Type.Unsafe<string>(
        Type.String({
          pattern: "^[A-Za-z0-9_-]{1,64}$",
          description: "A member's token may leave it out: it acts for its own member only.",
          examples: ["m-1"],
          "x-allowed": "1 to 64 letters, digits, - or _",
        }),
      ),
    ),
  },
  { title: "NewTicket" },
);

const ticket = Type.Object(
  {
    id,
    saleId: id,
    memberId: Type.String(),
    state: Type.Enum(["waiting", "admitted", "expired", "over"], {
      description:
        "expired: the pass was not used in time; taking a ticket again gives a place at the end. " +
        "over: the sale has ended or is sold out.",
    }),
    place: Type.Optional(
      Type.Integer({ minimum: 1, description: "Before the opening there is none: it is drawn." }),
    ),
    ahead: Type.Optional(
      Type.Integer({ minimum: 0, description: "How many wait in front; it never grows." }),
    ),
    estimatedSeconds: Type.Optional(
      Type.Integer({ minimum: 0, description: "By how many were let in lately." }),
    ),
    soldOut: Type.Boolean({
      description: "No unit is left; some come back when orders are not paid.",
    }),
    opensAt: time,
    closesAt: time,
    askAgainSeconds: Type.Integer({ minimum: 1, description: "For those who do not stream." }),
    pass: Type.Optional(
      Type.String({ description: "Sent as Sale-Pass with the orders of this sale." }),
    ),
    passExpiresAt: Type.Optional(time),
  },
  { title: "Ticket" },
);

export function ticketRoutes(
  app: App,
  given: { readonly waitingRooms: WaitingRooms; readonly streams: Streams },
): void {
  takingRoute(app, given.waitingRooms);
  askingRoute(app, given.waitingRooms);
  followingRoute(app, given);
}

function takingRoute(app: App, waitingRooms: WaitingRooms): void {
  app.post(
    "/v1/sales/:saleId/tickets",
    {
      ...taking,
      schema: {
        operationId: "takeTicket",
        summary: "Take the member's one ticket to a sale that has a waiting room",
        description:
          "Who comes before the opening takes part in a lot, who comes later stands behind. " +
          "Asked again, from whatever device, it gives the same ticket; when nobody waits, the " +
          "pass at once.",
        tags,
        params: saleParams,
        body: newTicket,
        response: { 200: ticket, 201: ticket },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const memberId = actingMember(principal, request.body.memberId);
      if (isRefusal(memberId)) return reply.refuse(memberId);
      const saleId = checkedId<"Sale">(request.params.saleId);
      const taken = await waitingRooms.takeTicket(principal.tenantId, { saleId, memberId });
      if (isRefusal(taken)) return reply.refuse(taken);
      return reply.code(taken.isNew ? 201 : 200).send(taken.view);
    },
  );
}

function askingRoute(app: App, waitingRooms: WaitingRooms): void {
  app.get(
    "/v1/sales/:saleId/tickets/:ticketId",
    {
      ...asking,
      schema: {
        operationId: "getTicket",
        summary: "How a ticket stands: waiting, admitted, expired, over",
        tags,
        params: ticketParams,
        response: { 200: ticket },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const wanted = wantedOf(principal, request.params);
      const found = await waitingRooms.readTicket(principal.tenantId, wanted);
      return isRefusal(found) ? reply.refuse(found) : reply.send(found);
    },
  );
}

function followingRoute(
  app: App,
  { waitingRooms, streams }: { readonly waitingRooms: WaitingRooms; readonly streams: Streams },
): void {
  app.get(
    "/v1/sales/:saleId/tickets/:ticketId/events",
    {
      ...following,
      schema: {
        operationId: "followTicket",
        summary: "The same as a stream of server-sent events, until the ticket waits no longer",
        description:
          "`text/event-stream`: events named `ticket` whose data is a Ticket, each time it has " +
          "changed, about every second. With Last-Event-ID it goes on behind that event. When as " +
          "many streams are open as there may be: 503, then poll instead.",
        tags,
        params: ticketParams,
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const wanted = wantedOf(principal, request.params);
      const look = await waitingRooms.followTicket(principal.tenantId, wanted);
      if (isRefusal(look)) return reply.refuse(look);
      streams.open(request, reply, look);
      return reply;
    },
  );
}

function wantedOf(
  { kind, memberId }: Principal,
  params: { readonly saleId: string; readonly ticketId: string },
) {
  return {
    saleId: checkedId<"Sale">(params.saleId),
    ticketId: checkedId<"Ticket">(params.ticketId),
    memberId: kind === "member" ? memberId : undefined,
  };
}
