/** The shop that is sold out of: seeded and looked at over the API, as any other client does. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { required } from "../server/kernel/assert.ts";
import { systemClock as clock, dayMs, minuteMs } from "../server/kernel/time.ts";

export interface Shop {
  readonly address: string;
  readonly tenantId: string;
  /** Places orders. */
  readonly token: string;
  readonly adminToken: string;
  /** The first one is the hot one. */
  readonly skuIds: readonly string[];
  /** The sale of each SKU that is in one. */
  readonly sales: ReadonlyMap<string, string>;
}

interface Demo {
  readonly tenantId: string;
  readonly tokens: { readonly admin: string; readonly service: string };
}

interface Product {
  readonly skus: readonly { readonly id: string }[];
}

/** The API's limit of SKUs a product. */
const skusPerProductMax = 100;
/** More than any run sells; also the API's limit of one delivery. */
const unitsMax = 1_000_000_000;
const seedingConnections = 16;

/** Takes the tokens of the demo tenant and puts `skus` SKUs on the shelf. */
export async function fillShop(given: {
  readonly address: string;
  readonly home: string;
  readonly skus: number;
  /** Of each SKU. */
  readonly units?: number;
}): Promise<Shop> {
  const { address, home, skus, units = unitsMax } = given;
  const demo: Demo = JSON.parse(await readFile(join(home, "demo.json"), "utf8"));
  const { tenantId, tokens } = demo;
  const api = createApi(address, tokens.admin);
  const skuIds: string[] = [];
  for (let first = 0; first < skus; first += skusPerProductMax) {
    const count = Math.min(skusPerProductMax, skus - first);
    const made: Product = await api.post("/v1/products", {
      title: `Bench mug ${first / skusPerProductMax + 1}`,
      skus: Array.from({ length: count }, (_, index) => ({
        title: `number ${first + index + 1}`,
        price: { amount: 3_900, currency: "CNY" },
      })),
    });
    skuIds.push(...made.skus.map(({ id }) => id));
  }
  const empty = [...skuIds];
  const fill = async (): Promise<void> => {
    for (let id = empty.pop(); id !== undefined; id = empty.pop()) {
      const delivery = { kind: "put_in", quantity: units, reason: "for the bench" };
      await api.post(`/v1/skus/${id}/stock/movements`, delivery);
    }
  };
  await Promise.all(Array.from({ length: seedingConnections }, fill));
  const sales = new Map<string, string>();
  return { address, tenantId, token: tokens.service, adminToken: tokens.admin, skuIds, sales };
}

/** Each member may buy this often; nobody does, but every order is counted. */
const limitPerMember = 1_000;
const saleDays = 7;

/** One flash sale of all SKUs, which is open, with half of the units of each set aside. */
export async function openSales(shop: Shop): Promise<Shop> {
  const api = createApi(shop.address, shop.adminToken);
  const items = shop.skuIds.map((skuId) => ({
    skuId,
    price: { amount: 1_900, currency: "CNY" },
    allotment: unitsMax / 2,
  }));
  const sale = await api.post<{ id: string }>("/v1/sales", {
    title: "Bench sale",
    opensAt: new Date(clock.now() - minuteMs).toISOString(),
    closesAt: new Date(clock.now() + saleDays * dayMs).toISOString(),
    limitPerMember,
    items,
  });
  await api.post(`/v1/sales/${sale.id}/schedule`);
  const sales = new Map(shop.skuIds.map((skuId) => [skuId, sale.id]));
  return { ...shop, sales };
}

export function saleIdsOf({ sales }: Shop, skuIds: readonly string[]): string[] {
  return skuIds.map((skuId) => required(sales.get(skuId), `the sale of SKU ${skuId}`));
}

/** The shop's account at a payment channel. */
export interface ChannelAccount {
  readonly id: string;
  readonly channel: "wechatpay" | "alipay";
  readonly merchantId: string;
  readonly appId: string;
  readonly noticePath: string;
}

export async function findChannelAccounts(shop: Shop): Promise<readonly ChannelAccount[]> {
  const api = createApi(shop.address, shop.adminToken);
  const page = await api.get<{ items: ChannelAccount[] }>("/v1/channel-accounts");
  return page.items;
}

export interface LedgerAudit {
  readonly sound: boolean;
}

/** Adds up the whole ledger of the tenant anew. */
export function auditLedger({ address, adminToken }: Shop): Promise<LedgerAudit> {
  return createApi(address, adminToken).get("/v1/ledger/audit");
}

function createApi(address: string, token: string) {
  const series = randomUUID().slice(0, 8);
  let calls = 0;
  async function call<Body>(path: string, init: RequestInit, key?: string): Promise<Body> {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const reply = await fetch(`${address}${path}`, {
      ...init,
      headers: key === undefined ? headers : { ...headers, "idempotency-key": key },
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${text}`);
    const body: Body = JSON.parse(text);
    return body;
  }
  return {
    get: <Body>(path: string) => call<Body>(path, { method: "GET" }),
    post: <Body>(path: string, body?: object) => {
      calls += 1;
      const init = {
        method: "POST",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      };
      return call<Body>(path, init, `bench-${series}-${calls}`);
    },
  };
}
