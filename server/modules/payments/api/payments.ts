import Type from "typebox";
import type { App } from "../../../kernel/app.ts";
import { statesOf } from "../../../kernel/machine.ts";
import { pageOf, pageQuery, readIdPage, toPage } from "../../../kernel/page.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { amount, checkedId, id, time } from "../../../kernel/shapes.ts";
import { attemptMachine, paymentMachine, refundMachine } from "../domain/machines.ts";
import type { PaymentReads } from "../operations/reads.ts";
import { attemptView, logEntryView, paymentView, refundView } from "../domain/views.ts";
import { channel, reading, refundTags, staffOf, tags } from "./shapes.ts";

const text = Type.String();
const paymentState = Type.Enum(statesOf(paymentMachine));
const refundState = Type.Enum(statesOf(refundMachine));

const paymentFields = {
  id,
  reference: Type.String({ description: "The order that is paid." }),
  description: text,
  amount,
  state: paymentState,
  paidAttemptId: Type.Optional(id),
  paidAt: Type.Optional(time),
  createdAt: time,
};
const payment = Type.Object(paymentFields, { title: "Payment" });
const attempt = Type.Object(
  {
    id,
    number: Type.String({ description: "Ours, at the channel: its out_trade_no." }),
    accountId: id,
    channel,
    method: text,
    amount,
    state: Type.Enum(statesOf(attemptMachine)),
    payerId: Type.Optional(text),
    channelTradeNumber: Type.Optional(text),
    paidAt: Type.Optional(time),
    surplus: Type.Boolean({ description: "Paid although another was: goes back by itself." }),
    failure: Type.Optional(text),
    expiresAt: time,
    createdAt: time,
  },
  { title: "PaymentAttempt" },
);
const paymentWithAttempts = Type.Object(
  { ...paymentFields, attempts: Type.Array(attempt) },
  { title: "PaymentWithAttempts" },
);
const paymentParams = Type.Object({ paymentId: id });

export function paymentRoutes(app: App, payments: PaymentReads): void {
  app.get(
    "/v1/payments",
    {
      ...reading,
      schema: {
        operationId: "listPayments",
        summary: "Payments, newest first",
        tags,
        querystring: Type.Object({
          reference: Type.Optional(id),
          state: Type.Optional(paymentState),
          ...pageQuery,
        }),
        response: { 200: pageOf(payment) },
      },
    },
    async (request) => {
      const { tenantId } = staffOf(request);
      const { page, seen } = readIdPage<"Payment">(request.query);
      const { reference, state } = request.query;
      const wanted = { reference, state, before: seen, limit: page.rowsMax };
      const rows = await payments.listPayments(tenantId, wanted);
      return toPage(rows, page, { key: (row) => [row.id], view: paymentView });
    },
  );

  app.get(
    "/v1/payments/:paymentId",
    {
      ...reading,
      schema: {
        operationId: "getPayment",
        summary: "A payment with all attempts at it",
        tags,
        params: paymentParams,
        response: { 200: paymentWithAttempts },
      },
    },
    async (request, reply) => {
      const { tenantId } = staffOf(request);
      const found = await payments.readPayment(tenantId, checkedId(request.params.paymentId));
      if (isRefusal(found)) return reply.refuse(found);
      return { ...paymentView(found.payment), attempts: found.attempts.map(attemptView) };
    },
  );
}

const logEntry = Type.Object(
  {
    id,
    at: time,
    attemptId: id,
    refundId: Type.Optional(id),
    what: Type.String({ description: "What the channel was asked, or `notice`." }),
    outcome: text,
    detail: Type.Optional(text),
  },
  { title: "TradeLogEntry" },
);

export function logRoutes(app: App, payments: PaymentReads): void {
  const schema = {
    tags,
    querystring: Type.Object(pageQuery),
    response: { 200: pageOf(logEntry) },
  };
  const key = (row: { readonly id: string }) => [row.id];

  app.get(
    "/v1/payments/:paymentId/trade-log",
    {
      ...reading,
      schema: {
        ...schema,
        operationId: "listTradeLogOfPayment",
        summary: "What channels were asked about a payment and what they told, in order",
        params: paymentParams,
      },
    },
    async (request, reply) => {
      const { tenantId } = staffOf(request);
      const paymentId = checkedId<"Payment">(request.params.paymentId);
      const { page, seen } = readIdPage<"TradeLogEntry">(request.query);
      const wanted = { paymentId, after: seen, limit: page.rowsMax };
      const rows = await payments.readTradeLog(tenantId, wanted);
      return isRefusal(rows) ? reply.refuse(rows) : toPage(rows, page, { key, view: logEntryView });
    },
  );

  app.get(
    "/v1/payment-attempts/:attemptId/trade-log",
    {
      ...reading,
      schema: {
        ...schema,
        operationId: "listTradeLogOfAttempt",
        summary: "The same of one attempt",
        params: Type.Object({ attemptId: id }),
      },
    },
    async (request, reply) => {
      const { tenantId } = staffOf(request);
      const attemptId = checkedId<"PaymentAttempt">(request.params.attemptId);
      const { page, seen } = readIdPage<"TradeLogEntry">(request.query);
      const wanted = { attemptId, after: seen, limit: page.rowsMax };
      const rows = await payments.readAttemptLog(tenantId, wanted);
      return isRefusal(rows) ? reply.refuse(rows) : toPage(rows, page, { key, view: logEntryView });
    },
  );
}

const refund = Type.Object(
  {
    id,
    number: Type.String({ description: "Ours, at the channel: its out_refund_no." }),
    attemptId: id,
    reference: text,
    cause: text,
    amount,
    reason: text,
    state: refundState,
    channelRefundNumber: Type.Optional(text),
    refundedAt: Type.Optional(time),
    failure: Type.Optional(text),
    requestedBy: text,
    createdAt: time,
  },
  { title: "Refund" },
);

export function refundRoutes(app: App, payments: PaymentReads): void {
  app.get(
    "/v1/refunds",
    {
      ...reading,
      schema: {
        operationId: "listRefunds",
        summary: "Refunds, newest first",
        tags: refundTags,
        querystring: Type.Object({
          reference: Type.Optional(id),
          state: Type.Optional(refundState),
          ...pageQuery,
        }),
        response: { 200: pageOf(refund) },
      },
    },
    async (request) => {
      const { tenantId } = staffOf(request);
      const { page, seen } = readIdPage<"Refund">(request.query);
      const { reference, state } = request.query;
      const wanted = { reference, state, before: seen, limit: page.rowsMax };
      const rows = await payments.listRefunds(tenantId, wanted);
      return toPage(rows, page, { key: (row) => [row.id], view: refundView });
    },
  );

  app.get(
    "/v1/refunds/:refundId",
    {
      ...reading,
      schema: {
        operationId: "getRefund",
        summary: "A refund",
        tags: refundTags,
        params: Type.Object({ refundId: id }),
        response: { 200: refund },
      },
    },
    async (request, reply) => {
      const { tenantId } = staffOf(request);
      const found = await payments.readRefund(tenantId, checkedId(request.params.refundId));
      return isRefusal(found) ? reply.refuse(found) : refundView(found);
    },
  );
}
