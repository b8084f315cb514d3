/**
 * The only file that knows every module: it creates them, registers their routes and collects
 * what they react to. main.ts runs what is wired here; tools/generate.ts reads its description.
 */
import { createAlipay } from "./channels/alipay/index.ts";
import { createWechatpay } from "./channels/wechatpay/index.ts";
import type { Committers } from "./kernel/batch.ts";
import type { Database } from "./kernel/database.ts";
import { eventTypes } from "./events.ts";
import { eventsRoutes } from "./kernel/events-routes.ts";
import type { Http } from "./kernel/http.ts";
import { createHttp } from "./kernel/http.ts";
import type { Ids } from "./kernel/ids.ts";
import { createIds } from "./kernel/ids.ts";
import type { Log } from "./kernel/log.ts";
import type { Machine } from "./kernel/machine.ts";
import type { Metrics } from "./kernel/metrics.ts";
import { registerMeasures } from "./kernel/measures.ts";
import { createNumbers } from "./kernel/numbers.ts";
import { createStreams } from "./kernel/sse.ts";
import { createParkedEvents } from "./kernel/parked-events.ts";
import type { Pulse } from "./kernel/pulses.ts";
import type { Secrets } from "./kernel/secrets.ts";
import type { Clock } from "./kernel/time.ts";
import type { Reactions } from "./kernel/work.ts";
import { catalogRoutes } from "./modules/catalog/api.ts";
import type { Catalog } from "./modules/catalog/index.ts";
import { createCatalog } from "./modules/catalog/index.ts";
import { catalogPulses } from "./modules/catalog/reactions.ts";
import { identityRoutes } from "./modules/identity/api.ts";
import type { Identity } from "./modules/identity/index.ts";
import { createIdentity } from "./modules/identity/index.ts";
import { identityReactions } from "./modules/identity/reactions.ts";
import { ledgerRoutes } from "./modules/ledger/api.ts";
import type { Ledger } from "./modules/ledger/index.ts";
import { createLedger } from "./modules/ledger/index.ts";
import { ordersRoutes } from "./modules/orders/api/routes.ts";
import type { Orders } from "./modules/orders/index.ts";
import {
  createOrders,
  orderMachine,
  orderRefundMachine,
  orderTenantSettings,
} from "./modules/orders/index.ts";
import { ordersPulses, ordersReactions } from "./modules/orders/reactions.ts";
import { paymentsRoutes } from "./modules/payments/api/routes.ts";
import type { Payments } from "./modules/payments/index.ts";
import {
  attemptMachine,
  createPayments,
  paymentMachine,
  paymentTenantSettings,
  refundMachine,
} from "./modules/payments/index.ts";
import { paymentsReactions } from "./modules/payments/reactions.ts";
import { salesRoutes } from "./modules/sales/api/routes.ts";
import { ticketRoutes } from "./modules/sales/api/tickets.ts";
import type { Sales, WaitingRooms } from "./modules/sales/index.ts";
import {
  createRoomMetrics,
  createSales,
  createWaitingRooms,
  saleMachine,
} from "./modules/sales/index.ts";
import { salesPulses, salesReactions } from "./modules/sales/reactions.ts";
import { refusals } from "./refusals.ts";
import type { Settings } from "./settings.ts";

export interface Modules {
  readonly ids: Ids;
  readonly identity: Identity;
  readonly ledger: Ledger;
  readonly catalog: Catalog;
  readonly sales: Sales;
  readonly waitingRooms: WaitingRooms;
  readonly payments: Payments;
  readonly orders: Orders;
}

/** Every module, the lower storeys first. Nothing is asked of the database yet. */
export function createModules(given: {
  readonly settings: Settings;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly database: Database;
  readonly committers: Committers;
}): Modules {
  const { settings, metrics, clock, secrets, database, committers } = given;
  const ids = createIds({ clock });
  const numbers = createNumbers({ clock, zone: settings.businessZone });
  const orderSettings = orderTenantSettings({ closeAfterMinutes: settings.orderCloseMinutes });
  const paymentSettings = paymentTenantSettings();
  const identity = createIdentity({
    database,
    committers,
    ids,
    clock,
    secrets,
    // What the modules let a tenant choose.
    tenantSettings: [...Object.values(orderSettings), ...Object.values(paymentSettings)],
  });
  const ledger = createLedger({ database, clock });
  const catalog = createCatalog({ database, committers, ledger, ids, clock });
  const sales = createSales({ database, committers, ids, clock, ledger });
  const waitingRooms = createWaitingRooms({
    database,
    committers,
    ids,
    clock,
    secrets,
    sales,
    ledger,
    queueMax: settings.batchQueueMax,
    observe: createRoomMetrics(metrics),
  });
  const payments = createPayments({
    database,
    committers,
    ids,
    numbers,
    clock,
    secrets,
    identity,
    tenantSettings: paymentSettings,
    channels: [createWechatpay({ clock }), createAlipay({ clock })],
    channelHosts: settings.channelHosts,
    publicUrl: settings.publicUrl,
    outsideCall: metrics.outsideCall,
  });
  const orders = createOrders({
    database,
    committers,
    ids,
    numbers,
    clock,
    identity,
    catalog,
    sales,
    payments,
    tenantSettings: orderSettings,
  });
  return { ids, identity, ledger, catalog, sales, waitingRooms, payments, orders };
}

/** What the modules do when nobody asks; the program runs it where its role says so. */
export function reactionsOf({ identity, sales, payments, orders }: Modules): Reactions {
  const all: readonly Partial<Reactions>[] = [
    identityReactions(identity),
    salesReactions(sales),
    paymentsReactions(payments),
    ordersReactions(orders),
  ];
  return {
    deadlines: all.flatMap(({ deadlines = [] }) => deadlines),
    subscriptions: all.flatMap(({ subscriptions = [] }) => subscriptions),
    jobs: Object.assign({}, ...all.map(({ jobs }) => jobs)),
    watches: all.flatMap(({ watches = [] }) => watches),
  };
}

/** What keeps the memory of a process fresh, where it answers callers. */
export function pulsesOf({ catalog, sales, waitingRooms, orders }: Modules): Pulse[] {
  return [...catalogPulses(catalog), ...salesPulses(sales, waitingRooms), ...ordersPulses(orders)];
}

/** Every state machine, in the order in which an order meets them. */
export const machines: readonly Machine[] = [
  saleMachine,
  orderMachine,
  orderRefundMachine,
  paymentMachine,
  attemptMachine,
  refundMachine,
];

/** As a reader of the documents meets them: what is sold first, how it is run last. */
const tags = [
  { name: "Orders", description: "What a member buys: placed, paid, cancelled, completed." },
  { name: "Payments", description: "The money of orders, and all that channels were asked." },
  { name: "Refunds", description: "What goes back of an order, and how far it has come." },
  { name: "Catalog", description: "Products, SKUs, prices, and the stock that orders hold." },
  { name: "Sales", description: "Goods at a price of their own, for a time, few to a member." },
  { name: "Ledger", description: "Every yuan and every unit as double entry, and its audit." },
  { name: "Tenant", description: "Who one is, and what one has chosen." },
  { name: "Tokens", description: "Who may do what: given out, taken back, verified." },
  { name: "Channel accounts", description: "The merchant's contracts with payment channels." },
  { name: "Notices", description: "What channels told of themselves, as it came." },
  { name: "Events", description: "The log of all that happened, and what waits for a person." },
];

/** The API with every route that the role answers; it listens when it is told to. */
export async function createApi(given: {
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly database: Database;
  readonly modules: Modules;
}): Promise<Http> {
  const { settings, log, metrics, clock, database, modules } = given;
  const { identity, ledger, catalog, sales, waitingRooms, payments, orders } = modules;
  const http = await createHttp({
    settings,
    log,
    metrics,
    refusals,
    clock,
    openapi: {
      title: "Tongbao",
      version: "0.1.0",
      description: "A transaction platform for businesses that sell to members.",
      tokenDescription:
        "On one's own machine `npm run token -- --help` says how to get one. Programs that have the " +
        "scope `tenant:write` get them, for members and for each other, from `POST /v1/tokens`.",
      tags,
      serverUrl: settings.publicUrl,
    },
  });
  http.registerAuthentication(identity.authenticate);
  http.registerReadiness("database", async () => {
    await Promise.all(database.pools().map((pool) => pool.query("select 1")));
    return true;
  });
  const { subscriptions, watches } = reactionsOf(modules);
  // One that only works answers those who watch it, and nobody else.
  if (settings.role !== "worker") {
    const parked = createParkedEvents({ database, subscriptions });
    eventsRoutes(http.app, { database, parked, eventTypes });
    identityRoutes(http.app, identity);
    ledgerRoutes(http.app, ledger);
    catalogRoutes(http.app, catalog);
    salesRoutes(http.app, sales, clock);
    const { streamsMax } = settings;
    const streams = createStreams(http.app, { streamsMax, clock, observe: metrics.streamsOpen });
    ticketRoutes(http.app, { waitingRooms, streams });
    paymentsRoutes(http.app, payments);
    ordersRoutes(http.app, orders, { identity, passes: waitingRooms });
  }
  const names = subscriptions.map(({ name }) => name);
  registerMeasures({ metrics, database, clock, subscriptions: names, watches });
  metrics.measure("caches", () => {
    const caches = [
      ...identity.caches,
      ...catalog.hotReads,
      ...sales.hotReads,
      orders.refusals,
      ...payments.channelAccounts.caches,
    ];
    for (const cache of caches) metrics.cache(cache.name, cache.figures());
  });
  return http;
}
