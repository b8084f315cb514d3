import type { Database } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import { behindAllIds } from "../../../kernel/ids.ts";
import type { Sale, SaleId } from "../domain/types.ts";
import type { ItemRow, SaleRow } from "./rows.ts";
import { itemColumns, saleColumns, salesOf } from "./rows.ts";

const selectSales = statement(
  "sales.list_sales",
  `select ${saleColumns} from sales.sales
   where tenant_id = $1 and id < $2 and ($3::boolean or state <> 'draft')
   order by id desc limit $4`,
);

const selectSale = statement(
  "sales.read_sale",
  `select ${saleColumns} from sales.sales where tenant_id = $1 and id = $2`,
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
): Promise<Sale[]> {
  const rows = await database.read<SaleRow>(tenantId, selectSales, [
    tenantId,
    wanted.before ?? behindAllIds,
    wanted.drafts,
    wanted.limit,
  ]);
  return withItems(database, tenantId, rows);
}

export async function selectSaleById(
  database: Database,
  tenantId: string,
  id: SaleId,
): Promise<Sale | undefined> {
  const rows = await database.read<SaleRow>(tenantId, selectSale, [tenantId, id]);
  return (await withItems(database, tenantId, rows))[0];
}

async function withItems(
  database: Database,
  tenantId: string,
  rows: readonly SaleRow[],
): Promise<Sale[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  return salesOf(rows, await database.read<ItemRow>(tenantId, selectItems, [tenantId, ids]));
}
