import { afterAll, beforeEach, expect, test } from "vitest";
import { createCommitters } from "../../../kernel/batch.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { hotAgeMsMax, refreshEveryMs } from "../../../kernel/hot-reads.ts";
import { createIds } from "../../../kernel/ids.ts";
import type { Answer } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { countStatements } from "../../../kernel/testing/counted-database.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, hourMs, minuteMs } from "../../../kernel/time.ts";
import { stockSku } from "../../../testing/goods.ts";
import { createCatalog } from "../../catalog/index.ts";
import { createLedger } from "../../ledger/index.ts";
import type { SaleId } from "../domain/types.ts";
import type { Sales } from "./sales.ts";
import { createSales } from "./sales.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11));
const ids = createIds({ clock });
const { database, taken } = countStatements(createDatabase({ url, clock }));
const committers = createCommitters({ database });
const ledger = createLedger({ database, clock });
const catalog = createCatalog({ database, committers, ledger, ids, clock });
afterAll(async () => {
  await committers.stop();
  await database.close();
});
beforeEach(() => {
  // Sales of earlier tests are long over.
  clock.advance(24 * hourMs);
});

/** What one process has in its memory. */
const startProcess = () => createSales({ database, committers, ids, clock, ledger });

const newKey = () => ({ key: ids.next(), bodyHash: Buffer.alloc(32) });

function bodyOf(answer: Answer | Refusal) {
  if (isRefusal(answer)) throw new Error(answer.code);
  return JSON.parse(answer.body);
}

/** A tenant with a SKU in stock, and a sale of it that opens in `opensInMs`. */
async function openShop(opensInMs = 0) {
  const sales = startProcess();
  const tenantId = ids.next<"Tenant">();
  const skuId = await stockSku({ catalog, ids }, tenantId, { units: 1_000n });
  const draft = async () => {
    const item = { skuId, priceMinor: 999n, currency: "CNY", allotment: 10n } as const;
    const terms = {
      title: "Eleven eleven",
      opensAt: clock.now() + opensInMs,
      closesAt: clock.now() + opensInMs + hourMs,
      limitPerMember: undefined,
      waitingRoom: false,
      ticketRules: undefined,
      items: [{ ...item, limitPerMember: undefined }],
    };
    const created = await sales.createSale(tenantId, newKey(), { terms, by: "anna" });
    return bodyOf(created).id as SaleId;
  };
  const schedule = (id: SaleId) => sales.scheduleSale(tenantId, newKey(), id).then(bodyOf);
  const saleId = await draft();
  await schedule(saleId);
  const left = async (by = sales) => {
    const found = await by.readShownSale(tenantId, saleId);
    return isRefusal(found) ? found.code : found.left.get(skuId);
  };
  const listed = async (by = sales) => {
    const found = await by.listShownSales(tenantId, { before: undefined, limit: 21 });
    return found.map(({ state, id }) => `${state} ${id}`);
  };
  return { sales, tenantId, skuId, saleId, draft, schedule, left, listed };
}

async function refresh(sales: Sales): Promise<void> {
  for (const reads of sales.hotReads) await reads.refresh();
}

async function many(read: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < 300; n += 1) await read();
}

test("a sale that many look at is read once a beat, whatever the load [FLS-03, FLS-04]", async () => {
  const { sales, left } = await openShop();
  await many(left);
  taken();
  for (let beat = 0; beat < 5; beat += 1) {
    await refresh(sales);
    await many(async () => expect(await left()).toBe(10n));
    clock.advance(refreshEveryMs);
  }
  const beat = ["sales.read_sales", "sales.items_of_sales", "ledger.read_balances"];
  expect(taken()).toEqual(Array.from({ length: 5 }, () => beat).flat());
});

test("so is the list of sales that many open, once for all who ask at first [KRN-07]", async () => {
  const { sales, listed, saleId } = await openShop();
  taken();
  const shown = await Promise.all(Array.from({ length: 300 }, () => listed()));
  expect(new Set(shown.flat())).toEqual(new Set([`scheduled ${saleId}`]));
  expect(taken()).toEqual(["sales.list_sales"]);
  await refresh(sales);
  taken();
  await many(listed);
  expect(taken()).toEqual([]);
});

test("what nobody crowds at is told as it is now", async () => {
  const { sales, tenantId, saleId, left, listed } = await openShop();
  expect(await left()).toBe(10n);
  await sales.endSale(tenantId, newKey(), saleId);
  expect(await left(startProcess())).toBe(0n);
  expect(await listed(startProcess())).toEqual([`ended ${saleId}`]);
});

test("who ends a sale sees it ended at once, other processes within a second", async () => {
  const { sales, tenantId, saleId, left, listed } = await openShop();
  const other = startProcess();
  for (const by of [sales, other]) {
    await many(() => left(by));
    await many(() => listed(by));
    await refresh(by);
  }
  await sales.endSale(tenantId, newKey(), saleId);
  expect([await left(), await listed()]).toEqual([0n, [`ended ${saleId}`]]);
  expect([await left(other), await listed(other)]).toEqual([10n, [`scheduled ${saleId}`]]);
  clock.advance(hotAgeMsMax);
  expect([await left(other), await listed(other)]).toEqual([0n, [`ended ${saleId}`]]);
});

test("members see no draft, hot or not, until it is scheduled", async () => {
  const { sales, tenantId, draft, schedule, listed, saleId } = await openShop();
  const draftId = await draft();
  const read = async () => {
    const found = await sales.readShownSale(tenantId, draftId);
    return isRefusal(found) ? found.code : found.sale.state;
  };
  await many(read);
  await many(listed);
  await refresh(sales);
  expect([await read(), await listed()]).toEqual(["not_found", [`scheduled ${saleId}`]]);
  const all = await sales.listSales(tenantId, { before: undefined, limit: 21 });
  expect(all.map(({ id }) => id)).toEqual([draftId, saleId]);
  await schedule(draftId);
  const ids = [`scheduled ${draftId}`, `scheduled ${saleId}`];
  expect([await read(), await listed()]).toEqual(["scheduled", ids]);
});

test("older pages of the list come from the database", async () => {
  const { sales, tenantId, draft, schedule, saleId } = await openShop();
  const newest = await draft();
  await schedule(newest);
  const found = await sales.listShownSales(tenantId, { before: newest, limit: 21 });
  expect(found.map(({ id }) => id)).toEqual([saleId]);
});

test("a sale is in memory from five minutes before its opening on, asked for or not [FLS-03]", async () => {
  const { sales, tenantId, left, saleId } = await openShop(6 * minuteMs);
  // No sweep opens the sales of the tests before this one.
  const opening = async () =>
    (await sales.readOpeningSales()).filter((each) => each.tenantId === tenantId);
  expect(await opening()).toEqual([]);
  clock.advance(minuteMs);
  expect(await opening()).toEqual([{ tenantId, saleId, opensAt: clock.now() + 5 * minuteMs }]);
  await refresh(sales);
  taken();
  expect(await left()).toBe(10n);
  expect(taken()).toEqual([]);
  // A minute after its opening heat alone says whether it stays.
  clock.advance(6 * minuteMs);
  await refresh(sales);
  taken();
  await left();
  expect(taken()).toContain("sales.read_sales");
});
