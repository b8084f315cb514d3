/** Orders about to be paid, as they stand after the channel has made the payment ready. */
import type pg from "pg";
import { createIds } from "../../server/kernel/ids.ts";
import { createNumbers } from "../../server/kernel/numbers.ts";
import { dayMs, systemClock as clock } from "../../server/kernel/time.ts";
import { placedBy } from "../site.ts";
import type { ChannelAccount } from "../shop.ts";

export interface OpenAttempt {
  readonly orderId: string;
  readonly attemptId: string;
  readonly paymentId: string;
  readonly number: string;
  readonly account: ChannelAccount;
  readonly amountMinor: number;
}

const ids = createIds({ clock });
const numbers = createNumbers({ clock });

/**
 * Takes `count` unpaid orders and opens an attempt of each, spread evenly over the accounts. The
 * rows are those of `POST /v1/orders/{id}/payments`, in bulk: only the channel was not asked.
 */
export async function openAttempts(
  client: pg.Client,
  tenantId: string,
  { accounts, count }: { readonly accounts: readonly ChannelAccount[]; readonly count: number },
): Promise<OpenAttempt[]> {
  const { rows } = await client.query<{ id: string; total: string }>(
    `select id, total from orders.orders
     where tenant_id = $1 and state = 'pending_payment' and placed_by = $2
     order by id limit $3`,
    [tenantId, placedBy.platform, count],
  );
  const attempts = rows.map(({ id, total }, index): OpenAttempt => {
    const account = accounts[index % accounts.length];
    if (account === undefined) throw new Error("the shop has no account at a channel");
    const made = { attemptId: ids.next(), paymentId: ids.next(), number: numbers.next("P") };
    return { ...made, orderId: id, account, amountMinor: Number(total) };
  });
  await client.query("begin");
  await insertPayments(client, tenantId, attempts);
  await insertAttempts(client, tenantId, attempts);
  await markPaying(client, tenantId, attempts);
  await client.query("commit");
  return attempts;
}

async function insertPayments(
  client: pg.Client,
  tenantId: string,
  attempts: readonly OpenAttempt[],
): Promise<void> {
  await client.query(
    `insert into payments.payments
       (tenant_id, id, reference, description, amount, currency, state, created_at, changed_at)
     select $1, p.id, p.reference, 'Bench mug', p.amount, 'CNY', 'open', $2, $2
     from unnest($3::uuid[], $4::uuid[], $5::bigint[]) as p (id, reference, amount)`,
    [
      tenantId,
      new Date(clock.now()),
      attempts.map(({ paymentId }) => paymentId),
      attempts.map(({ orderId }) => orderId),
      attempts.map(({ amountMinor }) => amountMinor),
    ],
  );
}

async function insertAttempts(
  client: pg.Client,
  tenantId: string,
  attempts: readonly OpenAttempt[],
): Promise<void> {
  const now = clock.now();
  await client.query(
    `insert into payments.attempts
       (tenant_id, id, payment_id, number, account_id, channel, method, amount, currency, state,
        expires_at, surplus, next_action_at, asked, created_at, changed_at)
     select $1, a.id, a.payment_id, a.number, a.account_id, a.channel, 'native', a.amount, 'CNY',
            'awaiting', $3, false, $3, 0, $2, $2
     from unnest($4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::bigint[])
       as a (id, payment_id, number, account_id, channel, amount)`,
    [
      tenantId,
      new Date(now),
      // Nobody is asked about them meanwhile: here the notice tells.
      new Date(now + dayMs),
      attempts.map(({ attemptId }) => attemptId),
      attempts.map(({ paymentId }) => paymentId),
      attempts.map(({ number }) => number),
      attempts.map(({ account }) => account.id),
      attempts.map(({ account }) => account.channel),
      attempts.map(({ amountMinor }) => amountMinor),
    ],
  );
}

async function markPaying(
  client: pg.Client,
  tenantId: string,
  attempts: readonly OpenAttempt[],
): Promise<void> {
  const values = [tenantId, new Date(clock.now()), attempts.map(({ orderId }) => orderId)];
  await client.query(
    `update orders.orders set state = 'paying', changed_at = $2
     where tenant_id = $1 and id = any($3::uuid[])`,
    values,
  );
  await client.query(
    `insert into orders.history
       (tenant_id, order_id, step, at, from_state, to_state, made_by, reason)
     select $1, o.id, 1, $2, 'pending_payment', 'paying', 'bench', 'to be paid'
     from unnest($3::uuid[]) as o (id)`,
    values,
  );
}
