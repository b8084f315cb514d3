/** What the metrics read of payments, and what no index may be in the way of. */
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createIds } from "../../../kernel/ids.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { hourMs, minuteMs, systemClock as clock } from "../../../kernel/time.ts";
import { oldestAttempts, oldestPayments } from "./watch.ts";

const { url } = await testDatabase();
const client = new pg.Client({ connectionString: url });
const ids = createIds({ clock });
const tenantId = ids.next();
const accountId = ids.next();
const startedAt = clock.now();

beforeAll(async () => {
  await client.connect();
  await client.query(
    `insert into payments.channel_accounts
       (tenant_id, id, channel, merchant_id, app_id, label, sealed_config, active, created_at)
     values ($1, $2, 'wechatpay', '1900000001', 'wx1', 'Main', '', true, now())`,
    [tenantId, accountId],
  );
});
afterAll(() => client.end());

interface Made {
  readonly payment: "open" | "closing" | "paid";
  readonly attempt: "awaiting" | "closing" | "paid" | "failed";
  readonly ageMs: number;
}

async function makePayment({ payment, attempt, ageMs }: Made): Promise<void> {
  const [paymentId, attemptId] = [ids.next(), ids.next()];
  const createdAt = new Date(startedAt - ageMs);
  const isPaid = payment === "paid";
  await client.query(
    `insert into payments.payments
       (tenant_id, id, reference, description, amount, currency, state, paid_attempt_id, paid_at,
        created_at, changed_at)
     values ($1, $2, $3, 'Mug', 1999, 'CNY', $4, $5, $6, $7, $7)`,
    [
      tenantId,
      paymentId,
      ids.next(),
      payment,
      isPaid ? attemptId : null,
      isPaid ? createdAt : null,
      createdAt,
    ],
  );
  const isUnderWay = attempt === "awaiting" || attempt === "closing";
  await client.query(
    `insert into payments.attempts
       (tenant_id, id, payment_id, number, account_id, channel, method, amount, currency, state,
        expires_at, surplus, next_action_at, asked, created_at, changed_at)
     values ($1, $2, $3, $4, $5, 'wechatpay', 'native', 1999, 'CNY', $6, $8, false, $7, 0, $8, $8)`,
    [
      tenantId,
      attemptId,
      paymentId,
      `P${attemptId}`,
      accountId,
      attempt,
      isUnderWay ? createdAt : null,
      createdAt,
    ],
  );
}

async function agesOf(text: string): Promise<Record<string, number>> {
  const { rows } = await client.query<{ state: string; since: Date }>(text);
  return Object.fromEntries(rows.map(({ state, since }) => [state, startedAt - Number(since)]));
}

test("the oldest payment and attempt of each state are told, and nothing that is over", async () => {
  await makePayment({ payment: "open", attempt: "awaiting", ageMs: 2 * minuteMs });
  await makePayment({ payment: "open", attempt: "awaiting", ageMs: 9 * minuteMs });
  await makePayment({ payment: "closing", attempt: "closing", ageMs: 4 * minuteMs });
  await makePayment({ payment: "paid", attempt: "paid", ageMs: hourMs });
  // Paid in another way: this one is still being closed.
  await makePayment({ payment: "paid", attempt: "closing", ageMs: 5 * minuteMs });
  // Its payer is looking for another way to pay: the age of the order tells.
  await makePayment({ payment: "open", attempt: "failed", ageMs: hourMs });
  expect(await agesOf(oldestPayments.text)).toEqual({
    open: 9 * minuteMs,
    closing: 4 * minuteMs,
  });
  expect(await agesOf(oldestAttempts.text)).toEqual({
    awaiting: 9 * minuteMs,
    closing: 5 * minuteMs,
  });
});

test("no index of payments is over what a booking changes, so that its row stays in place", async () => {
  const { rows } = await client.query<{ indexdef: string }>(
    `select indexdef from pg_indexes where schemaname = 'payments' and tablename = 'payments'`,
  );
  const definitions = rows.map(({ indexdef }) => indexdef);
  expect(definitions).toHaveLength(2);
  const changing = /\b(state|paid_attempt_id|paid_at|changed_at)\b/;
  expect(definitions.filter((definition) => changing.test(definition))).toEqual([]);
});
