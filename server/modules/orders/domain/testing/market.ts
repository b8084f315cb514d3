/**
 * A few orders with everything that can happen to them, in any order and any number of times.
 * Payers, channels and staff do what they like; what payments tell reaches orders late, twice, in
 * another order, or not at all, until the cursor is wound back at the end.
 */
import { required } from "../../../../kernel/assert.ts";
import type { SeededRandom } from "../../../../kernel/testing/random.ts";
import { hourMs, minuteMs } from "../../../../kernel/time.ts";
import type {
  AccountIdentity,
  ChannelAnswer,
  ChannelRefund,
  ChannelTrade,
  LogWhat,
  RefusedReason,
} from "../../../payments/domain/testing/door.ts";
import {
  decideRecordClosed,
  decideRecordPrepared,
  decideRecordRefund,
  decideRecordTrade,
  decideRefundSurplus,
  decideStartClosing,
} from "../../../payments/domain/testing/door.ts";
import type { Attempt, Refund } from "../../../payments/index.ts";
import type { Sale, SaleId } from "../../../sales/index.ts";
import { decideCompleteDueOrder } from "../ending.ts";
import type { OrderPaymentEvent } from "../payment-events.ts";
import { orderPaymentEventTypes } from "../payment-events.ts";
import type { Order, OrderId } from "../types.ts";
import { openMarketSales } from "./market-sales.ts";
import { countBought } from "./sales.ts";
import type { Shop } from "./shop.ts";
import {
  account,
  amount,
  closeAfterMs,
  completeAfterMs,
  createShop,
  gift,
  idOf,
  mug,
  rest,
  tea,
  tray,
  units,
} from "./shop.ts";

export const skus = [mug, tea, gift];
/** Few enough that shelves run empty. */
export const shelf = 12n;
/** Decisions look through all that was loaded; more orders would only make each step slower. */
const ordersMax = 5;

export type Market = ReturnType<typeof openMarket>;

export function openMarket(random: SeededRandom) {
  const onSale = new Map<SaleId, Sale>();
  const shop = createShop(skus, shelf, onSale);
  shop.terms.latePayment = random.pick(["refund", "revive"]);
  /** Ids that shop does not count. */
  let made = 1_000_000;
  return {
    shop,
    random,
    sales: openMarketSales(shop, onSale, random),
    /** All that payments have told, oldest first; `heard` of it is behind the cursor. */
    log: new Array<OrderPaymentEvent>(),
    heard: 0,
    /** What placing has led to, for a run that must have seen all of it. */
    outcomes: new Array<string>(),
    nextId: <Name extends string>() => idOf<Name>((made += 1)),
  };
}

/** One command to one decision. */
export function takeStep(market: Market): void {
  const { shop, random } = market;
  const { world } = shop;
  shop.advance(random.below(closeAfterMs / 30));
  if (world.orders.size === 0 && random.chance(0.5)) return place(market);
  const kind = random.below(108);
  if (kind >= 104) return hearOfUnits(market);
  if (kind >= 100 || world.orders.size === 0) return void market.sales.act();
  if (kind < 6 && world.orders.size < ordersMax) return place(market);
  if (kind < 34) return void actOnOrder(market, pickValue(random, world.orders));
  if (kind < 52) return hearSomething(market);
  if (kind < 78 && world.payments.attempts.size > 0) {
    return tellOfAttempt(market, pickValue(random, world.payments.attempts));
  }
  if (world.payments.refunds.size > 0) {
    return tellOfRefund(market, pickValue(random, world.payments.refunds));
  }
  actOnOrder(market, pickValue(random, world.orders));
}

function pickValue<Value>(random: SeededRandom, from: ReadonlyMap<unknown, Value>): Value {
  let at = random.below(from.size);
  for (const value of from.values()) if (at-- === 0) return value;
  throw new Error("there is one");
}

const members = ["m-1", "m-1", "m-2", "m-3"];

function place({ shop, sales, random, outcomes }: Market): void {
  const quantity = 1 + random.below(3);
  const few = [{ skuId: random.pick(skus).id, quantity }];
  const lines = random.chance(0.4) ? tray : few;
  const memberId = random.pick(members);
  const running = [...sales.world.sales.keys()];
  if (running.length === 0 || random.chance(0.4)) {
    const { kind } = shop.place(lines, { memberId });
    outcomes.push(kind);
    return;
  }
  countBought(shop.world);
  const outcome = shop.place(lines, { memberId, saleId: random.pick(running) });
  outcomes.push(`in a sale: ${outcome.kind === "refused" ? outcome.code : outcome.kind}`);
}

function actOnOrder({ shop, random }: Market, { id }: Order): unknown {
  const kind = random.below(20);
  if (kind < 8) return shop.start(id, { method: random.pick(["native", "native", "h5"]) });
  if (kind < 9) return shop.cancel(id);
  if (kind < 11) return shop.closeDue(id);
  if (kind < 12) return shop.complete(id);
  if (kind < 13) return decideCompleteDueOrder(shop.world, id, shop.now());
  const wanted = random.pick([
    rest,
    amount(BigInt(1 + random.below(1_500))),
    units(1 + random.below(2), 1 + random.below(2)),
  ]);
  return shop.refund(id, wanted, random.chance(0.7));
}

// Events

/** What payments and orders have just told joins the logs. */
export function takeTold({ shop, sales, log }: Market): void {
  for (const { type, data } of shop.world.written.events) {
    if (type !== "order_closed" && type !== "order_restocked") continue;
    if (data.saleId !== undefined) sales.log.push(data.saleId);
  }
  const { events } = shop.world.payments.written;
  for (const event of events) if (isHeardByOrders(event)) log.push(event);
  events.length = 0;
}

function isHeardByOrders(event: { readonly type: string }): event is OrderPaymentEvent {
  return orderPaymentEventTypes.some((type) => type === event.type);
}

function hearSomething(market: Market): void {
  const { shop, random, log } = market;
  const kind = random.below(10);
  const next = log[market.heard];
  if (next === undefined || kind === 0) {
    // The cursor was wound back, or somebody replays one by hand.
    if (log.length > 0) shop.hear(random.pick(log));
    return;
  }
  if (kind === 1) {
    // Ahead of those before it.
    return shop.hear(required(log[market.heard + random.below(log.length - market.heard)], "one"));
  }
  market.heard += 1;
  // Lost, as it were, until the end.
  if (kind !== 2) shop.hear(next);
}

/** Sales hear of units that came back, in the same disorder. */
function hearOfUnits({ sales, random }: Market): void {
  const { log } = sales;
  if (log.length === 0) return void sales.act();
  const next = log[sales.heard];
  const kind = random.below(10);
  if (next === undefined || kind === 0) return sales.returnUnits(random.pick(log));
  sales.heard += 1;
  if (kind !== 2) sales.returnUnits(next);
}

/** From the first event to the last, with those that this brings about. */
function hearAllAgain({ shop, log }: Market, afterEach: () => void): void {
  for (const event of log) {
    shop.hear(event);
    afterEach();
  }
}

// Channels

const reasons: readonly RefusedReason[] = [
  "not_found",
  "already_paid",
  "already_closed",
  "not_enough_funds",
  "rejected",
];

function no({ random }: Market): ChannelAnswer<never> {
  if (random.chance(0.4)) return { kind: "unknown", why: "no reply" };
  const reason = random.pick(reasons);
  return { kind: "refused", reason, channelCode: "NO", channelMessage: reason };
}

function tellOfAttempt(market: Market, { id: attemptId, surplus }: Attempt): void {
  const { shop, random } = market;
  const { payments, ledger } = shop.world;
  const now = shop.now();
  const attempt = required(payments.attempts.get(attemptId), "the attempt");
  const kind = random.below(20);
  if (surplus && kind < 4) {
    const refundId = market.nextId<"Refund">();
    const command = { attemptId, refundId, refundNumber: refundId };
    return decideRefundSurplus(payments, ledger, command, now);
  }
  if (kind < 5) {
    const content = { kind: "qr_code", content: "pay://1" } as const;
    const value = { instruction: content, usableUntil: now + 5 * minuteMs };
    const answer = random.chance(0.7) ? ({ kind: "ok", value } as const) : no(market);
    const command = {
      attemptId,
      answer,
      firstQueryMs: minuteMs,
      logId: market.nextId<"TradeLogEntry">(),
    };
    return void decideRecordPrepared(payments, command, now);
  }
  if (kind < 6) return void decideStartClosing(payments, { attemptId }, now);
  if (kind < 9) return closeAttempt(market, attempt, random.chance(0.6));
  const state = random.pick(["paid", "paid", "unpaid", "paying", "closed", "failed"] as const);
  const isWrong = random.chance(0.1);
  const answer = random.chance(0.9)
    ? ({ kind: "ok", value: tradeOf(attempt, state) } as const)
    : no(market);
  const wrong =
    answer.kind === "ok" && isWrong
      ? { ...answer, value: { ...answer.value, amountMinor: 1n } }
      : answer;
  tellTrade(market, attempt, wrong);
}

export function closeAttempt(market: Market, { id: attemptId }: Attempt, isClosed: boolean): void {
  const { payments } = market.shop.world;
  const answer = isClosed ? ({ kind: "ok", value: "closed" } as const) : no(market);
  decideRecordClosed(payments, { attemptId, answer, logId: market.nextId() }, market.shop.now());
}

function tradeOf({ number, amountMinor }: Attempt, state: ChannelTrade["state"]): ChannelTrade {
  const { merchantId, appId } = account;
  const told = { attemptNumber: number, state, amountMinor, currency: "CNY" } as const;
  return { ...told, merchantId, appId, channelTradeNumber: `C${number}` };
}

function tellTrade(market: Market, attempt: Attempt, answer: ChannelAnswer<ChannelTrade>): void {
  const { shop, random } = market;
  const { payments, ledger } = shop.world;
  const what = random.pick<LogWhat>(["query", "notice"]);
  const refundId = market.nextId<"Refund">();
  const made = { logId: market.nextId<"TradeLogEntry">(), refundId, refundNumber: refundId };
  const command = { attemptId: attempt.id, answer, account, what, ...made };
  decideRecordTrade(payments, ledger, command, shop.now());
}

function tellOfRefund(market: Market, refund: Refund): void {
  const { random } = market;
  const what = random.pick<LogWhat>(["refund", "query_refund", "query_refund", "notice"]);
  if (what !== "notice" && random.chance(0.25)) return tellRefund(market, refund, no(market), what);
  const state = random.pick(["refunded", "refunded", "processing", "closed", "abnormal"] as const);
  const isToldWhole = random.chance(0.8);
  const value = refundAs(market, refund, state, isToldWhole ? refund.amountMinor : undefined);
  tellRefund(market, refund, { kind: "ok", value }, what);
}

/** As an honest channel tells it that has given it back. */
export function finishRefund(market: Market, refund: Refund): void {
  const value = refundAs(market, refund, "refunded", refund.amountMinor);
  tellRefund(market, refund, { kind: "ok", value }, "query_refund");
}

function refundAs(
  { shop }: Market,
  { number, attemptId }: Refund,
  state: ChannelRefund["state"],
  refundMinor: bigint | undefined,
): ChannelRefund {
  const attempt = required(shop.world.payments.attempts.get(attemptId), "its attempt");
  const told = {
    refundNumber: number,
    attemptNumber: attempt.number,
    state,
    currency: "CNY",
  } as const;
  return refundMinor === undefined ? told : { ...told, refundMinor };
}

function tellRefund(
  market: Market,
  { id: refundId }: Refund,
  answer: ChannelAnswer<ChannelRefund>,
  what: LogWhat,
): void {
  const { payments, ledger } = market.shop.world;
  const command = {
    refundId,
    answer,
    account: teller,
    what,
    logId: market.nextId<"TradeLogEntry">(),
  };
  decideRecordRefund(payments, ledger, command, market.shop.now());
}

const teller: AccountIdentity = account;

// The end

/**
 * From here on channels are honest, deadlines are kept and nothing is lost: everything comes to its
 * end. `afterEach` is called after each command.
 */
export function settle(market: Market, afterEach: () => void): void {
  const { shop } = market;
  const { world } = shop;
  const { payments } = world;
  const roundsMax = 3;
  for (let round = 1; round <= roundsMax; round += 1) {
    hearAllAgain(market, afterEach);
    shop.advance(hourMs);
    for (const id of world.orders.keys()) {
      shop.closeDue(id);
      afterEach();
    }
    for (const attempt of payments.attempts.values()) endAttempt(market, attempt, afterEach);
    for (const refund of payments.refunds.values()) {
      if (refund.state === "refunded" || refund.state === "failed") continue;
      finishRefund(market, refund);
      afterEach();
    }
  }
  hearAllAgain(market, afterEach);
  shop.advance(completeAfterMs);
  for (const id of world.orders.keys()) completeDue(shop, id, afterEach);
  for (const id of [...market.sales.world.sales.keys()]) {
    market.sales.end(id);
    afterEach();
  }
  for (const id of market.sales.log) {
    market.sales.returnUnits(id);
    afterEach();
  }
}

function endAttempt(market: Market, attempt: Attempt, afterEach: () => void): void {
  const { payments, ledger } = market.shop.world;
  const { id: attemptId, state, surplus } = attempt;
  const now = market.shop.now();
  if (surplus) {
    const refundId = market.nextId<"Refund">();
    decideRefundSurplus(payments, ledger, { attemptId, refundId, refundNumber: refundId }, now);
    return afterEach();
  }
  if (state === "paid" || state === "closed" || state === "failed") return;
  decideStartClosing(payments, { attemptId }, now);
  closeAttempt(market, attempt, true);
  afterEach();
}

function completeDue(shop: Shop, id: OrderId, afterEach: () => void): void {
  decideCompleteDueOrder(shop.world, id, shop.now());
  afterEach();
}
