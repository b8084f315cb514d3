import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { principalOf } from "../../../kernel/access.ts";
import type { App } from "../../../kernel/app.ts";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import { pageOf, pageQuery, readIdPage, toPage } from "../../../kernel/page.ts";
import type { Answer } from "../../../kernel/operation.ts";
import { malformed } from "../../../kernel/problem.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { readIdempotencyKey } from "../../../kernel/request.ts";
import { checkedId, id } from "../../../kernel/shapes.ts";
import { refuse } from "../../../refusals.ts";
import type { Identity } from "../../identity/index.ts";
import { actingMember } from "../../identity/index.ts";
import type { BroughtPass, WaitingRooms } from "../../sales/index.ts";
import { paymentRoutes } from "./payments.ts";
import {
  changeOf,
  historyStep,
  memberId,
  newOrder,
  order,
  orderParams,
  reading,
  states,
  tags,
  visibleMember,
  writing,
} from "./shapes.ts";
import { historyView, orderView } from "../domain/views.ts";
import type { Orders } from "../operations/orders.ts";

/** What reads the tokens and passes that come with an order, without asking the database. */
export interface PlacingEdge {
  readonly identity: Pick<Identity, "submitKey">;
  readonly passes: Pick<WaitingRooms, "readPass">;
}

export function ordersRoutes(app: App, orders: Orders, edge: PlacingEdge): void {
  placingRoute(app, orders, edge);
  changeRoutes(app, orders);
  paymentRoutes(app, orders);
  listRoute(app, orders);
  readRoutes(app, orders);
}

function placingRoute(app: App, orders: Orders, edge: PlacingEdge): void {
  app.post(
    "/v1/orders",
    {
      ...writing,
      schema: {
        operationId: "placeOrder",
        summary: "Place an order; its units are held until it is paid or closed",
        description:
          "A page sends the Submit-Token that it was opened with in place of an Idempotency-Key: " +
          "it is good for one order, and a second arrival is told which one that is. An order in a " +
          "sale that has a waiting room brings the pass of its member's ticket as Sale-Pass.",
        tags,
        readHeaders: {
          "Submit-Token": Type.String({
            description: "From /v1/submit-tokens, in place of an Idempotency-Key; never with one.",
          }),
          "Sale-Pass": Type.String({
            description: "The `pass` of the member's ticket, in a sale that has a waiting room.",
          }),
        },
        idempotencyKey: "optional",
        body: newOrder,
        response: { 201: order },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const member = actingMember(principal, request.body.memberId);
      if (isRefusal(member)) return reply.refuse(member);
      const lines = request.body.lines.map(({ skuId, quantity }) => ({
        skuId: checkedId<"Sku">(skuId),
        quantity,
      }));
      const { saleId: inSale } = request.body;
      const saleId = inSale === undefined ? undefined : checkedId<"Sale">(inSale);
      const pass = broughtPass(request, edge.passes);
      const input = { memberId: member, saleId, pass, lines, placedBy: principal.subject };
      const key = placingKey(request, edge.identity, member);
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
  identity: PlacingEdge["identity"],
  memberId: string,
): IdempotencyKey | Refusal {
  const token = request.headers[submitHeader];
  if (typeof token !== "string") return readIdempotencyKey(request);
  if (request.headers["idempotency-key"] !== undefined)
    return malformed("send either Idempotency-Key or Submit-Token, not both");
  return identity.submitKey(token, { tenantId: principalOf(request).tenantId, memberId });
}

/** Of a sale that has a waiting room [FLS-09]; where there is none, nobody looks at it. */
function broughtPass(
  request: FastifyRequest,
  passes: PlacingEdge["passes"],
): BroughtPass | undefined {
  const text = request.headers["sale-pass"];
  if (text === undefined) return undefined;
  return passes.readPass(principalOf(request).tenantId, String(text));
}

/** Takes the answer of the first arrival, which is the order as it was placed. */
function usedFor({ body }: Answer): Refusal {
  const placed: { readonly id: string; readonly number: string } = JSON.parse(body);
  return refuse("submit_token_used", { orderId: placed.id, number: placed.number });
}

function changeRoutes(app: App, orders: Orders): void {
  app.post(
    "/v1/orders/:orderId/cancel",
    {
      ...writing,
      schema: {
        operationId: "cancelOrder",
        summary: "Close an unpaid order; one that somebody may be paying waits for the channel",
        tags,
        params: orderParams,
        response: { 200: order },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const command = changeOf(principal, request.params.orderId);
      const key = readIdempotencyKey(request);
      return reply.answer(await orders.cancelOrder(principal.tenantId, key, command));
    },
  );

  app.post(
    "/v1/orders/:orderId/complete",
    {
      ...writing,
      schema: {
        operationId: "completeOrder",
        summary: "Say that a paid order is done; by itself it is after some days",
        tags,
        params: orderParams,
        response: { 200: order },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const command = changeOf(principal, request.params.orderId);
      const key = readIdempotencyKey(request);
      return reply.answer(await orders.completeOrder(principal.tenantId, key, command));
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
          saleId: Type.Optional(id),
          state: Type.Optional(Type.Enum(states)),
          number: Type.Optional(Type.String({ maxLength: 32 })),
          ...pageQuery,
        }),
        response: { 200: pageOf(order) },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { number, state, saleId, memberId: asked } = request.query;
      const member =
        asked === undefined ? visibleMember(principal) : actingMember(principal, asked);
      if (isRefusal(member)) return reply.refuse(member);
      const { page, seen } = readIdPage<"Order">(request.query);
      if (number !== undefined) {
        const wanted = { number, memberId: member };
        const found = await orders.readOrderByNumber(principal.tenantId, wanted);
        const items = found === undefined ? [] : [orderView(found)];
        return { items };
      }
      const rows = await orders.listOrders(principal.tenantId, {
        memberId: member,
        saleId: saleId === undefined ? undefined : checkedId<"Sale">(saleId),
        state,
        before: seen,
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
