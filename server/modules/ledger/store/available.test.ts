import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { explain } from "../../../kernel/testing/plans.ts";
import { createManualClock } from "../../../kernel/time.ts";
import { accountIdOf, createLedger } from "../index.ts";
import { prefixesWithAvailable } from "./reads.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const database = createDatabase({ url, clock });
const ids = createIds({ clock });
const ledger = createLedger({ database, clock });
const [tenantId, other] = [ids.next<"Tenant">(), ids.next<"Tenant">()];
const client = await database.poolFor(tenantId).connect();
afterAll(async () => {
  client.release();
  await database.close();
});

const accountsEach = 1_000;
/** As many accounts below each: of the first all have some, of the third one alone, the last. */
const [full, empty, last, held] = ["hall.1.", "hall.2.", "hall.3.", "hall.4."];

async function openAccounts(tenant: string, prefix: string, posted: number): Promise<void> {
  const codes = Array.from({ length: accountsEach }, (_, at) => codeOf(prefix, at));
  const made = codes.map(accountIdOf);
  await client.query(
    `insert into ledger.accounts (tenant_id, id, code, asset, guarded, indexed, opened_at)
     select $1, a.id, a.code, 'seat', true, false, $4
     from unnest($2::uuid[], $3::text[]) as a (id, code)`,
    [tenant, made, codes, new Date(clock.now())],
  );
  await client.query(
    `insert into ledger.balances
       (tenant_id, account_id, guarded, posted, pending_debits, pending_credits)
     select $1, id, true, $3, 0, 0 from unnest($2::uuid[]) as id`,
    [tenant, made, posted],
  );
}

const codeOf = (prefix: string, at: number) => `${prefix}${String(at).padStart(4, "0")}`;

const setBalances = (codes: string, posted: number, pendingDebits: number) =>
  client.query(
    `update ledger.balances b set posted = $3, pending_debits = $4
     from ledger.accounts a
     where a.tenant_id = $1 and a.code like $2 and b.tenant_id = $1 and b.account_id = a.id`,
    [tenantId, codes, posted, pendingDebits],
  );

beforeAll(async () => {
  await openAccounts(tenantId, full, 5);
  for (const prefix of [empty, last, held]) await openAccounts(tenantId, prefix, 0);
  for (let n = 10; n < 30; n += 1) await openAccounts(tenantId, `hall.${n}.`, 5);
  await openAccounts(other, empty, 5);
  await setBalances(codeOf(last, accountsEach - 1), 1, 0);
  await setBalances(`${held}%`, 2, 2);
});

test("told are the prefixes below which something may be taken out", async () => {
  const found = await ledger.prefixesWithAvailable(tenantId, [full, empty, last, held, "hall.9."]);
  expect(found).toEqual(new Set([full, last]));
  expect(await ledger.prefixesWithAvailable(other, [full, empty])).toEqual(new Set([empty]));
  expect(await ledger.prefixesWithAvailable(tenantId, [])).toEqual(new Set());
});

const explainFor = (prefix: string) =>
  explain(
    client,
    `execute available('${tenantId}', array['${prefix}'], array['${prefix}\u{10ffff}'])`,
  );

/** Three levels of the index and the row, of an account and of its balance. */
const blocksOfAccountMax = 8;

describe("the plan of a pooled connection", () => {
  test.each([
    ["on tables that nobody has analysed", "select 1", "auto"],
    ["for whatever it is asked", "select 1", "force_generic_plan"],
    ["on analysed tables", "analyze", "auto"],
    ["on analysed tables, for whatever it is asked", "select 1", "force_generic_plan"],
  ])("made %s stops at the first that has some", async (_when, prepare, mode) => {
    await client.query(prepare);
    await client.query(`set plan_cache_mode = ${mode}`);
    await client.query("deallocate all");
    await client.query(`prepare available as ${prefixesWithAvailable.text}`);
    const indexes = ["accounts_tenant_id_code_key", "balances_pkey"];
    const first = await explainFor(full);
    expect(first.indexes).toEqual(indexes);
    expect(first.blocks).toBeLessThanOrEqual(blocksOfAccountMax);
    const all = await explainFor(empty);
    expect(all.indexes).toEqual(indexes);
    expect(all.blocks).toBeLessThanOrEqual(blocksOfAccountMax * accountsEach);
  });
});
