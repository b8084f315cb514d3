import type { Database } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import { behindAllIds } from "../../../kernel/ids.ts";
import type { ListedSale, Sale, SaleId, SaleSku } from "../domain/types.ts";
import type { ItemRow, ListedSaleRow, SaleRow } from "./rows.ts";
import { itemColumns, listedSaleOf, saleColumns, salesOf } from "./rows.ts";
import { onceEach, selectNamedItems } from "./world.ts";

const selectSales = statement(
  "sales.list_sales",
  // Counted in the primary key of the items: 0.1 ms for a sale of a thousand.
  `select ${saleColumns},
          (select count(*)::integer from sales.items i
           where i.tenant_id = $1 and i.sale_id = s.id) as item_count
   from sales.sales s
   where s.tenant_id = $1 and s.id < $2 and ($3::boolean or s.scheduled_at is not null)
   order by s.id desc limit $4`,
);

const selectSalesById = statement(
  "sales.read_sales",
  `select ${saleColumns} from sales.sales where tenant_id = $1 and id = any($2::uuid[])`,
);

/** Every process makes itself ready for what opens next, whosever it is. */
const tenantsWithSalesOpening = statement(
  "sales.tenants_with_sales_opening",
  `select distinct tenant_id from sales.sales where state = 'scheduled' and opens_at <= $1`,
);

const selectOpening = statement(
  "sales.opening_sales",
  `select id, opens_at from sales.sales
   where tenant_id = $1 and state = 'scheduled' and opens_at <= $2 order by opens_at limit $3`,
);

const selectItems = statement(
  "sales.items_of_sales",
  `select ${itemColumns}
   from sales.items where tenant_id = $1 and sale_id = any($2::uuid[])
   order by sale_id, position`,
);

/** Newest first. */
export async function selectSalePage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly drafts: boolean;
    readonly before: SaleId | undefined;
    readonly limit: number;
  },
): Promise<ListedSale[]> {
  const rows = await database.read<ListedSaleRow>(tenantId, selectSales, [
    tenantId,
    wanted.before ?? behindAllIds,
    wanted.drafts,
    wanted.limit,
  ]);
  return rows.map(listedSaleOf);
}

/** With all of their items, or with those that are named. Unknown ids are absent. */
export async function selectSalesByIds(
  database: Database,
  tenantId: string,
  {
    ids,
    skus,
  }: { readonly ids: readonly SaleId[]; readonly skus?: readonly SaleSku[] | undefined },
): Promise<Sale[]> {
  const rows = await database.read<SaleRow>(tenantId, selectSalesById, [tenantId, ids]);
  const found = rows.map(({ id }) => id);
  if (skus === undefined) return salesOf(rows, await selectAllItems(database, tenantId, found));
  return salesOf(rows, await selectItemsOf(database, tenantId, onceEach(skus)));
}

/** A sale that is about to open. */
export interface OpeningSale {
  readonly tenantId: string;
  readonly saleId: SaleId;
  readonly opensAt: number;
}

/** Of all tenants; of each the next ones. */
export async function selectOpeningSales(
  database: Database,
  wanted: { readonly until: number; readonly limit: number },
): Promise<OpeningSale[]> {
  const until = timestamp(wanted.until);
  const opening: OpeningSale[] = [];
  for (const tenantId of await database.tenantsWith(tenantsWithSalesOpening, [until])) {
    const rows = await database.read<{ id: SaleId; opens_at: number }>(tenantId, selectOpening, [
      tenantId,
      until,
      wanted.limit,
    ]);
    for (const { id: saleId, opens_at: opensAt } of rows) {
      opening.push({ tenantId, saleId, opensAt });
    }
  }
  return opening;
}

async function selectAllItems(
  database: Database,
  tenantId: string,
  ids: readonly SaleId[],
): Promise<ItemRow[]> {
  if (ids.length === 0) return [];
  return database.read<ItemRow>(tenantId, selectItems, [tenantId, ids]);
}

async function selectItemsOf(
  database: Database,
  tenantId: string,
  named: readonly SaleSku[],
): Promise<ItemRow[]> {
  if (named.length === 0) return [];
  return database.read<ItemRow>(tenantId, selectNamedItems, [
    tenantId,
    named.map(({ saleId }) => saleId),
    named.map(({ skuId }) => skuId),
  ]);
}
