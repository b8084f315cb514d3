/**
 * Looks at a market after each step, and knows what must hold then. It keeps a second account of
 * everything: the ledger's from what was written, states from the history and from the events.
 */
import { assert, required } from "../../../../kernel/assert.ts";
import type { Machine } from "../../../../kernel/machine.ts";
import { openSecondBooks } from "../../../../testing/second-books.ts";
import type { SkuId } from "../../../catalog/index.ts";
import type { AccountId } from "../../../ledger/index.ts";
import { accountsOfAttempts } from "../../../payments/domain/testing/door.ts";
import type { Attempt, Refund } from "../../../payments/index.ts";
import { attemptMachine, paymentMachine, refundMachine } from "../../../payments/index.ts";
import type { Sale } from "../../../sales/index.ts";
import { saleAccount, saleMachine } from "../../../sales/index.ts";
import { orderMachine, orderRefundMachine } from "../machine.ts";
import type { Order, OrderId, OrderRefund } from "../types.ts";
import type { Market } from "./market.ts";
import { shelf, skus, takeTold } from "./market.ts";

/** Moves that were seen, as "order paying paid". */
export type SeenMoves = Map<string, number>;

export type Witness = ReturnType<typeof openWitness>;

export function openWitness(market: Market, seen: SeenMoves) {
  const { world } = market.shop;
  const second = openSecondBooks(world.ledger.accounts.values());
  const states = new Map<string, Map<string, string>>();
  const histories = new Map<OrderId, { step: number; state: string; been: Set<string> }>();
  const told = new Map<string, string>();
  const times = new Set<string>();
  const accounts = createAccountNames();

  function note(machine: string, from: string, to: string): void {
    const move = `${machine} ${from} ${to}`;
    seen.set(move, (seen.get(move) ?? 0) + 1);
  }

  /** Every row whose state has changed was noted for `save`. */
  function follow<Row extends { readonly id: string; readonly state: string }>(
    { name }: Machine,
    rows: ReadonlyMap<string, Row>,
    isNoted: (row: Row, isNew: boolean) => boolean,
  ): void {
    const known = states.get(name) ?? new Map<string, string>();
    states.set(name, known);
    for (const row of rows.values()) {
      const before = known.get(row.id);
      if (before === row.state) continue;
      known.set(row.id, row.state);
      assert(isNoted(row, before === undefined), `${name} is ${row.state}, and that is noted`);
      // Those of an order are noted from its history, step by step.
      if (before !== undefined && name !== orderMachine.name) note(name, before, row.state);
    }
  }

  function followAll(): void {
    const { written, payments } = world;
    const { written: noted } = payments;
    follow(orderMachine, world.orders, (order, isNew) =>
      isNew ? written.placed.includes(order) : written.changed.has(order),
    );
    follow(orderRefundMachine, world.refunds, (refund, isNew) =>
      (isNew ? written.newRefunds : written.changedRefunds).has(refund),
    );
    follow(paymentMachine, payments.payments, (payment, isNew) =>
      (isNew ? noted.newPayments : noted.changedPayments).has(payment),
    );
    follow(attemptMachine, payments.attempts, (attempt, isNew) =>
      (isNew ? noted.newAttempts : noted.changedAttempts).has(attempt),
    );
    follow(refundMachine, payments.refunds, (refund, isNew) =>
      (isNew ? noted.newRefunds : noted.changedRefunds).has(refund),
    );
    const { newSales, changedSales } = market.sales.world.written;
    follow(saleMachine, market.sales.world.sales, ({ id }, isNew) =>
      (isNew ? newSales : changedSales).has(id),
    );
  }

  /** Dense, each from where the last one ended, and into no state twice. */
  function checkHistory(): void {
    for (const { orderId, step, from, to } of world.written.steps) {
      const known = histories.get(orderId);
      const history = known ?? { step: 0, state: "pending_payment", been: new Set() };
      histories.set(orderId, history);
      assert(step === history.step + 1, "steps of a history have no gap");
      assert(from === history.state, "a step begins where the last one ended");
      history.step = step;
      if (from === to) continue;
      assert(!history.been.has(to), `an order comes to ${to} once`);
      const isRevived = from === "closed" && to === "paid";
      const { saleId } = required(world.orders.get(orderId), "the order");
      assert(!isRevived || saleId === undefined, "an order of a sale is never revived");
      history.been.add(to);
      history.state = to;
      note(orderMachine.name, from, to);
    }
  }

  function checkOrderEvents(): void {
    for (const { type, data } of world.written.events) {
      const before = told.get(data.orderId);
      if (type === "order_placed") {
        assert(before === undefined, "an order is placed once");
        told.set(data.orderId, "pending_payment");
        continue;
      }
      const state = type.slice("order_".length);
      if (!(state in orderMachine.states)) continue;
      assert(before !== undefined && before !== state, "each move is told once, after the placing");
      told.set(data.orderId, state);
    }
    for (const { id, state } of world.orders.values()) {
      assert(told.get(id) === state, "an order is what its events add up to");
      assert(
        (histories.get(id)?.state ?? "pending_payment") === state,
        "and what its history says",
      );
    }
  }

  function checkTellings(): void {
    for (const { type, data } of world.payments.written.events) {
      const isOfPayment = type === "payment_paid" || type === "payment_closed";
      if (!isOfPayment && type !== "refund_succeeded") continue;
      const key = `${type} ${isOfPayment ? data.paymentId : data.refundId}`;
      assert(!times.has(key), `${type} is told once`);
      times.add(key);
    }
    for (const { id, state } of world.payments.payments.values()) {
      assert(times.has(`payment_paid ${id}`) === (state === "paid"), "paid is told when it is");
    }
    for (const { id, state } of world.payments.refunds.values()) {
      assert(times.has(`refund_succeeded ${id}`) === (state === "refunded"), "and refunded");
    }
  }

  return {
    /** What must hold after every step; then forgets what was written, as a commit does. */
    look(): void {
      const { ledger } = world;
      for (const transfer of ledger.written) second.add(transfer);
      second.checkMoved(ledger, ledger.written);
      followAll();
      // Most of what is told twice changes nothing, and then the rest is as it was.
      if (hasWritten(market)) {
        checkHistory();
        checkOrderEvents();
        checkTellings();
        checkUnits(market);
        checkSales(market);
        checkMoney(market, accounts);
        takeTold(market);
        forgetWritten(market);
      }
    },

    /** The same for accounts that nothing has moved for long. */
    lookAtAll(): void {
      second.checkAll(world.ledger);
      checkUnits(market);
      checkMoney(market, accounts);
    },
  };
}

function hasWritten({ shop, sales }: Market): boolean {
  const { written, payments, ledger } = shop.world;
  const { newSales, changedSales } = sales.world.written;
  if (newSales.size + changedSales.size > 0) return true;
  if (ledger.written.length + written.placed.length + written.changed.size > 0) return true;
  const { newPayments, newAttempts, newRefunds, events } = payments.written;
  const { changedPayments, changedAttempts, changedRefunds } = payments.written;
  if (newPayments.size + newAttempts.size + newRefunds.size + events.length > 0) return true;
  return changedPayments.size + changedAttempts.size + changedRefunds.size > 0;
}

function forgetWritten({ shop, sales }: Market): void {
  sales.forgetWritten();
  const { written, payments, ledger } = shop.world;
  for (const rows of [written.placed, written.steps, written.events]) rows.length = 0;
  for (const rows of [written.changed, written.newRefunds, written.changedRefunds]) rows.clear();
  const { newPayments, changedPayments, newAttempts, changedAttempts } = payments.written;
  for (const rows of [newPayments, changedPayments, newAttempts, changedAttempts]) rows.clear();
  payments.written.newRefunds.clear();
  payments.written.changedRefunds.clear();
  payments.written.log.length = 0;
  ledger.written.length = 0;
  ledger.opened.length = 0;
  ledger.touched.clear();
}

// Units

const open: ReadonlySet<string> = new Set(["pending_payment", "paying", "closing"]);

/** Of one SKU on the shelf, or in a sale. */
interface Units {
  held: number;
  /** What orders have bought from there; a range, see below. */
  least: number;
  most: number;
}

const onShelf = "shelf";

function unitsBySource({ shop }: Market): Map<string, Units> {
  const { orders, refunds } = shop.world;
  const units = new Map<string, Units>();
  for (const order of orders.values()) {
    for (const [at, { skuId, quantity }] of order.lines.entries()) {
      const source = `${order.saleId ?? onShelf} ${skuId}`;
      const count = units.get(source) ?? { held: 0, least: 0, most: 0 };
      units.set(source, count);
      if (open.has(order.state)) count.held += quantity;
      if (open.has(order.state) || order.state === "closed") continue;
      const { back, given } = unitsBack(order, at + 1, refunds.values());
      count.least += Math.max(quantity - back, 0);
      // What was given back twice, the second time against a channel's first word, is on sale once.
      count.most += given > quantity ? quantity : quantity - back;
    }
  }
  return units;
}

const none: Units = { held: 0, least: 0, most: 0 };

function checkUnits(market: Market): void {
  const { shop, sales } = market;
  const units = unitsBySource(market);
  for (const { id: skuId } of skus) {
    const stock = shop.stockOf(skuId);
    const own = units.get(`${onShelf} ${skuId}`) ?? none;
    assert(stock.held <= stock.onHand, "nothing is oversold");
    assert(stock.held === BigInt(own.held), "held is what open orders want");
    let { least, most } = own;
    let aside = 0n;
    for (const sale of sales.world.sales.values()) {
      const account = shop.world.ledger.accounts.get(saleAccount(sale.id, skuId));
      const ofSale = units.get(`${sale.id} ${skuId}`) ?? none;
      if (account === undefined) {
        assert(sale.scheduledAt === undefined, "units are set aside when a sale is scheduled");
        assert(ofSale === none, "and nobody buys before");
        continue;
      }
      least += ofSale.least;
      most += ofSale.most;
      aside += account.posted;
      assert(account.pendingDebits === BigInt(ofSale.held), "the sale holds what its orders want");
      checkAllotment(sale, skuId, account.posted, ofSale);
    }
    assert(stock.onHand + aside + stock.sold === shelf, "put in = on hand + set aside + sold");
    assert(stock.sold >= BigInt(least) && stock.sold <= BigInt(most), "sold is what was bought");
  }
}

/** Until a sale ends, what it has not sold is there. */
function checkAllotment(sale: Sale, skuId: SkuId, left: bigint, { least, most }: Units): void {
  const { allotment } = required(sale.items.get(skuId), "the item");
  const gone = allotment - left;
  if (sale.state === "ended") assert(gone >= BigInt(least), "no more is left than was not sold");
  else assert(gone >= BigInt(least) && gone <= BigInt(most), "set aside = left + sold");
}

// Sales

function checkSales({ shop, sales }: Market): void {
  const { orders, written } = shop.world;
  for (const order of written.placed) {
    if (order.saleId === undefined) continue;
    const sale = required(sales.world.sales.get(order.saleId), "the sale of the order");
    const isRunning = sale.state === "scheduled" || sale.state === "open";
    const isInTime = shop.now() >= sale.opensAt && shop.now() < sale.closesAt;
    assert(isRunning && isInTime, "orders are placed while the sale runs");
    for (const { skuId, unitPriceMinor } of order.lines) {
      assert(sale.items.get(skuId)?.priceMinor === unitPriceMinor, "at the price of the sale");
    }
  }
  for (const sale of sales.world.sales.values()) checkLimits(sale, orders.values());
}

function checkLimits({ id, limitPerMember = Infinity, items }: Sale, orders: Iterable<Order>) {
  const bought = new Map<string, number>();
  const add = (key: string, quantity: number): number => {
    const sum = (bought.get(key) ?? 0) + quantity;
    bought.set(key, sum);
    return sum;
  };
  for (const { saleId, memberId, state, lines } of orders) {
    if (saleId !== id || state === "closed" || state === "refunded") continue;
    for (const { skuId, quantity } of lines) {
      const ofSku = add(`${memberId} ${skuId}`, quantity);
      assert(ofSku <= (items.get(skuId)?.limitPerMember ?? Infinity), "within the SKU's limit");
      assert(add(memberId, quantity) <= limitPerMember, "within the limit of the sale");
    }
  }
}

function unitsBack({ id }: Order, line: number, refunds: Iterable<OrderRefund>) {
  let back = 0;
  let given = 0;
  for (const { orderId, state, restock, lines } of refunds) {
    if (orderId !== id || state !== "refunded") continue;
    for (const one of lines) {
      if (one.line !== line) continue;
      given += one.quantity;
      if (restock) back += one.quantity;
    }
  }
  return { back, given };
}

// Money

interface Money {
  back: bigint;
  going: bigint;
}

type AccountNames = ReturnType<typeof createAccountNames>;

/** The accounts of an attempt; making their ids anew each time would take longer than all else. */
function createAccountNames() {
  const known = new Map<string, { readonly captured: AccountId; readonly channel: AccountId }>();
  return (attempt: Attempt) => {
    const before = known.get(attempt.id);
    if (before !== undefined) return before;
    const [captured, channel] = accountsOfAttempts([attempt]);
    const names = {
      captured: required(captured, "captured"),
      channel: required(channel, "channel"),
    };
    known.set(attempt.id, names);
    return names;
  };
}

const awaitsPayment: ReadonlySet<string> = new Set(["pending_payment", "paying", "closing"]);

function checkMoney({ shop }: Market, accounts: AccountNames): void {
  const { payments, ledger, orders, refunds } = shop.world;
  const byAttempt = new Map<string, Money>();
  for (const refund of payments.refunds.values()) {
    addMoney(byAttempt, refund.attemptId, refund);
  }
  let atChannel = 0n;
  let channel: AccountId | undefined;
  const paying = new Map<string, number>();
  for (const attempt of payments.attempts.values()) {
    const { id, state, amountMinor, surplus, paymentId } = attempt;
    const names = accounts(attempt);
    const captured = ledger.accounts.get(names.captured);
    assert((captured !== undefined) === (state === "paid"), "money is where something was paid");
    if (captured === undefined) continue;
    channel ??= names.channel;
    const { back, going } = byAttempt.get(id) ?? { back: 0n, going: 0n };
    assert(captured.posted === amountMinor - back, "captured is what was paid less what went back");
    assert(captured.pendingDebits === going, "held is what is on its way back");
    atChannel += captured.posted;
    if (!surplus) paying.set(paymentId, (paying.get(paymentId) ?? 0) + 1);
  }
  if (channel !== undefined) {
    assert(
      ledger.accounts.get(channel)?.posted === -atChannel,
      "the channel owes what is captured",
    );
  }
  for (const { id, state } of payments.payments.values()) {
    assert((paying.get(id) ?? 0) === (state === "paid" ? 1 : 0), "one attempt paid it, or none");
  }
  for (const { id, state: orderState } of orders.values()) {
    const { state } = payments.payments.get(id) ?? { state: "closed" };
    const isOpen = state === "open" || state === "closing";
    assert(!isOpen || awaitsPayment.has(orderState), "an order ends no sooner than its payment");
  }
  checkRefunds(orders, refunds, payments.refunds);
}

function addMoney(sums: Map<string, Money>, id: string, refund: Refund | OrderRefund): void {
  const { state, amountMinor } = refund;
  const sum = sums.get(id) ?? { back: 0n, going: 0n };
  sums.set(id, sum);
  if (state === "refunded") sum.back += amountMinor;
  else if (state !== "failed") sum.going += amountMinor;
}

function checkRefunds(
  orders: ReadonlyMap<OrderId, Order>,
  refunds: ReadonlyMap<string, OrderRefund>,
  inPayments: ReadonlyMap<string, Refund>,
): void {
  const byOrder = new Map<string, Money>();
  for (const refund of refunds.values()) {
    addMoney(byOrder, refund.orderId, refund);
    const { state } = required(inPayments.get(refund.id), "its refund in payments");
    assert(
      refund.state !== "refunded" || state === "refunded",
      "orders know no more than payments",
    );
    const isFailed = state === "failed" || state === "refunded";
    assert(refund.state !== "failed" || isFailed, "nor of what has failed");
  }
  for (const { id, refundedMinor, refundingMinor, totalMinor, state } of orders.values()) {
    const { back, going } = byOrder.get(id) ?? { back: 0n, going: 0n };
    assert(refundedMinor === back && refundingMinor === going, "an order adds up its refunds");
    assert(refundedMinor <= totalMinor, "and never gives back more than it cost");
    if (state === "closed") continue;
    const isWhole = totalMinor > 0n && refundedMinor === totalMinor;
    assert((state === "refunded") === isWhole, "an order is refunded when all of it is");
  }
}
