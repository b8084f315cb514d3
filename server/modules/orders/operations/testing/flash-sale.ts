/**
 * Flash sales as one or more processes on one database meet them, below HTTP. Timers beat, and
 * time passes, when a test says so; every statement is noted.
 */
import { required } from "../../../../kernel/assert.ts";
import { createCommitters } from "../../../../kernel/batch.ts";
import { createDatabase } from "../../../../kernel/database.ts";
import type { IdempotencyKey } from "../../../../kernel/idempotency.ts";
import { createIds } from "../../../../kernel/ids.ts";
import { createNumbers } from "../../../../kernel/numbers.ts";
import type { Answer } from "../../../../kernel/operation.ts";
import type { Refusal } from "../../../../kernel/refusal.ts";
import { isRefusal } from "../../../../kernel/refusal.ts";
import { createSecrets } from "../../../../kernel/secrets.ts";
import { countStatements } from "../../../../kernel/testing/counted-database.ts";
import type { Clock, ManualClock } from "../../../../kernel/time.ts";
import { hourMs } from "../../../../kernel/time.ts";
import type { SkuId } from "../../../catalog/index.ts";
import { createCatalog } from "../../../catalog/index.ts";
import { createIdentity } from "../../../identity/index.ts";
import { createLedger } from "../../../ledger/index.ts";
import { createPayments, paymentTenantSettings } from "../../../payments/index.ts";
import type { SaleId } from "../../../sales/index.ts";
import { createSales } from "../../../sales/index.ts";
import { stockSkus } from "../../../../testing/goods.ts";
import type { OrderId } from "../../domain/types.ts";
import { createOrders, orderTenantSettings } from "../../index.ts";

export type Process = ReturnType<typeof startProcess>;

export function startProcess({ url, clock }: { readonly url: string; readonly clock: Clock }) {
  const { database, taken } = countStatements(createDatabase({ url, clock, poolMax: 4 }));
  const committers = createCommitters({ database, committers: 2 });
  const ids = createIds({ clock });
  const numbers = createNumbers({ clock });
  const secrets = createSecrets([Buffer.alloc(32, 7)]);
  const orderSettings = orderTenantSettings({ closeAfterMinutes: 30 });
  const paymentSettings = paymentTenantSettings();
  const tenantSettings = [...Object.values(orderSettings), ...Object.values(paymentSettings)];
  const base = { database, committers, ids, numbers, clock, secrets };
  const identity = createIdentity({ ...base, tenantSettings });
  const ledger = createLedger({ database, clock });
  const catalog = createCatalog({ ...base, ledger });
  const sales = createSales({ ...base, ledger });
  const payments = createPayments({
    ...base,
    identity,
    tenantSettings: paymentSettings,
    channels: [],
    channelHosts: [],
    publicUrl: "http://127.0.0.1",
  });
  const deps = { ...base, identity, catalog, sales, payments };
  const orders = createOrders({ ...deps, tenantSettings: orderSettings });
  return {
    ...deps,
    orders,
    taken,
    async stop(): Promise<void> {
      await committers.stop();
      await database.close();
    },
  };
}

export function newKey(ids: Process["ids"]): IdempotencyKey {
  return { key: ids.next(), bodyHash: Buffer.alloc(32) };
}

export interface SaleTermsOfTest {
  readonly units?: number;
  readonly limitPerMember?: number;
  readonly opensInMs?: number;
  /** How many SKUs it has; one, unless it says so. */
  readonly goods?: number;
}

/** As many as a product may have. */
const skusOfProductMax = 100;

/** A sale of `units` of each of its goods; open, unless it says when it opens. */
export async function openFlashSale(
  by: Process,
  clock: ManualClock,
  { units = 2, limitPerMember, opensInMs = 0, goods = 1 }: SaleTermsOfTest = {},
) {
  const { ids, sales } = by;
  const tenantId = ids.next<"Tenant">();
  await by.identity.createTenant({ id: tenantId, name: "Harbour Mall" });
  const skuIds: SkuId[] = [];
  while (skuIds.length < goods) {
    const count = Math.min(goods - skuIds.length, skusOfProductMax);
    skuIds.push(...(await stockSkus(by, tenantId, { units: 1_000n, count })));
  }
  const opensAt = clock.now() + opensInMs;
  const price = { priceMinor: 999n, currency: "CNY", limitPerMember: undefined } as const;
  const items = skuIds.map((skuId) => ({ skuId, allotment: BigInt(units), ...price }));
  const terms = {
    title: "Eleven eleven",
    opensAt,
    closesAt: opensAt + hourMs,
    limitPerMember,
    waitingRoom: false,
    ticketRules: undefined,
    items,
  };
  const saleId = idOf(await sales.createSale(tenantId, newKey(ids), { terms, by: "anna" }));
  idOf(await sales.scheduleSale(tenantId, newKey(ids), saleId as SaleId));
  const skuId = required(skuIds[0], "a SKU");
  return { tenantId, skuId, skuIds, saleId: saleId as SaleId, opensAt, closesAt: terms.closesAt };
}

export type FlashSale = Awaited<ReturnType<typeof openFlashSale>>;

/** Who orders, how many, and under which key. */
export async function order(
  by: Process,
  { tenantId, skuId, saleId }: FlashSale,
  memberId: string,
  given: { readonly quantity?: number; readonly key?: IdempotencyKey } = {},
): Promise<Answer | Refusal> {
  const { quantity = 1, key = newKey(by.ids) } = given;
  const lines = [{ skuId, quantity }];
  return by.orders.placeOrder(tenantId, key, { memberId, saleId, lines, placedBy: memberId });
}

export async function cancel(
  by: Process,
  { tenantId }: FlashSale,
  placed: Answer | Refusal,
): Promise<void> {
  const command = { orderId: idOf(placed) as OrderId, madeBy: "anna" };
  idOf(await by.orders.cancelOrder(tenantId, newKey(by.ids), command));
}

function idOf(answer: Answer | Refusal): string {
  if (isRefusal(answer)) throw new Error(answer.code);
  return JSON.parse(answer.body).id;
}
