/** Everything that the audit looks at, read over HTTP from the platform and from the outside. */
import type { Schema, Tongbao } from "../../sdk/index.ts";
import type { Chapter } from "./diary.ts";
import type { MerchantBook, Outside } from "./outside.ts";

/** The asset of the play: all prices of a demo shop are in yuan. */
export const currency = "CNY";

export type Order = Schema<"Order">;
export type OrderRefund = Schema<"OrderRefund">;
export type Refund = Schema<"Refund">;

/** What the ledger says about an account at a channel, in minor units. */
export interface LedgerChannel {
  readonly accountId: string;
  readonly channel: string;
  readonly merchantId: string;
  readonly inMinor: number;
  readonly outMinor: number;
}

/** One order of this play with everything that belongs to it. */
export interface Case {
  readonly chapter: Chapter;
  /** The order that the first request gives when it is sent again under its key. */
  readonly again: string | undefined;
  /** All orders of the story's member: one, or none where nothing was placed. */
  readonly orders: readonly Order[];
  /** The states that an order has been in, where its cancelling was acknowledged. */
  readonly pastStates: readonly string[];
  readonly refunds: readonly OrderRefund[];
  readonly attempts: readonly AttemptFacts[];
  /** Refunds as payments keeps them: those of the order, and of a surplus. */
  readonly paymentRefunds: readonly Refund[];
}

export interface AttemptFacts {
  readonly id: string;
  readonly number: string;
  readonly state: string;
  /** What transfers of the ledger have brought in over this attempt, one by one. */
  readonly captures: readonly number[];
  /** What they have given back. */
  readonly givenBackMinor: number;
}

export interface Facts {
  readonly cases: readonly Case[];
  /** Of the whole tenant. */
  readonly orders: readonly Order[];
  /** Of every order that got something back, by order. */
  readonly orderRefunds: ReadonlyMap<string, readonly OrderRefund[]>;
  readonly refunds: readonly Refund[];
  readonly stocks: readonly {
    readonly title: string;
    readonly skuId: string;
    readonly stock: Stock;
    /** By the accounts of sales: what can be bought there, and what unpaid orders hold. */
    readonly inSales: { readonly left: number; readonly held: number };
  }[];
  readonly ledger: Schema<"LedgerAudit">;
  readonly trialBalance: readonly Schema<"LedgerTrialBalance">[];
  readonly channels: readonly LedgerChannel[];
  readonly books: readonly MerchantBook[];
  readonly unfinished: readonly string[];
}

type Stock = Schema<"Stock">;

/** Reads side by side, as many as one person's browser would. */
const readersMax = 8;
const pageSize = 100;
const pages = { query: { limit: pageSize } };

/** Who may read everything of the tenant, and the world outside. */
export interface Witness {
  readonly tongbao: Tongbao;
  readonly outside: Outside;
  readonly baseUrl: string;
  /** The program that has placed the orders: a key is its caller's own. */
  readonly service: Tongbao;
}

export async function readFacts(
  witness: Witness,
  chapters: readonly Chapter[],
  unfinished: readonly string[],
): Promise<Facts> {
  const { tongbao, outside, service } = witness;
  // First, so that an order which this made anew would be among the others.
  const again = await sideBySide(chapters, (chapter) => placeAgain(service, chapter));
  const orders = await all(tongbao.list("/v1/orders", { params: pages }));
  const refunds = await all(tongbao.list("/v1/refunds", { params: pages }));
  const givenBack = orders.filter(
    ({ refunded, refundsUnderWay }) => refunded.amount + refundsUnderWay.amount > 0,
  );
  const orderRefunds = new Map(
    await sideBySide(givenBack, async ({ id }) => [id, await refundsOf(tongbao, id)] as const),
  );
  const ofMember = Map.groupBy(orders, ({ memberId }) => memberId);
  return {
    cases: await sideBySide([...chapters.entries()], async ([at, chapter]) => {
      const own = ofMember.get(chapter.memberId) ?? [];
      const ids = new Set(own.map(({ id }) => id));
      return {
        chapter,
        again: again[at],
        orders: own,
        pastStates: chapter.hasCancelled ? await pastStatesOf(tongbao, chapter) : [],
        refunds: own.flatMap(({ id }) => orderRefunds.get(id) ?? []),
        attempts: (await sideBySide(own, ({ id }) => attemptsOf(tongbao, id))).flat(),
        paymentRefunds: refunds.filter(({ reference }) => ids.has(reference)),
      };
    }),
    orders,
    orderRefunds,
    refunds,
    stocks: await readStocks(tongbao),
    ledger: (await tongbao.GET("/v1/ledger/audit")).data,
    trialBalance: await all(tongbao.list("/v1/ledger/trial-balance", { params: pages })),
    channels: await readChannels(tongbao),
    books: await outside.books(),
    unfinished,
  };
}

async function placeAgain(service: Tongbao, { order, memberId }: Chapter) {
  if (order === undefined) return undefined;
  const header = { "Idempotency-Key": order.key };
  const { saleId } = order;
  const body = { memberId, lines: [...order.lines], ...(saleId === undefined ? {} : { saleId }) };
  const { data } = await service.POST("/v1/orders", { params: { header }, body });
  return data.id;
}

async function pastStatesOf(tongbao: Tongbao, { order }: Chapter): Promise<string[]> {
  if (order === undefined) return [];
  const params = { path: { orderId: order.id } };
  const { data } = await tongbao.GET("/v1/orders/{orderId}/history", { params });
  return data.items.map(({ to }) => to);
}

async function refundsOf(tongbao: Tongbao, orderId: string): Promise<OrderRefund[]> {
  const params = { path: { orderId } };
  return (await tongbao.GET("/v1/orders/{orderId}/refunds", { params })).data.items;
}

/** All attempts to pay an order, and what the ledger has moved for each. */
async function attemptsOf(tongbao: Tongbao, orderId: string): Promise<AttemptFacts[]> {
  const query = { reference: orderId };
  const payments = await all(tongbao.list("/v1/payments", { params: { query } }));
  if (payments.length === 0) return [];
  const transfers = await all(tongbao.list("/v1/ledger/transfers", { params: { query } }));
  const details = await sideBySide(payments, async ({ id: paymentId }) => {
    const params = { path: { paymentId } };
    return (await tongbao.GET("/v1/payments/{paymentId}", { params })).data.attempts;
  });
  return details.flat().map(({ id, number, state }) => {
    const captured = `captured.${id}`;
    const moved = transfers.filter(({ phase }) => phase === "posted" || phase === "post");
    return {
      id,
      number,
      state,
      captures: moved.filter(({ credit }) => credit.code === captured).map(({ amount }) => amount),
      givenBackMinor: sum(
        moved.filter(({ debit }) => debit.code === captured).map(({ amount }) => amount),
      ),
    };
  });
}

async function readStocks(tongbao: Tongbao): Promise<Facts["stocks"]> {
  const products = await all(tongbao.list("/v1/products", { params: pages }));
  const skus = products.flatMap((product) =>
    product.skus.map((sku) => ({ skuId: sku.id, title: `${product.title} ${sku.title}`.trim() })),
  );
  const query = { prefix: "sale.allotment.", ...pages.query };
  const aside = await all(tongbao.list("/v1/ledger/accounts", { params: { query } }));
  return sideBySide(skus, async ({ skuId, title }) => {
    const { data: stock } = await tongbao.GET("/v1/skus/{skuId}/stock", {
      params: { path: { skuId } },
    });
    const own = aside.filter(({ asset }) => asset === `stock:${skuId}`);
    const held = sum(own.map(({ balance }) => balance.pendingDebits));
    const left = sum(own.map(({ balance }) => balance.posted)) - held;
    return { skuId, title, stock, inSales: { left, held } };
  });
}

async function readChannels(tongbao: Tongbao): Promise<LedgerChannel[]> {
  const accounts = await all(tongbao.list("/v1/channel-accounts", { params: pages }));
  return sideBySide(accounts, async ({ id, channel, merchantId }) => {
    const query = { prefix: `channel.${id}`, asset: currency };
    const found = await all(tongbao.list("/v1/ledger/accounts", { params: { query } }));
    const entries = await sideBySide(found, (account) => {
      const params = { path: { accountId: account.id }, ...pages };
      return all(tongbao.list("/v1/ledger/accounts/{accountId}/statement", { params }));
    });
    const posted = entries.flat().filter(({ phase }) => phase === "posted" || phase === "post");
    const amounts = posted.map(({ amount }) => amount);
    return {
      accountId: id,
      channel,
      merchantId,
      // The channel keeps what was paid for us: its account goes below zero by that much.
      inMinor: -sum(amounts.filter((amount) => amount < 0)),
      outMinor: sum(amounts.filter((amount) => amount > 0)),
    };
  });
}

export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export async function sideBySide<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  workersMax: number = readersMax,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of queue) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: workersMax }, worker));
  return results;
}

export function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}
