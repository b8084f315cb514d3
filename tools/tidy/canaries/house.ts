/** A tree in which no rule is broken: small, but with every kind of room. */
export const cleanHouse: Readonly<Record<string, string>> = {
  "package.json": `{
  "name": "house",
  "dependencies": {
    "fastify": "5.12.8"
  }
}
`,
  "package-lock.json": `{ "packages": { "node_modules/fastify": { "version": "5.12.8" } } }\n`,
  "docs/decisions/0001-dependencies.md": "- `fastify`: the HTTP server.\n",
  "docs/checklists/adding-a-module.md": "Copy `server/modules/<module>/store.ts`.\n",
  "docs/refusals.md": "| `sold_out` | 409 | Nothing is left. |\n",
  "server/refusals.ts": `import type { RefusalEntry } from "./kernel/refusal.ts";
export const refusals = {
  sold_out: { status: 409, title: "Nothing is left." },
} as const satisfies Record<string, RefusalEntry>;
`,
  "server/wiring.ts": `import { wechatpay } from "./channels/wechatpay.ts";
import { ordersApi } from "./modules/orders/api.ts";
import { placeOrder } from "./modules/orders/index.ts";
export const modules = { ordersApi, placeOrder, wechatpay };
`,
  "server/main.ts": `import { modules } from "./wiring.ts";
export const program = { modules };
`,
  "server/kernel/refusal.ts": "export interface RefusalEntry {\n  status: number;\n}\n",
  "server/kernel/time.ts": "export const systemClock = { now: () => Date.now() };\n",
  "server/kernel/database.ts": `export const statement = (name: string, text: string) => ({ name, text });
`,
  "server/kernel/events.ts": `import { statement } from "./database.ts";
export const readHeads = statement(
  "kernel.heads",
  "-- across tenants: the oldest event of all is a metric\\nselect seq from kernel.events",
);
`,
  "server/migrations/0001_kernel.sql": `create schema kernel;
create table kernel.events (
  tenant_id uuid not null,
  seq bigint not null,
  at timestamptz not null,
  primary key (tenant_id, seq)
);
`,
  "server/migrations/0002_orders.sql": `create table orders.orders (
  tenant_id uuid not null,
  id uuid not null,
  state text not null default 'new' check (state <> ''),
  number text not null,
  primary key (tenant_id, id),
  unique (tenant_id, number)
);
create unique index open_orders on orders.orders (tenant_id, number) where state = 'open';
create index due_orders on orders.orders (state);
alter table orders.orders add column parent uuid,
  add constraint of_parent foreign key (tenant_id, parent) references orders.orders (tenant_id, id);
`,
  "server/modules/ledger/index.ts": `/**
 * Says who owns what.
 * Every movement has two sides.
 * Others hold, post and release through here.
 */
export { canHold } from "./domain.ts";
export { hold } from "./operations.ts";
`,
  "server/modules/ledger/domain.ts": `export const canHold = (left: number): boolean => left > 0;\n`,
  "server/modules/ledger/operations.ts": `export const hold = async (): Promise<void> => {};\n`,
  "server/modules/catalog/index.ts": `// Says what is for sale.
// Prices and stock of products stand here.
// Orders takes its snapshots from it.
export type { Sale } from "./domain.ts";
`,
  "server/modules/catalog/domain.ts": "export interface Sale {\n  id: string;\n}\n",
  "server/modules/payments/index.ts": `/**
 * Takes money.
 * Channels are plugged into it.
 * Orders asks it for payments.
 */
export type { Plug } from "./plug.ts";
`,
  "server/modules/payments/domain/testing/door.ts": "export const paid = true;\n",
  "server/modules/payments/plug.ts": "export interface Plug {\n  code: string;\n}\n",
  "server/modules/payments/reactions.ts": `import type { OrderPlaced } from "../orders/index.ts";
export const onOrderPlaced = (event: OrderPlaced): string => event.id;
`,
  "server/modules/orders/index.ts": `/**
 * Takes orders.
 * An order holds what it sells until it is paid.
 * Unpaid orders close by themselves.
 */
export { placeOrder } from "./operations.ts";
export type { OrderPlaced } from "./domain.ts";
`,
  "server/modules/orders/domain.ts": `import type { Sale } from "../catalog/index.ts";
import { canHold } from "../ledger/index.ts";
export interface OrderPlaced {
  id: string;
}
export const decide = (sale: Sale, at: number): Date | undefined =>
  sale.id !== "" && canHold(at) ? new Date(at) : undefined;
`,
  "server/modules/orders/operations.ts": `import { hold } from "../ledger/index.ts";
import { loadOrders } from "./store.ts";
export const placeOrder = async (): Promise<string> => {
  await hold();
  return loadOrders.text;
};
`,
  "server/modules/orders/store.ts": `import { statement } from "../../kernel/database.ts";
const columns = "o.id, o.state";
export const loadOrders = statement(
  "orders.load_orders",
  \`select \${columns} from orders.orders o
   where o.tenant_id = $1 and o.id = any($2::uuid[]) order by o.id for update\`,
);
export const insertOrders = statement(
  "orders.insert_orders",
  \`with fresh as (
     insert into orders.orders (tenant_id, id, number)
     select $1, l.id, l.number from unnest($2::uuid[], $3::text[]) as l (id, number)
     returning id
   )
   update orders.orders o set state = 'open' from fresh
   where o.tenant_id = $1 and o.id = fresh.id and extract(day from o.at) is distinct from $4\`,
);
function counting(condition: string): string {
  return \`select count(*) from orders.orders where tenant_id = $1 and \${condition}\`;
}
export const countOpen = statement("orders.count_open", counting("state = 'open'"));
export const tenantsDue = statement(
  "orders.tenants_due",
  "select distinct tenant_id from orders.orders where due_at <= $1",
);
export const oldest = statement(
  "orders.oldest",
  "select o.state, min(o.at) as since from orders.orders o where o.state = 'open' group by o.state",
);
`,
  "server/modules/orders/api.ts": `import { refusals } from "../../refusals.ts";
export const ordersApi = { path: "/v1/orders", refusals };
`,
  "server/modules/orders/api.test.ts": `import { program } from "../../main.ts";
import { paid } from "../payments/domain/testing/door.ts";
import { ordersApi } from "./api.ts";
export const seen = [program, ordersApi, paid];
`,
  "server/channels/wechatpay.ts": `import type { Plug } from "../modules/payments/plug.ts";
export const wechatpay: Plug = { code: "wechatpay" };
`,
};
