/**
 * Rows of a tenant for the walk over all routes, by the name under which a path, a query or a body
 * speaks of them; what is paid is paid in the simulated world. A route with a new kind of id needs
 * a line here; the walk says so.
 */
import type { IdempotencyKey } from "../kernel/idempotency.ts";
import { createNumbers } from "../kernel/numbers.ts";
import { createParkedEvents } from "../kernel/parked-events.ts";
import { required } from "../kernel/assert.ts";
import { isRefusal } from "../kernel/refusal.ts";
import { dayMs, systemClock } from "../kernel/time.ts";
import { keys } from "../channels/wire/testing/fixtures.ts";
import type { SkuId } from "../modules/catalog/index.ts";
import { stockAccounts } from "../modules/catalog/index.ts";
import type { OrderId } from "../modules/orders/index.ts";
import type { AttemptId, Payment } from "../modules/payments/index.ts";
import type { SaleId } from "../modules/sales/index.ts";
import { reactionsOf } from "../wiring.ts";
import { startHearing } from "./hearing.ts";
import type { Outside } from "./outside.ts";
import { answered, newMerchant, openAccount } from "./outside.ts";
import type { TestPlatform, TestTenant } from "./platform.ts";
import { issueTestToken } from "./tokens.ts";

/** A tenant on a platform, with a name for what it does that is nobody else's. */
export interface Stand {
  readonly platform: TestPlatform;
  readonly outside: Outside;
  readonly tenant: TestTenant;
  readonly by: string;
}

interface RowMaker {
  /** Gives what names the new row. */
  make(stand: Stand): Promise<string>;
  /** Of the same form, and nobody's. An id unless the maker says otherwise. */
  unknown?: (platform: TestPlatform) => string;
}

/** By `name`, or by `route.name` where a name means another thing elsewhere. */
export const rowMakers: Readonly<Record<string, RowMaker>> = {
  productId: { make: async (stand) => (await makeProduct(stand)).productId },
  skuId: { make: async (stand) => (await makeProduct(stand)).skuId },
  accountId: { make: async (stand) => stockAccounts((await makeProduct(stand)).skuId).onHand },
  "listLedgerAccounts.prefix": {
    make: async (stand) => `stock.on_hand.${(await makeProduct(stand)).skuId}`,
  },
  "listLedgerAccounts.asset": {
    make: async (stand) => `stock:${(await makeProduct(stand)).skuId}`,
  },
  /** As it can be changed, and scheduled. */
  saleId: { make: async (stand) => (await makeSale(stand)).saleId },
  "takeTicket.saleId": { make: async (stand) => (await openSale(stand, true)).saleId },
  "askChallenge.saleId": {
    make: async (stand) => (await openSale(stand, true, challengeRules)).saleId,
  },
  "getTicket.saleId": { make: async (stand) => (await makeTicket(stand)).saleId },
  "followTicket.saleId": { make: async (stand) => (await makeTicket(stand)).saleId },
  /** Of the sale that stands before it in the path. */
  ticketId: { make: async (stand) => required(taken.get(stand), "a ticket to the sale") },
  "getSale.saleId": { make: async (stand) => (await openSale(stand)).saleId },
  "listOrders.saleId": { make: async (stand) => (await makeSaleOrder(stand)).saleId },
  "placeOrder.saleId": {
    make: async (stand) => {
      const made = await openSale(stand);
      offered.set(stand, made.skuId);
      return made.saleId;
    },
  },
  "raiseAllotment.saleId": {
    make: async (stand) => {
      const { platform, tenant, by } = stand;
      const { saleId, skuId } = await openSale(stand);
      offered.set(stand, skuId);
      // The sale has all that there was.
      const input = { skuId, quantity: 1_000n, reason: "delivery", by };
      answered(await platform.catalog.putInStock(tenant.tenantId, newKey(platform), input));
      return saleId;
    },
  },
  "raiseAllotment.skuId": {
    make: async (stand) => required(offered.get(stand), "goods of a sale"),
  },
  /** An order in a sale names goods of that sale, which stands before them in the body. */
  "placeOrder.skuId": { make: async (stand) => required(offered.get(stand), "goods of a sale") },
  orderId: { make: async (stand) => (await makeOrder(stand)).id },
  /** Of transfers in the ledger: the order that they were made for. */
  reference: { make: async (stand) => (await makeOrder(stand)).id },
  number: {
    make: async (stand) => (await makeOrder(stand)).number,
    unknown: () => createNumbers({ clock: systemClock }).next("T"),
  },
  memberId: { make: async (stand) => (await makeOrder(stand)).memberId },
  "completeOrder.orderId": { make: async (stand) => (await makePaidOrder(stand)).orderId },
  "refundOrder.orderId": { make: async (stand) => (await makePaidOrder(stand)).orderId },
  "listOrderRefunds.orderId": { make: async (stand) => (await makeRefund(stand)).orderId },
  paymentId: { make: async (stand) => (await makePayment(stand)).paymentId },
  attemptId: { make: async (stand) => (await makePayment(stand)).attemptId },
  refundId: { make: async (stand) => (await makeRefund(stand)).refundId },
  /** Of payments and refunds: the order that they are for. */
  "listPayments.reference": { make: async (stand) => (await makePayment(stand)).orderId },
  "listRefunds.reference": { make: async (stand) => (await makeRefund(stand)).orderId },
  noticeId: { make: async (stand) => (await makeNotice(stand)).id },
  attemptNumber: {
    make: async (stand) => (await makeNotice(stand)).attemptNumber,
    unknown: () => createNumbers({ clock: systemClock }).next("P"),
  },
  /** Of accounts at channels; elsewhere an account is one of the ledger. */
  "listNotices.accountId": { make: async (stand) => (await makeNotice(stand)).accountId },
  "getChannelAccount.accountId": { make: async (stand) => (await makeAccount(stand)).id },
  "changeChannelAccount.accountId": { make: async (stand) => (await makeAccount(stand)).id },
  "createChannelAccount.merchantId": {
    make: async (stand) => (await makeAccount(stand)).merchantId,
  },
  /** Every tenant counts its own events, from 1. */
  seq: {
    make: async (stand) => String(await makeParkedEvent(stand)),
    unknown: () => String(2 ** 40),
  },
  tokenId: { make: async (stand) => (await makeToken(stand)).id },
  subject: {
    make: async (stand) => (await makeToken(stand)).subject,
    unknown: ({ ids }) => `member:${ids.next()}`,
  },
};

/** The goods of the sale that the next order is placed in. */
const offered = new WeakMap<Stand, string>();

/** The ticket to the sale that the next request is about. */
const taken = new WeakMap<Stand, string>();

/** Whoever takes a ticket has to solve a challenge. */
const challengeRules = {
  challengeDifficulty: 1_000,
  ticketsPerDevice: undefined,
  ticketsPerNetwork: undefined,
};

/** A contract that no channel knows; nobody is called about it. */
const unusedConfig = {
  baseUrl: "http://127.0.0.1:9",
  merchantSerial: keys.merchant.serial,
  merchantPrivateKeyPem: keys.merchant.privateKey,
  apiV3Key: "0123456789abcdef0123456789abcdef",
  platformKeys: { [keys.platformNew.serial]: keys.platformNew.certificate },
  mode: "certificate",
};

/** Names that stand for no row of a tenant, with what is sent in their place. */
export const sharedValues: Readonly<Record<string, unknown>> = {
  // The names of settings are the platform's; each tenant has its own changes under them.
  "listTenantSettingChanges.name": "orders.close_after_minutes",
  // The name of a token that is made by this request, for the asking tenant.
  "issueToken.name": "robot",
  // A payer and an app are the channel's: it alone knows whose they are.
  "payOrder.payerId": "o-payer-1",
  "createSale.closesAt": "2099-12-31T00:00:00Z",
  "changeSale.closesAt": "2099-12-31T00:00:00Z",
  "createChannelAccount.appId": "wx-app-1",
  "createChannelAccount.config": unusedConfig,
  "changeChannelAccount.config": unusedConfig,
  // The program's subscriptions; what waits in one is found by tenant and number.
  subscription: "orders.payments",
};

export function lookUp<Value>(
  table: Readonly<Record<string, Value>>,
  route: string,
  name: string,
): Value | undefined {
  return table[`${route}.${name}`] ?? table[name];
}

/** What a tenant of some age has, beside what the makers make. */
export async function furnish(stand: Stand): Promise<void> {
  const { platform, outside, tenant, by } = stand;
  const values = { "orders.close_after_minutes": 45 };
  answered(
    await platform.identity.changeSettings(tenant.tenantId, newKey(platform), { values, by }),
  );
  // The oldest account is the one that is paid over.
  const merchant = await newMerchant(outside, "wechatpay");
  await openAccount({ ...platform, tenantId: tenant.tenantId }, merchant);
  await makeRefund(stand);
  await makeParkedEvent(stand);
  await makeOrder(stand);
  await makeSaleOrder(stand);
}

/** With ten units in stock. */
async function makeProduct({ platform, tenant, by }: Stand) {
  const { catalog, ids } = platform;
  const title = `Mug of ${ids.next()}`;
  const sku = { title: "", priceMinor: 1_999n, currency: "CNY", onSale: true } as const;
  const product = { title, onSale: true, skus: [sku], by };
  const made: { id: string; skus: [{ id: SkuId }] } = answered(
    await catalog.createProduct(tenant.tenantId, newKey(platform), product),
  );
  const [{ id: skuId }] = made.skus;
  const delivery = { skuId, quantity: 10n, reason: "delivery", by };
  answered(await catalog.putInStock(tenant.tenantId, newKey(platform), delivery));
  return { productId: made.id, skuId };
}

/** A draft with all that there is of a SKU. */
async function makeSale(stand: Stand, waitingRoom = false, ticketRules?: typeof challengeRules) {
  const { platform, tenant, by } = stand;
  const { skuId } = await makeProduct(stand);
  const now = systemClock.now();
  const price = { priceMinor: 999n, currency: "CNY", limitPerMember: undefined } as const;
  const terms = {
    title: `Sale of ${platform.ids.next()}`,
    opensAt: now,
    closesAt: now + dayMs,
    limitPerMember: undefined,
    waitingRoom,
    ticketRules,
    items: [{ skuId, allotment: 10n, ...price }],
  };
  const input = { terms, by };
  const made: { id: SaleId } = answered(
    await platform.sales.createSale(tenant.tenantId, newKey(platform), input),
  );
  return { saleId: made.id, skuId };
}

/** Nobody waits: its member is admitted at once. */
async function makeTicket(stand: Stand) {
  const { platform, tenant } = stand;
  const { saleId } = await openSale(stand, true);
  const wanted = { saleId, memberId: "m-1" };
  const made = await platform.waitingRooms.takeTicket(tenant.tenantId, wanted);
  if (isRefusal(made)) throw new Error(made.code);
  taken.set(stand, made.view.id);
  return { saleId };
}

async function openSale(stand: Stand, waitingRoom = false, ticketRules?: typeof challengeRules) {
  const { platform, tenant } = stand;
  const made = await makeSale(stand, waitingRoom, ticketRules);
  answered(await platform.sales.scheduleSale(tenant.tenantId, newKey(platform), made.saleId));
  return made;
}

async function makeSaleOrder(stand: Stand) {
  const { platform, tenant, by } = stand;
  const { saleId, skuId } = await openSale(stand);
  const order = { memberId: platform.ids.next(), saleId, lines: [{ skuId, quantity: 2 }] };
  answered(
    await platform.orders.placeOrder(tenant.tenantId, newKey(platform), { ...order, placedBy: by }),
  );
  return { saleId };
}

interface MadeOrder {
  readonly id: OrderId;
  readonly number: string;
  readonly memberId: string;
}

async function makeOrder(stand: Stand): Promise<MadeOrder> {
  const { platform, tenant, by } = stand;
  const { skuId } = await makeProduct(stand);
  const order = { memberId: platform.ids.next(), lines: [{ skuId, quantity: 2 }], placedBy: by };
  return answered(await platform.orders.placeOrder(tenant.tenantId, newKey(platform), order));
}

interface MadePayment {
  readonly orderId: OrderId;
  readonly paymentId: Payment["id"];
  readonly attemptId: AttemptId;
  readonly attemptNumber: string;
}

/** Paid outside, and its notice has come in; the order has not heard of it. */
async function makePayment(stand: Stand): Promise<MadePayment> {
  const { platform, outside, tenant, by } = stand;
  const { id: orderId } = await makeOrder(stand);
  const made: Omit<MadePayment, "orderId"> = answered(
    await platform.orders.payOrder(tenant.tenantId, newKey(platform), {
      orderId,
      madeBy: by,
      channel: "wechatpay",
      method: "native",
      payerId: undefined,
      payerIp: undefined,
      returnUrl: undefined,
    }),
  );
  const paid = outside.control.pay(made.attemptNumber);
  if (!("result" in paid) || paid.result !== "paid") throw new Error(JSON.stringify(paid));
  await outside.control.idle();
  const payment = await platform.payments.readPayment(tenant.tenantId, made.paymentId);
  if (!("payment" in payment) || payment.payment.state !== "paid") throw new Error("no notice");
  return { orderId, ...made };
}

async function makePaidOrder(stand: Stand): Promise<MadePayment> {
  const made = await makePayment(stand);
  await hear(stand);
  return made;
}

/** Asked for; the channel has not heard of it. */
async function makeRefund(stand: Stand) {
  const { platform, tenant, by } = stand;
  const { orderId } = await makePaidOrder(stand);
  const wanted = { kind: "rest" } as const;
  const input = { orderId, wanted, restock: true, reason: "rain", requestedBy: by };
  const made: { readonly id: string } = answered(
    await platform.orders.refundOrder(tenant.tenantId, newKey(platform), input),
  );
  return { orderId, refundId: made.id };
}

async function makeNotice(stand: Stand) {
  const { platform, tenant } = stand;
  const { attemptNumber } = await makePayment(stand);
  const wanted = { accountId: undefined, attemptNumber, before: undefined, limit: 1 };
  const [line] = await platform.payments.listNotices(tenant.tenantId, wanted);
  const { id, accountId } = required(line, "the notice of the payment");
  return { id, accountId, attemptNumber };
}

function makeAccount({ platform, tenant: { tenantId } }: Stand) {
  const merchantId = platform.ids.next();
  const named = { channel: "wechatpay", merchantId, appId: "wx-app-2", label: "till" };
  return openAccount({ ...platform, tenantId }, { ...named, config: unusedConfig });
}

/** News of a payment that could not be applied, and could be now. */
async function makeParkedEvent(stand: Stand): Promise<bigint> {
  const { platform, tenant, by } = stand;
  await hear(stand);
  await makePayment(stand);
  const name = "orders.payments";
  const own = reactionsOf(platform).subscriptions.find((known) => known.name === name);
  const apply = () => Promise.reject(new Error(`${by} has closed the till`));
  await hear(stand, [{ ...required(own, name), apply }]);
  const parked = createParkedEvents({ database: platform.database, subscriptions: [] });
  const newest = { subscription: name, resolved: false, before: undefined, limit: 1 };
  const [event] = await parked.list(tenant.tenantId, newest);
  return required(event, "the event is parked").seq;
}

/** Lets subscriptions, those of the program unless others are given, catch up with the tenant. */
async function hear(
  { platform, tenant }: Stand,
  subscriptions = reactionsOf(platform).subscriptions,
): Promise<void> {
  const hearing = startHearing(platform.database, subscriptions);
  await hearing.heard(tenant.tenantId);
  await hearing.stop();
}

async function makeToken({ platform: { identity, ids }, tenant: { tenantId } }: Stand) {
  const token = { tenantId, kind: "member", name: ids.next() } as const;
  return (await issueTestToken(identity, token)).grant;
}

function newKey({ ids }: TestPlatform): IdempotencyKey {
  return { key: ids.next(), bodyHash: Buffer.alloc(32) };
}
