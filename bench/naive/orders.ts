/**
 * The opponents: placing an order in one transaction per request, written in two ways.
 *
 * `naive` is how it is usually written: each statement is awaited before the next one is sent; the
 * rows of the stock are locked and looked at, then everything is written. Eight round trips an
 * order, the last five of them with the stock locked.
 *
 * `tuned` is as well as it can be written: two round trips. Prices and kept answers are read in the
 * first one; everything is written in the second one, the locks of the stock last, so that a hot
 * row is held for a few statements and the COMMIT alone. The guard of the balance stands in the
 * table, as a constraint. Locking the stock first, then deciding, was slower by a seventh on a hot
 * SKU. Numbering the events by a sequence made it faster by a third (1.04 to 1.8 times in single
 * turns), but then a reader may overtake an open transaction and lose its event.
 *
 * Both run on the platform's own transaction with prepared statements, from a pool of the best of
 * the sizes that were tried. They write the same rows into the same tables with the same
 * durability, and answer with the same body.
 *
 * What they leave out, all in their favour: signed tokens (they compare with one that they know),
 * the edge of the platform's HTTP (request ids, metrics, limits) and the settings of tenants. In
 * favour of `naive`, BEGIN travels with the first read and the event with COMMIT: the row that
 * numbers the events, which all orders share, is held no longer than in the other ways.
 */
import type { Database, Tx, Value } from "../../server/kernel/database.ts";
import { sqlState, statement, timestamp } from "../../server/kernel/database.ts";
import type { IdempotencyKey, KeptAnswer } from "../../server/kernel/idempotency.ts";
import { keepAnswers, loadKeptAnswers, replay } from "../../server/kernel/idempotency.ts";
import type { Ids } from "../../server/kernel/ids.ts";
import type { Numbers } from "../../server/kernel/numbers.ts";
import type { Answer } from "../../server/kernel/operation.ts";
import type { Opponent } from "../figures.ts";
import type { NewOrder, PricedLine, PricedOrder } from "../order.ts";
import { closeAfterMs, viewOf } from "../order.ts";

export interface Refused {
  readonly kind: "refused";
  readonly status: number;
  readonly code: string;
}

interface SaleRow {
  id: string;
  title: string;
  price_minor: bigint;
  currency: string;
  on_sale: boolean;
}

interface BalanceRow {
  account_id: string;
  free: bigint;
}

interface AccountIds {
  readonly onHand: string;
  readonly sold: string;
}

/** Someone else placed an order under the same key meanwhile: its answer is there now. */
const attemptsMax = 2;

const selectSkus = statement(
  "naive.load_skus",
  `select s.id, concat_ws(', ', p.title, nullif(s.title, '')) as title, s.price_minor, s.currency,
          s.on_sale and p.on_sale as on_sale
   from catalog.skus s
   join catalog.products p on p.tenant_id = $1 and p.id = s.product_id
   where s.tenant_id = $1 and s.id = any($2::uuid[])`,
);

const insertOrder = statement(
  "naive.insert_order",
  `insert into orders.orders
     (tenant_id, id, number, member_id, state, lines, total, currency, placed_by, placed_at,
      close_due_at, changed_at)
   values ($1, $2, $3, $4, 'pending_payment', $5::json, $6, $7, $8, $9, $10, $9)`,
);

const insertTransfers = statement(
  "naive.insert_transfers",
  `insert into ledger.transfers
     (tenant_id, bundle_id, leg, phase, resolves_leg, debit_account_id, credit_account_id, amount,
      reference, reason, reverses_bundle_id, indexed, at)
   select $1, $2, t.leg, 'pending', null, t.debit, t.credit, t.amount, $2, 'order', null, false, $3
   from unnest($4::smallint[], $5::uuid[], $6::uuid[], $7::bigint[]) as t (leg, debit, credit, amount)`,
);

const lockBalances = statement(
  "naive.lock_balances",
  `select account_id, posted - pending_debits as free from ledger.balances
   where tenant_id = $1 and account_id = any($2::uuid[])
   order by account_id for no key update`,
);

const holdUnits = statement(
  "naive.hold_units",
  `update ledger.balances b
   set pending_debits = pending_debits + n.debits, pending_credits = pending_credits + n.credits
   from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as n (id, debits, credits)
   where b.tenant_id = $1 and b.account_id = n.id`,
);

const selectStockAccounts = statement(
  "naive.stock_accounts",
  `select id, code from ledger.accounts
   where tenant_id = $1 and (code like 'stock.on_hand.%' or code like 'stock.sold.%')`,
);

export interface NaiveOrders {
  placeOrder(key: IdempotencyKey, input: NewOrder): Promise<Answer | Refused>;
}

export async function createNaiveOrders(deps: {
  readonly way: Opponent;
  readonly database: Database;
  readonly tenantId: string;
  readonly ids: Ids;
  readonly numbers: Numbers;
}): Promise<NaiveOrders> {
  const { way, database, tenantId, ids, numbers } = deps;
  const accounts = await readStockAccounts(database, tenantId);
  const price = (input: NewOrder, skus: readonly SaleRow[]) =>
    priceOrder(input, skus, { id: ids.next(), number: numbers.next("T") });

  async function placeNaive(tx: Tx, key: IdempotencyKey, input: NewOrder) {
    const kept = await loadKeptAnswers(tx, [key]);
    if (kept.size > 0) return replayOrRefuse(kept, key);
    const order = price(input, await loadSkus(tx, input));
    if ("code" in order) return order;
    const holds = holdsOf(order, accounts);
    const balances = await tx.rows<BalanceRow>(lockBalances, [tx.tenantId, holds.touched]);
    if (!areCovered(holds, balances)) return refused(409, "sold_out");
    const answer = answerOf(order, tx.now);
    await tx.rows(insertOrder, orderValues(tx, order));
    await tx.rows(insertTransfers, transferValues(tx, order, holds));
    await tx.rows(holdUnits, holdValues(tx, holds));
    await keepAnswerAwaited(tx, key, answer);
    tx.emit([orderPlaced(order)]);
    return answer;
  }

  async function placeTuned(tx: Tx, key: IdempotencyKey, input: NewOrder) {
    const [kept, skus] = await Promise.all([loadKeptAnswers(tx, [key]), loadSkus(tx, input)]);
    if (kept.size > 0) return replayOrRefuse(kept, key);
    const order = price(input, skus);
    if ("code" in order) return order;
    const holds = holdsOf(order, accounts);
    const answer = answerOf(order, tx.now);
    keepAnswers(tx, [{ key, answer }]);
    tx.write(insertOrder, orderValues(tx, order));
    tx.write(insertTransfers, transferValues(tx, order, holds));
    tx.write(lockBalances, [tx.tenantId, holds.touched]);
    tx.write(holdUnits, holdValues(tx, holds));
    tx.emit([orderPlaced(order)]);
    return answer;
  }

  const place = { naive: placeNaive, tuned: placeTuned }[way];
  return {
    async placeOrder(key, input) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await database.transaction<Answer | Refused>(tenantId, (tx) =>
            place(tx, key, input),
          );
        } catch (error) {
          const state = sqlState(error);
          // check_violation: the guard of the balance, on which only `tuned` relies.
          if (way === "tuned" && state === "23514") return refused(409, "sold_out");
          // unique_violation: the key.
          if (state !== "23505" || tries === attemptsMax) throw error;
        }
      }
    },
  };
}

function replayOrRefuse(
  kept: ReadonlyMap<string, KeptAnswer>,
  key: IdempotencyKey,
): Answer | Refused {
  return replay(kept, key) ?? refused(422, "idempotency_key_reused");
}

function loadSkus(tx: Tx, { lines }: NewOrder): Promise<SaleRow[]> {
  const skuIds = [...new Set(lines.map(({ skuId }) => skuId))];
  return tx.rows<SaleRow>(selectSkus, [tx.tenantId, skuIds]);
}

/** The kernel keeps answers without waiting; here it waits as for every other statement. */
async function keepAnswerAwaited(tx: Tx, key: IdempotencyKey, answer: Answer): Promise<void> {
  const sent: Promise<unknown>[] = [];
  const write: Tx["write"] = (query, values) => void sent.push(tx.rows(query, values));
  keepAnswers({ ...tx, write }, [{ key, answer }]);
  await Promise.all(sent);
}

function priceOrder(
  input: NewOrder,
  skus: readonly SaleRow[],
  made: { readonly id: string; readonly number: string },
): PricedOrder | Refused {
  const lines: PricedLine[] = [];
  let totalMinor = 0n;
  let currency: string | undefined;
  for (const { skuId, quantity } of input.lines) {
    const sku = skus.find(({ id }) => id === skuId);
    if (sku === undefined) return refused(404, "sku_not_found");
    if (!sku.on_sale) return refused(409, "sku_not_on_sale");
    if (currency !== undefined && currency !== sku.currency)
      return refused(409, "currencies_mixed");
    currency = sku.currency;
    totalMinor += sku.price_minor * BigInt(quantity);
    lines.push({ skuId, title: sku.title, quantity, priceMinor: sku.price_minor });
  }
  if (currency === undefined) return refused(400, "invalid_request");
  return { ...input, ...made, lines, totalMinor, currency };
}

interface Holds {
  readonly legs: readonly (AccountIds & { readonly amount: bigint })[];
  /** By account: several lines may share one. */
  readonly debits: ReadonlyMap<string, bigint>;
  readonly credits: ReadonlyMap<string, bigint>;
  readonly touched: readonly string[];
}

function holdsOf({ lines }: PricedOrder, accounts: ReadonlyMap<string, AccountIds>): Holds {
  const legs = lines.map(({ skuId, quantity }) => {
    const stock = accounts.get(skuId) ?? { onHand: "", sold: "" };
    return { ...stock, amount: BigInt(quantity) };
  });
  const debits = new Map<string, bigint>();
  const credits = new Map<string, bigint>();
  for (const { onHand, sold, amount } of legs) {
    debits.set(onHand, (debits.get(onHand) ?? 0n) + amount);
    credits.set(sold, (credits.get(sold) ?? 0n) + amount);
  }
  return { legs, debits, credits, touched: [...debits.keys(), ...credits.keys()] };
}

function areCovered({ debits }: Holds, balances: readonly BalanceRow[]): boolean {
  const free = new Map(balances.map((row) => [row.account_id, row.free]));
  return [...debits].every(([id, amount]) => (free.get(id) ?? 0n) >= amount);
}

function orderValues(tx: Tx, order: PricedOrder): Value[] {
  const { id, number, memberId, placedBy, totalMinor, currency } = order;
  const rowLines = order.lines.map(({ skuId, title, quantity, priceMinor }) => ({
    sku: skuId,
    title,
    n: quantity,
    price: Number(priceMinor),
  }));
  return [
    tx.tenantId,
    id,
    number,
    memberId,
    JSON.stringify(rowLines),
    totalMinor,
    currency,
    placedBy,
    timestamp(tx.now),
    timestamp(tx.now + closeAfterMs),
  ];
}

function transferValues(tx: Tx, { id }: PricedOrder, { legs }: Holds): Value[] {
  return [
    tx.tenantId,
    id,
    timestamp(tx.now),
    legs.map((_leg, index) => index + 1),
    legs.map(({ onHand }) => onHand),
    legs.map(({ sold }) => sold),
    legs.map(({ amount }) => amount),
  ];
}

function holdValues(tx: Tx, { touched, debits, credits }: Holds): Value[] {
  return [
    tx.tenantId,
    touched,
    touched.map((id) => debits.get(id) ?? 0n),
    touched.map((id) => credits.get(id) ?? 0n),
  ];
}

function orderPlaced({ id, number, memberId, totalMinor, currency, lines }: PricedOrder) {
  const sold = lines.map(({ skuId, quantity }) => ({ skuId, quantity }));
  const data = { orderId: id, number, memberId, totalMinor, currency, lines: sold };
  return { type: "order_placed", data };
}

function answerOf(order: PricedOrder, now: number): Answer {
  return { kind: "answered", status: 201, body: JSON.stringify(viewOf(order, now)) };
}

/** The accounts of all SKUs, once: the platform remembers them too. */
async function readStockAccounts(
  database: Database,
  tenantId: string,
): Promise<ReadonlyMap<string, AccountIds>> {
  const rows = await database.read<{ id: string; code: string }>(tenantId, selectStockAccounts, [
    tenantId,
  ]);
  const byCode = new Map(rows.map(({ id, code }) => [code, id]));
  const skuIds = rows.flatMap(({ code }) => /^stock\.on_hand\.(.+)$/.exec(code)?.[1] ?? []);
  return new Map(
    skuIds.map((skuId) => [
      skuId,
      {
        onHand: byCode.get(`stock.on_hand.${skuId}`) ?? "",
        sold: byCode.get(`stock.sold.${skuId}`) ?? "",
      },
    ]),
  );
}

function refused(status: number, code: string): Refused {
  return { kind: "refused", status, code };
}
