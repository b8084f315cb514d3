/**
 * Orders over a real PostgreSQL, real payments and the simulated outside world. Channels are asked,
 * and time passes on both sides, when a test says so; events are heard by the real subscription.
 */
import { required } from "../../../../kernel/assert.ts";
import { createCommitters } from "../../../../kernel/batch.ts";
import { createDatabase } from "../../../../kernel/database.ts";
import { createIds } from "../../../../kernel/ids.ts";
import { createNumbers } from "../../../../kernel/numbers.ts";
import type { Operation } from "../../../../kernel/operation.ts";
import { createSecrets } from "../../../../kernel/secrets.ts";
import { testDatabase } from "../../../../kernel/testing/database.ts";
import { createTestHttp } from "../../../../kernel/testing/http.ts";
import type { Clock } from "../../../../kernel/time.ts";
import { systemClock } from "../../../../kernel/time.ts";
import { createAlipay } from "../../../../channels/alipay/index.ts";
import { createWechatpay } from "../../../../channels/wechatpay/index.ts";
import { refusals } from "../../../../refusals.ts";
import { startHearing } from "../../../../testing/hearing.ts";
import {
  channels,
  createAheadClock,
  newMerchant,
  openAccount,
  openOutside,
  outsideHost,
  refundMs,
} from "../../../../testing/outside.ts";
import { issueTestToken } from "../../../../testing/tokens.ts";
import { createCatalog } from "../../../catalog/index.ts";
import { createIdentity } from "../../../identity/index.ts";
import type { PrincipalKind } from "../../../identity/index.ts";
import type { LedgerWorld } from "../../../ledger/index.ts";
import { createLedger, loadLedger, saveLedger } from "../../../ledger/index.ts";
import type { RecordTrade, TradeOutcome } from "../../../payments/domain/testing/door.ts";
import { accountsOfAttempts, decideRecordTrade } from "../../../payments/domain/testing/door.ts";
import type { AttemptId, PaymentsWorld, RefundId } from "../../../payments/index.ts";
import {
  createPayments,
  loadPayments,
  paymentTenantSettings,
  savePayments,
} from "../../../payments/index.ts";
import { createPasses, createSales } from "../../../sales/index.ts";
import { ordersRoutes } from "../routes.ts";
import { createOrders, orderTenantSettings } from "../../index.ts";
import { ordersReactions } from "../../reactions.ts";

export type Stand = Awaited<ReturnType<typeof openStand>>;

export async function openStand() {
  const { clock, advance } = createAheadClock();
  const platform = await createPlatform(clock);
  const { ids, identity, payments, http } = platform;
  const outside = await openOutside();
  const { control } = outside;
  const tenantId = ids.next<"Tenant">();
  await identity.createTenant({ id: tenantId, name: "Harbour Mall" });
  for (const channel of channels)
    await openAccount({ ...platform, tenantId }, await newMerchant(outside, channel));

  const issue = async (kind: PrincipalKind, name: string): Promise<string> =>
    (await issueTestToken(identity, { tenantId, kind, name })).token;
  let service = await issue("service", "till");

  return {
    ...platform,
    clock,
    control,
    tenantId,
    issue,

    async call(
      method: "GET" | "POST",
      path: string,
      given: { body?: object; token?: string; key?: string } = {},
    ) {
      const { body, token = service, key = ids.next() } = given;
      const reply = await http.app.inject({
        method,
        url: `/v1/orders${path}`,
        headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
        ...(body === undefined ? {} : { payload: body }),
      });
      return { status: reply.statusCode, text: reply.body, json: reply.json() };
    },

    /** The payer scans the code and pays; nobody has told us yet. */
    async payOutside(paying: { attemptNumber: string; instruction: { content: string } }) {
      // Alipay first hears of a trade when its code is scanned.
      await fetch(paying.instruction.content, { redirect: "manual" });
      return control.pay(paying.attemptNumber);
    },

    /** Asks the channel, as the job of the attempt does. */
    askAttempt: (id: string) => payments.askAttempt(tenantId, id as AttemptId),

    /** The channel tells of the payment by itself, as a notice that was verified. */
    async takeNotice(paying: { attemptId: string; attemptNumber: string }): Promise<void> {
      const attemptId = paying.attemptId as AttemptId;
      const [trade] = control.trades({ attemptNumber: paying.attemptNumber });
      const channelTradeNumber = required(trade, "the trade").transactionId;
      const logId = ids.next<"TradeLogEntry">();
      const made = { logId, refundId: ids.next<"Refund">(), refundNumber: `R${logId}` };
      const told = { attemptId, channelTradeNumber, ...made };
      const outcome = await platform.committers.run(recordPaid, tenantId, told);
      if (outcome.kind !== "paid") throw new Error(outcome.kind);
    },

    /** Sends a refund and asks for its end, as its job does. */
    async finishRefund(id: string): Promise<void> {
      await payments.askRefund(tenantId, id as RefundId);
      await control.advance(refundMs);
      await payments.askRefund(tenantId, id as RefundId);
    },

    /** Time passes here and outside. */
    async advance(ms: number): Promise<void> {
      advance(ms);
      await control.advance(ms);
      service = await issue("service", "till");
    },

    async stop(): Promise<void> {
      await platform.stop();
      await outside.stop();
    },
  };
}

async function createPlatform(clock: Clock) {
  const { url } = await testDatabase();
  const ids = createIds({ clock });
  const numbers = createNumbers({ clock });
  const hints: (() => void)[] = [];
  const onEvents = () => hints.forEach((hint) => hint());
  const database = createDatabase({ url, clock, poolMax: 8, onEvents });
  /** Why batches had to be loaded anew. */
  const retries: string[] = [];
  const observe = {
    committed: () => undefined,
    queued: () => undefined,
    retried: (_operation: string, why: string) => void retries.push(why),
  };
  const committers = createCommitters({ database, committers: 2, observe });
  const secrets = createSecrets([Buffer.alloc(32, 7)]);
  const orderSettings = orderTenantSettings({ closeAfterMinutes: 30 });
  const paymentSettings = paymentTenantSettings();
  const tenantSettings = [...Object.values(orderSettings), ...Object.values(paymentSettings)];
  const base = { database, committers, ids, numbers, clock, secrets };
  const identity = createIdentity({ ...base, tenantSettings });
  const ledger = createLedger({ database, clock });
  const catalog = createCatalog({ ...base, ledger });
  const payments = createPayments({
    ...base,
    identity,
    tenantSettings: paymentSettings,
    channels: [createWechatpay({ clock: systemClock }), createAlipay({ clock: systemClock })],
    channelHosts: [outsideHost],
    publicUrl: "http://127.0.0.1:9",
  });
  const sales = createSales({ ...base, ledger });
  const orders = createOrders({
    ...base,
    identity,
    catalog,
    sales,
    payments,
    tenantSettings: orderSettings,
  });
  const { http } = await createTestHttp({ refusals, clock, settings: { inFlightMax: 1_000 } });
  http.registerAuthentication(identity.authenticate);
  ordersRoutes(http.app, orders, { identity, passes: createPasses({ secrets }) });
  await http.app.ready();

  const hearing = startHearing(database, ordersReactions(orders).subscriptions);
  hints.push(() => hearing.hint());

  return {
    ...base,
    identity,
    ledger,
    catalog,
    payments,
    orders,
    http,
    retries,
    failures: hearing.failures,
    /** Until orders have heard of everything that has happened so far. */
    heard: (tenantId: string) => hearing.heard(tenantId),
    settings: orderSettings,
    async stop(): Promise<void> {
      await http.stop();
      await hearing.stop();
      await committers.stop();
      await database.close();
    },
  };
}

interface Told extends Pick<RecordTrade, "attemptId" | "logId" | "refundId" | "refundNumber"> {
  readonly channelTradeNumber: string;
}

/** Compared with the books, so that everything in it is as the attempt says. */
const recordPaid: Operation<Told, { payments: PaymentsWorld; ledger: LedgerWorld }, TradeOutcome> =
  {
    name: "test.record_paid",
    batchMax: 1,
    async load(tx, commands) {
      const attempts = commands.map(({ attemptId }) => attemptId);
      const payments = await loadPayments(tx, { attempts });
      const accounts = accountsOfAttempts(payments.attempts.values());
      return { payments, ledger: await loadLedger(tx, { accounts, bundles: attempts }) };
    },
    decide({ payments, ledger }, command, now) {
      const attempt = required(payments.attempts.get(command.attemptId), "the attempt");
      const { number: attemptNumber, amountMinor, accountId: id, channel } = attempt;
      const value = {
        attemptNumber,
        state: "paid",
        amountMinor,
        channelTradeNumber: command.channelTradeNumber,
      } as const;
      const account = { id, channel, merchantId: "", appId: "" };
      const answer = { kind: "ok", value } as const;
      const told = { ...command, account, what: "notice", answer } as const;
      return decideRecordTrade(payments, ledger, told, now);
    },
    save(tx, { payments, ledger }) {
      savePayments(tx, payments);
      saveLedger(tx, ledger);
    },
  };
