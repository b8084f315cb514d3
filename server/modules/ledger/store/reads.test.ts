/** Statements among so many movements that no page may read them all. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { rawConnection } from "../../../kernel/testing/connections.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import type { Plan } from "../../../kernel/testing/plans.ts";
import { explain } from "../../../kernel/testing/plans.ts";
import { withSeed } from "../../../kernel/testing/random.ts";
import { createManualClock, hourMs, systemClock } from "../../../kernel/time.ts";
import type { AccountSpec } from "../index.ts";
import { accountIdOf, createLedger, openAccounts } from "../index.ts";
import type { Ledger, StatementBounds, StatementCursor, StatementEntry } from "../operations.ts";

const { url } = await testDatabase();
const startedAt = Date.UTC(2026, 0, 31);
const clock = createManualClock(startedAt);
const database = createDatabase({ url, clock });
const ids = createIds({ clock: systemClock });
const raw = await rawConnection(url);
afterAll(async () => {
  await raw.end();
  await database.close();
});

/** Most movements have `hot`; one of 33 `medium`; one of 4,000 `rare`, and none lately. */
const hot: AccountSpec = { code: "hot", asset: "piece", guarded: false, indexed: false };
const sold: AccountSpec = { ...hot, code: "sold" };
const medium: AccountSpec = { ...hot, code: "medium" };
const rare: AccountSpec = { ...hot, code: "rare" };
const source: AccountSpec = { code: "source", asset: "CNY", guarded: false, indexed: true };
const wallet: AccountSpec = { ...source, code: "wallet" };
const specs = [hot, sold, medium, rare, source, wallet];

const rowsOfTenant = 50_000;
/** With an index: the two accounts have all of theirs with each other. */
const entriesOfWallet = rowsOfTenant / 4;
/** Of every eight movements seven share a millisecond with others. */
const lengthMs = rowsOfTenant / 4;
const tenants = [ids.next(), ids.next(), ids.next()] as const;
/** Has a movement now and then, among all of theirs. */
const quietTenant = ids.next();
const rowsOfQuietTenant = 50;

beforeAll(async () => {
  for (const tenantId of [...tenants, quietTenant]) {
    await database.transaction(tenantId, async (tx) => openAccounts(tx, specs));
  }
  const idOf = ({ code }: AccountSpec) => `'${accountIdOf(code)}'::uuid`;
  // With it off, vacuum cannot mark fresh pages as visible to all: indexes alone would not do.
  await raw.query("set synchronous_commit = on");
  // In turns in one table, with some that came late: the table is only nearly in order of time.
  await raw.query(
    `insert into ledger.transfers
       (tenant_id, bundle_id, leg, phase, debit_account_id, credit_account_id, amount, reason,
        reference, indexed, at)
     select tenant, md5(tenant || '.' || i / 3)::uuid, 1 + i % 3,
       case when h % 3 = 0 then 'pending' else 'posted' end,
       case when i % 8 = 0 then ${idOf(source)} when i % 4 = 0 then ${idOf(wallet)}
            when i % 25 = 0 then ${idOf(medium)}
            when i % 4000 = 1 and i < ${rowsOfTenant * 0.8} then ${idOf(rare)}
            when i % 5 = 0 then ${idOf(sold)} else ${idOf(hot)} end,
       case when i % 8 = 0 then ${idOf(wallet)} when i % 4 = 0 then ${idOf(source)}
            when i % 5 = 0 then ${idOf(hot)}
            else ${idOf(sold)} end,
       1 + (h & 15), 'order', md5(tenant || '.' || i / 6 * 2)::uuid, i % 4 = 0,
       to_timestamp(($2::bigint + i / 8 * 2) / 1000.0)
     from generate_series(1, $3::integer) as i cross join unnest($1::uuid[]) as tenant,
       lateral (select abs(hashint8(i)) as h) as drawn
     order by i + case when h % 100 = 0 then 500 else 0 end`,
    [tenants, startedAt, rowsOfTenant],
  );
  await raw.query(
    `insert into ledger.transfers
       (tenant_id, bundle_id, leg, phase, debit_account_id, credit_account_id, amount, reason,
        reference, indexed, at)
     select $1::uuid, md5($1::uuid::text || i)::uuid, 1, 'posted', ${idOf(hot)}, ${idOf(sold)}, 1, 'order',
       md5($1::uuid::text || i)::uuid, false, to_timestamp(($2::bigint + i * $3::integer) / 1000.0)
     from generate_series(1, $4::integer) as i`,
    [quietTenant, startedAt, lengthMs / rowsOfQuietTenant, rowsOfQuietTenant],
  );
  await raw.query(
    `update ledger.balances b set posted = n.posted
     from (
       select tenant_id, account_id, sum(amount)::bigint as posted
       from (select tenant_id, debit_account_id as account_id, -amount as amount, phase
             from ledger.transfers
             union all
             select tenant_id, credit_account_id, amount, phase from ledger.transfers) s
       where phase = 'posted' group by tenant_id, account_id
     ) n
     where b.tenant_id = n.tenant_id and b.account_id = n.account_id`,
  );
  await raw.query("vacuum (analyze) ledger.transfers");
  clock.advance(lengthMs + hourMs);
}, 120_000);

interface Line {
  readonly key: string;
  readonly at: number;
  readonly phase: string;
  readonly amount: bigint;
  readonly balance: bigint | undefined;
}

/** Compared as texts: thousands of objects take seconds. */
const textOf = ({ key, at, phase, amount, balance }: Line) =>
  [key, at, phase, amount, balance].join(" ");
const textWithoutBalance = (line: Line) => textOf({ ...line, balance: undefined });

/** The whole statement, added up from the first movement on. */
async function linesOf(tenantId: string, account: AccountSpec): Promise<Line[]> {
  const { rows } = await raw.query<{ key: string; at: string; phase: string; amount: string }>(
    `select bundle_id || '.' || leg as key, floor(extract(epoch from at) * 1000) as at, phase,
       case when credit_account_id = $2 then amount else -amount end as amount
     from ledger.transfers
     where tenant_id = $1 and $2 in (debit_account_id, credit_account_id)
     order by transfers.at, bundle_id, leg`,
    [tenantId, accountIdOf(account.code)],
  );
  let balance = 0n;
  const lines = rows.map(({ key, at, phase, amount }) => {
    if (phase === "posted") balance += BigInt(amount);
    return { key, at: Number(at), phase, amount: BigInt(amount), balance };
  });
  return lines.toReversed();
}

interface Asked {
  readonly bounds: StatementBounds;
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
}

/** Page by page, and how many pages there were. */
async function walk(
  tenantId: string,
  account: AccountSpec,
  { bounds, from = startedAt, to, limit }: Asked,
): Promise<{ lines: Line[]; pages: number }> {
  const { readStatement } = createLedger({ database, clock, bounds });
  const accountId = accountIdOf(account.code);
  const entries: StatementEntry[] = [];
  let cursor: StatementCursor | undefined;
  let pages = 0;
  do {
    const page = await readStatement(tenantId, { accountId, from, to, cursor, limit });
    if (isRefusal(page)) throw new Error(`refused: ${page.code}`);
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    entries.push(...page.entries);
    cursor = page.next;
    pages += 1;
  } while (cursor !== undefined);
  const lines = entries.map(({ position, phase, amount, balance }) => ({
    key: `${position.bundleId}.${position.leg}`,
    at: position.at,
    phase,
    amount,
    balance,
  }));
  return { lines, pages };
}

/** So small that a statement is many stretches, and so large that it is a few. */
const small: StatementBounds = { stretchRows: 3_000, entriesSinceMax: 300 };
const large: StatementBounds = { stretchRows: 12_000, entriesSinceMax: 2_000 };

describe("page by page, a statement is the whole one", () => {
  const cases = [
    { account: hot, limit: 1_500 },
    { account: medium, limit: 30 },
    { account: medium, limit: 100 },
    { account: rare, limit: 1 },
    { account: rare, limit: 100 },
    { account: wallet, limit: 300 },
  ];
  // Three tenants share the table, so that a stretch ends by its pages after two thirds of its
  // rows; by marks alone it ends somewhat sooner or later.
  const stretchesMax = Math.ceil((1.5 * rowsOfTenant) / small.stretchRows) + 3;
  test.each(cases)("of $account.code, $limit a page", async ({ account, limit }) => {
    for (const tenantId of tenants) {
      const whole = await linesOf(tenantId, account);
      expect(whole.length).toBeGreaterThan(5);
      const { lines, pages } = await walk(tenantId, account, { bounds: small, limit });
      expect(lines.map(textOf)).toEqual(whole.map(textOf));
      // Pages that are cut short are few: one for each stretch.
      expect(pages).toBeLessThanOrEqual(Math.ceil(whole.length / limit) + stretchesMax);
    }
  });

  test.each([
    ["small", small],
    ["large", large],
  ] as const)("between any two times too, with the balance of lately, %s bounds", (_, bounds) =>
    withSeed(async (random) => {
      const { stretchRows, entriesSinceMax } = bounds;
      for (let round = 0; round < 6; round += 1) {
        const tenantId = required(tenants[random.below(tenants.length)], "a tenant");
        const account = required(specs[random.below(specs.length)], "an account");
        const from = startedAt + random.below(lengthMs * 0.8);
        const end = startedAt + lengthMs;
        const isLate = random.chance(0.5);
        const to = isLate ? end - random.below(lengthMs / 10) : from + 1 + random.below(end - from);
        const limit = 200 + random.below(800);
        const inside = (await linesOf(tenantId, account)).filter(({ at }) => at >= from && at < to);
        const { lines } = await walk(tenantId, account, { bounds, from, to, limit });
        const since = (end - to) / lengthMs;
        const isNear = account.indexed
          ? since * entriesOfWallet < 0.8 * entriesSinceMax
          : since * rowsOfTenant < 0.4 * stretchRows;
        const isFar = account.indexed
          ? since * entriesOfWallet > 1.3 * entriesSinceMax
          : since * rowsOfTenant > 2 * stretchRows;
        expect(lines.map(textWithoutBalance)).toEqual(inside.map(textWithoutBalance));
        if (isNear) expect(lines.map(textOf)).toEqual(inside.map(textOf));
        if (isFar) expect(lines.every(({ balance }) => balance === undefined)).toBe(true);
      }
    }),
  );
});

test("with an index the balance is told behind so many entries since, and not behind one more", async () => {
  const [tenantId] = tenants;
  const to = startedAt + lengthMs / 2;
  const since = (await linesOf(tenantId, wallet)).filter(({ at }) => at >= to).length;
  for (const [entriesSinceMax, isTold] of [
    [since, true],
    [since - 1, false],
  ] as const) {
    const bounds = { ...small, entriesSinceMax };
    const { lines } = await walk(tenantId, wallet, { bounds, from: to - 10, to, limit: 300 });
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every(({ balance }) => (balance !== undefined) === isTold)).toBe(true);
  }
});

describe("a page reads a small part of the table", () => {
  /** What the statements of a question read, by the bounds of the platform or by others. */
  async function readBy(
    ask: (ledger: Ledger) => Promise<unknown>,
    bounds?: StatementBounds,
  ): Promise<Pick<Plan, "blocks" | "rows" | "entries">> {
    const asked: { text: string; values: readonly unknown[] }[] = [];
    const ledger = createLedger({
      clock,
      ...(bounds === undefined ? {} : { bounds }),
      database: {
        ...database,
        read(tenantId, statement, values) {
          asked.push({ text: statement.text, values });
          return database.read(tenantId, statement, values);
        },
      },
    });
    await ask(ledger);
    const read = { blocks: 0, rows: 0, entries: 0 };
    for (const { text, values } of asked) {
      const plan = await explain(database.poolFor(tenants[0]), text, values);
      expect(plan.indexes).not.toContain("transfers");
      read.blocks += plan.blocks;
      read.rows += plan.rows;
      read.entries += plan.entries;
    }
    return read;
  }

  function readFor(account: AccountSpec, { to, bounds }: { to: number; bounds?: StatementBounds }) {
    const accountId = accountIdOf(account.code);
    const question = { accountId, from: startedAt, to, cursor: undefined, limit: 50 };
    return readBy(({ readStatement }) => readStatement(tenants[0], question), bounds);
  }

  test("also of an account that moves rarely", async () => {
    const { rows: sizes } = await raw.query<{ pages: number }>(
      "select relpages as pages from pg_class where oid = 'ledger.transfers'::regclass",
    );
    const tablePages = required(sizes[0], "the table").pages;
    expect(tablePages).toBeGreaterThan(2_800);
    // The marks, the stretch of the page and that of the sum behind it, and whole ranges of 64
    // pages around their ends: three tenants share the table.
    const halfway = { to: startedAt + lengthMs / 2 };
    const page = await readFor(hot, halfway);
    expect(page.blocks).toBeLessThan(tablePages / 5);
    // Where the stretch begins is read off the marks' index.
    expect(page.entries).toBeGreaterThan(0);
    const late = { to: startedAt + lengthMs };
    expect((await readFor(rare, late)).blocks).toBeLessThan(tablePages / 3);
  });

  test("also of a tenant that has few movements, beside others that have many", async () => {
    const accountId = accountIdOf(hot.code);
    const [from, to] = [startedAt, startedAt + lengthMs];
    const question = { accountId, from, to, cursor: undefined, limit: 50 };
    const statement = await readBy((ledger) => ledger.readStatement(quietTenant, question));
    // His movements and the accounts of each.
    expect(statement.rows).toBeGreaterThan(rowsOfQuietTenant - 1);
    expect(statement.blocks).toBeLessThan(12 * rowsOfQuietTenant);
    const asked = { accountId, at: startedAt };
    const balance = await readBy((ledger) => ledger.readBalance(quietTenant, asked));
    expect(balance.blocks).toBeLessThan(4 * rowsOfQuietTenant);
  });

  test("and of a busy account with an index none to know that they are too many", async () => {
    const bounds = { ...small, entriesSinceMax: 1_000 };
    const halfway = startedAt + lengthMs / 2;
    const { rows, entries } = await readFor(wallet, { to: halfway, bounds });
    // A page from either side and the accounts of its entries.
    expect(rows).toBeGreaterThan(50);
    expect(rows).toBeLessThan(8 * 51);
    expect(entries).toBe(bounds.entriesSinceMax + 1);
  });

  test("all that was moved for one business row is found by its bundles, page by page", async () => {
    const [tenantId] = tenants;
    const { rows } = await raw.query<{ reference: string; keys: string[] }>(
      `select reference, array_agg(bundle_id || '.' || leg order by at, bundle_id, leg) as keys
       from ledger.transfers where tenant_id = $1
       group by reference having count(*) = 6 order by reference limit 1`,
      [tenantId],
    );
    const { reference, keys } = required(rows[0], "a business row");
    // Two bundles of three, one of which has the id of the row.
    expect(new Set(keys.map((key) => key.split(".")[0] === reference)).size).toBe(2);
    const { listTransfers } = createLedger({ database, clock });
    const first = await listTransfers(tenantId, { reference, after: undefined, limit: 4 });
    const after = first.at(-1)?.position;
    const rest = await listTransfers(tenantId, { reference, after, limit: 4 });
    const found = [...first, ...rest].map(({ position }) => position);
    expect(found.map(({ bundleId, leg }) => `${bundleId}.${leg}`)).toEqual(keys);
    const wanted = { reference, after: undefined, limit: 50 };
    const { blocks } = await readBy((ledger) => ledger.listTransfers(tenantId, wanted));
    // Measured: 36, most of them the two accounts of each transfer.
    expect(blocks).toBeLessThan(60);
  });
});
