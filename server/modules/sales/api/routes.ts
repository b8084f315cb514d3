import type { FastifyRequest } from "fastify";
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
import type { ListedSale, SaleChange, SaleItem, SaleTerms, TicketRules } from "../domain/types.ts";
import { listedSaleView, saleView } from "../domain/views.ts";
import type { Sales } from "../operations/sales.ts";
import {
  item,
  listedSale,
  newAllotment,
  newSale,
  reading,
  sale,
  saleChange,
  saleParams,
  tags,
  writing,
} from "./shapes.ts";

export function salesRoutes(app: App, sales: Sales, clock: Clock): void {
  readRoutes(app, sales, clock);
  draftRoutes(app, sales);
  stateRoutes(app, sales);
  allotmentRoute(app, sales);
}

function readRoutes(app: App, sales: Sales, clock: Clock): void {
  app.get(
    "/v1/sales",
    {
      ...reading,
      schema: {
        operationId: "listSales",
        summary: "Sales without their goods, newest first",
        description: "Members see no drafts. What many look at is told as of a second ago.",
        tags,
        querystring: Type.Object(pageQuery),
        response: { 200: pageOf(listedSale) },
      },
    },
    async (request) => {
      const { tenantId, kind } = principalOf(request);
      const { page, seen } = readIdPage<"Sale">(request.query);
      const list = kind === "member" ? sales.listShownSales : sales.listSales;
      const rows = await list(tenantId, { before: seen, limit: page.rowsMax });
      const view = (row: ListedSale) => listedSaleView(row, clock.now());
      return toPage(rows, page, { key: (row) => [row.id], view });
    },
  );

  app.get(
    "/v1/sales/:saleId",
    {
      ...reading,
      schema: {
        operationId: "getSale",
        summary: "A sale with its goods, prices and what is left",
        description: "Members see no drafts. What many look at is told as of a second ago.",
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
      if (isRefusal(found)) return reply.refuse(found);
      return saleView(found.sale, found.left, clock.now());
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
      const { tenantId, key, saleId } = callOf(request);
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
      const { tenantId, key, saleId } = callOf(request);
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
      const { tenantId, key, saleId } = callOf(request);
      return reply.answer(await sales.endSale(tenantId, key, saleId));
    },
  );
}

function allotmentRoute(app: App, sales: Sales): void {
  app.post(
    "/v1/sales/:saleId/allotments",
    {
      ...writing,
      schema: {
        operationId: "raiseAllotment",
        summary: "Set more units of one SKU aside, for a sale that is scheduled or open",
        description: "The units come from the shelf, and can be ordered at once.",
        tags,
        params: saleParams,
        body: newAllotment,
        response: { 200: item },
      },
    },
    async (request, reply) => {
      const { tenantId, key, saleId } = callOf(request);
      const skuId = checkedId<"Sku">(request.body.skuId);
      const input = { saleId, skuId, quantity: BigInt(request.body.quantity) };
      return reply.answer(await sales.raiseAllotment(tenantId, key, input));
    },
  );
}

/** Whose sale is to be changed, and the name of the request. */
function callOf(request: FastifyRequest & { readonly params: { readonly saleId: string } }) {
  const { tenantId } = principalOf(request);
  const saleId = checkedId<"Sale">(request.params.saleId);
  return { tenantId, key: readIdempotencyKey(request), saleId };
}

function terms(body: Type.Static<typeof newSale>): SaleTerms {
  const { title, limitPerMember, waitingRoom = false } = body;
  const opensAt = readTime("opensAt", body.opensAt);
  const closesAt = readTime("closesAt", body.closesAt);
  const ticketRules = body.ticketRules === undefined ? undefined : rulesOf(body.ticketRules);
  const items = body.items.map(itemOf);
  return { title, opensAt, closesAt, limitPerMember, waitingRoom, ticketRules, items };
}

function changeOf({
  opensAt,
  closesAt,
  ticketRules,
  items,
  ...plain
}: Type.Static<typeof saleChange>): SaleChange {
  return {
    ...plain,
    ...(opensAt === undefined ? {} : { opensAt: readTime("opensAt", opensAt) }),
    ...(closesAt === undefined ? {} : { closesAt: readTime("closesAt", closesAt) }),
    ...(ticketRules === undefined
      ? {}
      : { ticketRules: ticketRules === null ? null : rulesOf(ticketRules) }),
    ...(items === undefined ? {} : { items: items.map(itemOf) }),
  };
}

function rulesOf(given: NonNullable<Type.Static<typeof newSale>["ticketRules"]>): TicketRules {
  const { challengeDifficulty, ticketsPerDevice, ticketsPerNetwork } = given;
  return { challengeDifficulty, ticketsPerDevice, ticketsPerNetwork };
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
