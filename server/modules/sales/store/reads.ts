import type { Database } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";
import { behindAllIds } from "../../../kernel/ids.ts";
import type { Sale, SaleId } from "../domain/types.ts";
import type { ItemRow, SaleRow } from "./rows.ts";
import { itemColumns, saleColumns, salesOf } from "./rows.ts";

const selectSales = statement(
  "sales.list_sales",
  `select ${saleColumns} from sales.sales
   where tenant_id = $1 and id < $2 and ($3::boolean or scheduled_at is not null)
   order by id desc limit $4`,
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
): Promise<Sale[]> {
  const rows = await database.read<SaleRow>(tenantId, selectSales, [
    tenantId,
    wanted.before ?? behindAllIds,
    wanted.drafts,
    wanted.limit,
  ]);
  return withItems(database, tenantId, rows);
}

/** Unknown ids are absent. */
export async function selectSalesByIds(
  database: Database,
  tenantId: string,
  ids: readonly SaleId[],
): Promise<Sale[]> {
  const rows = await database.read<SaleRow>(tenantId, selectSalesById, [tenantId, ids]);
  return withItems(database, tenantId, rows);
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

async function withItems(
  database: Database,
  tenantId: string,
  rows: readonly SaleRow[],
): Promise<Sale[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  return salesOf(rows, await database.read<ItemRow>(tenantId, selectItems, [tenantId, ids]));
}
