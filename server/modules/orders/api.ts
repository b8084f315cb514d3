import type { FastifyRequest } from "fastify";
import Type from "typebox";
import type { Principal } from "../../kernel/access.ts";
import { principalOf } from "../../kernel/access.ts";
import type { App } from "../../kernel/app.ts";
import type { IdempotencyKey } from "../../kernel/idempotency.ts";
import type { Id } from "../../kernel/ids.ts";
import { idPatternSource, isId } from "../../kernel/ids.ts";
import { statesOf } from "../../kernel/machine.ts";
import { currencies } from "../../kernel/money.ts";
import { pageOf, pageQuery, readPage, toPage } from "../../kernel/page.ts";
import type { Answer } from "../../kernel/operation.ts";
import { malformed } from "../../kernel/problem.ts";
import type { Refusal } from "../../kernel/refusal.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import { readIdempotencyKey } from "../../kernel/request.ts";
import { refuse } from "../../refusals.ts";
import type { Identity } from "../identity/index.ts";
import { actingMember } from "../identity/index.ts";
import { orderMachine } from "./domain/machine.ts";
import { historyView, orderView } from "./domain/views.ts";
import type { Orders } from "./operations.ts";

const tags = ["Orders"];
const reading = { config: { scope: "orders:read" } } as const;
const writing = { config: { scope: "orders:write" } } as const;

const linesMax = 50;
const quantityMax = 10_000;

const id = Type.Unsafe<string>(
  Type.String({ pattern: idPatternSource, "x-allowed": "a UUIDv7 of ours" }),
);
const time = Type.String({ format: "date-time", examples: ["2025-11-21T03:42:00.000Z"] });
const memberId = Type.Unsafe<string>(
  Type.String({
    pattern: "^[A-Za-z0-9_-]{1,64}$",
    description: "A member's token may leave it out: it acts for its own member only.",
    examples: ["m-1"],
    "x-allowed": "1 to 64 letters, digits, - or _",
  }),
);
const states = statesOf(orderMachine);
const amount = Type.Object(
  { amount: Type.Integer({ minimum: 0 }), currency: Type.Enum([...currencies]) },
  { title: "Amount", description: "In minor units: 1999 CNY is 19.99 yuan." },
);

const newOrder = Type.Object(
  {
    memberId: Type.Optional(memberId),
    lines: Type.Array(
      Type.Object({ skuId: id, quantity: Type.Integer({ minimum: 1, maximum: quantityMax }) }),
      { minItems: 1, maxItems: linesMax },
    ),
  },
  { title: "NewOrder", description: "The prices are those of this moment." },
);

const order = Type.Object(
  {
    id,
    number: Type.String({ description: "For people; it carries the day and a check digit." }),
    memberId: Type.String(),
    state: Type.Enum(states),
    lines: Type.Array(
      Type.Object({
        skuId: id,
        title: Type.String(),
        quantity: Type.Integer({ minimum: 1 }),
        unitPrice: amount,
        total: amount,
      }),
    ),
    total: amount,
    placedAt: time,
    closesAt: Type.String({ format: "date-time", description: "Unpaid until then, it closes." }),
    changedAt: time,
  },
  { title: "Order" },
);

const historyStep = Type.Object(
  {
    at: time,
    from: Type.Union([Type.Enum(states), Type.Null()]),
    to: Type.Enum(states),
    madeBy: Type.String(),
    reason: Type.String(),
  },
  { title: "OrderHistoryStep" },
);

const orderParams = Type.Object({ orderId: id });

export function ordersRoutes(app: App, orders: Orders, identity: Identity): void {
  placingRoute(app, orders, identity);
  cancelRoute(app, orders);
  listRoute(app, orders);
  readRoutes(app, orders);
}

/** The pattern of the route has checked it. */
function checkedId<Name extends string>(text: string): Id<Name> {
  return text as Id<Name>;
}

/** Members see their own orders only; to them the others do not exist. */
function visibleMember({ kind, memberId: own }: Principal): string | undefined {
  return kind === "member" ? own : undefined;
}

function placingRoute(app: App, orders: Orders, identity: Identity): void {
  app.post(
    "/v1/orders",
    {
      ...writing,
      schema: {
        operationId: "placeOrder",
        summary: "Place an order; its units are held until it is paid or closed",
        description:
          "A page sends the Submit-Token that it was opened with in place of an Idempotency-Key: " +
          "it is good for one order, and a second arrival is told which one that is.",
        tags,
        body: newOrder,
        response: { 201: order },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const member = actingMember(principal, request.body.memberId);
      if (typeof member !== "string") return reply.refuse(member);
      const lines = request.body.lines.map(({ skuId, quantity }) => ({
        skuId: checkedId<"Sku">(skuId),
        quantity,
      }));
      const input = { memberId: member, lines, placedBy: principal.subject };
      const key = placingKey(request, identity, member);
      if (isRefusal(key)) return reply.refuse(key);
      const answer = await orders.placeOrder(principal.tenantId, key, input);
      const isSecond = !isRefusal(answer) && answer.replayed === true;
      const isSubmitted = submitHeader in request.headers;
      return isSecond && isSubmitted ? reply.refuse(usedFor(answer)) : reply.answer(answer);
    },
  );
}

const submitHeader = "submit-token";

/** From the page's submit token [ORD-02] or, for programs, from their own Idempotency-Key. */
function placingKey(
  request: FastifyRequest,
  identity: Identity,
  memberId: string,
): IdempotencyKey | Refusal {
  const token = request.headers[submitHeader];
  if (typeof token !== "string") return readIdempotencyKey(request);
  if (request.headers["idempotency-key"] !== undefined)
    return malformed("send either Idempotency-Key or Submit-Token, not both");
  return identity.submitKey(token, { tenantId: principalOf(request).tenantId, memberId });
}

/** Takes the answer of the first arrival, which is the order as it was placed. */
function usedFor({ body }: Answer): Refusal {
  const placed: { readonly id: string; readonly number: string } = JSON.parse(body);
  return refuse("submit_token_used", { orderId: placed.id, number: placed.number });
}

function cancelRoute(app: App, orders: Orders): void {
  app.post(
    "/v1/orders/:orderId/cancel",
    {
      ...writing,
      schema: {
        operationId: "cancelOrder",
        summary: "Close an unpaid order; its units are for sale again at once",
        tags,
        params: orderParams,
        response: { 200: order },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const own = visibleMember(principal);
      const command = {
        orderId: checkedId<"Order">(request.params.orderId),
        madeBy: principal.subject,
        ...(own === undefined ? {} : { memberId: own }),
      };
      const key = readIdempotencyKey(request);
      return reply.answer(await orders.cancelOrder(principal.tenantId, key, command));
    },
  );
}

function listRoute(app: App, orders: Orders): void {
  app.get(
    "/v1/orders",
    {
      ...reading,
      schema: {
        operationId: "listOrders",
        summary: "Orders, newest first; a member's token lists its own",
        tags,
        querystring: Type.Object({
          memberId: Type.Optional(memberId),
          state: Type.Optional(Type.Enum(states)),
          number: Type.Optional(Type.String({ maxLength: 32 })),
          ...pageQuery,
        }),
        response: { 200: pageOf(order) },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { number, state, memberId: asked } = request.query;
      const own = visibleMember(principal);
      if (own !== undefined && asked !== undefined && asked !== own) {
        const refusal = actingMember(principal, asked);
        if (typeof refusal !== "string") return reply.refuse(refusal);
      }
      const page = readPage<[string]>(request.query, ["string"], ([key]) => isId(key));
      const wantedMember = own ?? asked;
      if (number !== undefined) {
        const wanted = { number, memberId: wantedMember };
        const found = await orders.readOrderByNumber(principal.tenantId, wanted);
        const items = found === undefined ? [] : [orderView(found)];
        return { items };
      }
      const rows = await orders.listOrders(principal.tenantId, {
        memberId: wantedMember,
        state,
        before: page.after === undefined ? undefined : checkedId<"Order">(page.after[0]),
        limit: page.rowsMax,
      });
      return toPage(rows, page, { key: (row) => [row.id], view: orderView });
    },
  );
}

function readRoutes(app: App, orders: Orders): void {
  app.get(
    "/v1/orders/:orderId",
    {
      ...reading,
      schema: {
        operationId: "getOrder",
        summary: "An order",
        tags,
        params: orderParams,
        response: { 200: order },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const wanted = {
        id: checkedId<"Order">(request.params.orderId),
        memberId: visibleMember(principal),
      };
      const found = await orders.readOrder(principal.tenantId, wanted);
      return isRefusal(found) ? reply.refuse(found) : orderView(found);
    },
  );

  app.get(
    "/v1/orders/:orderId/history",
    {
      ...reading,
      schema: {
        operationId: "getOrderHistory",
        summary: "Everything that became of an order: who, when, why",
        tags,
        params: orderParams,
        response: { 200: Type.Object({ items: Type.Array(historyStep) }) },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const orderId = checkedId<"Order">(request.params.orderId);
      const wanted = { id: orderId, memberId: visibleMember(principal) };
      const found = await orders.readOrder(principal.tenantId, wanted);
      if (isRefusal(found)) return reply.refuse(found);
      return { items: historyView(found, await orders.readHistory(principal.tenantId, orderId)) };
    },
  );
}
