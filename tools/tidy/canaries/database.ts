import type { Canary } from "./canary.ts";

const orders = "server/modules/orders";
const store = `${orders}/store.ts`;
const migration = "server/migrations/0003_more.sql";
const kernelFile = "server/kernel/planted.ts";

function sql(text: string, name = "orders.planted"): string {
  return `import { statement } from "../../kernel/database.ts";
export const planted = statement("${name}", \`${text}\`);
export const loadOrders = planted;
`;
}

function table(body: string): string {
  return `create table orders.more (\n  ${body}\n);\n`;
}

export const statementCanaries: readonly Canary[] = [
  {
    rule: "store-sql",
    plant: "SQL in operations",
    path: `${orders}/operations.ts`,
    content: "export const placeOrder = `select id from orders.orders where tenant_id = $1`;\n",
  },
  {
    rule: "store-sql",
    plant: "SQL in a root file",
    path: "server/seed.ts",
    content: `export const text = "insert into orders.orders (tenant_id) values ($1)";\n`,
  },
  {
    rule: "own-schema",
    plant: "the table of another module",
    path: store,
    content: sql("select id from orders.orders o, ledger.accounts a where o.tenant_id = $1"),
  },
  {
    rule: "own-schema",
    plant: "a table without its schema",
    path: store,
    content: sql("delete from lines where tenant_id = $1"),
  },
  {
    rule: "own-schema",
    plant: "a foreign key into another schema",
    path: migration,
    content: table(`tenant_id uuid not null,
  primary key (tenant_id),
  foreign key (tenant_id) references ledger.accounts (tenant_id)`),
  },
  {
    rule: "sql-case",
    plant: "SQL in capitals",
    path: store,
    content: sql("SELECT id FROM orders.orders WHERE tenant_id = $1"),
  },
  {
    rule: "sql-parameters",
    plant: "a value inside of the text",
    path: store,
    content: `export const loadOrders = (id: string): { text: string } => ({
  text: \`select id from orders.orders where tenant_id = $1 and id = '\${id}'\`,
});
`,
  },
  {
    rule: "sql-parameters",
    plant: "a text that is composed anew for every request",
    path: store,
    content: `function find(id: string): string {
  return \`select id from orders.orders where tenant_id = $1 and id = '\${id}'\`;
}
export const loadOrders = (id: string): { text: string } => ({ text: find(id) });
`,
  },
  {
    rule: "sql-clock",
    plant: "the clock of the database",
    path: store,
    content: sql("select id from orders.orders where tenant_id = $1 and due_at < now()"),
  },
  {
    rule: "row-locks",
    plant: "an advisory lock",
    path: store,
    content: sql("select pg_advisory_xact_lock($1)"),
  },
  {
    rule: "row-locks",
    plant: "a notification inside of a transaction",
    path: store,
    content: sql("select pg_notify('orders', $1)"),
  },
  {
    rule: "statement-name",
    plant: "a statement named after another module",
    path: store,
    content: sql("select id from orders.orders where tenant_id = $1", "ledger.load"),
  },
  {
    rule: "statement-name",
    plant: "a name that is taken",
    path: `${orders}/store/more.ts`,
    content: `import { statement } from "../../../kernel/database.ts";
export const again = statement("orders.load_orders", "select 1");
`,
  },
  ...[
    ["a statement without its tenant", "select id from orders.orders where id = $1"],
    [
      "a join in place of the scalar",
      "select 1 from orders.orders o join x.y on y.tenant_id = o.tenant_id",
    ],
    ["a tenant from an array", "delete from orders.orders where tenant_id = any($1)"],
    [
      "a part that looks at all tenants",
      `update orders.orders set state = $2 where tenant_id = $1
       and id in (select id from orders.orders where state = $3)`,
    ],
    [
      "the oldest in each state, with whose it is",
      "select state, min(at) as since, min(id) from orders.orders group by state",
    ],
    ["an insert without columns", "insert into orders.orders values ($1, $2)"],
    [
      "an insert whose tenant is not first",
      "insert into orders.orders (id, tenant_id) values ($1, $2)",
    ],
    [
      "an insert whose tenant comes from an array",
      `insert into orders.orders (tenant_id, id)
       select l.tenant, l.id from unnest($1::uuid[], $2::uuid[]) as l (tenant, id)`,
    ],
    [
      "a module of a lower storey that gives reasons for looking across",
      "-- across tenants: it is quicker\nselect id from orders.orders",
    ],
  ].map(([plant = "", text = ""]): Canary => ({
    rule: "tenant-statement",
    plant,
    path: store,
    content: sql(text),
  })),
  {
    rule: "tenant-statement",
    plant: "the kernel looking across without a reason",
    path: kernelFile,
    content: `import { statement } from "./database.ts";
export const planted = statement("kernel.planted", "select seq from kernel.events");
`,
  },
  {
    rule: "tenant-fixed",
    plant: "a row that moves to another tenant",
    path: store,
    content: sql("update orders.orders set tenant_id = $2 where tenant_id = $1"),
  },
];

export const tableCanaries: readonly Canary[] = [
  ...[
    ["a table without tenant_id", "id uuid not null,\n  primary key (tenant_id, id)"],
    ["a tenant_id that may be null", "tenant_id uuid,\n  id uuid,\n  unique (tenant_id, id)"],
    ["a table without primary key", "tenant_id uuid not null"],
  ].map(([plant = "", body = ""]): Canary => ({
    rule: "tenant-table",
    plant,
    path: migration,
    content: table(body),
  })),
  ...[
    ["a primary key without the tenant", "id uuid primary key"],
    ["a primary key in another order", "id uuid,\n  primary key (id, tenant_id)"],
    ["a unique column", "number text unique,\n  primary key (tenant_id)"],
    ["a unique constraint without the tenant", "primary key (tenant_id),\n  unique (number)"],
    [
      "a column that refers alone",
      "parent uuid references orders.more,\n  primary key (tenant_id)",
    ],
    [
      "a foreign key without the tenant",
      "primary key (tenant_id),\n  foreign key (parent) references orders.orders (id)",
    ],
    [
      "an exclusion without the tenant",
      "primary key (tenant_id),\n  constraint free exclude using gist (court with =, slot with &&)",
    ],
  ].map(([plant = "", body = ""]): Canary => ({
    rule: "tenant-first",
    plant,
    path: migration,
    content: table(`tenant_id uuid not null,\n  ${body}`),
  })),
  {
    rule: "tenant-first",
    plant: "a unique index without the tenant",
    path: migration,
    content: "create unique index concurrently by_number on orders.orders using btree (number);\n",
  },
  {
    rule: "tenant-first",
    plant: "a unique constraint that is added later",
    path: migration,
    content: "alter table orders.orders add constraint one_number unique (number);\n",
  },
  ...["seq bigserial", "seq bigint generated always as identity"].map((column): Canary => ({
    rule: "no-identity",
    plant: column,
    path: migration,
    content: table(`tenant_id uuid not null,\n  ${column},\n  primary key (tenant_id)`),
  })),
  {
    rule: "no-identity",
    plant: "a sequence",
    path: migration,
    content: "create sequence orders.numbers;\n",
  },
  {
    rule: "no-trigger",
    plant: "a trigger",
    path: migration,
    content: `create trigger touch before update on orders.orders
for each row execute function orders.touch();
`,
  },
  ...["at timestamptz not null default now()", "id uuid default gen_random_uuid()"].map(
    (column): Canary => ({
      rule: "no-volatile-default",
      plant: column,
      path: migration,
      content: table(`tenant_id uuid not null,\n  ${column},\n  primary key (tenant_id)`),
    }),
  ),
];
