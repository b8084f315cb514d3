/**
 * Orders, their payments and their units in memory, over the whole life of an order: the decisions
 * of orders and of payments act on one world, and what payments tell waits until it is delivered.
 */
import { required } from "../../../../kernel/assert.ts";
import type { Id } from "../../../../kernel/ids.ts";
import { dayMs, minuteMs } from "../../../../kernel/time.ts";
import type { Sku, SkuId } from "../../../catalog/index.ts";
import { stockAccounts } from "../../../catalog/index.ts";
import type { Account, AccountId, LedgerWorld } from "../../../ledger/index.ts";
import type {
  Attempt,
  AttemptId,
  ChannelCapabilities,
  PaymentsWorld,
  RefundId,
} from "../../../payments/index.ts";
import type { AccountIdentity } from "../../../payments/domain/testing/door.ts";
import {
  capturedAccount,
  decideRecordClosed,
  decideRecordRefund,
  decideRecordTrade,
} from "../../../payments/domain/testing/door.ts";
import type { Sale, SaleId } from "../../../sales/index.ts";
import { decideCancelOrder, decideCloseDueOrder, decideCompleteOrder } from "../ending.ts";
import type { OrderPaymentEvent } from "../payment-events.ts";
import { decideRecordPaymentEvent, orderPaymentEventTypes } from "../payment-events.ts";
import type { PayOrder } from "../paying.ts";
import { decidePayOrder } from "../paying.ts";
import { decidePlaceOrder } from "../placing.ts";
import type { WantedRefund } from "../refunds.ts";
import { decideRefundOrder } from "../refunds.ts";
import type { Order, OrderId, OrdersWorld, PaidTerms, PlaceOrder } from "../types.ts";
import { nothingWritten } from "../world.ts";

export const startedAt = Date.UTC(2026, 10, 21, 4);
export const closeAfterMs = 30 * minuteMs;
export const completeAfterMs = 7 * dayMs;

const account: AccountIdentity = {
  id: idOf<"ChannelAccount">(1),
  channel: "plain",
  merchantId: "m-1",
  appId: "a-1",
};

const capabilities: ChannelCapabilities = {
  methods: ["native", "h5"],
  currencies: ["CNY"],
  payerIdMethods: [],
  payerIpMethods: [],
  partialRefund: true,
  refundsPerPaymentMax: 50,
  refundWindowDays: 365,
  statement: true,
};

export type Shop = ReturnType<typeof createShop>;

export type WantedLines = PlaceOrder["lines"];
export type PlaceChange = Partial<Pick<PlaceOrder, "saleId" | "memberId">>;

/** Ids are made by the kernel alone; here they only have to differ. */
export function idOf<Name extends string>(number: number): Id<Name> {
  return `01890000-0000-7000-8000-${String(number).padStart(12, "0")}` as Id<Name>;
}

export function skuOf(number: number, change: Partial<Sku> = {}): Sku {
  const id = idOf<"Sku">(number);
  const fixed = { id, productId: idOf<"Product">(number), title: `SKU ${number}` };
  return { ...fixed, priceMinor: 1_000n, currency: "CNY", onSale: true, ...change };
}

export const mug = skuOf(1);
export const tea = skuOf(2, { priceMinor: 500n });
export const gift = skuOf(3, { priceMinor: 0n });
export const oneMug = [{ skuId: mug.id, quantity: 1 }];
/** 2 mugs and 3 teas: 3,500 fen. */
export const tray = [
  { skuId: mug.id, quantity: 2 },
  { skuId: tea.id, quantity: 3 },
];
export const rest = { kind: "rest" } as const;
export const amount = (amountMinor: bigint) => ({ kind: "amount", amountMinor }) as const;
export const units = (line: number, quantity: number): WantedRefund => ({
  kind: "lines",
  lines: [{ line, quantity }],
});
export const openShop = () => createShop([mug, tea, gift]);

/** Of every SKU, `shelf` units are on sale. */
export function createShop(
  skus: readonly Sku[],
  shelf = 5n,
  sales: ReadonlyMap<SaleId, Sale> = new Map(),
) {
  const world = worldOf(skus, shelf, sales);
  const terms: { -readonly [Name in keyof PaidTerms]: PaidTerms[Name] } = {
    completeAfterMs,
    latePayment: "refund",
    channels: new Map([["plain", capabilities]]),
  };
  let ids = 1_000;
  let now = startedAt;
  const nextId = <Name extends string>(): Id<Name> => idOf<Name>((ids += 1));

  function hear(told: OrderPaymentEvent): void {
    const made = { refundId: nextId<"Refund">(), refundNumber: `R${ids}` };
    decideRecordPaymentEvent(world, { event: told, terms, ...made }, now);
  }

  return {
    world,
    terms,
    hear,
    now: () => now,
    advance: (ms: number) => void (now += ms),
    place(lines: WantedLines, change: PlaceChange = {}) {
      const orderId = nextId<"Order">();
      const made = { orderId, number: `T${ids}`, memberId: "m-1", placedBy: "member:m-1" };
      const wanted = { saleId: undefined, lines, ...change };
      return decidePlaceOrder(world, { ...made, ...wanted, closeAfterMs, completeAfterMs }, now);
    },

    /** An order that must be placed. */
    placed(lines: WantedLines, change: PlaceChange = {}): Order {
      const outcome = this.place(lines, change);
      if (outcome.kind === "refused") throw new Error(outcome.code);
      return outcome.order;
    },

    start(orderId: OrderId, change: Partial<PayOrder> = {}) {
      const paymentId = nextId<"Payment">();
      const attemptId = nextId<"PaymentAttempt">();
      const chosen = { accountId: account.id, channel: "plain", capabilities };
      const asked = { orderId, madeBy: "member:m-1", method: "native", chosen } as const;
      const payer = { payerId: undefined, payerIp: undefined, returnUrl: undefined };
      const number = `P${ids}`;
      const command = { ...asked, ...payer, paymentId, attemptId, number, ...change };
      return decidePayOrder(world, command, now);
    },

    /** An attempt that must be opened. */
    started(orderId: OrderId): Attempt {
      const outcome = this.start(orderId);
      if (outcome.kind !== "attempt") throw new Error(outcome.kind);
      return outcome.attempt;
    },

    /** The channel tells that an attempt is paid; orders have not heard of it yet. */
    pay({ id: attemptId, number, amountMinor }: Attempt) {
      const { merchantId, appId } = account;
      const trade = { attemptNumber: number, state: "paid", amountMinor, currency: "CNY" } as const;
      const value = { ...trade, merchantId, appId, paidAt: now, channelTradeNumber: `C${number}` };
      const made = { logId: nextId<"TradeLogEntry">(), refundId: nextId<"Refund">() };
      const command = { attemptId, account, what: "notice" as const, ...made };
      const answer = { kind: "ok", value } as const;
      const refundNumber = `R${ids}`;
      const { payments, ledger } = world;
      return decideRecordTrade(payments, ledger, { ...command, answer, refundNumber }, now);
    },

    closeOutside({ id: attemptId }: { readonly id: AttemptId }) {
      const answer = { kind: "ok", value: "closed" } as const;
      decideRecordClosed(world.payments, { attemptId, answer, logId: nextId() }, now);
    },

    /** An order that is paid, and has heard of it. */
    paid(lines: WantedLines, change: PlaceChange = {}): Order {
      const order = this.placed(lines, change);
      this.pay(this.started(order.id));
      this.deliver();
      return order;
    },

    cancel: (orderId: OrderId, memberId?: string) =>
      decideCancelOrder(
        world,
        { orderId, madeBy: "member:m-1", ...(memberId === undefined ? {} : { memberId }) },
        now,
      ),
    closeDue: (orderId: OrderId) => decideCloseDueOrder(world, { orderId, completeAfterMs }, now),
    complete: (orderId: OrderId) => decideCompleteOrder(world, { orderId, madeBy: "till" }, now),

    refund(orderId: OrderId, wanted: WantedRefund, restock = true) {
      const made = { refundId: nextId<"Refund">(), number: `R${ids}` };
      const asked = { orderId, wanted, restock, reason: "rain", requestedBy: "service:till" };
      return decideRefundOrder(world, { ...made, ...asked, channels: terms.channels }, now);
    },

    /** A refund that must be taken. */
    refunding(orderId: OrderId, wanted: WantedRefund, restock = true): RefundId {
      const outcome = this.refund(orderId, wanted, restock);
      if (outcome.kind === "refused") throw new Error(outcome.code);
      return outcome.refund.id;
    },

    /** The channel tells how a refund ended; orders have not heard of it yet. */
    answerRefund(refundId: RefundId, state: "refunded" | "refused") {
      const refund = required(world.payments.refunds.get(refundId), "the refund");
      const { number: refundNumber, amountMinor: refundMinor } = refund;
      const value = { refundNumber, state: "refunded", refundMinor, currency: "CNY" } as const;
      const no = { reason: "rejected", channelCode: "NO", channelMessage: "not today" } as const;
      const answer =
        state === "refunded"
          ? ({ kind: "ok", value } as const)
          : ({ kind: "refused", ...no } as const);
      const command = { refundId, answer, account, what: "refund" as const, logId: nextId() };
      return decideRecordRefund(world.payments, world.ledger, { ...command, logId: nextId() }, now);
    },

    paymentEvents: () => paymentEventsIn(world),

    /** They hear of everything. */
    deliver(): void {
      const told = paymentEventsIn(world);
      world.payments.written.events.length = 0;
      for (const one of told) hear(one);
    },

    /** The last line of the history of an order. */
    lastStep: (orderId: OrderId) =>
      world.written.steps.findLast((step) => step.orderId === orderId),

    stockOf(skuId: SkuId) {
      const of = stockAccounts(skuId);
      const onHand = accountIn(world.ledger, of.onHand);
      const sold = accountIn(world.ledger, of.sold);
      return { onHand: onHand.posted, held: onHand.pendingDebits, sold: sold.posted };
    },

    keptOf: (orderId: OrderId) => keptIn(world, orderId),
  };
}

function worldOf(
  skus: readonly Sku[],
  shelf: bigint,
  sales: ReadonlyMap<SaleId, Sale>,
): OrdersWorld {
  return {
    orders: new Map(),
    steps: new Map(),
    refunds: new Map(),
    skus: new Map(skus.map((sku) => [sku.id, sku])),
    sales,
    bought: new Map(),
    payments: emptyPayments(),
    ledger: stockedLedger(skus, shelf),
    written: nothingWritten(),
  };
}

/** What the attempts of an order have brought in and was not sent back. */
function keptIn({ payments, ledger }: OrdersWorld, orderId: OrderId): bigint {
  const payment = payments.payments.get(orderId);
  return [...payments.attempts.values()]
    .filter(({ paymentId, state }) => paymentId === payment?.id && state === "paid")
    .map(({ id }) => accountIn(ledger, capturedAccount(id)).posted)
    .reduce((sum, posted) => sum + posted, 0n);
}

/** What payments have told and orders have not heard yet, oldest first. */
function paymentEventsIn({ payments }: OrdersWorld): OrderPaymentEvent[] {
  return payments.written.events.filter((event): event is OrderPaymentEvent =>
    orderPaymentEventTypes.some((type) => type === event.type),
  );
}

function accountIn(ledger: LedgerWorld, id: AccountId): Account {
  return required(ledger.accounts.get(id), `account ${id}`);
}

function emptyPayments(): PaymentsWorld {
  return {
    payments: new Map(),
    attempts: new Map(),
    refunds: new Map(),
    written: {
      newPayments: new Set(),
      changedPayments: new Set(),
      newAttempts: new Set(),
      changedAttempts: new Set(),
      newRefunds: new Set(),
      changedRefunds: new Set(),
      log: [],
      events: [],
    },
  };
}

function stockedLedger(skus: readonly Sku[], units: bigint): LedgerWorld {
  const accounts = skus.flatMap(({ id }): Account[] => {
    const of = stockAccounts(id);
    const shared = { asset: `stock:${id}`, indexed: false, pendingDebits: 0n, pendingCredits: 0n };
    return [
      { id: of.onHand, guarded: true, posted: units, ...shared },
      { id: of.sold, guarded: true, posted: 0n, ...shared },
    ];
  });
  return {
    accounts: new Map(accounts.map((one) => [one.id, one])),
    bundles: new Map(),
    touched: new Set(),
    written: [],
    opened: [],
  };
}
