import { afterAll, describe, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { planningConnection, uuids } from "../../../kernel/testing/planning.ts";
import { createManualClock } from "../../../kernel/time.ts";
import type { SkuId } from "../../catalog/index.ts";
import { saleItemsMax } from "../domain/decisions.ts";
import type { SaleId, SaleSku } from "../domain/types.ts";
import { loadSales, selectNamedItems } from "./world.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const database = createDatabase({ url, clock });
const ids = createIds({ clock });
const client = await planningConnection(url, selectNamedItems);
afterAll(async () => {
  await client.end();
  await database.close();
});

const tenantId = ids.next<"Tenant">();
await client.planAfter("analyze sales.items");
await client.explain(`'${tenantId}'`, uuids([ids.next<"Sale">()]), uuids([ids.next<"Sku">()]));
/** Of a thousand goods each, of which all have the same ones. */
const skuIds = Array.from({ length: saleItemsMax }, () => ids.next<"Sku">());
const saleIds = Array.from({ length: 12 }, () => ids.next<"Sale">());
await insertSales(saleIds);
const [saleId, otherSale] = [required(saleIds[3], "a sale"), required(saleIds[7], "another")];

async function insertSales(made: readonly SaleId[]): Promise<void> {
  const opensAt = new Date(clock.now());
  const closesAt = new Date(clock.now() + 1);
  await client.query(
    `insert into sales.sales
       (tenant_id, id, title, state, opens_at, closes_at, waiting_room, made_by, created_at,
        changed_at)
     select $1, s, 'Anniversary', 'draft', $3, $4, false, 'anna', $3, $3
     from unnest($2::uuid[]) as s`,
    [tenantId, made, opensAt, closesAt],
  );
  await client.query(
    `insert into sales.items (tenant_id, sale_id, sku_id, position, price_minor, currency, allotment)
     select $1, s, i.sku, i.position, i.position, 'CNY', 1
     from unnest($2::uuid[]) as s, unnest($3::uuid[]) with ordinality as i (sku, position)`,
    [tenantId, made, skuIds],
  );
}

const skuAt = (at: number): SkuId => required(skuIds[at], "a SKU");
const load = (wanted: readonly SaleId[], skus?: readonly SaleSku[]) =>
  database.transaction(tenantId, (tx) => loadSales(tx, wanted, skus));

describe("the items of sales", () => {
  test("all come, in the order in which people see them", async () => {
    const sale = required((await load([saleId])).get(saleId), "the sale");
    expect([...sale.items.keys()]).toEqual(skuIds);
  });

  test("only those come that are named, of each sale its own, once", async () => {
    const unknown = ids.next<"Sku">();
    const skus = [
      { saleId, skuId: skuAt(5) },
      { saleId: otherSale, skuId: skuAt(6) },
      { saleId, skuId: skuAt(5) },
      { saleId, skuId: unknown },
    ];
    const found = await load([saleId, otherSale], skus);
    expect([...(found.get(saleId)?.items.values() ?? [])]).toEqual([
      {
        skuId: skuAt(5),
        priceMinor: 6n,
        currency: "CNY",
        allotment: 1n,
        limitPerMember: undefined,
      },
    ]);
    expect([...(found.get(otherSale)?.items.keys() ?? [])]).toEqual([skuAt(6)]);
  });

  test("none come when none is named, and the sale is there all the same", async () => {
    const sale = (await load([saleId], [])).get(saleId);
    expect([sale?.title, sale?.items.size]).toEqual(["Anniversary", 0]);
  });
});

const explain = (named: readonly SaleSku[]) =>
  client.explain(
    `'${tenantId}'`,
    uuids(named.map((each) => each.saleId)),
    uuids(named.map((each) => each.skuId)),
  );

/** Three levels of the index, and the row. */
const blocksOfItemMax = 4;

describe("the plan of a committer's connection", () => {
  test.each([
    ["on an empty table", undefined],
    ["on a table that nobody has analysed", "select 1"],
    ["on an analysed table", "analyze sales.items"],
  ])("that was made %s reads the named items by the primary key, no more", async (_, prepare) => {
    if (prepare !== undefined) await client.planAfter(prepare);
    for (const count of [1, 40, 512]) {
      const named = skuIds.slice(0, count).map((skuId) => ({ saleId, skuId }));
      const { indexes, blocks } = await explain(named);
      expect(indexes).toEqual(["items_pkey"]);
      expect(blocks).toBeLessThanOrEqual(blocksOfItemMax * count);
    }
  });
});
