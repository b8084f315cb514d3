/** Fills a database with a year of orders: draft, tables, indexes, balances, statistics. */
import pg from "pg";
import { required } from "../../server/kernel/assert.ts";
import type { Year } from "./draft.ts";
import { createDraft, fillDraft } from "./draft.ts";
import type { Filling } from "./rows.ts";
import { balanceUpdates, fillingsOf } from "./rows.ts";

export interface Filled {
  readonly seconds: number;
  readonly bytes: number;
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * How PostgreSQL runs meanwhile: a table that is emptied and filled in one transaction needs no
 * log, and nobody else is there. Afterwards it is started anew as it always is.
 */
export const fillSettings = {
  wal_level: "minimal",
  max_wal_senders: 0,
  autovacuum: "off",
  maintenance_work_mem: "1GB",
  max_wal_size: "16GB",
} as const;

const workers = 2;

export async function fillYear(given: {
  readonly url: string;
  readonly year: Year;
  readonly say: (line: string) => void;
}): Promise<Filled> {
  const { url, year, say } = given;
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  const tell = (what: string) => say(`${String(seconds()).padStart(4)} s  ${what}`);
  const clients = await Promise.all(Array.from({ length: workers }, () => connect(url)));
  const first = required(clients[0], "a connection");
  const rows: Record<string, number> = {};
  try {
    await first.query("create schema scale");
    await first.query(createDraft);
    await describeSkus(first, year);
    await Promise.all(
      ([0, 1] as const).map((half) =>
        required(clients[half], "a connection").query(fillDraft(year, half)),
      ),
    );
    tell(`${year.orders.toLocaleString("en")} orders are drafted`);
    const foreignKeys = await dropForeignKeys(first);
    await inTurn(clients, fillingsOf(year), async (client, filling) => {
      rows[filling.table] = await fillTable(client, filling, year.tenantId);
      tell(`${filling.table}: ${rows[filling.table]?.toLocaleString("en")} rows`);
    });
    for (const update of balanceUpdates(year)) {
      await first.query(update, update.includes("$1") ? [year.tenantId] : []);
    }
    // Every row was made for its key; checking them all would take minutes.
    for (const { table, add } of foreignKeys) {
      await first.query(`alter table ${table} ${add} not valid`);
    }
    await first.query("drop schema scale cascade");
    await inTurn(clients, fillingsOf(year), async (client, { table }) => {
      await client.query(`vacuum (analyze, truncate off) ${table}`);
    });
    tell("vacuumed and analysed");
    const size = await first.query("select pg_database_size(current_database())::float8 as bytes");
    return { seconds: seconds(), bytes: size.rows[0]?.bytes ?? 0, rows };
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: "scale" });
  await client.connect();
  // Two scans of the draft that join each other halfway would mix up the order in time.
  await client.query("set synchronize_seqscans = off");
  // Movements are sorted by time.
  await client.query("set work_mem = '256MB'");
  return client;
}

async function inTurn<Item>(
  clients: readonly pg.Client[],
  items: readonly Item[],
  work: (client: pg.Client, item: Item) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  await Promise.all(
    clients.map(async (client) => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        await work(client, item);
      }
    }),
  );
}

/** The SKUs that were put on the shelf over the API, the hot one first. */
async function describeSkus(client: pg.Client, year: Year): Promise<void> {
  const { rowCount } = await client.query(
    `insert into scale.skus
     select row_number() over (order by s.id), s.id,
       p.title || case when s.title = '' then '' else ', ' || s.title end,
       s.price_minor, h.id, o.id
     from catalog.skus s
     join catalog.products p on p.tenant_id = $1 and p.id = s.product_id
     join ledger.accounts h on h.tenant_id = $1 and h.code = 'stock.on_hand.' || s.id
     join ledger.accounts o on o.tenant_id = $1 and o.code = 'stock.sold.' || s.id
     where s.tenant_id = $1 and p.title like 'Bench mug%'
     order by s.id limit $2`,
    [year.tenantId, year.skus],
  );
  required(rowCount === year.skus || undefined, `${year.skus} SKUs of the bench`);
}

/** They tie tables together that are filled apart. */
async function dropForeignKeys(client: pg.Client): Promise<{ table: string; add: string }[]> {
  const { rows } = await client.query<{ table: string; name: string; definition: string }>(
    `select conrelid::regclass::text as table, conname as name,
       pg_get_constraintdef(oid) as definition
     from pg_constraint
     where contype = 'f' and connamespace::regnamespace::text in ('orders', 'ledger', 'kernel')`,
  );
  for (const { table, name } of rows) {
    await client.query(`alter table ${table} drop constraint ${name}`);
  }
  return rows.map(({ table, name, definition }) => ({
    table,
    add: `add constraint ${name} ${definition}`,
  }));
}

/** In one transaction, its indexes made after its rows; gives how many rows were added. */
async function fillTable(client: pg.Client, filling: Filling, tenantId: string): Promise<number> {
  const { table, insert } = filling;
  await client.query("begin");
  await client.query(`lock table ${table}`);
  const constraints = await client.query<{ name: string; definition: string }>(
    `select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = $1::regclass and contype in ('p', 'u') order by contype`,
    [table],
  );
  for (const { name } of constraints.rows) {
    await client.query(`alter table ${table} drop constraint ${name}`);
  }
  const indexes = await client.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
     from pg_index where indrelid = $1::regclass`,
    [table],
  );
  for (const { name } of indexes.rows) await client.query(`drop index ${name}`);
  await client.query(`create temporary table former on commit drop as table ${table}`);
  await client.query(`truncate ${table}`);
  await client.query(`insert into ${table} table former`);
  const { rowCount } = await client.query(insert, [tenantId]);
  for (const { definition } of indexes.rows) await client.query(definition);
  for (const { name, definition } of constraints.rows) {
    await client.query(`alter table ${table} add constraint ${name} ${definition}`);
  }
  await client.query("commit");
  return rowCount ?? 0;
}
