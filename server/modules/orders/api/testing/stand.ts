/**
 * Orders over a real PostgreSQL, real payments and the simulated outside world. Channels are asked,
 * and time passes on both sides, when a test says so; events are heard by the real subscription.
 */
import { required } from "../../../../kernel/assert.ts";
import { createCommitters } from "../../../../kernel/batch.ts";
import { createDatabase } from "../../../../kernel/database.ts";
import type { Id } from "../../../../kernel/ids.ts";
import { createIds } from "../../../../kernel/ids.ts";
import { createNumbers } from "../../../../kernel/numbers.ts";
import type { Operation } from "../../../../kernel/operation.ts";
import { isRefusal } from "../../../../kernel/refusal.ts";
import { createSecrets } from "../../../../kernel/secrets.ts";
import { createSubscriptions } from "../../../../kernel/subscriptions.ts";
import { testDatabase } from "../../../../kernel/testing/database.ts";
import { createTestHttp } from "../../../../kernel/testing/http.ts";
import type { Clock } from "../../../../kernel/time.ts";
import type { Control } from "../../../../../simulator/index.ts";
import { createSimulator } from "../../../../../simulator/index.ts";
import { createAlipay } from "../../../../channels/alipay/index.ts";
import { createWechatpay } from "../../../../channels/wechatpay/index.ts";
import { refusals } from "../../../../refusals.ts";
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
import { ordersRoutes } from "../routes.ts";
import { createOrders, orderTenantSettings } from "../../index.ts";
import { ordersReactions } from "../../reactions.ts";

/** How long the world works on a refund. */
const refundMs = 1_000;

export type Stand = Awaited<ReturnType<typeof openStand>>;

export async function openStand() {
  let aheadMs = 0;
  // The world's calendar is the machine's: only waiting passes at once.
  const clock: Clock = { now: () => Date.now() + aheadMs };
  const platform = await createPlatform(clock);
  const { ids, identity, payments, http } = platform;
  const simulator = await createSimulator({ refundMs });
  const simulatorUrl = await simulator.listen();
  const { control } = simulator;
  const tenantId = ids.next<"Tenant">();
  await identity.createTenant({ id: tenantId, name: "Harbour Mall" });
  await createAccounts({ ...platform, tenantId, control, simulatorUrl });

  async function issue(kind: PrincipalKind, name: string): Promise<string> {
    const by = { kind: "operator", subject: "test" } as const;
    const asked = { kind, name, scopes: undefined, lifeMs: undefined, once: false };
    const issued = await identity.issueToken({ tenantId, by, ...asked });
    if (issued.kind !== "issued") throw new Error(issued.code);
    return issued.token;
  }
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
      aheadMs += ms;
      await control.advance(ms);
      service = await issue("service", "till");
    },

    async stop(): Promise<void> {
      await platform.stop();
      await simulator.close();
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
    channels: [createWechatpay(), createAlipay()],
    publicUrl: "http://127.0.0.1:9",
  });
  const orders = createOrders({ ...base, identity, payments, tenantSettings: orderSettings });
  const { http } = await createTestHttp({ refusals, clock, settings: { inFlightMax: 1_000 } });
  http.registerAuthentication(identity.authenticate);
  ordersRoutes(http.app, orders, identity);
  await http.app.ready();

  let applied = Promise.withResolvers<void>();
  const failures: unknown[] = [];
  const reader = createSubscriptions({
    database,
    subscriptions: ordersReactions(orders).subscriptions,
    observe: {
      applied() {
        applied.resolve();
        applied = Promise.withResolvers<void>();
      },
      failed: (_name, error) => void failures.push(error),
      parked: (_name, _tenant, _seq, error) => void failures.push(error),
    },
  });

  hints.push(() => reader.hint());

  /** Until orders have heard of everything that has happened so far. */
  async function heard(tenantId: string): Promise<void> {
    const pool = required(database.pools()[0], "a pool");
    for (;;) {
      const next = applied.promise;
      const { rows } = await pool.query<{ behind: boolean }>(
        `select h.seq > coalesce(c.seq, 0) as behind from kernel.event_heads h
         left join kernel.cursors c
           on c.tenant_id = $1 and c.subscription = 'orders.payments'
         where h.tenant_id = $1`,
        [tenantId],
      );
      if (rows[0]?.behind !== true) return;
      await next;
    }
  }

  return {
    ...base,
    identity,
    ledger,
    catalog,
    payments,
    orders,
    http,
    retries,
    failures,
    heard,
    settings: orderSettings,
    async stop(): Promise<void> {
      await http.stop();
      await reader.stop();
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

/** A tenant's accounts at both channels of the simulated world. */
async function createAccounts(
  given: Pick<Awaited<ReturnType<typeof createPlatform>>, "payments" | "ids"> & {
    readonly tenantId: Id<"Tenant">;
    readonly control: Control;
    readonly simulatorUrl: string;
  },
): Promise<void> {
  const { payments, ids, tenantId, control, simulatorUrl } = given;
  const wechatpay = await control.createWechatMerchant({ mode: "public_key" });
  const alipay = await control.createAlipayMerchant();
  const accounts = [
    {
      channel: "wechatpay",
      merchantId: wechatpay.mchid,
      appId: wechatpay.appId,
      config: {
        baseUrl: simulatorUrl,
        merchantSerial: wechatpay.merchantSerial,
        merchantPrivateKeyPem: wechatpay.merchantPrivateKeyPem,
        apiV3Key: wechatpay.apiV3Key,
        platformKeys: { [wechatpay.platformPublicKeyId]: wechatpay.platformPublicKeyPem },
        mode: "public_key",
      },
    },
    {
      channel: "alipay",
      merchantId: alipay.sellerId,
      appId: alipay.appId,
      config: {
        gatewayUrl: `${simulatorUrl}/gateway.do`,
        appPrivateKeyPem: alipay.appPrivateKeyPem,
        alipayPublicKeyPem: alipay.alipayPublicKeyPem,
      },
    },
  ];
  for (const account of accounts) {
    const key = { key: ids.next(), bodyHash: Buffer.alloc(32) };
    const input = { ...account, label: account.channel, active: true, by: "test" };
    const made = await payments.channelAccounts.create(tenantId, key, input);
    if (isRefusal(made)) throw new Error(made.code);
  }
}
