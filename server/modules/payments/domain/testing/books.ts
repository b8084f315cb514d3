/**
 * Payments and their money in memory, as the store keeps them: every step decides on copies, and
 * only what the decision noted for `save` is kept. A change that was not noted fails the step.
 */
import { isDeepStrictEqual } from "node:util";
import { assert, required } from "../../../../kernel/assert.ts";
import type { Id } from "../../../../kernel/ids.ts";
import { hourMs, secondMs } from "../../../../kernel/time.ts";
import type { Account, AccountId, LedgerWorld } from "../../../ledger/index.ts";
import type {
  ChannelAnswer,
  ChannelCapabilities,
  ChannelRefund,
  ChannelTrade,
  Prepared,
  RefusedReason,
} from "../../plug.ts";
import { accountsOfAttempts } from "../ledger-accounts.ts";
import type { OpenAttempt } from "../attempts.ts";
import {
  decideClosePayment,
  decideOpenAttempt,
  decideRecordClosed,
  decideRecordPrepared,
  decideStartClosing,
} from "../attempts.ts";
import type { ChannelTable, RequestRefund } from "../refunds.ts";
import { decideRecordRefund, decideRequestRefund } from "../refunds.ts";
import { decideRecordTrade, decideRefundSurplus } from "../trades.ts";
import type {
  AccountIdentity,
  Attempt,
  AttemptId,
  AttemptState,
  LogEntry,
  LogWhat,
  Payment,
  PaymentEvent,
  PaymentsWorld,
  Refund,
  RefundId,
  RefundState,
} from "../types.ts";
import { emptyWorld } from "../world.ts";

export const now = Date.UTC(2026, 10, 21, 4);
export const order = idOf<"Order">(1);
export const paid = 1_000n;
export const firstQueryMs = 7 * secondMs;

export const account: AccountIdentity = {
  id: idOf<"ChannelAccount">(2),
  channel: "plain",
  merchantId: "m-1",
  appId: "a-1",
};

export const capabilities: ChannelCapabilities = {
  methods: ["native", "jsapi", "h5", "app"],
  currencies: ["CNY"],
  payerIdMethods: ["jsapi", "app"],
  payerIpMethods: ["h5", "app"],
  partialRefund: true,
  refundsPerPaymentMax: 50,
  refundWindowDays: 365,
  statement: true,
};

export const channels: ChannelTable = new Map([["plain", capabilities]]);

export function idOf<Name extends string>(number: number): Id<Name> {
  // Ids are made by the kernel alone; here they only have to differ.
  return `01890000-0000-7000-8000-${String(number).padStart(12, "0")}` as Id<Name>;
}

export interface Books {
  /** By reference. */
  readonly payments: Map<string, Payment>;
  readonly attempts: Map<AttemptId, Attempt>;
  readonly refunds: Map<RefundId, Refund>;
  readonly accounts: Map<AccountId, Account>;
  readonly bundles: LedgerWorld["bundles"];
  readonly log: LogEntry[];
  readonly events: PaymentEvent[];
  ids: number;
}

export function emptyBooks(): Books {
  return {
    payments: new Map(),
    attempts: new Map(),
    refunds: new Map(),
    accounts: new Map(),
    bundles: new Map(),
    log: [],
    events: [],
    ids: 100,
  };
}

export function nextId<Name extends string>(books: Books): Id<Name> {
  return idOf(books.ids++);
}

/** One transaction over a payment; of the ledger it sees the money of `attemptIds`. */
export function step<Outcome>(
  books: Books,
  of: { readonly reference: string; readonly attemptIds?: readonly AttemptId[] },
  decide: (payments: PaymentsWorld, ledger: LedgerWorld) => Outcome,
): Outcome {
  const payments = emptyWorld();
  const payment = books.payments.get(of.reference);
  if (payment !== undefined) payments.payments.set(of.reference, { ...payment });
  for (const [id, attempt] of books.attempts) {
    if (attempt.paymentId === payment?.id) payments.attempts.set(id, { ...attempt });
  }
  for (const [id, refund] of books.refunds) {
    if (refund.reference === of.reference) payments.refunds.set(id, { ...refund });
  }
  const ledger = ledgerOf(books, payments, of.attemptIds ?? [...payments.attempts.keys()]);
  const outcome = decide(payments, ledger);
  keep(books, payments);
  keepMoney(books, ledger);
  return outcome;
}

function ledgerOf(books: Books, payments: PaymentsWorld, ids: readonly AttemptId[]): LedgerWorld {
  const attempts = ids.map((id) => required(payments.attempts.get(id), id));
  const accounts = accountsOfAttempts(attempts).flatMap((id) => books.accounts.get(id) ?? []);
  const bundles = [...ids, ...payments.refunds.keys()];
  return {
    accounts: new Map(accounts.map((row) => [row.id, { ...row }])),
    bundles: new Map(bundles.map((id) => [id, [...(books.bundles.get(id) ?? [])]])),
    touched: new Set(),
    written: [],
    opened: [],
  };
}

function keep(books: Books, { payments, attempts, refunds, written }: PaymentsWorld): void {
  const of = { payments: books.payments, attempts: books.attempts, refunds: books.refunds };
  keepRows(of.payments, payments, [written.newPayments, written.changedPayments]);
  keepRows(of.attempts, attempts, [written.newAttempts, written.changedAttempts]);
  keepRows(of.refunds, refunds, [written.newRefunds, written.changedRefunds]);
  books.log.push(...written.log);
  books.events.push(...written.events);
}

function keepRows<Key, Row>(
  stored: Map<Key, Row>,
  seen: ReadonlyMap<Key, Row>,
  [inserted, changed]: readonly [ReadonlySet<Row>, ReadonlySet<Row>],
): void {
  for (const [key, row] of seen) {
    const isNew = !stored.has(key);
    assert(inserted.has(row) === isNew, `${String(key)} is inserted when it is new`);
    assert(!isNew || !changed.has(row), `${String(key)} is inserted, not updated as well`);
    if (!isNew && !changed.has(row)) {
      assert(isDeepStrictEqual(row, stored.get(key)), `${String(key)} changed and was not noted`);
    }
    stored.set(key, row);
  }
}

function keepMoney(books: Books, ledger: LedgerWorld): void {
  for (const { id } of ledger.opened) assert(!books.accounts.has(id), `${id} is opened once`);
  for (const [id, row] of ledger.accounts) {
    if (ledger.touched.has(id)) books.accounts.set(id, row);
    else assert(isDeepStrictEqual(row, books.accounts.get(id)), `${id} changed unnoted`);
  }
  for (const transfer of ledger.written) {
    const bundle = books.bundles.get(transfer.bundleId) ?? [];
    const isFree = bundle.every(({ leg }) => leg !== transfer.leg);
    assert(isFree, `leg ${transfer.leg} of ${transfer.bundleId} is written once`);
    books.bundles.set(transfer.bundleId, [...bundle, transfer]);
  }
}

// Answers of channels.

export const reasons: readonly RefusedReason[] = [
  "not_found",
  "already_paid",
  "already_closed",
  "number_reused",
  "not_enough_funds",
  "bad_request",
  "not_authorized",
  "rejected",
];

export function ok<Value>(value: Value): ChannelAnswer<Value> {
  return { kind: "ok", value };
}

export function refused(reason: RefusedReason): ChannelAnswer<never> {
  return { kind: "refused", reason, channelCode: "NO", channelMessage: reason };
}

export function unknown(retryAfterMs?: number): ChannelAnswer<never> {
  const why = "no reply within 8 seconds";
  return retryAfterMs === undefined
    ? { kind: "unknown", why }
    : { kind: "unknown", why, retryAfterMs };
}

export const instruction = { kind: "qr_code", content: "pay://1" } as const;

export function preparedOk(usableUntil = now + hourMs): ChannelAnswer<Prepared> {
  return ok({ instruction, usableUntil });
}

// Steps, each with what a test does not care about filled in.

export function attemptOf(books: Books, id: AttemptId): Attempt {
  return required(books.attempts.get(id), `attempt ${id}`);
}

export function refundOf(books: Books, id: RefundId): Refund {
  return required(books.refunds.get(id), `refund ${id}`);
}

export function paymentOf(books: Books, reference: string = order): Payment {
  return required(books.payments.get(reference), `payment of ${reference}`);
}

function referenceOf(books: Books, attemptId: AttemptId): string {
  const { paymentId } = attemptOf(books, attemptId);
  const found = [...books.payments.values()].find(({ id }) => id === paymentId);
  return required(found, "a payment").reference;
}

export function open(books: Books, change: Partial<OpenAttempt> = {}, at = now) {
  const attemptId = nextId<"PaymentAttempt">(books);
  const command: OpenAttempt = {
    paymentId: nextId(books),
    attemptId,
    number: `A${books.ids}`,
    reference: order,
    description: "one enamel mug",
    amountMinor: paid,
    currency: "CNY",
    chosen: { accountId: account.id, channel: account.channel, capabilities },
    method: "native",
    payerId: undefined,
    payerIp: undefined,
    returnUrl: undefined,
    expiresAt: at + hourMs,
    ...change,
  };
  const { reference } = command;
  return step(books, { reference }, (payments) => decideOpenAttempt(payments, command, at));
}

/** Opens an attempt that must be a new one. */
export function opened(books: Books, change: Partial<OpenAttempt> = {}, at = now): AttemptId {
  const count = books.attempts.size;
  const outcome = open(books, change, at);
  assert(outcome.kind === "attempt" && books.attempts.size === count + 1, "a new attempt");
  return outcome.attempt.id;
}

export function prepare(
  books: Books,
  attemptId: AttemptId,
  answer: ChannelAnswer<Prepared> = preparedOk(),
  at = now,
): Attempt {
  const command = { attemptId, answer, firstQueryMs, logId: nextId<"TradeLogEntry">(books) };
  const reference = referenceOf(books, attemptId);
  return step(books, { reference }, (payments) => decideRecordPrepared(payments, command, at));
}

export function startClosing(books: Books, attemptId: AttemptId, at = now): Attempt {
  const reference = referenceOf(books, attemptId);
  return step(books, { reference }, (payments) => decideStartClosing(payments, { attemptId }, at));
}

export function close(
  books: Books,
  attemptId: AttemptId,
  answer: ChannelAnswer<"closed"> = ok("closed"),
  at = now,
): Attempt {
  const command = { attemptId, answer, logId: nextId<"TradeLogEntry">(books) };
  const reference = referenceOf(books, attemptId);
  return step(books, { reference }, (payments) => decideRecordClosed(payments, command, at));
}

export function closePayment(books: Books, reference: string = order, at = now) {
  return step(books, { reference }, (payments) => decideClosePayment(payments, reference, at));
}

/** The trade as an honest channel tells it that tells every field. */
export function tradeOf(books: Books, attemptId: AttemptId): ChannelTrade {
  const { number, amountMinor, currency } = attemptOf(books, attemptId);
  const { merchantId, appId } = account;
  const channelTradeNumber = `T${number}`;
  const told = { attemptNumber: number, state: "paid", channelTradeNumber, amountMinor } as const;
  return { ...told, currency, merchantId, appId, paidAt: now - secondMs };
}

export interface Telling {
  readonly what?: LogWhat;
  readonly account?: AccountIdentity;
  readonly at?: number;
}

export function tellTrade(
  books: Books,
  attemptId: AttemptId,
  told: Partial<ChannelTrade> | ChannelAnswer<ChannelTrade> = {},
  { what = "query", account: teller = account, at = now }: Telling = {},
) {
  const answer = "kind" in told ? told : ok({ ...tradeOf(books, attemptId), ...told });
  const [logId, refundId] = [nextId<"TradeLogEntry">(books), nextId<"Refund">(books)];
  const base = { attemptId, answer, account: teller, what, logId, refundId };
  const command = { ...base, refundNumber: `R${books.ids}` };
  const of = { reference: referenceOf(books, attemptId), attemptIds: [attemptId] };
  return step(books, of, (payments, ledger) => decideRecordTrade(payments, ledger, command, at));
}

export function refundSurplus(books: Books, attemptId: AttemptId, at = now): void {
  const refundId = nextId<"Refund">(books);
  const command = { attemptId, refundId, refundNumber: `R${books.ids}` };
  const of = { reference: referenceOf(books, attemptId), attemptIds: [attemptId] };
  step(books, of, (payments, ledger) => decideRefundSurplus(payments, ledger, command, at));
}

export function request(books: Books, change: Partial<RequestRefund> = {}, at = now) {
  const command: RequestRefund = {
    refundId: nextId(books),
    number: `R${books.ids}`,
    reference: order,
    cause: "requested",
    amountMinor: 300n,
    reason: "the mug is chipped",
    requestedBy: "anna",
    channels,
    ...change,
  };
  const of = { reference: command.reference };
  return step(books, of, (payments, ledger) => decideRequestRefund(payments, ledger, command, at));
}

/** Asks for a refund that must be granted. */
export function requested(books: Books, change: Partial<RequestRefund> = {}, at = now): RefundId {
  const outcome = request(books, change, at);
  assert(outcome.kind === "requested", "the refund is granted");
  return outcome.refund.id;
}

/** The refund as an honest channel tells it that tells every field. */
export function channelRefundOf(books: Books, refundId: RefundId): ChannelRefund {
  const { number, attemptId, amountMinor, currency } = refundOf(books, refundId);
  const { merchantId, appId } = account;
  return {
    refundNumber: number,
    attemptNumber: attemptOf(books, attemptId).number,
    state: "refunded",
    channelRefundNumber: `C${number}`,
    refundMinor: amountMinor,
    currency,
    merchantId,
    appId,
    refundedAt: now - secondMs,
  };
}

/** `refundMinor: undefined` leaves the amount out, as Alipay does. */
export type ToldRefund = Omit<Partial<ChannelRefund>, "refundMinor"> & {
  readonly refundMinor?: bigint | undefined;
};

export function tellRefund(
  books: Books,
  refundId: RefundId,
  told: ToldRefund | ChannelAnswer<ChannelRefund> = {},
  { what = "query_refund", account: teller = account, at = now }: Telling = {},
) {
  const answer = "kind" in told ? told : ok(channelRefundWith(books, refundId, told));
  const logId = nextId<"TradeLogEntry">(books);
  const { attemptId, reference } = refundOf(books, refundId);
  const command = { refundId, answer, account: teller, what, logId };
  const of = { reference, attemptIds: [attemptId] };
  return step(books, of, (payments, ledger) => decideRecordRefund(payments, ledger, command, at));
}

function channelRefundWith(books: Books, refundId: RefundId, told: ToldRefund): ChannelRefund {
  const { refundMinor, ...rest } = { ...channelRefundOf(books, refundId), ...told };
  return refundMinor === undefined ? rest : { ...rest, refundMinor };
}

// Things in a given state, brought there by decisions.

export interface AttemptAt {
  readonly books: Books;
  readonly attemptId: AttemptId;
}

export function attemptAt(state: AttemptState, books = emptyBooks()): AttemptAt {
  const attemptId = opened(books);
  if (state === "failed") prepare(books, attemptId, refused("rejected"));
  else if (state !== "preparing") prepare(books, attemptId);
  if (state === "closing" || state === "closed") startClosing(books, attemptId);
  if (state === "closed") close(books, attemptId);
  if (state === "paid") tellTrade(books, attemptId);
  assert(attemptOf(books, attemptId).state === state, `an attempt that is ${state}`);
  return { books, attemptId };
}

export interface RefundAt extends AttemptAt {
  readonly refundId: RefundId;
}

/** Three hundred of a thousand go back. */
export function refundAt(state: RefundState): RefundAt {
  const { books, attemptId } = attemptAt("paid");
  const refundId = requested(books);
  if (state === "failed") tellRefund(books, refundId, refused("rejected"), { what: "refund" });
  else if (state !== "requested") tellRefund(books, refundId, { state });
  assert(refundOf(books, refundId).state === state, `a refund that is ${state}`);
  return { books, attemptId, refundId };
}

/** An order that was paid by its first attempt, and by its second as well. */
export function paidTwice(): RefundAt & { readonly first: AttemptId } {
  const { books, attemptId: first } = attemptAt("closed");
  const attemptId = opened(books);
  tellTrade(books, first);
  tellTrade(books, attemptId);
  const [refund] = books.refunds.values();
  return { books, first, attemptId, refundId: required(refund, "a refund").id };
}

/** "payment_paid refund_requested" */
export function eventTypes({ events }: Books): string[] {
  return events.map(({ type }) => type);
}

export function balanceOf({ accounts }: Books, id: AccountId) {
  const { posted, pendingDebits } = required(accounts.get(id), id);
  return { posted, held: pendingDebits };
}

/** The rule that nothing gets stuck, in rows. */
export function assertAskedAgain(books: Books): void {
  for (const { state, nextActionAt } of books.attempts.values()) {
    const isOpen = state === "preparing" || state === "awaiting" || state === "closing";
    assert((nextActionAt !== undefined) === isOpen, `an attempt ${state} is asked about`);
  }
  for (const { state, nextActionAt } of books.refunds.values()) {
    const isOpen = state !== "refunded" && state !== "failed";
    assert((nextActionAt !== undefined) === isOpen, `a refund ${state} is asked about`);
  }
}
