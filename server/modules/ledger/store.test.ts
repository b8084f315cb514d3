import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { required } from "../../kernel/assert.ts";
import { createCommitters } from "../../kernel/batch.ts";
import { createDatabase, sqlState } from "../../kernel/database.ts";
import { createIds } from "../../kernel/ids.ts";
import type { Operation } from "../../kernel/operation.ts";
import { isRefusal } from "../../kernel/refusal.ts";
import type { Refusal } from "../../kernel/refusal.ts";
import { holdLock, rawConnection, untilBlocked } from "../../kernel/testing/connections.ts";
import { testDatabase } from "../../kernel/testing/database.ts";
import { withSeed } from "../../kernel/testing/random.ts";
import { createManualClock, dayMs, hourMs, minuteMs, systemClock } from "../../kernel/time.ts";
import type { AccountId, AccountSpec, LedgerWorld } from "./index.ts";
import type { StatementCursor, StatementEntry, StatementPage } from "./operations.ts";
import {
  accountIdOf,
  available,
  createLedger,
  hold,
  loadLedger,
  move,
  openAccount,
  openAccounts,
  openLegs,
  post,
  release,
  saveLedger,
} from "./index.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 0, 31, 12));
const database = createDatabase({ url, clock, poolMax: 12 });
const ledger = createLedger({ database, clock });
const ids = createIds({ clock: systemClock });
const raw = await rawConnection(url);
afterAll(async () => {
  await raw.end();
  await database.close();
});

const source: AccountSpec = { code: "source", asset: "CNY", guarded: false, indexed: true };
const wallet: AccountSpec = { code: "wallet", asset: "CNY", guarded: true, indexed: true };
const onShelf: AccountSpec = { code: "shelf", asset: "piece", guarded: true, indexed: false };
const supply: AccountSpec = { code: "supply", asset: "piece", guarded: false, indexed: false };

/** A new tenant with accounts. */
async function tenantWith(...specs: AccountSpec[]): Promise<string> {
  const tenantId = ids.next();
  await database.transaction(tenantId, async (tx) => openAccounts(tx, specs));
  return tenantId;
}

/** One transaction: loads, lets `decide` act, saves. */
function act<Result>(
  tenantId: string,
  wanted: { accounts: AccountSpec[]; bundles?: string[] },
  decide: (world: LedgerWorld) => Result,
): Promise<Result> {
  return database.transaction(tenantId, async (tx) => {
    const accounts = wanted.accounts.map(({ code }) => accountIdOf(code));
    const world = await loadLedger(tx, { accounts, bundles: wanted.bundles ?? [] });
    const result = decide(world);
    saveLedger(tx, world);
    return result;
  });
}

/** Moves an amount at once and gives the id of the bundle. */
async function pay(
  tenantId: string,
  from: AccountSpec,
  to: AccountSpec,
  amount: bigint,
  reference: string = ids.next(),
): Promise<string> {
  const id = ids.next();
  await act(tenantId, { accounts: [from, to] }, (world) =>
    move(world, { id, legs: [legOf(from, to, amount)], reference, reason: "payment" }),
  );
  return id;
}

function legOf(from: AccountSpec, to: AccountSpec, amount: bigint) {
  return { debit: accountIdOf(from.code), credit: accountIdOf(to.code), amount };
}

function unrefused<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`refused: ${value.code}`);
  return value;
}

async function postedOf(tenantId: string, spec: AccountSpec): Promise<bigint> {
  const account = unrefused(await ledger.readAccount(tenantId, accountIdOf(spec.code)));
  return account.balance.posted;
}

describe("what a transaction writes, the next one loads", () => {
  test("a hold is posted in part by one and released for the rest by another [LED-08]", async () => {
    const tenantId = await tenantWith(supply, onShelf);
    await pay(tenantId, supply, onShelf, 10n);
    const order = ids.next();
    const accounts = [supply, onShelf];
    const wanted = { accounts, bundles: [order] };
    await act(tenantId, { accounts }, (world) => {
      const legs = [legOf(onShelf, supply, 6n)];
      hold(world, { id: order, legs, reference: order, reason: "order placed" });
    });
    await act(tenantId, wanted, (world) => {
      expect(available(world, accountIdOf("shelf"))).toBe(4n);
      expect(post(world, { bundleId: order, reason: "paid" }, new Map([[1, 2n]]))).toBe(true);
    });
    await act(tenantId, wanted, (world) => {
      expect(openLegs(world, order)).toMatchObject([{ leg: 1, remaining: 4n }]);
      expect(release(world, { bundleId: order, reason: "closed" })).toBe(true);
    });
    await act(tenantId, wanted, (world) => {
      expect(openLegs(world, order)).toEqual([]);
      expect(available(world, accountIdOf("shelf"))).toBe(8n);
    });
    expect((await ledger.audit(tenantId)).sound).toBe(true);
  });

  test("the table itself keeps a guarded account above zero [LED-04]", async () => {
    const tenantId = await tenantWith(source, wallet);
    const drain = database
      .poolFor(tenantId)
      .query("update ledger.balances set posted = -1 where tenant_id = $1 and account_id = $2", [
        tenantId,
        accountIdOf("wallet"),
      ]);
    await expect(drain).rejects.toThrow("guarded_balance_not_negative");
  });

  test("a bundle cannot be written by two transactions", async () => {
    const tenantId = await tenantWith(source, wallet);
    const bundleId = await pay(tenantId, source, wallet, 5n);
    const again = act(tenantId, { accounts: [source, wallet] }, (world) =>
      move(world, {
        id: bundleId,
        legs: [legOf(source, wallet, 5n)],
        reference: bundleId,
        reason: "again",
      }),
    );
    await expect(again).rejects.toSatisfy((error) => sqlState(error) === "23505");
    expect(await postedOf(tenantId, wallet)).toBe(5n);
  });
});

describe("under contention", () => {
  test("transactions over shared accounts in random order neither deadlock nor lose a unit [LED-10] [KRN-27]", () =>
    withSeed(async (random) => {
      const specs = Array.from({ length: 8 }, (_, index) => ({
        ...wallet,
        code: `wallet.${index}`,
      }));
      const tenantId = await tenantWith(source, ...specs);
      for (const spec of specs) await pay(tenantId, source, spec, 1_000n);
      const workers = 8;
      const rounds = 50;
      // Everything random is drawn beforehand: the order of the answers differs from run to run.
      const plans = Array.from({ length: workers * rounds }, () => {
        const chosen = random.shuffle(specs).slice(0, 2 + random.below(4));
        const [payer, ...payees] = chosen;
        return { payer: required(payer, "a payer"), payees, amount: BigInt(1 + random.below(5)) };
      });
      await Promise.all(
        Array.from({ length: workers }, async (_, worker) => {
          for (const { payer, payees, amount } of plans.slice(
            worker * rounds,
            (worker + 1) * rounds,
          )) {
            await act(tenantId, { accounts: [...payees, payer] }, (world) =>
              move(world, {
                id: ids.next(),
                legs: payees.map((payee) => legOf(payer, payee, amount)),
                reference: ids.next(),
                reason: "shared",
              }),
            );
          }
        }),
      );
      const expected = new Map(specs.map(({ code }) => [code, 1_000n]));
      const add = (code: string, amount: bigint) =>
        expected.set(code, (expected.get(code) ?? 0n) + amount);
      for (const { payer, payees, amount } of plans) {
        for (const payee of payees) {
          add(payer.code, -amount);
          add(payee.code, amount);
        }
      }
      for (const spec of specs) {
        expect(await postedOf(tenantId, spec)).toBe(expected.get(spec.code));
      }
      expect(await ledger.audit(tenantId)).toMatchObject({ sound: true });
    }));

  test("accounts are locked in the order of their ids, whatever order they are asked for [LED-10]", async () => {
    const specs = Array.from({ length: 6 }, (_, index) => ({
      ...wallet,
      code: `ordered.${index}`,
    }));
    const tenantId = await tenantWith(...specs);
    const sorted = specs.map(({ code }) => accountIdOf(code)).toSorted();
    // With the third account taken, a loader gets the first two and waits.
    const lock = await holdLock(
      url,
      "select 1 from ledger.balances where tenant_id = $1 and account_id = $2 for update",
      [tenantId, sorted[2]],
    );
    const loading = act(tenantId, { accounts: specs.toReversed() }, (world) => world.accounts.size);
    await untilBlocked(raw);
    const { rows } = await lock.client.query<{ account_id: AccountId }>(
      `select account_id from ledger.balances where tenant_id = $1
       order by account_id for update skip locked`,
      [tenantId],
    );
    expect(rows.map((row) => row.account_id)).toEqual(sorted.slice(2));
    await lock.release();
    expect(await loading).toBe(specs.length);
  });

  test("two processes that open one account at the same time open it once", async () => {
    const tenantId = await tenantWith(source);
    const spec = { ...wallet, code: "opened.by.both" };
    const topUp: Operation<bigint, LedgerWorld, undefined> = {
      name: "top_up",
      batchMax: 4,
      load: (tx) =>
        loadLedger(tx, { accounts: [accountIdOf(source.code), accountIdOf(spec.code)] }),
      decide: (world, amount) => {
        openAccount(world, spec);
        const id = ids.next();
        move(world, { id, legs: [legOf(source, spec, amount)], reference: id, reason: "top up" });
        return undefined;
      },
      save: saveLedger,
    };
    const processes = [createDatabase({ url, clock }), createDatabase({ url, clock })];
    const committers = processes.map((each) => createCommitters({ database: each }));
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        required(committers[index % 2], "a process").run(topUp, tenantId, BigInt(index + 1)),
      ),
    );
    expect(await postedOf(tenantId, spec)).toBe(820n);
    expect((await ledger.audit(tenantId)).sound).toBe(true);
    await Promise.all(committers.map((each) => each.stop()));
    await Promise.all(processes.map((each) => each.close()));
  });
});

describe("a statement", () => {
  /** Six payments into the wallet, an hour apart; the last one is taken back by a hold. */
  async function sixPayments(account: AccountSpec, from: AccountSpec): Promise<string> {
    const tenantId = await tenantWith(from, account);
    for (let amount = 1n; amount <= 6n; amount += 1n) {
      await pay(tenantId, from, account, amount);
      clock.advance(hourMs);
    }
    await act(tenantId, { accounts: [from, account] }, (world) => {
      const id = ids.next();
      hold(world, { id, legs: [legOf(account, from, 6n)], reference: id, reason: "frozen" });
    });
    return tenantId;
  }

  async function readAll(tenantId: string, account: AccountSpec, limit: number) {
    const question = {
      accountId: accountIdOf(account.code),
      from: undefined,
      to: undefined,
      limit,
    };
    const entries: StatementEntry[] = [];
    let cursor: StatementCursor | undefined;
    do {
      const page: StatementPage = unrefused(
        await ledger.readStatement(tenantId, { ...question, cursor }),
      );
      expect(page.entries.length).toBeLessThanOrEqual(limit);
      entries.push(...page.entries);
      cursor = page.next;
    } while (cursor !== undefined);
    return entries.map(({ phase, amount, balance }) => [phase, amount, balance]);
  }

  const expected = [
    ["pending", -6n, 21n],
    ["posted", 6n, 21n],
    ["posted", 5n, 15n],
    ["posted", 4n, 10n],
    ["posted", 3n, 6n],
    ["posted", 2n, 3n],
    ["posted", 1n, 1n],
  ];
  const kinds = [
    { kind: "with an index", account: wallet, from: source },
    { kind: "without an index", account: onShelf, from: supply },
  ];

  test.each(kinds)(
    "runs backwards with its balance, on pages of any size, $kind",
    async (given) => {
      const tenantId = await sixPayments(given.account, given.from);
      for (const limit of [1, 2, 3, 7, 50]) {
        expect(await readAll(tenantId, given.account, limit)).toEqual(expected);
      }
    },
  );

  test.each(kinds)("is cut to a stretch of time, $kind", async ({ account, from }) => {
    const startedAt = clock.now();
    const tenantId = await sixPayments(account, from);
    const page = unrefused(
      await ledger.readStatement(tenantId, {
        accountId: accountIdOf(account.code),
        from: startedAt + hourMs,
        to: startedAt + 3 * hourMs,
        cursor: undefined,
        limit: 50,
      }),
    );
    expect(page.entries.map(({ amount, balance }) => [amount, balance])).toEqual([
      [3n, 6n],
      [2n, 3n],
    ]);
  });

  test("without an index covers 31 days at most, and no balance from before them", async () => {
    const tenantId = await sixPayments(onShelf, supply);
    const accountId = accountIdOf(onShelf.code);
    const ask = (from: number, to: number) =>
      ledger.readStatement(tenantId, { accountId, from, to, cursor: undefined, limit: 50 });
    const now = clock.now();
    expect(await ask(now - 32 * dayMs, now)).toMatchObject({
      code: "stretch_too_long",
      facts: { daysMax: 31 },
    });
    clock.advance(60 * dayMs);
    const old = unrefused(await ask(now - dayMs, now + minuteMs));
    expect(old.entries).toHaveLength(7);
    expect(old.entries.every(({ balance }) => balance === undefined)).toBe(true);
    expect(await ledger.readBalance(tenantId, { accountId, at: now })).toMatchObject({
      code: "stretch_too_long",
    });
  });

  test.each(kinds)(
    "agrees with the balance at a past time, holds included, $kind",
    async (given) => {
      const startedAt = clock.now();
      const tenantId = await sixPayments(given.account, given.from);
      const accountId = accountIdOf(given.account.code);
      const at = (ms: number) => ledger.readBalance(tenantId, { accountId, at: ms });
      const none = { pendingDebits: 0n, pendingCredits: 0n };
      expect(await at(startedAt - 1)).toEqual({ posted: 0n, ...none });
      expect(await at(startedAt)).toEqual({ posted: 1n, ...none });
      expect(await at(startedAt + 2 * hourMs + minuteMs)).toEqual({ posted: 6n, ...none });
      expect(await at(clock.now())).toEqual({ posted: 21n, pendingDebits: 6n, pendingCredits: 0n });
    },
  );

  test("of an account of another tenant is not found", async () => {
    const tenantId = await sixPayments(wallet, source);
    const other = await tenantWith(supply);
    const accountId = accountIdOf(wallet.code);
    expect(isRefusal(await ledger.readAccount(tenantId, accountId))).toBe(false);
    expect(await ledger.readAccount(other, accountId)).toMatchObject({ code: "not_found" });
    expect(await ledger.readBalance(other, { accountId, at: 0 })).toMatchObject({
      code: "not_found",
    });
  });
});

describe("lists", () => {
  test("accounts come by code, below a prefix and of one asset", async () => {
    const specOf = (code: string) => ({ ...wallet, code });
    const tenantId = await tenantWith(
      { ...specOf("b.2"), asset: "USD" },
      ...["a.1", "b.1", "b", "b.é", "c"].map(specOf),
    );
    const list = async (prefix: string, asset?: string, afterCode?: string, limit = 10) =>
      (await ledger.listAccounts(tenantId, { prefix, asset, afterCode, limit })).map(
        ({ code }) => code,
      );
    expect(await list("")).toEqual(["a.1", "b", "b.1", "b.2", "b.é", "c"]);
    expect(await list("b.")).toEqual(["b.1", "b.2", "b.é"]);
    expect(await list("b.", "CNY")).toEqual(["b.1", "b.é"]);
    expect(await list("b.", undefined, "b.1", 1)).toEqual(["b.2"]);
  });

  test("transfers of a business row come in order, page by page", async () => {
    const tenantId = await tenantWith(source, wallet);
    const reference = ids.next();
    for (const amount of [1n, 2n, 3n]) {
      await pay(tenantId, source, wallet, amount, reference);
      await pay(tenantId, source, wallet, 100n);
      clock.advance(minuteMs);
    }
    const first = await ledger.listTransfers(tenantId, { reference, after: undefined, limit: 2 });
    expect(first.map(({ amount }) => amount)).toEqual([1n, 2n]);
    expect(first[0]).toMatchObject({ asset: "CNY", debit: { code: "source" }, phase: "posted" });
    const after = first.at(-1)?.position;
    const rest = await ledger.listTransfers(tenantId, { reference, after, limit: 2 });
    expect(rest.map(({ amount }) => amount)).toEqual([3n]);
  });
});

describe("the audit", () => {
  async function soundTenant(): Promise<string> {
    const tenantId = await tenantWith(source, wallet, supply, onShelf);
    await pay(tenantId, source, wallet, 10n);
    await pay(tenantId, supply, onShelf, 4n);
    return tenantId;
  }

  function tamper(text: string, ...values: string[]): Promise<unknown> {
    return database.poolFor("any").query(text, values);
  }

  test("finds nothing in a sound ledger and counts it; assets add up to zero [LED-08] [LED-09]", async () => {
    const tenantId = await soundTenant();
    expect(await ledger.audit(tenantId)).toEqual({
      sound: true,
      accounts: 4n,
      transfers: 2n,
      unbalancedAssets: [],
      differences: [],
      wrongEndings: [],
    });
    const trial = await ledger.readTrialBalance(tenantId, { afterAsset: undefined, limit: 10 });
    expect(trial.map(({ asset, accounts, posted }) => [asset, accounts, posted])).toEqual([
      ["CNY", 2, 0n],
      ["piece", 2, 0n],
    ]);
  });

  test("tells a balance that is not the sum of its transfers", async () => {
    const tenantId = await soundTenant();
    await tamper(
      "update ledger.balances set posted = posted + 1 where tenant_id = $1 and account_id = $2",
      tenantId,
      accountIdOf("wallet"),
    );
    const audit = await ledger.audit(tenantId);
    expect(audit.sound).toBe(false);
    expect(audit.differences).toMatchObject([
      { code: "wallet", kept: { posted: 11n }, rebuilt: { posted: 10n } },
    ]);
    expect(audit.unbalancedAssets).toMatchObject([{ asset: "CNY", posted: 1n }]);
  });

  test("tells a hold of which more was ended than was held, and transfers to nowhere", async () => {
    const tenantId = await soundTenant();
    const insert = `insert into ledger.transfers
      (tenant_id, bundle_id, leg, phase, resolves_leg, debit_account_id, credit_account_id, amount,
       reason, reference, indexed, at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, 'forged', $2, false, now())`;
    const bundleId = randomUUID();
    const pool = database.poolFor(tenantId);
    const shelf = accountIdOf("shelf");
    const nowhere = accountIdOf("nowhere");
    await pool.query(insert, [tenantId, bundleId, 1, "pending", null, shelf, nowhere, 3]);
    await pool.query(insert, [tenantId, bundleId, 2, "release", 1, shelf, nowhere, 4]);
    await pool.query(insert, [tenantId, bundleId, 3, "post", 9, shelf, nowhere, 1]);
    const audit = await ledger.audit(tenantId);
    expect(audit.wrongEndings).toEqual([
      { bundleId, leg: 1, held: 3n, resolved: 4n },
      { bundleId, leg: 9, held: 0n, resolved: 1n },
    ]);
    expect(audit.differences.map(({ code }) => code).toSorted()).toEqual(["shelf", undefined]);
  });
});
