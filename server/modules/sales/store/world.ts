import type { Tx } from "../../../kernel/database.ts";
import { optionalTimestamps, statement, timestamp, timestamps } from "../../../kernel/database.ts";
import type { Sku, SkuId } from "../../catalog/index.ts";
import { loadSkus, stockAccounts } from "../../catalog/index.ts";
import { loadLedger, saveLedger } from "../../ledger/index.ts";
import { saleAccount } from "../domain/allotments.ts";
import type { RaisedItem, Sale, SaleId, SaleSku, SalesWorld, Written } from "../domain/types.ts";
import type { ItemRow, SaleRow } from "./rows.ts";
import { itemColumns, saleColumns, salesOf } from "./rows.ts";

// Sales are locked before orders, payments and accounts, each in the order of their ids.
const lockSales = statement(
  "sales.lock_sales",
  `select ${saleColumns}
   from sales.sales where tenant_id = $1 and id = any($2::uuid[])
   order by id for no key update`,
);

const selectItems = statement(
  "sales.load_items",
  // Without locks of their own: whoever changes them holds the lock of their sale.
  `select ${itemColumns}
   from sales.items where tenant_id = $1 and sale_id = any($2::uuid[])
   order by sale_id, position`,
);

export const selectNamedItems = statement(
  "sales.load_named_items",
  // Item by item along the primary key: `offset 0` keeps the planner from turning the loop round,
  // which on a table that was empty when it was planned reads all items of the tenant.
  `select ${itemColumns}
   from unnest($2::uuid[], $3::uuid[]) as named (in_sale, of_sku)
   cross join lateral (
     select ${itemColumns} from sales.items
     where tenant_id = $1 and sale_id = named.in_sale and sku_id = named.of_sku
     offset 0) as i`,
);

const lockOpenDue = statement(
  "sales.lock_open_due",
  // Waits for its turn: while a sale runs, batches of orders hold its row nearly all the time, and
  // a sweep that skips what is locked might never get it.
  `select id from sales.sales
   where tenant_id = $1 and opens_at <= $2 and state = 'scheduled'
   order by id limit $3 for no key update`,
);

/** Which tenants have sales that should be open. */
export const tenantsWithSalesToOpen = statement(
  "sales.tenants_with_sales_to_open",
  `select distinct tenant_id from sales.sales where opens_at <= $1 and state = 'scheduled'`,
);

const lockEndDue = statement(
  "sales.lock_end_due",
  `select id from sales.sales
   where tenant_id = $1 and closes_at <= $2 and state in ('scheduled', 'open')
   order by id limit $3 for no key update`,
);

/** Which tenants have sales that are over. */
export const tenantsWithSalesToEnd = statement(
  "sales.tenants_with_sales_to_end",
  `select distinct tenant_id from sales.sales
   where closes_at <= $1 and state in ('scheduled', 'open')`,
);

const selectEnded = statement(
  "sales.ended_among",
  // No lock: what has ended stays so.
  `select id from sales.sales
   where tenant_id = $1 and id = any($2::uuid[]) and state = 'ended'`,
);

const insertSales = statement(
  "sales.insert_sales",
  `insert into sales.sales
     (tenant_id, id, title, state, opens_at, closes_at, limit_per_member, waiting_room,
      challenge_difficulty, tickets_per_device, tickets_per_network, made_by, created_at,
      changed_at)
   select $1, s.id, s.title, 'draft', s.opens_at, s.closes_at, s.limit_per_member, s.waiting_room,
          s.challenge_difficulty, s.tickets_per_device, s.tickets_per_network, s.made_by, $2, $2
   from unnest($3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::integer[],
               $8::boolean[], $9::integer[], $10::integer[], $11::integer[], $12::text[])
     as s (id, title, opens_at, closes_at, limit_per_member, waiting_room, challenge_difficulty,
           tickets_per_device, tickets_per_network, made_by)`,
);

const updateSales = statement(
  "sales.update_sales",
  `update sales.sales s
   set title = n.title, state = n.state, opens_at = n.opens_at, closes_at = n.closes_at,
       limit_per_member = n.limit_per_member, waiting_room = n.waiting_room,
       challenge_difficulty = n.challenge_difficulty, tickets_per_device = n.tickets_per_device,
       tickets_per_network = n.tickets_per_network, changed_at = $2,
       scheduled_at = n.scheduled_at, ended_at = n.ended_at
   from unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
               $8::integer[], $9::boolean[], $10::integer[], $11::integer[], $12::integer[],
               $13::timestamptz[], $14::timestamptz[])
     as n (id, title, state, opens_at, closes_at, limit_per_member, waiting_room,
           challenge_difficulty, tickets_per_device, tickets_per_network, scheduled_at, ended_at)
   where s.tenant_id = $1 and s.id = n.id`,
);

const updateAllotments = statement(
  "sales.update_allotments",
  `update sales.items i
   set allotment = n.allotment
   from unnest($2::uuid[], $3::uuid[], $4::bigint[]) as n (sale_id, sku_id, allotment)
   where i.tenant_id = $1 and i.sale_id = n.sale_id and i.sku_id = n.sku_id`,
);

const deleteItems = statement(
  "sales.delete_items",
  `delete from sales.items where tenant_id = $1 and sale_id = any($2::uuid[])`,
);

const insertItems = statement(
  "sales.insert_items",
  `insert into sales.items
     (tenant_id, sale_id, sku_id, position, price_minor, currency, allotment, limit_per_member)
   select $1, i.sale_id, i.sku_id, i.position, i.price_minor, i.currency, i.allotment,
          i.limit_per_member
   from unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::bigint[], $6::text[], $7::bigint[],
               $8::integer[])
     as i (sale_id, sku_id, position, price_minor, currency, allotment, limit_per_member)`,
);

/**
 * Locks the sales, in id order, and reads their items: two statements that leave at once, or fewer
 * when nothing is asked for. Unknown ids are absent; drafts are there. Without `skus` a sale comes
 * with all of its items. With them `Sale.items` has those alone that are named, in no order: a SKU
 * that is not named is not there, whether the sale has it or not, and a batch of orders costs the
 * same in a sale of a thousand SKUs as in a small one.
 */
export async function loadSales(
  tx: Tx,
  saleIds: Iterable<SaleId>,
  skus?: Iterable<SaleSku>,
): Promise<Map<SaleId, Sale>> {
  const ids = [...new Set(saleIds)];
  if (ids.length === 0) return new Map();
  // Sent in this order on one connection: the items are those of the locked rows.
  const [rows, items] = await Promise.all([
    tx.rows<SaleRow>(lockSales, [tx.tenantId, ids]),
    skus === undefined
      ? tx.rows<ItemRow>(selectItems, [tx.tenantId, ids])
      : loadNamedItems(tx, skus),
  ]);
  return new Map(salesOf(rows, items).map((sale) => [sale.id, sale]));
}

async function loadNamedItems(tx: Tx, skus: Iterable<SaleSku>): Promise<ItemRow[]> {
  const named = onceEach(skus);
  if (named.length === 0) return [];
  return tx.rows<ItemRow>(selectNamedItems, [
    tx.tenantId,
    named.map(({ saleId }) => saleId),
    named.map(({ skuId }) => skuId),
  ]);
}

/** Orders of a batch name the same goods over and over. */
export function onceEach(skus: Iterable<SaleSku>): SaleSku[] {
  const named = new Map<string, SaleSku>();
  for (const each of skus) named.set(`${each.saleId} ${each.skuId}`, each);
  return [...named.values()];
}

export interface WantedSales {
  readonly sales?: readonly SaleId[];
  /** The items that come with the sales; all of them, if it is absent. */
  readonly items?: readonly SaleSku[];
  /** SKUs that new terms name. */
  readonly skus?: readonly SkuId[];
  /** Whether units may move between the shelf and the sales. */
  readonly stock?: boolean;
}

/** Locks the sales, then the balances that their units move between; reads the SKUs. */
export async function loadSalesWorld(tx: Tx, wanted: WantedSales): Promise<SalesWorld> {
  const sales = await loadSales(tx, wanted.sales ?? [], wanted.items);
  const all = [...sales.values()];
  const known = all.flatMap(({ items }) => [...items.keys()]);
  const named = wanted.skus === undefined ? [] : [...wanted.skus, ...known];
  const accounts = all.flatMap(({ id, items }) =>
    [...items.keys()].flatMap((skuId) => [stockAccounts(skuId).onHand, saleAccount(id, skuId)]),
  );
  const [skus, ledger] = await Promise.all([
    named.length === 0 ? new Map<SkuId, Sku>() : loadSkus(tx, named),
    loadLedger(tx, { accounts: wanted.stock === true ? accounts : [] }),
  ]);
  return { sales, skus, ledger, written: nothingWritten() };
}

function nothingWritten(): Written {
  const changed = { changedSales: new Map(), changedItems: new Set<SaleId>() };
  return { newSales: new Map(), ...changed, raisedItems: new Map(), events: [] };
}

/** Takes sales whose opening has come, locked. */
export function takeSalesToOpen(tx: Tx, limit: number): Promise<SaleId[]> {
  return take(tx.rows<{ id: SaleId }>(lockOpenDue, [tx.tenantId, timestamp(tx.now), limit]));
}

/** Takes sales that are over, locked. */
export function takeSalesToEnd(tx: Tx, limit: number): Promise<SaleId[]> {
  return take(tx.rows<{ id: SaleId }>(lockEndDue, [tx.tenantId, timestamp(tx.now), limit]));
}

/** Which of the sales have ended. */
export function selectEndedSales(tx: Tx, ids: readonly SaleId[]): Promise<SaleId[]> {
  return take(tx.rows<{ id: SaleId }>(selectEnded, [tx.tenantId, ids]));
}

async function take(rows: Promise<{ id: SaleId }[]>): Promise<SaleId[]> {
  return (await rows).map(({ id }) => id);
}

/** Writes what decisions did: one statement a table, and one more for items that were replaced. */
export function saveSales(tx: Tx, { sales, ledger, written }: SalesWorld): void {
  insertNew(tx, [...written.newSales.values()]);
  updateChanged(tx, [...written.changedSales.values()]);
  const replaced = [...written.changedItems];
  if (replaced.length > 0) tx.write(deleteItems, [tx.tenantId, replaced]);
  const filled = [...sales.values()].filter(
    ({ id }) => written.newSales.has(id) || written.changedItems.has(id),
  );
  insertItemsOf(tx, filled);
  updateRaised(tx, [...written.raisedItems.values()]);
  saveLedger(tx, ledger);
  tx.emit(written.events);
}

function insertNew(tx: Tx, sales: readonly Sale[]): void {
  if (sales.length === 0) return;
  tx.write(insertSales, [
    tx.tenantId,
    timestamp(tx.now),
    sales.map(({ id }) => id),
    sales.map(({ title }) => title),
    timestamps(sales.map(({ opensAt }) => opensAt)),
    timestamps(sales.map(({ closesAt }) => closesAt)),
    sales.map(({ limitPerMember }) => limitPerMember ?? null),
    sales.map(({ waitingRoom }) => waitingRoom),
    ...ticketRuleValues(sales),
    sales.map(({ madeBy }) => madeBy),
  ]);
}

function updateChanged(tx: Tx, sales: readonly Sale[]): void {
  if (sales.length === 0) return;
  tx.write(updateSales, [
    tx.tenantId,
    timestamp(tx.now),
    sales.map(({ id }) => id),
    sales.map(({ title }) => title),
    sales.map(({ state }) => state),
    timestamps(sales.map(({ opensAt }) => opensAt)),
    timestamps(sales.map(({ closesAt }) => closesAt)),
    sales.map(({ limitPerMember }) => limitPerMember ?? null),
    sales.map(({ waitingRoom }) => waitingRoom),
    ...ticketRuleValues(sales),
    optionalTimestamps(sales.map(({ scheduledAt }) => scheduledAt)),
    optionalTimestamps(sales.map(({ endedAt }) => endedAt)),
  ]);
}

function ticketRuleValues(sales: readonly Sale[]): (number | null)[][] {
  return [
    sales.map(({ ticketRules }) => ticketRules?.challengeDifficulty ?? null),
    sales.map(({ ticketRules }) => ticketRules?.ticketsPerDevice ?? null),
    sales.map(({ ticketRules }) => ticketRules?.ticketsPerNetwork ?? null),
  ];
}

function insertItemsOf(tx: Tx, sales: readonly Sale[]): void {
  const rows = sales.flatMap(({ id, items }) =>
    [...items.values()].map((item, at) => ({ saleId: id, position: at + 1, item })),
  );
  if (rows.length === 0) return;
  tx.write(insertItems, [
    tx.tenantId,
    rows.map(({ saleId }) => saleId),
    rows.map(({ item }) => item.skuId),
    rows.map(({ position }) => position),
    rows.map(({ item }) => item.priceMinor),
    rows.map(({ item }) => item.currency),
    rows.map(({ item }) => item.allotment),
    rows.map(({ item }) => item.limitPerMember ?? null),
  ]);
}

function updateRaised(tx: Tx, raised: readonly RaisedItem[]): void {
  if (raised.length === 0) return;
  tx.write(updateAllotments, [
    tx.tenantId,
    raised.map(({ saleId }) => saleId),
    raised.map(({ item }) => item.skuId),
    raised.map(({ item }) => item.allotment),
  ]);
}
