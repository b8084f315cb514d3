import type { Static } from "typebox";
import Type from "typebox";
import { principalOf } from "../../../kernel/access.ts";
import type { App } from "../../../kernel/app.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { readIdempotencyKey } from "../../../kernel/request.ts";
import { checkedId } from "../../../kernel/shapes.ts";
import { refuse } from "../../../refusals.ts";
import type { WantedRefund } from "../domain/refunds.ts";
import { orderRefundView } from "../domain/views.ts";
import type { Orders } from "../operations/orders.ts";
import {
  attempt,
  changeOf,
  newPayment,
  newRefund,
  orderParams,
  paying,
  reading,
  refund,
  refundTags,
  refunding,
  tags,
  visibleMember,
} from "./shapes.ts";

export function paymentRoutes(app: App, orders: Orders): void {
  payRoute(app, orders);
  refundRoutes(app, orders);
}

function payRoute(app: App, orders: Orders): void {
  app.post(
    "/v1/orders/:orderId/payments",
    {
      ...paying,
      schema: {
        operationId: "payOrder",
        summary: "Pay an order over a channel; the same key gives the same attempt",
        tags,
        params: orderParams,
        body: newPayment,
        response: { 201: attempt },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { channel, method, payerId, payerIp, returnUrl } = request.body;
      const asked = { channel, method, payerId, payerIp, returnUrl };
      const input = { ...changeOf(principal, request.params.orderId), ...asked };
      const key = readIdempotencyKey(request);
      return reply.answer(await orders.payOrder(principal.tenantId, key, input));
    },
  );
}

function refundRoutes(app: App, orders: Orders): void {
  app.post(
    "/v1/orders/:orderId/refunds",
    {
      ...refunding,
      schema: {
        operationId: "refundOrder",
        summary: "Give back what was paid: an amount, lines with their units, or all that is left",
        tags: refundTags,
        params: orderParams,
        body: newRefund,
        response: { 201: refund },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const wanted = wantedIn(request.body);
      if (isRefusal(wanted)) return reply.refuse(wanted);
      const { reason, restock = true } = request.body;
      const { orderId, madeBy: requestedBy } = changeOf(principal, request.params.orderId);
      const input = { orderId, wanted, restock, reason, requestedBy };
      const key = readIdempotencyKey(request);
      return reply.answer(await orders.refundOrder(principal.tenantId, key, input));
    },
  );

  app.get(
    "/v1/orders/:orderId/refunds",
    {
      ...reading,
      schema: {
        operationId: "listOrderRefunds",
        summary: "All refunds of an order, oldest first",
        tags: refundTags,
        params: orderParams,
        response: { 200: Type.Object({ items: Type.Array(refund) }) },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const id = checkedId<"Order">(request.params.orderId);
      const { tenantId } = principal;
      const found = await orders.readOrder(tenantId, { id, memberId: visibleMember(principal) });
      if (isRefusal(found)) return reply.refuse(found);
      return { items: (await orders.listRefunds(tenantId, id)).map(orderRefundView) };
    },
  );
}

function wantedIn({ amount, lines }: Static<typeof newRefund>): WantedRefund | Refusal {
  if (amount !== undefined && lines !== undefined) {
    return refuse("invalid_request", {
      detail: "amount and lines exclude each other: lines cost what they have cost",
      field: "lines",
    });
  }
  if (amount !== undefined) return { kind: "amount", amountMinor: BigInt(amount.amount) };
  return lines === undefined ? { kind: "rest" } : { kind: "lines", lines };
}
