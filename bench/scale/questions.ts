/** What people ask of a shop with many orders, as requests; and how long the answers take. */
import type pg from "pg";
import { required } from "../../server/kernel/assert.ts";
import type { Id } from "../../server/kernel/ids.ts";
import { idsFrom, idTime } from "../../server/kernel/ids.ts";
import { encodeCursor } from "../../server/kernel/page.ts";
import { dayMs, formatInstant } from "../../server/kernel/time.ts";
import { buyer, derivedIdSql, saleId } from "./draft.ts";
import type { Year } from "./draft.ts";

export interface Question {
  readonly name: string;
  readonly paths: readonly string[];
}

export interface Timing {
  readonly name: string;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowest: string;
}

interface Sample {
  readonly id: string;
  readonly number: string;
  readonly member: string;
  readonly placedAt: number;
  readonly captured: string | undefined;
}

const states = ["pending_payment", "paying", "closing", "paid", "completed", "closed", "refunded"];
/** Also asked where hardly any row is left behind the cursor. */
const oldestShare = 0.002;

/** So many different requests of each kind, drawn evenly over the year. */
export async function drawQuestions(
  client: pg.Client,
  year: Year,
  requests: number,
): Promise<Question[]> {
  const samples = await drawSamples(client, year, requests);
  const accounts = await findAccounts(client, year);
  const oldest = required(samples.toSorted((a, b) => a.placedAt - b.placedAt)[0], "a sample");
  const of = (name: string, path: (sample: Sample, at: number) => string): Question => ({
    name,
    paths: samples.map(path),
  });
  const behind = ({ id }: Sample) => `cursor=${encodeCursor([id])}`;
  const size = (at: number) => `limit=${1 + (at % 100)}`;
  return [
    of("a member's orders", ({ member }) => `/v1/orders?memberId=${member}`),
    of("the buyer's orders", (_, at) => `/v1/orders?memberId=${buyer}&${size(at)}`),
    of("the buyer's orders, deep", (sample) => `/v1/orders?memberId=${buyer}&${behind(sample)}`),
    of(
      "the buyer's refunded orders",
      (sample) => `/v1/orders?memberId=${buyer}&state=refunded&${behind(sample)}`,
    ),
    of("all orders", (_, at) => `/v1/orders?${size(at)}`),
    of("all orders, deep", (sample) => `/v1/orders?${behind(sample)}`),
    ...states.flatMap((state) => [
      of(`${state} orders`, (_, at) => `/v1/orders?state=${state}&${size(at)}`),
      of(`${state} orders, deep`, (sample) => `/v1/orders?state=${state}&${behind(sample)}`),
      of(
        `${state} orders, last page`,
        (_, at) => `/v1/orders?state=${state}&${behind(oldest)}&${size(at)}`,
      ),
    ]),
    of("a sale's orders", (_, at) => `/v1/orders?saleId=${saleId}&${size(at)}`),
    of("a sale's orders, deep", (sample) => `/v1/orders?saleId=${saleId}&${behind(sample)}`),
    ...states.map((state) =>
      of(
        `a sale's ${state} orders`,
        (sample) => `/v1/orders?saleId=${saleId}&state=${state}&${behind(sample)}`,
      ),
    ),
    of(
      "a member's orders of a sale",
      ({ member }) => `/v1/orders?saleId=${saleId}&memberId=${member}`,
    ),
    of("an order by its number", ({ number }) => `/v1/orders?number=${number}`),
    of("an order", ({ id }) => `/v1/orders/${id}`),
    of("the history of an order", ({ id }) => `/v1/orders/${id}/history`),
    of("transfers of an order", ({ id }) => `/v1/ledger/transfers?reference=${id}`),
    of("refunds of an order", ({ id }) => `/v1/orders/${id}/refunds`),
    of("accounts by code", ({ id }) => `/v1/ledger/accounts?prefix=captured.${id.slice(0, 8)}`),
    ...statements(samples, accounts),
  ];
}

/**
 * Of the account of each payment, of the channel's, which has an entry of every payment, and of
 * two SKUs' stock, which has no index: one of every eight orders has the hot one, and one of a
 * thousand the rare one.
 */
function statements(samples: readonly Sample[], accounts: Accounts): Question[] {
  const { channel, hot, rare } = accounts;
  const of = (name: string, path: (sample: Sample, at: number) => string): Question => ({
    name,
    paths: samples.map(path),
  });
  const statement = (account: string, query: string) =>
    `/v1/ledger/accounts/${account}/statement?${query}`;
  const size = (at: number) => `limit=${1 + (at % 100)}`;
  const between = (from: number, to: number) =>
    `from=${formatInstant(from)}&to=${formatInstant(to)}`;
  const behind = (account: string, { placedAt, id }: Sample, daysBack: number) =>
    `cursor=${encodeCursor([placedAt - daysBack * dayMs, id, 1, "", account])}`;
  const ofStock = (name: string, account: string) => [
    of(`${name}'s statement`, (_, at) => statement(account, size(at))),
    of(`${name}'s statement of a day`, ({ placedAt }) =>
      statement(account, between(placedAt - dayMs, placedAt)),
    ),
    of(`${name}'s statement, deep`, (sample) => {
      const days = between(sample.placedAt - 20 * dayMs, sample.placedAt);
      return statement(account, `${days}&${behind(account, sample, 10)}`);
    }),
  ];
  return [
    of("the channel's statement", (_, at) => statement(channel, size(at))),
    of("the channel's statement of a day", ({ placedAt }) =>
      statement(channel, between(placedAt - dayMs, placedAt)),
    ),
    of("the channel's statement, deep", (sample) => statement(channel, behind(channel, sample, 0))),
    {
      name: "the statement of a payment",
      paths: samples.flatMap(({ captured }) =>
        captured === undefined ? [] : [`/v1/ledger/accounts/${captured}/statement`],
      ),
    },
    ...ofStock("the hot SKU", hot),
    ...ofStock("a rare SKU", rare),
  ];
}

async function drawSamples(client: pg.Client, year: Year, requests: number): Promise<Sample[]> {
  const { tenantId } = year;
  const { rows: ends } = await client.query<{ first: Id<"Order">; last: Id<"Order"> }>(
    `select (select id from orders.orders where tenant_id = $1 order by id limit 1) as first,
            (select id from orders.orders where tenant_id = $1 order by id desc limit 1) as last`,
    [tenantId],
  );
  const { first, last } = required(ends[0], "orders");
  const [from, to] = [idTime(first), idTime(last)];
  const samples: Sample[] = [];
  for (let at = 0; at < requests; at += 1) {
    // The golden ratio spreads any number of draws evenly.
    const share = at === 0 ? oldestShare : (at * 0.618_033_988_75) % 1;
    const bound = idsFrom(Math.floor(from + (to - from) * share));
    const { rows } = await client.query<Omit<Sample, "captured"> & { captured: string | null }>(
      `select o.id, o.number, o.member_id as member,
         (extract(epoch from o.placed_at) * 1000)::float8 as "placedAt", t.id as captured
       from orders.orders o
       left join lateral (
         select t.credit_account_id as id from ledger.transfers t
         where t.tenant_id = $1 and t.indexed and t.reference = o.id and t.phase = 'posted'
           and t.at between o.placed_at and o.placed_at + interval '10 minutes' limit 1) t on true
       where o.tenant_id = $1 and o.id >= $2 order by o.id limit 1`,
      [tenantId, bound],
    );
    const { captured, ...sample } = required(rows[0], "an order");
    samples.push({ ...sample, captured: captured ?? undefined });
  }
  return samples;
}

interface Accounts {
  readonly channel: string;
  readonly hot: string;
  readonly rare: string;
}

async function findAccounts(client: pg.Client, year: Year): Promise<Accounts> {
  const stockSql = (at: number) => `(
    select a.id from catalog.skus s
    join catalog.products p on p.tenant_id = $1 and p.id = s.product_id
    join ledger.accounts a on a.tenant_id = $1 and a.code = 'stock.on_hand.' || s.id
    where s.tenant_id = $1 and p.title like 'Bench mug%' order by s.id limit 1 offset ${at})`;
  const { rows } = await client.query<Accounts>(
    `select ${derivedIdSql(`'channel.${year.channelAccountId}'`)} as channel,
       ${stockSql(0)} as hot, ${stockSql(Math.floor(year.skus / 2))} as rare`,
    [year.tenantId],
  );
  return required(rows[0], "the accounts");
}

/** One request after the other over one connection, as a person behind a screen sends them. */
export async function askAll(
  address: string,
  token: string,
  questions: readonly Question[],
): Promise<Timing[]> {
  const timings: Timing[] = [];
  // The first request pays for the connection and for compiling.
  await ask(address, token, "/v1/orders");
  for (const { name, paths } of questions) {
    const taken: { path: string; ms: number }[] = [];
    for (const path of paths) taken.push({ path, ms: await ask(address, token, path) });
    const sorted = taken.toSorted((a, b) => a.ms - b.ms);
    const at = (share: number) =>
      required(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))], "a time");
    timings.push({
      name,
      requests: sorted.length,
      p50Ms: at(0.5).ms,
      p99Ms: at(0.99).ms,
      slowest: at(1).path,
    });
  }
  return timings;
}

/** Gives milliseconds to the last byte. */
export async function ask(address: string, token: string, path: string): Promise<number> {
  const startedAt = performance.now();
  const reply = await fetch(`${address}${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const text = await reply.text();
  const ms = performance.now() - startedAt;
  if (reply.status !== 200) throw new Error(`${path} answered ${reply.status}: ${text}`);
  return ms;
}
