/**
 * A short play on a real database, after which the audit finds nothing; then faults are planted,
 * one at a time, in transactions that are rolled back, and the audit names each of them.
 */
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isSound, wordFindings } from "../../e2e/play/audit.ts";
import type { Finding } from "../../e2e/play/audit.ts";
import type { Told } from "../../e2e/play/database-audit.ts";
import { auditNow, auditWithin, nothingTold, toldIn } from "../../e2e/play/database-audit.ts";
import { required } from "../../server/kernel/assert.ts";
import { testDatabase } from "../../server/kernel/testing/database.ts";
import { playShortly } from "./testing/short-play.ts";
import type { ShortPlay } from "./testing/short-play.ts";

const { url } = await testDatabase();
const client = new pg.Client({ connectionString: url });
const graceMs = 60_000;
let play: ShortPlay | undefined;

beforeAll(async () => {
  await client.connect();
  play = await playShortly(url);
});
afterAll(() => client.end());

function played(): ShortPlay {
  return required(play, "the play");
}

/** What the audit says with a fault planted, which nobody sees afterwards. */
async function auditWith(
  plant: readonly string[],
  { told = toldIn(played().chapters), now = played().now }: { told?: Told; now?: number } = {},
): Promise<Finding[]> {
  const { tenantId } = played();
  await client.query("begin");
  try {
    // What PostgreSQL itself would refuse must be found as well.
    await client.query("set local session_replication_role = replica");
    for (const text of plant) {
      const { rowCount } = await client.query(text.replaceAll(":tenant", `'${tenantId}'`));
      if (/^(insert|update|delete)/.test(text)) expect(rowCount, text).toBeGreaterThan(0);
    }
    return await auditWithin(client, { tenantId, told, now, graceMs });
  } finally {
    await client.query("rollback");
  }
}

const order = (name: string) => `(select id from orders.orders o where tenant_id = :tenant
  and member_id = '${name}')`;
const account = (code: string) => `(select id from ledger.accounts where tenant_id = :tenant
  and code like '${code}')`;
const dropGuard = [
  "alter table ledger.balances drop constraint guarded_balance_not_negative",
  "alter table ledger.balances drop constraint balances_pending_debits_check",
];

/** A transfer with both balances moved along, so that the books of double entry balance. */
function transfer(given: {
  readonly bundle: string;
  readonly leg?: number;
  readonly phase: "posted" | "pending";
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly reference: string;
}): string[] {
  const { bundle, leg = 1, phase, from, to, amount, reference } = given;
  const [debits, credits, sign] =
    phase === "posted" ? ["posted", "posted", "-"] : ["pending_debits", "pending_credits", "+"];
  return [
    `insert into ledger.transfers (tenant_id, bundle_id, leg, phase, debit_account_id,
       credit_account_id, amount, reason, reference, indexed, at)
     values (:tenant, ${bundle}, ${leg}, '${phase}', ${from}, ${to}, ${amount}, 'planted',
       ${reference}, false, now())`,
    `update ledger.balances set ${debits} = ${debits} ${sign} ${amount}
     where tenant_id = :tenant and account_id = ${from}`,
    `update ledger.balances set ${credits} = ${credits} + ${amount}
     where tenant_id = :tenant and account_id = ${to}`,
  ];
}

const paidAttempt = `(select a.id from payments.attempts a join payments.payments p
  on p.tenant_id = :tenant and p.id = a.payment_id
  where a.tenant_id = :tenant and a.state = 'paid' and p.reference = ${order("pays")})`;
const ownCode = `(select id from ledger.accounts where tenant_id = :tenant
  and code = 'captured.' || ${paidAttempt})`;
const channel = `(select l.id from ledger.accounts l join payments.attempts a
  on a.tenant_id = :tenant and l.code = 'channel.' || a.account_id
  where l.tenant_id = :tenant and a.id = ${paidAttempt})`;
const nobody = "'0199f000-0000-7000-8000-000000000001'";
const onHand = account("stock.on\\_hand.%");
const allotment = account("sale.allotment.%");
const sold = account("stock.sold.%");
const eventOf = (type: string, name: string) => `tenant_id = :tenant and type = '${type}'
  and coalesce(data ->> 'reference', data ->> 'orderId') = ${order(name)}::text`;
const appendEvent = (type: string, name: string) => [
  `insert into kernel.events (tenant_id, seq, at, type, data)
   select tenant_id, (select seq + 1 from kernel.event_heads where tenant_id = :tenant), at, type, data
   from kernel.events where ${eventOf(type, name)}`,
  "update kernel.event_heads set seq = seq + 1 where tenant_id = :tenant",
  "update kernel.cursors set seq = seq + 1 where tenant_id = :tenant",
];

/** What is planted, how, and what the audit must say about it. */
const plants: readonly (readonly [name: string, plant: readonly string[], words: RegExp])[] = [
  [
    "a lost order",
    [`delete from orders.orders where tenant_id = :tenant and member_id = 'waits'`],
    /the order \S+ of waits was acknowledged and is lost/,
  ],
  [
    "an order that nobody asked for",
    [
      `insert into orders.orders
       select (jsonb_populate_record(o, jsonb_build_object('id', ${nobody}, 'number', 'T-2',
         'state', 'closed'))).* from orders.orders o
       where tenant_id = :tenant and member_id = 'waits'`,
    ],
    /nobody asked for the order T-2/,
  ],
  [
    "a key that was answered with another order",
    [
      `update kernel.idempotency_keys set body = replace(body, ${order("waits")}::text, ${nobody})
       where tenant_id = :tenant and key like '% waits-place'`,
    ],
    /the key waits-place was answered with the order \S+; kept under it is 0199f000/,
  ],
  [
    "an order with other lines than were asked for",
    [
      `update orders.orders set lines = replace(lines::text, '"n":1', '"n":2')::json
       where tenant_id = :tenant and member_id = 'waits'`,
    ],
    /was acknowledged to waits as \S+ 1, and is of waits: \S+ 2/,
  ],
  [
    "an acknowledged cancel that did not happen",
    [
      `update orders.orders set state = 'pending_payment'
       where tenant_id = :tenant and member_id = 'cancels'`,
      `delete from orders.history where tenant_id = :tenant and order_id = ${order("cancels")}`,
    ],
    /the order \S+ was acknowledged as closed, and its history knows nothing of it/,
  ],
  [
    "a lost refund",
    [`delete from orders.refunds where tenant_id = :tenant and order_id = ${order("gives-back")}`],
    /the refund \S+ of \d+ was acknowledged and is lost/,
  ],
  [
    "a lost way to pay",
    [`delete from payments.attempts where tenant_id = :tenant and id = ${paidAttempt}`],
    /the attempt \S+ was acknowledged for the order \S+ and is lost/,
  ],
  [
    "a double transfer of money",
    transfer({
      ...{ bundle: nobody, phase: "posted", from: channel, to: ownCode, amount: 1_999 },
      reference: order("pays"),
    }),
    /the attempt \S+ is paid over 1999, booked are 3998 in 2 transfers/,
  ],
  [
    "a double transfer of units",
    transfer({
      ...{ bundle: order("pays"), leg: 9, phase: "posted", from: onHand, to: sold, amount: 1 },
      reference: order("pays"),
    }),
    /the order \S+ is paid and has bought 2 of the SKU \S+, not 1/,
  ],
  [
    "one cent too much",
    [
      `update ledger.balances set posted = posted + 1
       where tenant_id = :tenant and account_id = ${ownCode}`,
    ],
    /the account captured\.\S+ holds 2000 \(0 held, 0 to come\), its transfers add up to 1999/,
  ],
  [
    "one cent too much on both sides",
    transfer({
      ...{ bundle: nobody, phase: "posted", from: channel, to: ownCode, amount: 1 },
      reference: nobody,
    }),
    /moves or holds 1 of CNY for nobody/,
  ],
  [
    "a leg of somebody else",
    [
      `update ledger.transfers set reference = ${nobody}
       where tenant_id = :tenant and bundle_id = ${order("pays")} and leg > 1`,
    ],
    /the bundle \S+ is of 2 references/,
  ],
  [
    "one cent too much given back",
    [
      `update payments.refunds set amount = amount + 1
       where tenant_id = :tenant and reference = ${order("gives-back")}`,
    ],
    /of the attempt \S+ over \d+, 2000 went back and 0 is going; the ledger has \d+, 0 held/,
  ],
  [
    "a skipped event",
    [
      `update orders.orders set state = 'paying', paid_at = null
       where tenant_id = :tenant and member_id = 'pays'`,
      `delete from orders.history
       where tenant_id = :tenant and order_id = ${order("pays")} and to_state = 'paid'`,
    ],
    /the event \d+ \(payment_paid\) was skipped: the order \S+ is paying/,
  ],
  [
    "an event that is not there",
    [`delete from kernel.events where ${eventOf("payment_paid", "pays")}`],
    /the event \d+ is missing[^]*the order \S+ was paid by an event that is not there/,
  ],
  [
    "a subscription that stands still",
    [
      `update kernel.cursors set seq = 1 where tenant_id = :tenant`,
      `update kernel.events set at = at - interval '1 hour' where tenant_id = :tenant`,
    ],
    /orders\.payments has heard up to 1 of \d+ events, and the next waits since/,
  ],
  [
    "an event applied twice",
    [
      `update orders.orders set refunded = refunded + 500
       where tenant_id = :tenant and member_id = 'gives-back'`,
      `insert into orders.history
       select tenant_id, order_id, step + 1, at, to_state, to_state, made_by, reason
       from orders.history h where tenant_id = :tenant and order_id = ${order("gives-back")}
       order by step desc limit 1`,
    ],
    /has written down 2 refunds that came back, it had 1: an event twice/,
  ],
  [
    "an event told twice",
    appendEvent("payment_paid", "pays"),
    /the payment of the order \S+ has ended and payment_paid was told 2 times/,
  ],
  [
    "a move told twice",
    appendEvent("order_paid", "pays"),
    /the events of the order \S+ say placed paying paid paid, it went placed paying paid/,
  ],
  [
    "an orphaned hold",
    transfer({
      ...{ bundle: nobody, phase: "pending", from: onHand, to: sold, amount: 1 },
      reference: order("cancels"),
    }),
    /the order \S+ is closed, and 1 of the SKU \S+ are held for it still: an orphan/,
  ],
  [
    "a hold of nobody",
    transfer({
      ...{ bundle: nobody, phase: "pending", from: onHand, to: sold, amount: 1 },
      reference: nobody,
    }),
    /the bundle \S+ \(planted\) moves or holds 1 of stock:\S+ for nobody/,
  ],
  [
    "one unit oversold",
    [
      ...dropGuard,
      `update orders.orders set lines = replace(lines::text, '"n":1', '"n":101')::json,
         total = total * 101 where tenant_id = :tenant and member_id = 'waits'`,
    ],
    /the SKU \S+ is oversold by \d+: buyers have \d+, 100 were put in/,
  ],
  [
    "a guarded balance below zero",
    [
      ...dropGuard,
      ...transfer({
        ...{ bundle: nobody, phase: "posted", from: onHand, to: sold, amount: 200 },
        reference: nobody,
      }),
    ],
    /the account stock\.on_hand\.\S+ is \d+ below zero/,
  ],
  [
    "a unit that was put in and is not there",
    [`update catalog.stock_movements set quantity = quantity + 1 where tenant_id = :tenant`],
    /movements say 101 in/,
  ],
  [
    "a hold ended twice",
    [
      `insert into ledger.transfers
       select (jsonb_populate_record(t, jsonb_build_object('leg', 9))).* from ledger.transfers t
       where tenant_id = :tenant and phase = 'release' and reference = ${order("cancels")}`,
    ],
    /has held 1 in leg 1 and ended 2/,
  ],
  [
    "a step of a history that is not there",
    [
      `delete from orders.history
       where tenant_id = :tenant and order_id = ${order("pays")} and step = 1`,
    ],
    /goes from step 0 \(pending_payment\) to step 2/,
  ],
  [
    "a notice of a channel's account that is not there",
    [
      `insert into payments.notices
         (tenant_id, id, account_id, received_at, headers, body, verdict, deliveries)
       values (:tenant, ${nobody}, ${nobody}, now(), '{}', '', 'forged', 1)`,
    ],
    /the notice \S+ is of the account 0199f000-\S+, which does not exist/,
  ],
  [
    "a history of an order that is not there",
    [
      `update orders.history set order_id = '0199f000-0000-7000-8000-0000000000ff'
       where tenant_id = :tenant and order_id = ${order("pays")}`,
    ],
    /there is a history of the order 0199f000-\S+, which does not exist/,
  ],
  [
    "one order over the limit of a sale",
    [
      `update orders.orders set member_id = 'buys-too'
       where tenant_id = :tenant and member_id = 'buys-in-sale'`,
    ],
    /buys-too has 2 units in the sale Anniversary, its limit is 1/,
  ],
  [
    "an order outside of the hours of its sale",
    [
      `update orders.orders set placed_at = placed_at + interval '1 day'
       where tenant_id = :tenant and member_id = 'buys-too'`,
    ],
    /the order \S+ was placed at \S+ \S+ for 999, not in a sale at that price/,
  ],
  [
    "one unit of a sale oversold",
    [
      ...dropGuard,
      ...transfer({
        ...{ bundle: order("buys-too"), leg: 9, phase: "posted", from: allotment, to: sold },
        ...{ amount: 9, reference: order("buys-too") },
      }),
    ],
    /the sale Anniversary is oversold: 11 of the SKU \S+ are with buyers, 10 set aside/,
  ],
  [
    "units of a sale that went away",
    transfer({
      ...{ bundle: nobody, phase: "posted", from: allotment, to: onHand, amount: 2 },
      reference: "(select id from sales.sales where tenant_id = :tenant)",
    }),
    /of 10 units of the SKU \S+ in the sale Anniversary, 7 are left and 1 sold/,
  ],
  [
    "units left in a sale that is over",
    [`update sales.sales set state = 'ended', ended_at = now() where tenant_id = :tenant`],
    /8 units are left in the sale Anniversary, which is over/,
  ],
  [
    "a payment that is paid by nothing",
    [
      `update payments.attempts set surplus = true
       where tenant_id = :tenant and id = ${paidAttempt}`,
    ],
    /attempts that paid it: 0[^]*came twice, and no refund of it was ever asked for/,
  ],
  [
    "an order paid with another amount",
    [`update orders.orders set total = 1 where tenant_id = :tenant and member_id = 'pays'`],
    /the order \S+ over 1 is paid, its payment over 1999 is paid/,
  ],
];

test("finds nothing after a play in which all is well, in a transaction of its own", async () => {
  const { tenantId, chapters } = played();
  const told = toldIn(chapters);
  const findings = await auditNow({ databaseUrl: url, tenantId }, told, { graceMs });
  expect(findings.flatMap(({ contradictions }) => contradictions)).toEqual([]);
  expect(isSound(findings)).toBe(true);
  expect(told.orders.length).toBeGreaterThan(5);
  expect(wordFindings(findings).join("\n")).toContain(
    `${told.orders.length} acknowledged orders are there exactly once`,
  );
});

/** Sentences that were contradicted at least once, without their numbers. */
const contradicted = new Set<string>();

function withoutNumber({ sentence }: Finding): string {
  return sentence.replace(/^\d+ /, "");
}

function noteContradicted(findings: readonly Finding[]): void {
  for (const finding of findings) {
    if (finding.contradictions.length > 0) contradicted.add(withoutNumber(finding));
  }
}

test.each(plants)("names %s", async (_name, plant, words) => {
  const findings = await auditWith(plant);
  noteContradicted(findings);
  expect(findings.flatMap(({ contradictions }) => contradictions).join("\n")).toMatch(words);
});

test("names what is unfinished past its deadline, and not before", async () => {
  const { now } = played();
  const tooLate = { now: now + 61 * 60_000 + graceMs, told: nothingTold };
  const findings = await auditWith([], tooLate);
  noteContradicted(findings);
  const words = findings.flatMap(({ contradictions }) => contradictions);
  expect(words).toContainEqual(
    expect.stringMatching(/the order \S+ is pending_payment, and should have been closed at/),
  );
  expect(words).toContainEqual(
    expect.stringMatching(/the sale Anniversary is open, and should have been ended at/),
  );
  expect(words).toContainEqual(
    expect.stringMatching(/the attempt \S+ is awaiting, and should have been asked about at/),
  );
});

test("judges every sentence on a tenant that has nothing", async () => {
  const tenantId = "0199f000-0000-7000-8000-00000000000f";
  const findings = await auditNow({ databaseUrl: url, tenantId }, nothingTold);
  expect(findings.filter(({ sentence }) => !sentence.startsWith("0 "))).toEqual([]);
  expect(isSound(findings)).toBe(true);
});

test("no sentence is there that cannot be contradicted", async () => {
  const { tenantId } = played();
  const findings = await auditNow({ databaseUrl: url, tenantId }, nothingTold);
  expect(findings.map(withoutNumber).filter((sentence) => !contradicted.has(sentence))).toEqual([]);
});
