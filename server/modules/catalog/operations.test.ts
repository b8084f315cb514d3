import { afterAll, expect, test } from "vitest";
import { createCommitters } from "../../kernel/batch.ts";
import { createDatabase } from "../../kernel/database.ts";
import { hotAgeMsMax, refreshEveryMs } from "../../kernel/hot-reads.ts";
import { createIds } from "../../kernel/ids.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import { countStatements } from "../../kernel/testing/counted-database.ts";
import { testDatabase } from "../../kernel/testing/database.ts";
import { createManualClock } from "../../kernel/time.ts";
import { createLedger } from "../ledger/index.ts";
import type { SkuId } from "./index.ts";
import { createCatalog } from "./index.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11));
const ids = createIds({ clock });
const { database, taken } = countStatements(createDatabase({ url, clock }));
const committers = createCommitters({ database });
afterAll(async () => {
  await committers.stop();
  await database.close();
});

/** What one process has in its memory. */
function startProcess() {
  const ledger = createLedger({ database, clock });
  return createCatalog({ database, committers, ledger, ids, clock });
}

function newKey() {
  return { key: ids.next(), bodyHash: Buffer.alloc(32) };
}

/** A tenant with one SKU, ten of which are in stock. */
async function openShop() {
  const catalog = startProcess();
  const tenantId = ids.next<"Tenant">();
  const sku = { title: "", priceMinor: 1_999n, currency: "CNY", onSale: true } as const;
  const product = { title: "Enamel mug", onSale: true, skus: [sku], by: "anna" };
  const created = await catalog.createProduct(tenantId, newKey(), product);
  if (isRefusal(created)) throw new Error(created.code);
  const skuId: SkuId = JSON.parse(created.body).skus[0].id;
  const move = { skuId, reason: "delivery", by: "anna" };
  const putIn = (quantity: bigint, by = catalog) =>
    by.putInStock(tenantId, newKey(), { ...move, quantity });
  await putIn(10n);
  const refresh = async () => {
    for (const reads of catalog.hotReads) await reads.refresh();
  };
  const left = async () => {
    const found = await catalog.readAvailability(tenantId, skuId);
    return isRefusal(found) ? found : found.onHand - found.held;
  };
  return { catalog, tenantId, skuId, putIn, refresh, left };
}

test("a SKU that many ask for is read once a beat, whatever the load [FLS-03, FLS-04]", async () => {
  const { left, refresh } = await openShop();
  for (let read = 0; read < 500; read += 1) await left();
  taken();
  for (let beat = 0; beat < 5; beat += 1) {
    await refresh();
    for (let read = 0; read < 2_000; read += 1) expect(await left()).toBe(10n);
    clock.advance(refreshEveryMs);
  }
  expect(taken()).toEqual(Array.from({ length: 5 }, () => "ledger.read_balances"));
});

test("orders make a SKU hot before anybody reads it [FLS-03]", async () => {
  const { catalog, tenantId, skuId, left, refresh } = await openShop();
  for (let order = 0; order < 500; order += 1) catalog.noteWanted(tenantId, [skuId]);
  await refresh();
  taken();
  expect(await left()).toBe(10n);
  expect(taken()).toEqual([]);
});

test("hot or not, what another process did is seen within a second", async () => {
  const { putIn, refresh, left } = await openShop();
  for (let read = 0; read < 500; read += 1) await left();
  await refresh();
  await putIn(5n, startProcess());
  expect(await left()).toBe(10n);
  clock.advance(hotAgeMsMax);
  expect(await left()).toBe(15n);
});

test("who puts stock in sees it at once in the same process", async () => {
  const { putIn, refresh, left } = await openShop();
  for (let read = 0; read < 500; read += 1) await left();
  await refresh();
  await putIn(5n);
  expect(await left()).toBe(15n);
});

test("a hot id that is nobody's SKU, or another tenant's, is not found", async () => {
  const { catalog, tenantId, skuId } = await openShop();
  const stranger = ids.next<"Tenant">();
  const madeUp = ids.next<"Sku">();
  for (let read = 0; read < 500; read += 1) {
    for (const [tenant, id] of [
      [tenantId, madeUp],
      [stranger, skuId],
    ] as const) {
      const found = await catalog.readAvailability(tenant, id);
      expect(found).toMatchObject({ kind: "refused", code: "not_found", facts: { what: "SKU" } });
    }
  }
});
