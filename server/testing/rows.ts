/**
 * Rows of a tenant for the walk over all routes, by the name under which a path, a query or a body
 * speaks of them. A route with a new kind of id needs a line here; the walk says so.
 */
import type { IdempotencyKey } from "../kernel/idempotency.ts";
import { createNumbers } from "../kernel/numbers.ts";
import type { Answer } from "../kernel/operation.ts";
import type { Refusal } from "../kernel/refusal.ts";
import { systemClock } from "../kernel/time.ts";
import type { SkuId } from "../modules/catalog/index.ts";
import { stockAccounts } from "../modules/catalog/index.ts";
import type { TestPlatform, TestTenant } from "./platform.ts";

/** A tenant on a platform, with a name for what it does that is nobody else's. */
export interface Stand {
  readonly platform: TestPlatform;
  readonly tenant: TestTenant;
  readonly by: string;
}

interface RowMaker {
  /** Gives what names the new row. */
  make(stand: Stand): Promise<string>;
  /** Of the same form, and nobody's. An id unless the maker says otherwise. */
  unknown?: (platform: TestPlatform) => string;
}

/** By `name`, or by `route.name` where a name means another thing elsewhere. */
export const rowMakers: Readonly<Record<string, RowMaker>> = {
  productId: { make: async (stand) => (await makeProduct(stand)).productId },
  skuId: { make: async (stand) => (await makeProduct(stand)).skuId },
  accountId: { make: async (stand) => stockAccounts((await makeProduct(stand)).skuId).onHand },
  "listLedgerAccounts.prefix": {
    make: async (stand) => `stock.on_hand.${(await makeProduct(stand)).skuId}`,
  },
  "listLedgerAccounts.asset": {
    make: async (stand) => `stock:${(await makeProduct(stand)).skuId}`,
  },
  orderId: { make: async (stand) => (await makeOrder(stand)).id },
  /** Of transfers in the ledger: the order that they were made for. */
  reference: { make: async (stand) => (await makeOrder(stand)).id },
  number: {
    make: async (stand) => (await makeOrder(stand)).number,
    unknown: () => createNumbers({ clock: systemClock }).next("T"),
  },
  memberId: { make: async (stand) => (await makeOrder(stand)).memberId },
  tokenId: { make: async (stand) => (await makeToken(stand)).id },
  subject: {
    make: async (stand) => (await makeToken(stand)).subject,
    unknown: ({ ids }) => `member:${ids.next()}`,
  },
};

/** Names that stand for no row of a tenant, with what is sent in their place. */
export const sharedValues: Readonly<Record<string, string>> = {
  // The names of settings are the platform's; each tenant has its own changes under them.
  "listTenantSettingChanges.name": "orders.close_after_minutes",
  // The name of a token that is made by this request, for the asking tenant.
  "issueToken.name": "robot",
};

export function lookUp<Value>(
  table: Readonly<Record<string, Value>>,
  route: string,
  name: string,
): Value | undefined {
  return table[`${route}.${name}`] ?? table[name];
}

/** What a tenant of some age has, beside what the makers make. */
export async function furnish({ platform, tenant, by }: Stand): Promise<void> {
  const values = { "orders.close_after_minutes": 45 };
  answered(
    await platform.identity.changeSettings(tenant.tenantId, newKey(platform), { values, by }),
  );
  await makeOrder({ platform, tenant, by });
}

/** With ten units in stock. */
async function makeProduct({ platform, tenant, by }: Stand) {
  const { catalog, ids } = platform;
  const title = `Mug of ${ids.next()}`;
  const sku = { title: "", priceMinor: 1_999n, currency: "CNY", onSale: true } as const;
  const product = { title, onSale: true, skus: [sku], by };
  const made: { id: string; skus: [{ id: SkuId }] } = answered(
    await catalog.createProduct(tenant.tenantId, newKey(platform), product),
  );
  const [{ id: skuId }] = made.skus;
  const delivery = { skuId, quantity: 10n, reason: "delivery", by };
  answered(await catalog.putInStock(tenant.tenantId, newKey(platform), delivery));
  return { productId: made.id, skuId };
}

interface MadeOrder {
  readonly id: string;
  readonly number: string;
  readonly memberId: string;
}

async function makeOrder(stand: Stand): Promise<MadeOrder> {
  const { platform, tenant, by } = stand;
  const { skuId } = await makeProduct(stand);
  const order = { memberId: platform.ids.next(), lines: [{ skuId, quantity: 2 }], placedBy: by };
  return answered(await platform.orders.placeOrder(tenant.tenantId, newKey(platform), order));
}

async function makeToken({ platform: { identity, ids }, tenant, by }: Stand) {
  const issued = await identity.issueToken({
    tenantId: tenant.tenantId,
    by: { kind: "operator", subject: by },
    kind: "member",
    name: ids.next(),
    scopes: undefined,
    lifeMs: undefined,
    once: false,
  });
  if (issued.kind !== "issued") throw new Error(issued.code);
  return issued.grant;
}

function newKey({ ids }: TestPlatform): IdempotencyKey {
  return { key: ids.next(), bodyHash: Buffer.alloc(32) };
}

/** What the API would have sent. */
function answered<Body>(answer: Answer | Refusal): Body {
  if (answer.kind === "refused") throw new Error(answer.code);
  return JSON.parse(answer.body);
}
