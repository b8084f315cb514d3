/** Orders that nobody has paid in time: how fast the platform's own sweep closes them. */
import type pg from "pg";
import type { Buckets, Used } from "./figures.ts";
import { quantileBetween, readBuckets } from "./figures.ts";
import type { Site } from "./site.ts";
import { ensureUnpaidOrders, placedBy, proveLedger } from "./site.ts";
import { readMetrics, settle, startWatch, until } from "./watch.ts";

export interface ClosingRound extends Pick<Used, "nodeUs" | "postgresUs" | "walBytes"> {
  readonly orders: number;
  readonly perSecond: number;
  readonly batches: number;
  readonly ordersPerBatch: number;
  /** Of one batch from begin to commit; two of them run at once. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** All of them are due at the same instant. Ends with a proof of the books. */
export async function measureClosing(
  site: Site,
  given: { readonly orders: number; readonly rounds: number },
): Promise<ClosingRound[]> {
  const rounds: ClosingRound[] = [];
  for (let round = 1; round <= given.rounds; round += 1) {
    const measured = await closeOrders(site, given.orders);
    site.say(
      `round ${round}: ${measured.orders} orders due, ${Math.round(measured.perSecond)} ` +
        `closed a second in ${measured.batches} batches`,
    );
    rounds.push(measured);
  }
  return rounds;
}

async function closeOrders(site: Site, orders: number): Promise<ClosingRound> {
  const { client, platform, shop } = site;
  await ensureUnpaidOrders(site, orders);
  await settle(client);
  const heldBefore = await heldUnits(client, shop.tenantId);
  const { postgresPid } = site;
  const from = new Date();
  const sweptBefore = await readSweeps(site);
  const orderIds = await makeDue(site, orders);
  // The committing of what made them due is not the platform's work, hence not earlier.
  const used = await startWatch({
    client,
    program: platform,
    isStored: true,
    postgresPid,
    operation: undefined,
  });
  await until("orders past their time are not closed", async () => {
    const { rows } = await client.query<{ left: boolean }>(
      `select exists (select from orders.orders
        where tenant_id = $1 and close_due_at <= $2 and state in ('pending_payment', 'paying')
       ) as left`,
      [shop.tenantId, new Date()],
    );
    return rows[0]?.left === false;
  });
  const endedAt = Date.now();
  const share = await used(orders);
  const batches = await readBatches(site, from);
  await settle(client);
  const { tenantId } = shop;
  const findings = await findClosingFaults(client, { tenantId, orderIds, heldBefore });
  await proveLedger(site, findings);
  const sweptAfter = await readSweeps(site);
  const quantileMs = (quantile: number) =>
    (quantileBetween(sweptBefore, sweptAfter, quantile) ?? 0) * 1000;
  const startedAt = batches[0]?.at.getTime() ?? endedAt;
  return {
    orders,
    perSecond: (orders * 1000) / (endedAt - startedAt),
    batches: batches.length,
    ordersPerBatch: orders / batches.length,
    p50Ms: quantileMs(0.5),
    p99Ms: quantileMs(0.99),
    nodeUs: share.nodeUs,
    postgresUs: share.postgresUs,
    walBytes: share.walBytes,
  };
}

async function readSweeps({ platform }: Site): Promise<Buckets> {
  const series = { name: "tongbao_sweep_seconds", label: 'deadline="orders.close_due"' };
  return readBuckets(await readMetrics(platform), series);
}

async function makeDue(site: Site, orders: number): Promise<string[]> {
  const { rows } = await site.client.query<{ id: string }>(
    `update orders.orders set close_due_at = $3
     where tenant_id = $1 and id = any(array(
       select id from orders.orders
       where tenant_id = $1 and state = 'pending_payment' and placed_by = $2
       order by id limit $4))
     returning id`,
    [site.shop.tenantId, placedBy.platform, new Date(), orders],
  );
  return rows.map(({ id }) => id);
}

/** Each transaction of the sweep has one time, which it writes into the history of its orders. */
async function readBatches(site: Site, from: Date): Promise<{ at: Date; orders: number }[]> {
  const { rows } = await site.client.query<{ at: Date; orders: number }>(
    `select at, count(*)::integer as orders from orders.history
     where tenant_id = $1 and made_by = 'deadline' and to_state = 'closed' and at >= $2
     group by at order by at`,
    [site.shop.tenantId, from],
  );
  return rows;
}

/** Units that orders hold back. */
export async function heldUnits(client: pg.Client, tenantId: string): Promise<number> {
  const { rows } = await client.query<{ held: number }>(
    `select coalesce(sum(b.pending_debits), 0)::integer as held
     from ledger.balances b join ledger.accounts a on a.tenant_id = $1 and a.id = b.account_id
     where b.tenant_id = $1 and (a.code like 'stock.on_hand.%' or a.code like 'sale.allotment.%')`,
    [tenantId],
  );
  return rows[0]?.held ?? 0;
}

/** A sentence for everything that is wrong with orders that should be closed. */
export async function findClosingFaults(
  client: pg.Client,
  given: {
    readonly tenantId: string;
    readonly orderIds: readonly string[];
    readonly heldBefore: number;
  },
): Promise<string[]> {
  const { tenantId, orderIds, heldBefore } = given;
  const count = async (text: string): Promise<number> => {
    const { rows } = await client.query<{ count: number }>(text, [tenantId, orderIds]);
    return rows[0]?.count ?? 0;
  };
  const found = {
    "orders closed": await count(
      `select count(*)::integer as count from orders.orders
       where tenant_id = $1 and id = any($2::uuid[]) and state = 'closed'`,
    ),
    "steps to closed": await count(
      `select count(*)::integer as count from orders.history
       where tenant_id = $1 and order_id = any($2::uuid[]) and to_state = 'closed'`,
    ),
    "holds released": await count(
      `select count(*)::integer as count from ledger.transfers
       where tenant_id = $1 and bundle_id = any($2::uuid[]) and phase = 'release'`,
    ),
    "units back": heldBefore - (await heldUnits(client, tenantId)),
    "events order_closed": await count(
      `select count(*)::integer as count from kernel.events
       where tenant_id = $1 and type = 'order_closed' and (data ->> 'orderId') = any($2::text[])`,
    ),
  };
  return Object.entries(found).flatMap(([what, number]) =>
    number === orderIds.length
      ? []
      : [`${orderIds.length} orders were due, but there are ${number} ${what}`],
  );
}
