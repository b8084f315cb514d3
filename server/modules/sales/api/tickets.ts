import Type from "typebox";
import { principalOf } from "../../../kernel/access.ts";
import type { Principal } from "../../../kernel/access.ts";
import type { App } from "../../../kernel/app.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { checkedId, id, time } from "../../../kernel/shapes.ts";
import { signedTextMax } from "../../../kernel/signed-text.ts";
import type { Streams } from "../../../kernel/sse.ts";
import { streamSchema } from "../../../kernel/sse.ts";
import { actingMember } from "../../identity/index.ts";
import { solutionMax } from "../domain/challenges.ts";
import type { WaitingRooms } from "../operations/waiting-rooms.ts";
import { saleParams, tags } from "./shapes.ts";

const taking = { config: { scope: "orders:write" } } as const;
const asking = { config: { scope: "orders:read" } } as const;
const following = { config: { scope: "orders:read", stream: true } } as const;

const ticketParams = Type.Object({ saleId: id, ticketId: id });

const memberId = Type.Optional(
  Type.Unsafe<string>(
    Type.String({
      pattern: "^[A-Za-z0-9_-]{1,64}$",
      description: "A member's token may leave it out: it acts for its own member only.",
      examples: ["m-1"],
      "x-allowed": "1 to 64 letters, digits, - or _",
    }),
  ),
);
const signed = Type.String({ maxLength: signedTextMax });

const newTicket = Type.Object(
  {
    memberId,
    solution: Type.Optional(
      Type.Object(
        { challenge: signed, number: Type.Integer({ minimum: 0, maximum: solutionMax }) },
        {
          title: "TicketSolution",
          description:
            "To a challenge of this member and sale; where none is asked, not looked at.",
        },
      ),
    ),
  },
  { title: "NewTicket" },
);

const newChallenge = Type.Object({ memberId }, { title: "NewTicketChallenge" });

const challenge = Type.Object(
  {
    challenge: Type.String({ description: "Signed; goes back with the number that was found." }),
    algorithm: Type.Literal("SHA-256"),
    salt: Type.String(),
    target: Type.String({
      description:
        "In hexadecimal: SHA-256 of the salt and the decimal digits of the number behind it.",
    }),
    difficulty: Type.Integer({ minimum: 1, description: "The number is below it, and 0 or more." }),
    expiresAt: time,
  },
  { title: "TicketChallenge" },
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

const takenTicket = Type.Object(
  {
    ...ticket.properties,
    deviceToken: Type.Optional(
      Type.String({
        description:
          "Where devices are counted: to be kept, and sent as Sale-Device when a challenge is " +
          "asked for, in this sale or any later one.",
      }),
    ),
  },
  { title: "TakenTicket" },
);

export function ticketRoutes(
  app: App,
  given: { readonly waitingRooms: WaitingRooms; readonly streams: Streams },
): void {
  challengeRoute(app, given.waitingRooms);
  takingRoute(app, given.waitingRooms);
  askingRoute(app, given.waitingRooms);
  followingRoute(app, given);
}

function challengeRoute(app: App, waitingRooms: WaitingRooms): void {
  app.post(
    "/v1/sales/:saleId/challenges",
    {
      ...taking,
      schema: {
        operationId: "askChallenge",
        summary: "A challenge whose solution a ticket asks for, in a sale with ticket rules",
        description:
          "Find the number by trying all from 0 on, and send it with the challenge when the " +
          "ticket is taken. It is this member's, for this sale, for some minutes. A device that " +
          "was told its name sends it as Sale-Device; where devices are counted, one without gets " +
          "a longer search.",
        tags,
        readHeaders: {
          "Sale-Device": Type.String({
            description: "The `deviceToken` that came with an earlier ticket, of whatever sale.",
          }),
        },
        // Nothing is kept of a challenge.
        idempotencyKey: "unread",
        params: saleParams,
        body: newChallenge,
        response: { 200: challenge },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const acting = actingMember(principal, request.body.memberId);
      if (isRefusal(acting)) return reply.refuse(acting);
      const deviceToken = request.headers["sale-device"];
      const given = await waitingRooms.giveChallenge(principal.tenantId, {
        saleId: checkedId<"Sale">(request.params.saleId),
        memberId: acting,
        deviceToken: typeof deviceToken === "string" ? deviceToken : undefined,
      });
      return isRefusal(given) ? reply.refuse(given) : reply.send(given);
    },
  );
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
          "pass at once. A sale with ticket rules asks for the solution of a challenge.",
        tags,
        // A member has one ticket, however often it is asked for.
        idempotencyKey: "unread",
        params: saleParams,
        body: newTicket,
        response: { 200: takenTicket, 201: takenTicket },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const acting = actingMember(principal, request.body.memberId);
      if (isRefusal(acting)) return reply.refuse(acting);
      const taken = await waitingRooms.takeTicket(principal.tenantId, {
        saleId: checkedId<"Sale">(request.params.saleId),
        memberId: acting,
        solution: request.body.solution,
        // A program's own address says nothing of the member for whom it asks.
        address: principal.kind === "member" ? request.ip : undefined,
      });
      if (isRefusal(taken)) return reply.refuse(taken);
      const { isNew, view, deviceToken } = taken;
      return reply
        .code(isNew ? 201 : 200)
        .send(deviceToken === undefined ? view : { ...view, deviceToken });
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
          "Looked at about every second, for five minutes at most: then open it again. Who has 8 " +
          "open (a program: half of all) is answered 429, and 503 when as many are open as there " +
          "may be: then poll instead.",
        tags,
        params: ticketParams,
        ...streamSchema(
          "Events named `ticket` whose data is a Ticket in JSON, each time it has changed.",
        ),
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
