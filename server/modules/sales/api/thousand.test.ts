import { afterAll, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, formatInstant, hourMs } from "../../../kernel/time.ts";
import { stockSkus } from "../../../testing/goods.ts";
import { startTestPlatform } from "../../../testing/platform.ts";
import type { SkuId } from "../../catalog/index.ts";
import { stockAccounts } from "../../catalog/index.ts";
import { saleItemsMax } from "../domain/decisions.ts";
import type { SaleItemView, SaleView } from "../domain/views.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const platform = await startTestPlatform({ url, clock });
const { ids } = platform;
afterAll(() => platform.stop());
const mall = await platform.createTenant("Harbour Mall");

const skusOfProduct = 100;
const unitsOfSku = 50n;
/** As the meaning of BODY_BYTES_MAX says. */
const draftBytesMax = 150_000;

const stock = (): Promise<SkuId[]> =>
  stockSkus(platform, mall.tenantId, { units: unitsOfSku, count: skusOfProduct });

async function call<Body>(method: "GET" | "POST" | "PATCH", path: string, body?: object) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const reply = await fetch(platform.baseUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${mall.tokens.admin}`,
      "idempotency-key": ids.next(),
      ...(text === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(text === undefined ? {} : { body: text }),
  });
  const json: Body = JSON.parse(await reply.text());
  return { status: reply.status, json, bytes: Buffer.byteLength(text ?? "") };
}

async function onShelves(skuIds: readonly SkuId[]): Promise<bigint[]> {
  const accounts = skuIds.map((skuId) => stockAccounts(skuId).onHand);
  const balances = await platform.ledger.readBalances(mall.tenantId, accounts);
  return accounts.map((account) => required(balances.get(account), "a shelf").posted);
}

const leftIn = (sale: SaleView) => sale.items.map(({ left }: SaleItemView) => left);

test("a sale of a thousand SKUs is drafted, changed, scheduled, sold from, read and ended", async () => {
  const skuIds: SkuId[] = [];
  while (skuIds.length < saleItemsMax) skuIds.push(...(await stock()));
  const itemsOf = (amount: number, allotment: number) =>
    skuIds.map((skuId) => {
      const price = { amount, currency: "CNY" };
      return { skuId, price, allotment, limitPerMember: 10_000 };
    });
  const drafted = await call<SaleView>("POST", "/v1/sales", {
    title: "Anniversary",
    opensAt: formatInstant(clock.now()),
    closesAt: formatInstant(clock.now() + hourMs),
    items: itemsOf(100_000_000_000, 1_000_000_000),
  });
  // No number in it can be longer: whatever the draft of a thousand says fits into a request.
  expect(drafted.status).toBe(201);
  expect(drafted.bytes).toBeLessThan(draftBytesMax);
  const path = `/v1/sales/${drafted.json.id}`;

  const items = itemsOf(900, 20).toReversed();
  const changed = await call<SaleView>("PATCH", path, { items });
  expect(changed.json.items).toEqual(items.map((item) => ({ ...item, left: 0 })));
  const scheduled = await call<SaleView>("POST", `${path}/schedule`);
  const setAside = items.map((item) => ({ ...item, left: 20 }));
  expect(scheduled).toMatchObject({ status: 200, json: { state: "open", items: setAside } });
  expect(new Set(await onShelves(skuIds))).toEqual(new Set([unitsOfSku - 20n]));

  const { id: saleId } = drafted.json;
  const lines = [skuIds[0], skuIds[500], skuIds[999]].map((skuId) => ({ skuId, quantity: 2 }));
  const order = await call<object>("POST", "/v1/orders", { memberId: "m-1", saleId, lines });
  expect(order).toMatchObject({ status: 201, json: { saleId, total: { amount: 5_400 } } });
  const read = await call<SaleView>("GET", path);
  const bought = new Set<string>(lines.map(({ skuId }) => required(skuId, "a SKU")));
  expect(leftIn(read.json)).toEqual(items.map(({ skuId }) => (bought.has(skuId) ? 18 : 20)));
  const list = await call<{ items: object[] }>("GET", "/v1/sales");
  expect(list.json.items).toMatchObject([{ id: saleId, state: "open", itemCount: saleItemsMax }]);
  expect(list.json.items[0]).not.toHaveProperty("items");

  const ended = await call<SaleView>("POST", `${path}/end`);
  expect(ended.json).toMatchObject({ state: "ended" });
  const kept = skuIds.map((skuId) => (bought.has(skuId) ? unitsOfSku - 2n : unitsOfSku));
  expect(await onShelves(skuIds)).toEqual(kept);
});
