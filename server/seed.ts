/**
 * The demo tenant of a new installation: a shop with a few products and stock, a sale that is open,
 * accounts at the channels that the simulator plays, and tokens for each kind of caller in
 * `<home>/demo.json`. What is there already stays; tokens are made anew at each start, because they
 * expire.
 */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assert, required } from "./kernel/assert.ts";
import type { Ids } from "./kernel/ids.ts";
import { parseId } from "./kernel/ids.ts";
import type { Log } from "./kernel/log.ts";
import type { Answer } from "./kernel/operation.ts";
import type { Refusal } from "./kernel/refusal.ts";
import { isRefusal } from "./kernel/refusal.ts";
import type { Clock } from "./kernel/time.ts";
import { dayMs } from "./kernel/time.ts";
import type { Catalog, SkuId } from "./modules/catalog/index.ts";
import type { Identity, TenantId } from "./modules/identity/index.ts";
import type { Payments } from "./modules/payments/index.ts";
import type { Sales } from "./modules/sales/index.ts";
import { seedChannelAccounts } from "./seed/channel-accounts.ts";
import { seedSale } from "./seed/sale.ts";
import { seedKey } from "./seed/step.ts";
import type { Settings } from "./settings.ts";

interface SeedDeps {
  readonly identity: Identity;
  readonly catalog: Catalog;
  readonly sales: Sales;
  readonly payments: Pick<Payments, "channelAccounts">;
  readonly clock: Clock;
  readonly log: Log;
  readonly ids: Ids;
  readonly home: string;
  readonly settings: Settings;
}

/** Enough for every demonstration; the load of a benchmark brings its own. */
const unitsOfEachSku = 1_000n;
const demoTenantName = "Demo Mall 演示商场";
/** A demonstration is over by then; each start makes them anew. */
const demoTokenLifeMs = 30 * dayMs;
/** The demo has three; whoever adds more keeps them below a page. */
const productsMax = 100;

/** Prices in fen. */
const demoProducts = [
  { title: "Longjing tea 龙井茶", skus: [{ title: "100 g", priceMinor: 12_800n }] },
  {
    title: "Anniversary mug 周年纪念杯",
    skus: [
      { title: "white 白", priceMinor: 3_900n },
      { title: "blue 蓝", priceMinor: 3_900n },
    ],
  },
  { title: "Badminton racket 羽毛球拍", skus: [{ title: "4U", priceMinor: 25_900n }] },
] as const;

export async function seedDemo(deps: SeedDeps): Promise<void> {
  const { identity, home, settings } = deps;
  const made = await findOrMakeDemo(deps);
  if (made === undefined) return;
  const { tenantId, products } = made;
  await seedChannelAccounts({ ...deps, simulatorUrl: settings.simulatorUrl, tenantId });
  const saleId = await seedSale({ ...deps, tenantId, goods: saleGoods(products) });
  const issue = async (kind: "admin" | "service" | "member", name: string) => {
    const issued = await identity.issueToken({
      tenantId,
      by: { kind: "operator", subject: "seed" },
      kind,
      name,
      scopes: undefined,
      lifeMs: demoTokenLifeMs,
      once: false,
    });
    assert(issued.kind === "issued", "the demo tenant gets tokens");
    return issued.token;
  };
  const demo = {
    baseUrl: settings.publicUrl,
    simulatorUrl: settings.simulatorUrl,
    tenantId,
    tokens: {
      admin: await issue("admin", "demo"),
      service: await issue("service", "demo"),
      member: await issue("member", "demo-member"),
    },
    products,
    ...(saleId === undefined ? {} : { saleId }),
  };
  // Written aside and renamed, so that nobody reads half a file; it holds tokens, hence 0600.
  const path = join(home, "demo.json");
  await mkdir(home, { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify(demo, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** The first variant of each product but the tea, which is never reduced. */
function saleGoods(products: readonly DemoProduct[]) {
  return demoProducts.flatMap(({ skus: [{ priceMinor }] }, at) => {
    const skuId = parseId<"Sku">(products[at]?.skuIds[0] ?? "");
    return at === 0 || skuId === undefined ? [] : [{ skuId, priceMinor }];
  });
}

interface DemoProduct {
  readonly id: string;
  readonly skuIds: readonly string[];
}

/**
 * The tenant and its products, made when missing. Every step looks first, so a start that was
 * killed half way is finished by the next one. Undefined in an installation that has tenants of
 * its own: a demo has no business there.
 */
async function findOrMakeDemo(
  deps: SeedDeps,
): Promise<{ tenantId: TenantId; products: DemoProduct[] } | undefined> {
  const { catalog } = deps;
  const tenantId = await findOrMakeTenant(deps);
  if (tenantId === undefined) return undefined;
  const wanted = { onSale: undefined, before: undefined, limit: productsMax };
  const known = new Map(
    (await catalog.listProducts(tenantId, wanted)).map((found) => [found.product.title, found]),
  );
  const products: DemoProduct[] = [];
  for (const product of demoProducts) {
    const found = known.get(product.title);
    const made =
      found === undefined
        ? await makeProduct(catalog, tenantId, product)
        : { id: found.product.id, skuIds: found.skus.map(({ id }) => id) };
    for (const skuId of made.skuIds) await fillStock(catalog, tenantId, skuId);
    products.push(made);
  }
  return { tenantId, products };
}

async function findOrMakeTenant({ identity, ids }: SeedDeps): Promise<TenantId | undefined> {
  const known = await identity.listTenantIds();
  for (const id of known) {
    const tenant = await identity.readTenant(id);
    if (tenant?.name === demoTenantName) return id;
  }
  if (known.length > 0) return undefined;
  const id = ids.next<"Tenant">();
  await identity.createTenant({ id, name: demoTenantName });
  return id;
}

async function makeProduct(
  catalog: Catalog,
  tenantId: TenantId,
  product: (typeof demoProducts)[number],
): Promise<DemoProduct> {
  const skus = product.skus.map((sku) => ({ ...sku, currency: "CNY" as const, onSale: true }));
  const input = { title: product.title, onSale: true, skus, by: "seed" };
  const key = seedKey({ tenantId, step: product.title });
  return productOf(await catalog.createProduct(tenantId, key, input));
}

async function fillStock(catalog: Catalog, tenantId: TenantId, skuId: string): Promise<void> {
  const id: SkuId = required(parseId<"Sku">(skuId), "the id of a SKU");
  const stock = await catalog.readStock(tenantId, id);
  if (isRefusal(stock) || stock.putIn > 0n) return;
  const input = { skuId: id, quantity: unitsOfEachSku, reason: "opening stock", by: "seed" };
  const filled = await catalog.putInStock(
    tenantId,
    seedKey({ tenantId, step: `stock ${skuId}` }),
    input,
  );
  assert(!isRefusal(filled), "stock goes in");
}

function productOf(answer: Answer | Refusal): DemoProduct {
  assert(!isRefusal(answer), "the demo's products are made");
  const body: unknown = JSON.parse(answer.body);
  assert(isProductView(body), "a product has an id and SKUs");
  return { id: body.id, skuIds: body.skus.map(({ id }) => id) };
}

function isProductView(body: unknown): body is { id: string; skus: { id: string }[] } {
  return typeof body === "object" && body !== null && "id" in body && "skus" in body;
}
