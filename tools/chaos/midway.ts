/**
 * The audit between two rounds, while members go on: what can be judged of a shop at work. It
 * reads from outside, as the audit at the end does, and remembers how far it has come.
 */
import type { Schema } from "../../sdk/index.ts";
import type { Finding } from "../../e2e/play/audit.ts";
import type { Witness } from "../../e2e/play/facts.ts";
import { all, sideBySide } from "../../e2e/play/facts.ts";
import type { Acknowledged, Wire } from "../../e2e/play/wire.ts";

type Order = Schema<"Order">;
type StoredEvent = Schema<"StoredEvent">;

export interface MidwayFacts {
  /** All that were acknowledged before the reading began. */
  readonly acknowledged: readonly Acknowledged[];
  /** By key, of those that no earlier audit has asked for again: the order that the key gives. */
  readonly again: ReadonlyMap<string, string>;
  readonly cancels: ReadonlySet<string>;
  readonly orders: readonly Order[];
  /** The whole log up to the reading. */
  readonly events: readonly EventTold[];
  /** How many events at its end are not yet applied by every subscription. */
  readonly lag: number;
  readonly stocks: readonly { readonly skuId: string; readonly stock: Schema<"Stock"> }[];
  readonly ledger: Schema<"LedgerAudit">;
  readonly trialBalance: readonly Schema<"LedgerTrialBalance">[];
}

/** What a judge needs of an event; thousands of them are kept for the whole run. */
interface EventTold {
  readonly seq: number;
  readonly type: string;
  /** The order, payment or refund that it happened to. */
  readonly about: string;
  /** The order that a payment is for. */
  readonly order: string;
}

const pages = { query: { limit: 100 } };

export function createMidway(witness: Witness, wire: Wire) {
  const events: EventTold[] = [];
  const asked = new Set<string>();

  return {
    async read(): Promise<MidwayFacts> {
      const { tongbao } = witness;
      // The lag first: what was behind then may have been applied since, and never the other way.
      const { lag, head } = await readLag();
      const acknowledged = [...wire.heard.orders.values()];
      const fresh = acknowledged.filter(({ key }) => !asked.has(key));
      const given = await sideBySide(fresh, placeAgain);
      for (const { key } of fresh) asked.add(key);
      const orders = await all(tongbao.list("/v1/orders", { params: pages }));
      await readEvents();
      return {
        acknowledged,
        again: new Map(fresh.map(({ key }, at) => [key, given[at] ?? ""])),
        cancels: wire.heard.cancels,
        orders,
        events,
        lag: (events.at(-1)?.seq ?? 0) - (head - lag),
        stocks: await readStocks(orders),
        ledger: (await tongbao.GET("/v1/ledger/audit")).data,
        trialBalance: await all(tongbao.list("/v1/ledger/trial-balance", { params: pages })),
      };
    },
  };

  async function placeAgain({ key, body }: Acknowledged): Promise<string> {
    const params = { header: { "Idempotency-Key": key } };
    const same = JSON.parse(body) as Schema<"NewOrder">;
    return (await witness.service.POST("/v1/orders", { params, body: same })).data.id;
  }

  async function readEvents(): Promise<void> {
    const query = { after: events.at(-1)?.seq ?? 0, limit: 100 };
    const more = await all(witness.tongbao.list("/v1/events", { params: { query } }));
    events.push(...more.map(tellEvent));
  }

  /** The head of the log as it was before, and how far the slowest subscription was behind it. */
  async function readLag(): Promise<{ lag: number; head: number }> {
    await readEvents();
    const head = events.at(-1)?.seq ?? 0;
    const text = await (await wire.fetch(new Request(`${witness.baseUrl}/metrics`))).text();
    const lags = [...text.matchAll(/^tongbao_event_lag\{[^}]*\} (\S+)$/gm)];
    if (lags.length === 0) throw new Error("/metrics says nothing of subscriptions");
    return { head, lag: Math.max(...lags.map(([, value]) => Number(value))) };
  }

  async function readStocks(orders: readonly Order[]) {
    const skuIds = [...new Set(orders.flatMap(({ lines }) => lines.map(({ skuId }) => skuId)))];
    return sideBySide(skuIds, async (skuId) => {
      const path = { skuId };
      const { data } = await witness.tongbao.GET("/v1/skus/{skuId}/stock", { params: { path } });
      return { skuId, stock: data };
    });
  }
}

function tellEvent({ seq, type, data }: StoredEvent): EventTold {
  const {
    orderId = "",
    paymentId = "",
    refundId = "",
    reference = "",
  } = data as {
    readonly [name in "orderId" | "paymentId" | "refundId" | "reference"]?: string;
  };
  return { seq, type, about: refundId || paymentId || orderId, order: orderId || reference };
}

export function judgeMidway(facts: MidwayFacts): Finding[] {
  return [judgeOrders(facts), judgeEvents(facts), judgeBooks(facts)];
}

function judgeOrders({ acknowledged, again, cancels, orders }: MidwayFacts): Finding {
  const contradictions: string[] = [];
  const count = Map.groupBy(orders, ({ id }) => id);
  const numbers = new Set(orders.map(({ number }) => number));
  if (numbers.size < orders.length) contradictions.push("a number was given out twice");
  for (const { id, key } of acknowledged) {
    const times = count.get(id)?.length ?? 0;
    if (times !== 1)
      contradictions.push(`the order ${id} was acknowledged and is there ${times} times`);
    const given = again.get(key) ?? id;
    if (given !== id) contradictions.push(`the key ${key} gives the order ${given}, not ${id}`);
  }
  for (const { number, id, state, closesAt, changedAt } of orders) {
    if (state !== "closed" || cancels.has(id) || changedAt >= closesAt) continue;
    contradictions.push(`the order ${number} was closed at ${changedAt}, before ${closesAt}`);
  }
  return { sentence: `${acknowledged.length} acknowledged orders are there once`, contradictions };
}

/** What happens to one thing once, however often its cause is told. */
const onceOnly: ReadonlySet<string> = new Set([
  "order_placed",
  "order_paid",
  "order_closed",
  "order_completed",
  "order_refunded",
  "payment_paid",
  "payment_closed",
  "refund_requested",
  "refund_succeeded",
]);

function judgeEvents({ events, lag }: MidwayFacts): Finding {
  const contradictions: string[] = [];
  const seen = new Set<string>();
  for (const [at, { seq, type, about }] of events.entries()) {
    if (seq !== at + 1) contradictions.push(`the event ${seq} is the ${at + 1}th of the log`);
    if (!onceOnly.has(type)) continue;
    const what = `${type} of ${about}`;
    if (seen.has(what)) contradictions.push(`${what} has happened twice`);
    seen.add(what);
  }
  const applied = events.length - lag;
  for (const { type, order } of events.slice(0, applied)) {
    if (type !== "payment_paid" || !seen.has(`order_placed of ${order}`)) continue;
    const isKnown = seen.has(`order_paid of ${order}`) || seen.has(`order_closed of ${order}`);
    if (!isKnown) contradictions.push(`the order ${order} has not learned that it is paid`);
  }
  return {
    sentence: `${events.length} events without a gap, ${applied} of them applied, each once`,
    contradictions,
  };
}

function judgeBooks({ ledger, trialBalance, stocks }: MidwayFacts): Finding {
  const contradictions: string[] = [];
  if (!ledger.sound) contradictions.push(`the ledger is not sound: ${JSON.stringify(ledger)}`);
  for (const { asset, posted, pendingDebits, pendingCredits } of trialBalance) {
    if (posted === 0 && pendingDebits === pendingCredits) continue;
    contradictions.push(`the trial balance of ${asset} is ${posted}, not 0`);
  }
  for (const { skuId, stock } of stocks) {
    const { sold, held, available, setAside, writtenOff, putIn } = stock;
    if (available < 0) contradictions.push(`${skuId} is oversold by ${-available}`);
    const total = sold + held + available + setAside + writtenOff;
    if (total !== putIn)
      contradictions.push(`${skuId}: ${total} units are where, ${putIn} came in`);
  }
  return { sentence: `${ledger.transfers} transfers balance, nothing is oversold`, contradictions };
}
