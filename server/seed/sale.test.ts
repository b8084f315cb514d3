import { afterAll, expect, test } from "vitest";
import { createLog } from "../kernel/log.ts";
import { isRefusal } from "../kernel/refusal.ts";
import { testDatabase } from "../kernel/testing/database.ts";
import { createManualClock, dayMs } from "../kernel/time.ts";
import { stockSku } from "../testing/goods.ts";
import { startTestPlatform } from "../testing/platform.ts";
import { seedSale } from "./sale.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const platform = await startTestPlatform({ url, clock });
afterAll(() => platform.stop());
const { catalog, sales } = platform;
const lines: string[] = [];
const log = createLog({ level: "debug", destination: { write: (line) => void lines.push(line) } });

async function shopWith(units: bigint) {
  const { tenantId } = await platform.createTenant("Harbour Mall");
  const skuId = await stockSku(platform, tenantId, { units, priceMinor: 3_900n });
  const goods = [{ skuId, priceMinor: 3_900n }];
  const seed = () => seedSale({ sales, clock, log, tenantId, goods });
  return { tenantId, skuId, seed };
}

test("the demo's sale is open at half the price, and starts that meet make one", async () => {
  const { tenantId, skuId, seed } = await shopWith(1_000n);
  const [saleId, other] = await Promise.all([seed(), seed()]);
  if (saleId === undefined) throw new Error("no sale");
  expect(other).toBe(saleId);
  expect(await seed()).toBe(saleId);
  const found = await sales.readSale(tenantId, saleId);
  if (isRefusal(found)) throw new Error(found.code);
  expect(found.sale).toMatchObject({ waitingRoom: false, opensAt: clock.now() });
  expect(found.sale.items.get(skuId)).toMatchObject({ priceMinor: 1_950n, allotment: 200n });
  expect(await catalog.readStock(tenantId, skuId)).toMatchObject({ onHand: 800n });
  clock.advance(30 * dayMs);
  const next = await seed();
  expect(next).toBeDefined();
  expect(next).not.toBe(saleId);
});

test("a shop whose shelf is too empty starts without a sale, and says why", async () => {
  const { seed } = await shopWith(10n);
  expect(await seed()).toBeUndefined();
  expect(lines.join()).toContain("the demo has no sale now: stock_too_low");
});
