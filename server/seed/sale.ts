import { required } from "../kernel/assert.ts";
import { parseId } from "../kernel/ids.ts";
import type { Log } from "../kernel/log.ts";
import { isRefusal } from "../kernel/refusal.ts";
import type { Clock } from "../kernel/time.ts";
import { dayMs } from "../kernel/time.ts";
import type { SkuId } from "../modules/catalog/index.ts";
import type { SaleId, Sales } from "../modules/sales/index.ts";
import { saleStateAt } from "../modules/sales/index.ts";
import { seedKey } from "./step.ts";

const title = "Anniversary sale 周年大促";
/** As long as the tokens of the demo live; the start after its end makes another one. */
const saleMs = 30 * dayMs;
/** Of the thousand units of each SKU; the rest is sold beside the sale. */
const allotment = 200n;
const limitPerMember = 2;
/** The demo has one; whoever adds more keeps them below a page. */
const salesMax = 100;

/**
 * A sale that is open, without a waiting room, at half the price: made when the tenant has none,
 * or the last one has ended. Undefined when too few units are left for it.
 */
export async function seedSale(deps: {
  readonly sales: Sales;
  readonly clock: Clock;
  readonly log: Log;
  readonly tenantId: string;
  readonly goods: readonly { readonly skuId: SkuId; readonly priceMinor: bigint }[];
}): Promise<SaleId | undefined> {
  const { sales, clock, log, tenantId, goods } = deps;
  const now = clock.now();
  const known = await sales.listShownSales(tenantId, {
    before: undefined,
    limit: salesMax,
  });
  const newest = known.find((sale) => sale.title === title);
  if (newest !== undefined && saleStateAt(newest, now) !== "ended") return newest.id;

  const items = goods.map(({ skuId, priceMinor }) => {
    const price = { priceMinor: priceMinor / 2n, currency: "CNY" as const };
    return { skuId, ...price, allotment, limitPerMember: undefined };
  });
  const hours = { opensAt: now, closesAt: now + saleMs };
  const rules = { limitPerMember, waitingRoom: false, ticketRules: undefined };
  const terms = { title, ...hours, ...rules, items };
  const step = `sale after ${newest?.id ?? "none"}`;
  const made = await sales.createSale(tenantId, seedKey({ tenantId, step }), { terms, by: "seed" });
  const saleId = isRefusal(made) ? undefined : parseId<"Sale">(JSON.parse(made.body).id);
  const id = required(saleId, "the demo's sale");
  const key = seedKey({ tenantId, step: `schedule ${id}` });
  const scheduled = await sales.scheduleSale(tenantId, key, id);
  if (!isRefusal(scheduled)) return id;
  log.info(`the demo has no sale now: ${scheduled.code}`);
  return undefined;
}
