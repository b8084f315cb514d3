import { required } from "../kernel/assert.ts";
import type { IdempotencyKey } from "../kernel/idempotency.ts";
import type { Ids } from "../kernel/ids.ts";
import type { Catalog, SkuId } from "../modules/catalog/index.ts";
import { answered } from "./outside.ts";

interface Shop {
  readonly catalog: Pick<Catalog, "createProduct" | "putInStock">;
  readonly ids: Ids;
}

/** Of a request of its own; its body is nobody's business. */
function newKey({ ids }: Pick<Shop, "ids">): IdempotencyKey {
  return { key: ids.next(), bodyHash: Buffer.alloc(32) };
}

interface Goods {
  /** Of each SKU, on the shelf. */
  readonly units: bigint;
  readonly priceMinor?: bigint;
  /** Whether the product is; its SKUs are. */
  readonly onSale?: boolean;
  /** How many SKUs; a product has at most 100. */
  readonly count?: number;
}

/** A product in CNY with its SKUs in stock. */
export async function stockSkus(shop: Shop, tenantId: string, goods: Goods): Promise<SkuId[]> {
  const { catalog } = shop;
  const { units, priceMinor = 1_999n, onSale = true, count = 1 } = goods;
  const sku = { priceMinor, currency: "CNY", onSale: true } as const;
  const titles = count === 1 ? [""] : Array.from({ length: count }, (_, at) => `${at + 1}`);
  const skus = titles.map((title) => ({ title, ...sku }));
  const product = { title: "Mug", onSale, skus, by: "test" };
  const made: { skus: { id: SkuId }[] } = answered(
    await catalog.createProduct(tenantId, newKey(shop), product),
  );
  const skuIds = made.skus.map(({ id }) => id);
  if (units === 0n) return skuIds;
  const fill = async (skuId: SkuId) => {
    const delivery = { skuId, quantity: units, reason: "delivery", by: "test" };
    answered(await catalog.putInStock(tenantId, newKey(shop), delivery));
  };
  await Promise.all(skuIds.map(fill));
  return skuIds;
}

/** The same of one SKU. */
export async function stockSku(
  shop: Shop,
  tenantId: string,
  goods: Omit<Goods, "count">,
): Promise<SkuId> {
  const [skuId] = await stockSkus(shop, tenantId, goods);
  return required(skuId, "the SKU of the product");
}
