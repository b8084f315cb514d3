/**
 * Payments between a real PostgreSQL and the simulated outside world, over real HTTP. Time passes
 * on both sides when a test says so; jobs run when it says so too.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { assert, required } from "../../../../kernel/assert.ts";
import { createCommitters } from "../../../../kernel/batch.ts";
import { createDatabase } from "../../../../kernel/database.ts";
import { createIds } from "../../../../kernel/ids.ts";
import { createNumbers } from "../../../../kernel/numbers.ts";
import type { Operation } from "../../../../kernel/operation.ts";
import type { Refusal } from "../../../../kernel/refusal.ts";
import { isRefusal } from "../../../../kernel/refusal.ts";
import { createSecrets } from "../../../../kernel/secrets.ts";
import { testDatabase } from "../../../../kernel/testing/database.ts";
import { createTestHttp } from "../../../../kernel/testing/http.ts";
import type { Clock } from "../../../../kernel/time.ts";
import { minuteMs } from "../../../../kernel/time.ts";
import { createSimulator } from "../../../../../simulator/index.ts";
import { createAlipay } from "../../../../channels/alipay/index.ts";
import { createWechatpay } from "../../../../channels/wechatpay/index.ts";
import { refusals } from "../../../../refusals.ts";
import { createIdentity } from "../../../identity/index.ts";
import { loadLedger, saveLedger } from "../../../ledger/index.ts";
import { accountsOfAttempts } from "../../domain/ledger-accounts.ts";
import type {
  ClosePaymentOutcome,
  OpenAttempt,
  OpenAttemptOutcome,
} from "../../domain/attempts.ts";
import { decideClosePayment, decideOpenAttempt } from "../../domain/attempts.ts";
import type { RefundRequested, RequestRefund } from "../../domain/refunds.ts";
import { decideRequestRefund } from "../../domain/refunds.ts";
import { leaseMs } from "../../domain/schedules.ts";
import type { PaymentsWorld } from "../../domain/types.ts";
import { createPayments, paymentTenantSettings } from "../payments.ts";
import type { MoneyWorld } from "../money.ts";
import { createAccounts } from "./accounts.ts";
import type { PaymentMethod } from "../../plug.ts";
import { takeDueAttempts, takeDueRefunds } from "../../store/due.ts";
import { savePayments } from "../../store/save.ts";
import { loadPayments } from "../../store/world.ts";

export type Stand = Awaited<ReturnType<typeof openStand>>;

/** How long the world works on a refund. */
const refundMs = 1_000;
/** Rounds of asking after which a test would go on for ever. */
const roundsMax = 50;

export async function openStand() {
  const { clock, advance } = createAheadClock();
  const platform = await createPlatform(clock);
  const { database, committers, ids, numbers, identity, payments, port } = platform;
  const simulator = await createSimulator({ refundMs });
  const simulatorUrl = await simulator.listen();
  const { control } = simulator;
  const tenantId = ids.next<"Tenant">();
  await identity.createTenant({ id: tenantId, name: "Harbour Mall" });
  await createAccounts({ payments, tenantId, ids, control, simulatorUrl });

  /** Opens an attempt as an order would, without preparing it. */
  async function openAttempt(change: OpenChange = {}): Promise<OpenAttemptOutcome> {
    const { channel = "wechatpay", method = "native", ...rest } = change;
    const chosen = await payments.chooseChannel(tenantId, channel);
    if (isRefusal(chosen)) return chosen;
    return await committers.run(openAttempts, tenantId, {
      paymentId: ids.next(),
      attemptId: ids.next(),
      number: numbers.next("P"),
      reference: ids.next<"Order">(),
      description: "Badminton, one hour 羽毛球",
      amountMinor: 1999n,
      currency: "CNY",
      chosen,
      method,
      payerId: undefined,
      payerIp: undefined,
      returnUrl: undefined,
      expiresAt: clock.now() + 30 * minuteMs,
      ...rest,
    });
  }

  /** Opened and prepared: a payer could pay it now. */
  async function prepared(change: OpenChange = {}) {
    const outcome = await openAttempt(change);
    if (outcome.kind !== "attempt") throw new Error(outcome.kind);
    const attempt = await payments.prepareAttempt(tenantId, outcome.attempt.id);
    if (isRefusal(attempt)) throw new Error(attempt.code);
    return { attempt, reference: outcome.payment.reference };
  }

  /** Asks channels about all that is due, as the sweeps and jobs do, until nothing is. */
  async function askDue(): Promise<number> {
    let asked = 0;
    for (let round = 0; round < roundsMax; round += 1) {
      const due = await database.transaction(tenantId, async (tx) => ({
        attempts: await takeDueAttempts(tx, { leaseMs, limit: 100 }),
        refunds: await takeDueRefunds(tx, { leaseMs, limit: 100 }),
      }));
      const count = due.attempts.length + due.refunds.length;
      if (count === 0) return asked;
      asked += count;
      await Promise.all([
        ...due.attempts.map((id) => payments.askAttempt(tenantId, id)),
        ...due.refunds.map((id) => payments.askRefund(tenantId, id)),
      ]);
    }
    throw new Error("there is always something due");
  }

  /** What stands in the books about one order's payment. */
  async function look(reference: string) {
    return await database.transaction(tenantId, async (tx) => {
      const world = await loadPayments(tx, { references: [reference] });
      const attempts = [...world.attempts.values()];
      const ledger = await loadLedger(tx, { accounts: accountsOfAttempts(attempts) });
      return {
        payment: required(world.payments.get(reference), "the payment"),
        attempts,
        refunds: [...world.refunds.values()],
        ledger,
      };
    });
  }

  const { http, lines } = await createTestHttp({ refusals, clock });
  http.registerAuthentication(identity.authenticate);
  return {
    ...platform,
    control,
    simulatorUrl,
    tenantId,
    http,
    /** The log. */
    lines,
    openAttempt,
    prepared,
    askDue,
    look,

    closePayment: (reference: string): Promise<ClosePaymentOutcome> =>
      committers.run(closePayments, tenantId, reference),

    requestRefund: (reference: string, amountMinor: bigint) =>
      committers.run(requestRefunds, tenantId, {
        refundId: ids.next(),
        number: numbers.next("R"),
        reference,
        cause: "requested",
        amountMinor,
        reason: "rain",
        requestedBy: "test",
        channels: payments.channelTable,
      }),

    /** Time passes here and outside, and what falls due outside has happened. */
    async advance(ms: number): Promise<void> {
      advance(ms);
      await control.advance(ms);
    },

    /** Types of all events so far, in order. */
    async events(): Promise<string[]> {
      const { rows } = await required(database.pools()[0], "a pool").query<{ type: string }>(
        "select type from kernel.events where tenant_id = $1 order by seq",
        [tenantId],
      );
      return rows.map(({ type }) => type);
    },

    /** Where channels send their notices: routes are registered before. */
    listen: () => http.listen({ host: "127.0.0.1", port }),

    async stop(): Promise<void> {
      await http.stop();
      await simulator.close();
      await committers.stop();
      await database.close();
    },
  };
}

function createAheadClock() {
  let aheadMs = 0;
  const clock: Clock = { now: () => Date.now() + aheadMs };
  return { clock, advance: (ms: number) => void (aheadMs += ms) };
}

async function createPlatform(clock: Clock) {
  const { url } = await testDatabase();
  const ids = createIds({ clock });
  const numbers = createNumbers({ clock });
  const database = createDatabase({ url, clock, poolMax: 8 });
  const committers = createCommitters({ database });
  const secrets = createSecrets([Buffer.alloc(32, 7)]);
  const shared = { database, committers, ids, clock, secrets };
  const settings = paymentTenantSettings();
  const identity = createIdentity({ ...shared, tenantSettings: Object.values(settings) });
  const port = await freePort();
  const payments = createPayments({
    ...shared,
    numbers,
    identity,
    tenantSettings: settings,
    // The world's calendar is the machine's: only waiting passes at once (simulator/README.md).
    channels: [createWechatpay(), createAlipay()],
    publicUrl: `http://127.0.0.1:${port}`,
  });
  return { ...shared, numbers, identity, payments, port };
}

/** The address of notices is needed before anything listens there. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null, "a port was given");
  server.close();
  await once(server, "close");
  return address.port;
}

type OpenChange = Partial<OpenAttempt> & {
  readonly channel?: string;
  readonly method?: PaymentMethod;
};

const openAttempts: Operation<OpenAttempt, PaymentsWorld, OpenAttemptOutcome> = {
  name: "test.open_attempt",
  batchMax: 10,
  load: (tx, commands) =>
    loadPayments(tx, { references: commands.map(({ reference }) => reference) }),
  decide: decideOpenAttempt,
  save: (tx, world) => savePayments(tx, world),
};

const closePayments: Operation<string, PaymentsWorld, ClosePaymentOutcome> = {
  name: "test.close_payment",
  batchMax: 10,
  load: (tx, references) => loadPayments(tx, { references }),
  decide: decideClosePayment,
  save: (tx, world) => savePayments(tx, world),
};

type RefundOutcome = RefundRequested | Refusal;

const requestRefunds: Operation<RequestRefund, MoneyWorld, RefundOutcome> = {
  name: "test.request_refund",
  batchMax: 10,
  async load(tx, commands) {
    const references = commands.map(({ reference }) => reference);
    const payments = await loadPayments(tx, { references });
    const attempts = [...payments.attempts.values()];
    const ledger = await loadLedger(tx, { accounts: accountsOfAttempts(attempts) });
    return { payments, ledger };
  },
  decide: ({ payments, ledger }, command, now) =>
    decideRequestRefund(payments, ledger, command, now),
  save(tx, { payments, ledger }) {
    savePayments(tx, payments);
    saveLedger(tx, ledger);
  },
};
