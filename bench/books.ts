/** The proof behind the figures: what was acknowledged is in the database, and nothing else. */
import type pg from "pg";

/** What the load generator says about one way of placing orders. */
export interface Acknowledged {
  /** The `placed_by` of its orders. */
  readonly placedBy: string;
  /** Answers 201. */
  readonly created: number;
  /** Requests, with those that were cut off before their answer at the end of a round. */
  readonly sent: number;
}

interface Books {
  readonly orders: ReadonlyMap<string, number>;
  readonly keptAnswers: number;
  readonly events: number;
  readonly heldUnits: number;
  readonly heldLegs: number;
}

/** Gives a sentence for everything that is wrong; none when the books are in order. */
export async function checkBooks(
  client: pg.Client,
  tenantId: string,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const books = await readBooks(client, tenantId);
  const findings: string[] = [];
  for (const { placedBy, created, sent } of acknowledged) {
    const found = books.orders.get(placedBy) ?? 0;
    if (found < created) {
      findings.push(`${placedBy}: ${created} orders were acknowledged, ${found} are there`);
    }
    if (found > sent) findings.push(`${placedBy}: ${sent} orders were sent, ${found} are there`);
  }
  const orders = [...books.orders.values()].reduce((sum, count) => sum + count, 0);
  // Every order of a bench has one line of one unit, and none has ended yet.
  for (const [what, count] of [
    ["answers kept under a key", books.keptAnswers],
    ["events order_placed", books.events],
    ["units held", books.heldUnits],
    ["pending transfers", books.heldLegs],
  ] as const) {
    if (count !== orders) findings.push(`there are ${orders} orders, but ${count} ${what}`);
  }
  return findings;
}

async function readBooks(client: pg.Client, tenantId: string): Promise<Books> {
  const orders = await client.query<{ placed_by: string; count: number }>(
    `select placed_by, count(*)::integer as count
     from orders.orders where tenant_id = $1 group by placed_by`,
    [tenantId],
  );
  const count = async (text: string): Promise<number> => {
    const { rows } = await client.query<{ count: number }>(text, [tenantId]);
    return rows[0]?.count ?? 0;
  };
  return {
    orders: new Map(orders.rows.map((row) => [row.placed_by, row.count])),
    keptAnswers: await count(
      `select count(*)::integer as count from kernel.idempotency_keys k
       join orders.orders o on o.tenant_id = $1 and o.id = (k.body::json ->> 'id')::uuid
       where k.tenant_id = $1`,
    ),
    events: await count(
      `select count(distinct e.data ->> 'orderId')::integer as count
       from kernel.events e where e.tenant_id = $1 and e.type = 'order_placed'`,
    ),
    heldUnits: await count(
      `select coalesce(sum(b.pending_debits), 0)::integer as count
       from ledger.balances b join ledger.accounts a on a.tenant_id = $1 and a.id = b.account_id
       where b.tenant_id = $1 and (a.code like 'stock.on_hand.%' or a.code like 'sale.allotment.%')`,
    ),
    heldLegs: await count(
      `select count(*)::integer as count from ledger.transfers t
       join orders.orders o on o.tenant_id = $1 and o.id = t.bundle_id
       where t.tenant_id = $1 and t.phase = 'pending'`,
    ),
  };
}
