import Type from "typebox";
import { principalOf } from "../../../kernel/access.ts";
import type { App } from "../../../kernel/app.ts";
import { pageOf, pageQuery, readIdPage, toPage } from "../../../kernel/page.ts";
import { RefusedError, isRefusal } from "../../../kernel/refusal.ts";
import { readIdempotencyKey } from "../../../kernel/request.ts";
import { checkedId } from "../../../kernel/shapes.ts";
import type { Clock } from "../../../kernel/time.ts";
import { parseInstant } from "../../../kernel/time.ts";
import { invalidRequest } from "../../../kernel/validation.ts";
import type { SaleChange, SaleItem, SaleTerms } from "../domain/types.ts";
import { saleView } from "../domain/views.ts";
import type { SaleWithUnits } from "../operations/reads.ts";
import type { Sales } from "../operations/sales.ts";
import { newSale, reading, sale, saleChange, saleParams, tags, writing } from "./shapes.ts";

export function salesRoutes(app: App, sales: Sales, clock: Clock): void {
  readRoutes(app, sales, clock);
  draftRoutes(app, sales);
  stateRoutes(app, sales);
}

function readRoutes(app: App, sales: Sales, clock: Clock): void {
  const view = (found: SaleWithUnits) => saleView(found.sale, found.left, clock.now());

  app.get(
    "/v1/sales",
    {
      ...reading,
      schema: {
        operationId: "listSales",
        summary: "Sales with their goods, newest first",
        description: "Members see no drafts.",
        tags,
        querystring: Type.Object(pageQuery),
        response: { 200: pageOf(sale) },
      },
    },
    async (request) => {
      const { tenantId, kind } = principalOf(request);
      const { page, seen } = readIdPage<"Sale">(request.query);
      const rows = await sales.listSales(tenantId, {
        drafts: kind !== "member",
        before: seen,
        limit: page.rowsMax,
      });
      return toPage(rows, page, { key: (row) => [row.sale.id], view });
    },
  );

  app.get(
    "/v1/sales/:saleId",
    {
      ...reading,
      schema: {
        operationId: "getSale",
        summary: "A sale with its goods, prices and what is left",
        description: "Members see no drafts, and units as they were up to a second ago.",
        tags,
        params: saleParams,
        response: { 200: sale },
      },
    },
    async (request, reply) => {
      const { tenantId, kind } = principalOf(request);
      const saleId = checkedId<"Sale">(request.params.saleId);
      const read = kind === "member" ? sales.readShownSale : sales.readSale;
      const found = await read(tenantId, saleId);
      return isRefusal(found) ? reply.refuse(found) : view(found);
    },
  );
}

function draftRoutes(app: App, sales: Sales): void {
  app.post(
    "/v1/sales",
    {
      ...writing,
      schema: {
        operationId: "createSale",
        summary: "Draft a sale",
        tags,
        body: newSale,
        response: { 201: sale },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = principalOf(request);
      const key = readIdempotencyKey(request);
      return reply.answer(
        await sales.createSale(tenantId, key, { terms: terms(request.body), by }),
      );
    },
  );

  app.patch(
    "/v1/sales/:saleId",
    {
      ...writing,
      schema: {
        operationId: "changeSale",
        summary: "Change a draft",
        tags,
        params: saleParams,
        body: saleChange,
        response: { 200: sale },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const key = readIdempotencyKey(request);
      const saleId = checkedId<"Sale">(request.params.saleId);
      const command = { saleId, change: changeOf(request.body) };
      return reply.answer(await sales.changeSale(tenantId, key, command));
    },
  );
}

function stateRoutes(app: App, sales: Sales): void {
  app.post(
    "/v1/sales/:saleId/schedule",
    {
      ...writing,
      schema: {
        operationId: "scheduleSale",
        summary: "Set the units aside; the sale opens and ends by itself",
        description: "From then on its terms stand. All units are set aside, or none.",
        tags,
        params: saleParams,
        response: { 200: sale },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const saleId = checkedId<"Sale">(request.params.saleId);
      const key = readIdempotencyKey(request);
      return reply.answer(await sales.scheduleSale(tenantId, key, saleId));
    },
  );

  app.post(
    "/v1/sales/:saleId/end",
    {
      ...writing,
      schema: {
        operationId: "endSale",
        summary: "End a sale before its time",
        description: "What is left of its units goes back on the shelf; its orders stay.",
        tags,
        params: saleParams,
        response: { 200: sale },
      },
    },
    async (request, reply) => {
      const { tenantId } = principalOf(request);
      const saleId = checkedId<"Sale">(request.params.saleId);
      const key = readIdempotencyKey(request);
      return reply.answer(await sales.endSale(tenantId, key, saleId));
    },
  );
}

function terms(body: Type.Static<typeof newSale>): SaleTerms {
  const { title, limitPerMember, waitingRoom = false } = body;
  const opensAt = readTime("opensAt", body.opensAt);
  const closesAt = readTime("closesAt", body.closesAt);
  return { title, opensAt, closesAt, limitPerMember, waitingRoom, items: body.items.map(itemOf) };
}

function changeOf({
  opensAt,
  closesAt,
  items,
  ...plain
}: Type.Static<typeof saleChange>): SaleChange {
  return {
    ...plain,
    ...(opensAt === undefined ? {} : { opensAt: readTime("opensAt", opensAt) }),
    ...(closesAt === undefined ? {} : { closesAt: readTime("closesAt", closesAt) }),
    ...(items === undefined ? {} : { items: items.map(itemOf) }),
  };
}

function itemOf(given: Type.Static<typeof newSale>["items"][number]): SaleItem {
  const { skuId, price, allotment, limitPerMember } = given;
  return {
    skuId: checkedId<"Sku">(skuId),
    priceMinor: BigInt(price.amount),
    currency: price.currency,
    allotment: BigInt(allotment),
    limitPerMember,
  };
}

function readTime(field: string, text: string): number {
  const parsed = parseInstant(text);
  if (parsed !== undefined && parsed >= 0) return parsed;
  const allowed = "a time of RFC 3339 since 1970, such as 2025-11-21T03:42:00Z";
  throw new RefusedError(invalidRequest([{ field, problem: "is not a time", allowed }]));
}
