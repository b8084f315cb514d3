import type { FastifyRequest } from "fastify";
import Type from "typebox";
import type { App } from "../../../kernel/app.ts";
import { pageOf, pageQuery, readIdPage, toPage } from "../../../kernel/page.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { rawBodyOf } from "../../../kernel/request.ts";
import { checkedId, id, time } from "../../../kernel/shapes.ts";
import { noticeView } from "../domain/views.ts";
import type { Notices } from "../operations/notices.ts";
import type { PaymentReads } from "../operations/reads.ts";
import { noticeTags, channel, number, readingTenant, staffOf } from "./shapes.ts";

const text = Type.String();
/**
 * After a flash sale a channel sends thousands a second, all from a few addresses; a limit below
 * what one process books (3,600) would only delay them. A forged one costs 22 us for each key and
 * each of the three texts that Alipay may have signed.
 */
const noticesPerSecondMax = 5_000;
/** Notices have some kilobytes; who sends more wants to fill the disk. */
const noticeBytesMax = 65_536;

export function noticeRoute(app: App, payments: Notices): void {
  app.post(
    "/notices/:channel/:tenantId/:accountId",
    {
      bodyLimit: noticeBytesMax,
      config: { public: true, rawBody: true, addressPerSecondMax: noticesPerSecondMax },
      schema: {
        operationId: "takeNotice",
        summary: "What a channel tells about payments and refunds",
        description: "Proves itself by the channel's signature. Answered as the channel expects.",
        tags: noticeTags,
        params: Type.Object({ channel, tenantId: id, accountId: id }),
      },
    },
    async (request, reply) => {
      const { tenantId, ...place } = request.params;
      const notice = { headers: headersOf(request), body: rawBodyOf(request) };
      const answer = await payments.takeNotice(tenantId, place, notice);
      if (isRefusal(answer)) return reply.refuse(answer);
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    },
  );
}

/** Node joins a header that comes twice, but for a list that no channel uses. */
function headersOf({ headers }: FastifyRequest): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
}

const noticeFields = {
  id,
  accountId: id,
  channelNoticeId: Type.Optional(Type.String({ description: "The channel's own id of it." })),
  receivedAt: time,
  verdict: Type.String({ examples: ["paid", "forged: the signature does not fit"] }),
  attemptNumber: Type.Optional(text),
  refundNumber: Type.Optional(text),
  deliveries: Type.Integer({ description: "How often it came; it was booked once." }),
};
const notice = Type.Object(noticeFields, { title: "Notice" });
const wholeNotice = Type.Object(
  {
    ...noticeFields,
    headers: Type.Record(Type.String(), Type.String()),
    bodyBase64: Type.String({ description: "Byte for byte, so that it can be verified again." }),
  },
  { title: "WholeNotice" },
);

export function noticeReads(app: App, payments: PaymentReads): void {
  app.get(
    "/v1/notices",
    {
      ...readingTenant,
      schema: {
        operationId: "listNotices",
        summary: "Notices of channels and what was made of them, newest first",
        tags: noticeTags,
        querystring: Type.Object({
          accountId: Type.Optional(id),
          attemptNumber: Type.Optional(number),
          ...pageQuery,
        }),
        response: { 200: pageOf(notice) },
      },
    },
    async (request) => {
      const { tenantId } = staffOf(request);
      const { page, seen } = readIdPage<"Notice">(request.query);
      const { accountId, attemptNumber } = request.query;
      const wanted = { accountId, attemptNumber, before: seen, limit: page.rowsMax };
      const rows = await payments.listNotices(tenantId, wanted);
      return toPage(rows, page, { key: (row) => [row.id], view: noticeView });
    },
  );

  app.get(
    "/v1/notices/:noticeId",
    {
      ...readingTenant,
      schema: {
        operationId: "getNotice",
        summary: "A notice as it came in",
        tags: noticeTags,
        params: Type.Object({ noticeId: id }),
        response: { 200: wholeNotice },
      },
    },
    async (request, reply) => {
      const { tenantId } = staffOf(request);
      const found = await payments.readNotice(tenantId, checkedId(request.params.noticeId));
      if (isRefusal(found)) return reply.refuse(found);
      const { headers, body } = found;
      return { ...noticeView(found), headers: { ...headers }, bodyBase64: body.toString("base64") };
    },
  );
}
